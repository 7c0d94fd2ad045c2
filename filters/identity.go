package filters

import "time"

// Identity is who is calling, as auth proved it. Immutable and shared between exchanges.
type Identity struct {
	Subject string
	Roles   []string
	Tier    string
	Tenant  string
	// KeyID is the API key's id; Issuer the token's issuer; TokenID its jti. Empty when the identity came otherwise.
	KeyID, Issuer, TokenID string
	// Method is how it was proved: key, jwt, mtls; empty for a stranger.
	Method string
	// AuthTime is when the caller last proved who they are (auth_time, or a one-time code; never iat, which a refreshed
	// token renews); zero when nobody says so. ACR and AMR say how strongly.
	AuthTime time.Time
	ACR      string
	AMR      []string
	// Expires is when the credentials end; zero is never.
	Expires time.Time
	// Claims are the token's verified claims by name, for limits and roles by claim; nil for a key.
	Claims map[string]any
}

// Anonymous is the caller without credentials. It has no roles but those the policy gives anonymous callers.
var Anonymous = &Identity{}
