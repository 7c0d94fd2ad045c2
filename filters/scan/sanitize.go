package scan

import (
	"bytes"
	"cmp"
	"slices"
	"unicode/utf8"

	"blaze/filters"
	"blaze/filters/scan/detect"
	"blaze/upstream/engine"
)

// rewritten is a value of the body that a rule has changed. What comes after judges it as it will be sent.
type rewritten struct {
	off  uint32
	text []byte
	edit int // in x.Edits
}

// text is val as it will be sent, decoded: valid until the next call.
func (p *pass) text(d *engine.Document, val *engine.Value) []byte {
	if c := p.wasChanged(val.Off); c != nil {
		return c.text
	}
	raw := d.Text(*val)
	if val.Escaped {
		p.value = engine.Unescape(p.value[:0], raw)
		raw = p.value
	}
	return raw
}

// wasChanged finds the change of the value at off; nil when there is none.
func (p *pass) wasChanged(off uint32) *rewritten {
	if i, ok := p.changeAt(off); ok {
		return &p.changed[i]
	}
	return nil
}

func (p *pass) changeAt(off uint32) (int, bool) {
	return slices.BinarySearchFunc(p.changed, off, func(c rewritten, off uint32) int { return cmp.Compare(c.off, off) })
}

// maxChanged bounds how many values of one request are written anew.
const maxChanged = 1024

// rewrite has val say text instead. text is kept.
func (p *pass) rewrite(val *engine.Value, text []byte, rule string, at spot) (filters.Verdict, bool) {
	x := p.x
	sanitized(x, rule)
	if c := p.wasChanged(val.Off); c != nil {
		c.text = text
		x.Edits[c.edit].With = appendQuoted(nil, text)
		return filters.Verdict{}, false
	}
	if len(p.changed) == maxChanged || len(x.Edits) >= maxEdits {
		p.count(p.f.limits)
		return filters.Deny(tooMany, "limit").At(at.String(), ""), true
	}
	i, _ := p.changeAt(val.Off)
	p.changed = slices.Insert(p.changed, i, rewritten{off: val.Off, text: text, edit: len(x.Edits)})
	x.Edits = append(x.Edits, engine.Edit{Off: val.Off, Len: val.Len, With: appendQuoted(nil, text)})
	return filters.Verdict{}, false
}

// appendQuoted appends text as the inside of a JSON string.
func appendQuoted(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// rounds bounds how often markup is taken out of one value: what is left may be markup again (<scr<script>ipt>).
const rounds = 16

// withoutMarkup has the value at val, which judge has just refused, forwarded without the markup in it. It reports false
// where there is none, where the rule's action is another, where only a decoder sees the markup, or where what is left is
// still an attack of any class: then the value is refused.
func (p *pass) withoutMarkup(val *engine.Value, value []byte, place detect.Place, at spot) bool {
	const xss = 1 << detect.XSS
	if p.f.cfg.XSS.Action != Sanitize || p.x.Shadowed || p.want&xss == 0 || p.class == detect.Classes ||
		val.Kind != engine.Structure && val.Kind != engine.File {
		return false
	}
	value = bytes.Clone(value)
	if p.class != detect.XSS { // markup is full of quotes: another class may have been told first
		hit, found := p.f.set.Scan(&p.Scratch, value, xss, place)
		if !found || hit.Limit || !p.f.cfg.XSS.Enforced(p.x, hit.Rule.ID) {
			return false
		}
	}
	text := value
	for range rounds {
		out := appendWithoutMarkup(make([]byte, 0, len(text)), text)
		if len(out) == len(text) {
			break
		}
		text = out
	}
	if len(text) == len(value) || !utf8.Valid(text) {
		return false
	}
	if _, found := p.f.set.Scan(&p.Scratch, text, p.want, place); found {
		return false
	}
	_, bad := p.rewrite(val, text, detect.XSS.String(), at)
	return !bad
}

// appendWithoutMarkup appends text without its elements, comments, declarations, event handlers and the schemes of URLs
// that run; scripts and styles go with what is in them. One reading: what is left may be markup again.
func appendWithoutMarkup(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if n := markup(text, i); n > 0 {
			i += n
			continue
		}
		dst = append(dst, text[i])
		i++
	}
	return dst
}

// markup is how long the markup is that begins at i; 0 when none does.
func markup(text []byte, i int) int {
	switch c := text[i]; {
	case c == '<' && i+1 < len(text) && (letter(text[i+1]) || text[i+1] == '/' || text[i+1] == '!' || text[i+1] == '?' || text[i+1] == '%'):
		return element(text[i:])
	case c|0x20 == 'o' && (i == 0 || !letter(text[i-1])):
		return handler(text[i:])
	case letter(c) && (i == 0 || !letter(text[i-1])):
		return scheme(text[i:])
	}
	return 0
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// element is the length of a tag, comment or declaration, unclosed ones to the end; of a script or style with its content.
func element(b []byte) int {
	if bytes.HasPrefix(b, []byte("<!--")) {
		return through(b, 4, "-->")
	}
	for _, raw := range [...]string{"script", "style"} {
		if len(b) > len(raw) && bytes.EqualFold(b[1:1+len(raw)], []byte(raw)) && (len(b) == 1+len(raw) || !letter(b[1+len(raw)])) {
			return through(b, 1+len(raw), "</"+raw)
		}
	}
	quote := byte(0)
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && b[i-1] == '=':
			quote = c
		case c == '>':
			return i + 1
		case c == '<' && i+1 < len(b) && (letter(b[i+1]) || b[i+1] == '/'):
			return 0 // what is inside goes first, and then perhaps this
		}
	}
	return len(b)
}

// through is where the tag or comment that end begins is over.
func through(b []byte, from int, end string) int {
	for i := from; i+len(end) <= len(b); i++ {
		if bytes.EqualFold(b[i:i+len(end)], []byte(end)) {
			if end[len(end)-1] == '>' {
				return i + len(end)
			}
			if n := bytes.IndexByte(b[i:], '>'); n >= 0 {
				return i + n + 1
			}
			break
		}
	}
	return len(b)
}

// handler is the length of onNAME = VALUE.
func handler(b []byte) int {
	if len(b) < 5 || b[1]|0x20 != 'n' || !letter(b[2]) {
		return 0
	}
	i := 2
	for i < len(b) && i < 34 && letter(b[i]) {
		i++
	}
	i = skipBlank(b, i)
	if i == len(b) || b[i] != '=' {
		return 0
	}
	i = skipBlank(b, i+1)
	if i < len(b) && (b[i] == '"' || b[i] == '\'') {
		if n := bytes.IndexByte(b[i+1:], b[i]); n >= 0 {
			return i + n + 2
		}
		return len(b)
	}
	for i < len(b) && b[i] > ' ' && b[i] != '>' {
		i++
	}
	return i
}

func skipBlank(b []byte, i int) int {
	for i < len(b) && (b[i] <= ' ' || b[i] == '/') {
		i++
	}
	return i
}

// scheme is the length of a scheme that runs what follows it.
func scheme(b []byte) int {
	for _, s := range [...]string{"javascript:", "vbscript:", "livescript:", "data:text/html"} {
		if len(b) >= len(s) && bytes.EqualFold(b[:len(s)], []byte(s)) {
			return len(s)
		}
	}
	return 0
}
