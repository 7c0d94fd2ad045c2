package scan

import (
	"blaze/filters"
	"blaze/filters/scan/detect"
	"blaze/telemetry"
	"blaze/upstream/engine"
)

// spot is where a value stood; it is put into words only for a denial.
type spot struct {
	kind string
	name []byte           // as the client chose it; empty when the kind says all
	doc  *engine.Document // for a JSON value, with its offset
	off  uint32
}

func (s spot) String() string {
	if s.doc != nil {
		return s.doc.PathAt(s.off)
	}
	return place(s.kind, s.name)
}

// tooHard is what a client is told whose value needed more work than the scan does for one: never a pass.
var tooHard = filters.InvalidRequest.With("A value is encoded too deeply, or is too large, to be checked.")

// judge holds one decoded value against the rules. at is where it stood.
func (p *pass) judge(value []byte, place detect.Place, at spot) (filters.Verdict, bool) {
	p.Skip(nil)
	p.class = detect.Classes
	for p.want != 0 {
		hit, found := p.f.set.Scan(&p.Scratch, value, p.want, place)
		if !found {
			return filters.Verdict{}, false
		}
		if hit.Limit {
			p.count(p.f.limits)
			return filters.Deny(tooHard, "limit").At(at.String(), ""), true
		}
		class := hit.Rule.Class
		if p.exempt(class.String(), hit.Rule.ID, at) {
			p.Skip(hit.Rule)
			continue
		}
		p.count(p.f.hits[class])
		v := filters.Deny(filters.ThreatDetected, hit.Rule.ID).At(at.String(), excerpt(hit.Text, hit.From, hit.To))
		if v = p.f.rules[class].Decide(p.x, name, v); !v.Passed() {
			p.class = class
			return v, true
		}
		p.want &^= 1 << class // in shadow, and noted
	}
	return filters.Verdict{}, false
}

// count counts a hit, unless nobody sent the request.
func (p *pass) count(c *telemetry.Counter) {
	if !p.x.Dry {
		c.Inc()
	}
}

// excerptMax is how much of what was found a log line shows.
const excerptMax = 48

// excerpt shows what was found with a little before it. Long runs of letters and digits may be secrets and are masked,
// and so is everything that is not printable ASCII.
func excerpt(text []byte, from, to int) string {
	from = max(from-8, 0)
	to = min(to, from+excerptMax, len(text))
	out := make([]byte, 0, excerptMax)
	run := 0
	for _, c := range text[from:to] {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			if run++; run > 12 {
				c = '*'
			}
		case c < ' ' || c >= 0x7f:
			c, run = '.', 0
		default:
			run = 0
		}
		out = append(out, c)
	}
	return string(out)
}

// fieldMax bounds a name that a client chose, before it is told or logged.
const fieldMax = 64

// place joins the kind of a place and the name of it that the client chose.
func place(kind string, name []byte) string {
	if len(name) > fieldMax {
		name = name[:fieldMax]
	}
	out := append(make([]byte, 0, len(kind)+1+len(name)), kind...)
	if len(name) > 0 {
		out = append(out, '.')
	}
	for _, c := range name {
		if c < ' ' || c >= 0x7f {
			c = '?'
		}
		out = append(out, c)
	}
	return string(out)
}
