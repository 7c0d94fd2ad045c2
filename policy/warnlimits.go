package policy

import (
	"reflect"
	"strconv"

	"blaze/filters"
	"blaze/filters/ratelimit"
	"blaze/policy/decode"
)

func itoa(n int) string     { return strconv.Itoa(n) }
func quote(s string) string { return strconv.Quote(s) }

// warnLimits finds limits that can never bite, because another always bites first, and limits whose accounts are not what
// they are said to be.
func (c *compiler) warnLimits(limits []ratelimit.Limit, identified bool) {
	for i := range limits {
		l := &limits[i]
		path := decode.At("filters.ratelimit.limits", i)
		by := l.By.String()
		if !identified && (by == "user" || by == "key" || by == "tenant" || by == "tier") {
			c.warning(path+".by", "an auth section, which says who a "+by+" is", "none, so that everybody without one shares an account by address")
		}
		for j := range limits {
			if i != j && tighter(&limits[j], l) && !(i < j && tighter(l, &limits[j])) {
				c.warning(path, "a limit that can bite", quote(l.Name)+", while "+quote(limits[j].Name)+" always bites first")
				break
			}
		}
	}
}

// tighter reports whether whatever a keeps within its limit is within b's too. It may say no where it is so.
func tighter(a, b *ratelimit.Limit) bool {
	same := a.Algorithm == b.Algorithm && a.Count == b.Count && reflect.DeepEqual(a.For, b.For)
	wider := a.By.String() == b.By.String() || a.By.String() == "global"
	enforced := a.Mode == filters.Enforce && a.Share == nil && a.Then.String() == "reject"
	if !same || !wider || !enforced || a.Per <= 0 || b.Per <= 0 || a.Algorithm.String() == "adaptive" {
		return false
	}
	rate := float64(a.Limit)/a.Per.Seconds() <= float64(b.Limit)/b.Per.Seconds()
	if a.Algorithm.String() == "fixed_window" || a.Algorithm.String() == "sliding_window" {
		return rate && a.Limit <= b.Limit && a.Per >= b.Per
	}
	return rate && burst(a) <= burst(b)
}

func burst(l *ratelimit.Limit) int64 {
	if l.Burst != nil {
		return *l.Burst
	}
	return l.Limit
}
