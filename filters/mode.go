package filters

import (
	"errors"
	"fmt"

	"blaze/telemetry/setting"
)

// Mode says whether a rule's denial counts.
type Mode uint8

// The modes. The zero Mode is Enforce: a rule that is there is meant.
const (
	Enforce Mode = iota
	Shadow
	Off
)

var modeNames = [...]string{"enforce", "shadow", "off"}

// UnmarshalText reads enforce, shadow or off.
func (m *Mode) UnmarshalText(text []byte) error {
	for i, n := range modeNames {
		if n == string(text) {
			*m = Mode(i)
			return nil
		}
	}
	return errors.New("not a mode")
}

// Want says what UnmarshalText reads.
func (*Mode) Want() string { return "enforce, shadow or off" }

func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

// Rollout is what every rule of every filter has: a mode and, beside it, the share of callers for whom a denial is
// enforced; for the others the rule is in shadow. Embed it in a rule's configuration.
type Rollout struct {
	Mode  Mode             `yaml:"mode" doc:"enforce refuses, shadow only counts and logs what it would have refused, off does not look" default:"enforce"`
	Share *setting.Percent `yaml:"enforce" doc:"share of identities (or addresses) for whom the rule is enforced, stable by hash; for the others it is in shadow" example:"10%"`
}

// Enforced reports whether a denial of the rule named rule counts for x's caller.
func (r Rollout) Enforced(x *Exchange, rule string) bool {
	if r.Mode != Enforce {
		return false
	}
	return r.Share == nil || shareOf(x, rule) < float64(*r.Share)
}

// Decide gives the denial its effect: enforced, it is v; in shadow it is noted and the exchange passes.
func (r Rollout) Decide(x *Exchange, filter string, v Verdict) Verdict {
	if !v.Denied() || r.Enforced(x, v.Rule) {
		return v
	}
	if r.Mode != Off {
		x.NoteShadow(filter, v)
	}
	return Pass()
}

// shareSeed is fixed so that the same callers are chosen on every replica and after every restart.
const shareSeed = 0x9e3779b97f4a7c15

// shareOf maps x's caller to [0,1), differently for each rule (FNV-1a, then a finalizer for evenness).
func shareOf(x *Exchange, rule string) float64 {
	h := uint64(14695981039346656037)
	add := func(s string) {
		for i := 0; i < len(s); i++ {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	add(rule)
	if x.Identity != nil && x.Identity.Subject != "" {
		add(x.Identity.Subject)
	} else {
		b := x.Client.As16()
		for _, c := range b {
			h = (h ^ uint64(c)) * 1099511628211
		}
	}
	h ^= shareSeed
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}
