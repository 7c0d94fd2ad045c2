package ratelimit

import (
	"errors"
	"strings"
)

// By says who shares one account of a limit. The zero By is missing.
type By struct {
	kind byKind
	arg  string   // header's or claim's name
	path []string // the claim's name, split at its dots
}

type byKind uint8

const (
	byNothing byKind = iota
	byGlobal
	byUser
	byIP
	byEndpoint
	byModel
	byTenant
	byTier
	byKey
	byHeader
	byClaim
)

func byNames() []string {
	return []string{"", "global", "user", "ip", "endpoint", "model", "tenant", "tier", "key", "header", "claim"}
}

// UnmarshalText reads global, user, …, header:NAME or claim:PATH.
func (b *By) UnmarshalText(text []byte) error {
	name, arg, hasArg := strings.Cut(string(text), ":")
	for i, n := range byNames() {
		kind := byKind(i)
		if n != name || kind == byNothing {
			continue
		}
		if hasArg != (kind == byHeader || kind == byClaim) || kind == byHeader && !isToken(arg) || kind == byClaim && arg == "" {
			break
		}
		*b = By{kind: kind, arg: arg, path: strings.Split(arg, ".")}
		return nil
	}
	return errors.New("unknown context")
}

// Want says what UnmarshalText reads.
func (*By) Want() string {
	return "global, user, ip, endpoint, model, tenant, tier, key, header:NAME or claim:PATH"
}

func (b By) String() string {
	if b.arg != "" {
		return byNames()[b.kind] + ":" + b.arg
	}
	return byNames()[b.kind]
}

// isToken says whether s may name a header field (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		alnum := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !alnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}
