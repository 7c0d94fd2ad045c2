package scan

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"blaze/filters"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// Invisible is the rule for characters that a reader does not see and a model does. It is off unless asked for.
type Invisible struct {
	Mode   filters.Mode     `yaml:"mode" doc:"enforce does what action says, shadow only counts and logs, off does not look" default:"off"`
	Share  *setting.Percent `yaml:"enforce" doc:"share of identities (or addresses) for whom the rule is enforced, stable by hash; for the others it is in shadow" example:"10%"`
	Action Action           `yaml:"action" doc:"sanitize forwards the prompt without them, block refuses it" default:"sanitize"`
	Which  []string         `yaml:"characters" doc:"bidi: marks, embeddings and overrides of the writing direction; invisible: zero-width characters, tags, fillers, runs of variation selectors" default:"[invisible, bidi]" example:"[invisible]"`
}

// unseenSet says which characters count.
type unseenSet uint8

const (
	unseenBidi unseenSet = 1 << iota
	unseenOther
)

// set is the characters that the rule looks for; none when it is off.
func (c *Invisible) set() (s unseenSet) {
	for _, w := range c.Which {
		switch {
		case c.Mode == filters.Off:
		case w == "bidi":
			s |= unseenBidi
		case w == "invisible":
			s |= unseenOther
		}
	}
	return s
}

// check lists what is wrong with c.
func (c *Invisible) check() (problems []error) {
	for i, w := range c.Which {
		if w != "bidi" && w != "invisible" {
			problems = append(problems, setting.Wrong(fmt.Sprintf("invisible.characters[%d]", i), "invisible or bidi", w))
		}
	}
	return problems
}

const ruleInvisible = "invisible-text"

// unseen takes invisible and bidirectional characters out of every prompt of the body, or refuses it.
func (p *pass) unseen(d *engine.Document) filters.Verdict {
	cfg := &p.f.cfg.Invisible
	want := p.f.unseen
	if want == 0 {
		return filters.Pass()
	}
	roll := filters.Rollout{Mode: cfg.Mode, Share: cfg.Share}
	enforced := !p.x.Shadowed && roll.Enforced(p.x, hitInvisible.String())
	noted := false
	for i := range d.Values {
		val := &d.Values[i]
		if !promptIn(d, val) {
			continue
		}
		text := p.text(d, val)
		if !want.in(text) {
			continue
		}
		at := spot{doc: d, off: val.Off}
		if p.exempt(hitInvisible.String(), ruleInvisible, at) {
			continue
		}
		p.count(p.f.others[hitInvisible])
		v := filters.Deny(filters.ThreatDetected, ruleInvisible).At(at.String(), "")
		switch {
		case !enforced:
			if !noted {
				p.x.NoteShadow(name, v)
			}
			noted = true
		case cfg.Action == Block:
			return v
		default:
			if v, bad := p.rewrite(val, want.appendRest(nil, text), hitInvisible.String(), at); bad {
				return v
			}
		}
	}
	return filters.Pass()
}

// promptIn reports whether val is said to the model. Where the shape is unknown, every string may be.
func promptIn(d *engine.Document, val *engine.Value) bool {
	return val.Kind == engine.Text || val.Kind == engine.Structure && d.Shape() == engine.Opaque
}

// in reports whether text holds something that is not seen.
func (u unseenSet) in(text []byte) bool {
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if u.hides(text, i, r, size) {
			return true
		}
		i += size
	}
	return false
}

// appendRest appends text without what is not seen. Taking one out may leave another without its use, so it goes on until
// nothing is left to take; after some rounds without regard to use.
func (u unseenSet) appendRest(dst, text []byte) []byte {
	for round := 0; ; round++ {
		from := len(dst)
		for i := 0; i < len(text); {
			if text[i] < utf8.RuneSelf {
				dst = append(dst, text[i])
				i++
				continue
			}
			r, size := utf8.DecodeRune(text[i:])
			if !(u.hides(text, i, r, size) || round == rounds && candidate(r)) {
				dst = append(dst, text[i:i+size]...)
			}
			i += size
		}
		if round == rounds || !u.in(dst[from:]) {
			return dst
		}
		text, dst = bytes.Clone(dst[from:]), dst[:from]
	}
}

// hides reports whether r at i is not seen, counts, and has no use there.
func (u unseenSet) hides(text []byte, i int, r rune, size int) bool {
	switch {
	case !candidate(r):
		return false
	case r == 0x61c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
		return u&unseenBidi != 0
	}
	return u&unseenOther != 0 && !used(text, i, r, size)
}

// The ranges are those of Unicode 17 that have no look of their own: default-ignorable code points, the controls of the
// bidirectional algorithm (UAX 9), tags and variation selectors.
func candidate(r rune) bool {
	switch {
	case r < 0x2000:
		return r == 0xad || r == 0x34f || r == 0x61c || r == 0x115f || r == 0x1160 || r == 0x17b4 || r == 0x17b5 || r >= 0x180b && r <= 0x180f
	case r < 0x2100:
		return r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x206f
	case r < 0xfe00:
		return r == 0x3164
	case r <= 0xffff:
		return r <= 0xfe0f || r == 0xfeff || r == 0xffa0 || r >= 0xfff0 && r <= 0xfffb
	}
	return r >= 0x1bca0 && r <= 0x1bca3 || r >= 0x1d173 && r <= 0x1d17a || r >= 0xe0000 && r <= 0xe0fff
}

const (
	zwnj, zwj     = 0x200c, 0x200d
	blackFlag     = 0x1f3f4
	cancelTag     = 0xe007f
	firstSelector = 0xfe00
	lastSelector  = 0xfe0f
	ideographic   = 0xe0100
)

// used reports whether the character r at i has its use: a joiner between letters of a script that needs it or parts of an
// emoji, one selector behind the character that it varies, the tags of a flag.
func used(text []byte, i int, r rune, size int) bool {
	before, _ := utf8.DecodeLastRune(text[:i])
	after, _ := utf8.DecodeRune(text[i+size:])
	switch {
	case r == zwnj || r == zwj:
		return joined(before) && joined(after)
	case r >= firstSelector && r <= lastSelector:
		return i > 0 && before > ' ' && !candidate(before)
	case r >= ideographic && r <= 0xe01ef:
		return before >= 0x3400 && before <= 0x3ffff && !candidate(before)
	case r > 0xe0000 && r <= cancelTag:
		return flagTags(text, i)
	}
	return false
}

// joined reports whether a joiner beside r can have a use.
func joined(r rune) bool {
	return r >= 0x600 && r != utf8.RuneError && !(candidate(r) && !(r >= firstSelector && r <= lastSelector)) && !(r >= 0x2000 && r < 0x2100)
}

// flagTags reports whether the tag at i belongs to one of the three flags that are written with tags (England, Scotland,
// Wales).
func flagTags(text []byte, i int) bool {
	from := i
	for from > 0 && i-from < 24 {
		r, size := utf8.DecodeLastRune(text[:from])
		if r < 0xe0020 || r > cancelTag {
			break
		}
		from -= size
	}
	if r, _ := utf8.DecodeLastRune(text[:from]); r != blackFlag {
		return false
	}
	var letters [6]byte
	n := 0
	for from < len(text) && n < len(letters) {
		r, size := utf8.DecodeRune(text[from:])
		if r == cancelTag {
			switch string(letters[:n]) {
			case "gbeng", "gbsct", "gbwls":
				return i <= from
			}
			return false
		}
		if r < 0xe0020 || r > cancelTag {
			return false
		}
		letters[n] = byte(r - 0xe0000)
		n++
		from += size
	}
	return false
}
