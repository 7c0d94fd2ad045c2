package behavior

import (
	"strings"

	"blaze/filters"
)

// cause is what points are given for, and what a ban is told to be for.
type cause uint8

const (
	threats cause = iota
	credentials
	probing
	errorsCause
	sizes
	causes
)

func (c cause) String() string {
	return [...]string{"threats", "credentials", "probing", "errors", "sizes"}[c]
}

// novelty says in which of a client's two sketches an event is looked up: what the client has not tried before weighs more
// than the same again, since a guesser tries many and a program with a wrong setting tries one.
type novelty uint8

const (
	always novelty = iota
	byPath
	byCredential
)

// weight is what one ending of an exchange is worth, in points.
type weight struct {
	cause cause
	first float32
	again float32 // the same path or credential as before; where novelty is always, as first
	by    novelty
	what  string // in the README's words
}

// unknownPath is a refusal, whatever it says, of a path that the engine does not have.
var unknownPath = weight{probing, 5, 0.1, byPath, "any refusal of a path that the engine does not have (404, 405, 401 …)"}

// wrongCode is auth's refusal of a one-time code; authz's wish for a newer login has the same code in the contract.
var wrongCode = weight{credentials, 10, 10, always, "`insufficient_user_authentication`: a wrong one-time code"}

// fromUpstream is a 4xx of the model server's own.
var fromUpstream = weight{errorsCause, 0.5, 0.5, always, "a 4xx of the model server's but 429"}

// byDenial are the weights of refusals by their code. What is not here weighs nothing: 429 (a client within or over its
// limits is a busy client), 5xx (they say nothing of the client), and refusals of who is banned already.
var byDenial = map[string]weight{
	filters.ThreatDetected.Code: {threats, 20, 20, always, "`threat_detected`"},

	filters.InvalidAPIKey.Code:      {credentials, 10, 0.5, byCredential, "`invalid_api_key`"},
	filters.InvalidToken.Code:       {credentials, 10, 0.5, byCredential, "`invalid_token`"},
	filters.TokenExpired.Code:       {credentials, 0.5, 0.5, always, "`token_expired`"},
	filters.MissingCredentials.Code: {credentials, 0.05, 0.05, always, "`missing_credentials`"},
	filters.InsufficientAuth.Code:   {errorsCause, 0.5, 0.5, always, "`insufficient_user_authentication`: a login too old"},

	filters.InvalidRequest.Code:  {errorsCause, 2, 2, always, "`invalid_request`"},
	filters.HeadersTooLarge.Code: {errorsCause, 2, 2, always, "`headers_too_large`"},

	filters.InvalidJSON.Code:          {errorsCause, 1, 1, always, "`invalid_json`"},
	filters.RequestTimeout.Code:       {errorsCause, 1, 1, always, "`request_timeout`"},
	filters.RequestTooLarge.Code:      {errorsCause, 1, 1, always, "`request_too_large`"},
	filters.UnsupportedMediaType.Code: {errorsCause, 1, 1, always, "`unsupported_media_type`"},

	filters.InsufficientPermissions.Code: {errorsCause, 0.5, 0.5, always, "`insufficient_permissions`"},
	filters.ModelNotAllowed.Code:         {errorsCause, 0.5, 0.5, always, "`model_not_allowed`"},
	filters.ParameterNotAllowed.Code:     {errorsCause, 0.5, 0.5, always, "`parameter_not_allowed`"},
}

const (
	// forgiven is what a served exchange takes off the scores of its identity and its address: whoever is served a thousand
	// times for each mistake is no attacker, and an attacker who pays with served requests is slowed to the limits' pace.
	forgiven = 0.25
	// jump is what a sharp change of the prompt's size weighs; all jumps together weigh at most a quarter of the score, so
	// that they make nobody banned who does nothing else.
	jump      = 2
	jumpShare = 0.25
)

// weigh says what an exchange's end is worth; ok is false for those that weigh nothing. A refusal counts although its
// client left before reading it.
func weigh(x *filters.Exchange) (w weight, ok bool) {
	if !x.Verdict.Denied() {
		client := x.Status >= 400 && x.Status < 500 && x.Status != 429
		return fromUpstream, client && x.Abort == ""
	}
	code := x.Verdict.Denial.Code
	w, ok = byDenial[code]
	switch {
	case strings.HasPrefix(x.Verdict.Rule, "secrets-"):
		return w, false // who pastes a key, or is answered with one, is careless, no attacker
	case x.Verdict.Rule == Rule || !ok && code != filters.UnknownRoute.Code && code != filters.MethodNotAllowed.Code:
		return w, false
	case x.Endpoint == nil && len(x.Path.Raw) > 0 && w.cause != threats && w.first < unknownPath.first || !ok:
		return unknownPath, true
	case code == filters.InsufficientAuth.Code && x.DeniedBy == "auth":
		return wrongCode, true
	}
	return w, true
}

// served reports whether the model server did what it was asked for.
func served(x *filters.Exchange) bool {
	return !x.Verdict.Denied() && x.Status >= 200 && x.Status < 300 && x.Abort == ""
}
