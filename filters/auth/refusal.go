package auth

import "blaze/filters"

// refusal is why credentials are not good: what the client is told, and the rule for logs and metrics, which says more.
// Without a denial it could not be found out, and the stage's on_error says what follows.
type refusal struct {
	denial *filters.Denial
	rule   string
}

// The refusals; constants in all but the language. Which one it was never depends on anything secret: no other check of
// a token is reported before its signature is good.
var (
	noCredentials = refusal{filters.MissingCredentials, "missing"}
	noBearer      = refusal{filters.InvalidToken.With("The Authorization field must be one \"Bearer\" credential."), "authorization"}
	noTwo         = refusal{filters.InvalidToken.With("The request carries two different credentials."), "two_credentials"}
	noLength      = refusal{filters.InvalidToken, "too_long"}

	noKey      = refusal{filters.InvalidAPIKey, "key.unknown"}
	keyExpired = refusal{filters.TokenExpired.With("The API key has expired."), "key.expired"}

	twoCodes     = refusal{filters.InsufficientAuth.With("The request carries two one-time codes."), "otp.two"}
	wrongCode    = refusal{filters.InsufficientAuth.With("The one-time code is not valid, or was used before."), "otp.wrong"}
	noClaim      = refusal{nil, "otp.unavailable"}
	tooManyCodes = refusal{filters.InsufficientAuth.With("Too many wrong one-time codes; wait some minutes."), "otp.throttled"}

	noToken     = refusal{filters.InvalidToken, "jwt.malformed"}
	noHeader    = refusal{filters.InvalidToken, "jwt.header"}
	noAlgorithm = refusal{filters.InvalidToken, "jwt.algorithm"}
	noIssuer    = refusal{filters.InvalidToken, "jwt.issuer"}
	noKeyFor    = refusal{filters.InvalidToken, "jwt.unknown_key"}
	noKeySet    = refusal{nil, "jwt.keys_unavailable"}
	noSignature = refusal{filters.InvalidToken, "jwt.signature"}
	noAudience  = refusal{filters.InvalidToken, "jwt.audience"}
	noClaims    = refusal{filters.InvalidToken, "jwt.claims"}
	noTime      = refusal{filters.InvalidToken, "jwt.time"}
	notYet      = refusal{filters.InvalidToken.With("The token is not valid yet."), "jwt.not_yet"}
	expired     = refusal{filters.TokenExpired.With("The token has expired."), "jwt.expired"}
	tooOld      = refusal{filters.TokenExpired.With("The session has become too old; sign in again."), "sessions.max_age"}
	revoked     = refusal{filters.InvalidToken.With("The credentials have been revoked."), "revoked"}
	revokedKey  = refusal{filters.InvalidAPIKey.With("The API key has been revoked."), "revoked"}
	noList      = refusal{nil, "revocations_unavailable"}
	noIdentity  = refusal{filters.InvalidToken, "jwt.identity"}
)

func (r *refusal) verdict() filters.Verdict {
	if r.denial == nil {
		v := filters.Fail(undecided(r.rule))
		v.Rule = r.rule
		return v
	}
	return filters.Deny(r.denial, r.rule)
}

// undecided is a reason why credentials could not be judged.
type undecided string

func (u undecided) Error() string { return "cannot judge the credentials: " + string(u) }
