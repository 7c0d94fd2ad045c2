package scan

import "blaze/filters"

// other is what the scan finds beside the classes of detect; its name is the policy's key.
type other uint8

const (
	hitNames other = iota
	hitSSRF
	hitUpload
	hitSecrets
	hitPrompt
	hitInvisible
	others
)

var otherNames = [others]string{"names", "ssrf", "upload", "secrets", rulePrompt, "invisible"}

func (o other) String() string { return otherNames[o] }

// decide counts a hit and gives it the effect that its rule's mode has; bad says that the exchange ends.
func (p *pass) decide(o other, r Rule, rule string, at spot, seen string) (v filters.Verdict, bad bool) {
	return p.refuse(o, r, filters.Deny(filters.ThreatDetected, rule).At(at.String(), seen))
}

func (p *pass) refuse(o other, r Rule, v filters.Verdict) (filters.Verdict, bool) {
	p.count(p.f.others[o])
	v = r.Decide(p.x, name, v)
	return v, !v.Passed()
}
