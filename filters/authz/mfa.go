package authz

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// mfa is a compiled MFA, with the challenge that tells a client how to meet it.
type mfa struct {
	filters.Rollout
	within   time.Duration
	acr, amr []string
	denial   *filters.Denial
}

// met reports whether id was proved recently and strongly enough at now.
func (m *mfa) met(id *filters.Identity, now time.Time) bool {
	if m.within > 0 && (id.AuthTime.IsZero() || now.Sub(id.AuthTime) > m.within) {
		return false
	}
	if id.Method == "key" { // the one thing a key can add is a code, and auth says when it did
		return !id.AuthTime.IsZero()
	}
	if len(m.acr) > 0 && !slices.Contains(m.acr, id.ACR) {
		return false
	}
	return len(m.amr) == 0 || slices.ContainsFunc(id.AMR, func(a string) bool { return slices.Contains(m.amr, a) })
}

// newMFA compiles cfg.
func newMFA(cfg MFA) (*mfa, error) {
	m := &mfa{Rollout: cfg.Rollout, within: cfg.Within, acr: cfg.ACR, amr: cfg.AMR}
	var problems []error
	if cfg.Within < 0 || cfg.Within > 0 && cfg.Within < time.Second {
		problems = append(problems, setting.Wrong("within", "a duration of at least 1s, such as 15m", cfg.Within))
	}
	if cfg.Within == 0 && len(cfg.ACR)+len(cfg.AMR) == 0 {
		problems = append(problems, &setting.Problem{Want: "within, acr or amr", Got: "none of them"})
	}
	for i, a := range cfg.ACR {
		// It goes into a quoted string of www-authenticate, with blanks between (RFC 9470, 3).
		if a == "" || strings.ContainsFunc(a, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }) {
			problems = append(problems, setting.Wrong(fmt.Sprintf("acr[%d]", i), "a name without blanks and quotes", a))
		}
	}
	for i, a := range cfg.AMR {
		if a == "" {
			problems = append(problems, setting.Wrong(fmt.Sprintf("amr[%d]", i), "a method such as otp", a))
		}
	}
	challenge := filters.InsufficientAuth.Challenge
	if len(cfg.ACR) > 0 {
		challenge += `, acr_values="` + strings.Join(cfg.ACR, " ") + `"`
	}
	if cfg.Within > 0 {
		challenge += `, max_age="` + strconv.Itoa(int(cfg.Within/time.Second)) + `"`
	}
	m.denial = filters.InsufficientAuth.Challenged(challenge)
	return m, errors.Join(problems...)
}
