package secrets

import "bytes"

// form is a written form of a number: # is a digit, @ a capital letter, anything else stands for itself.
type form struct {
	pattern string
	first   int // digits at its begin; 0 when it begins with a letter
	kind    uint8
}

const longestForm = 32

// formTable finds the forms that a number can have by how many digits it begins with.
type formTable [longestForm][]form

func (ft *formTable) add(f form, kind uint8) {
	f.kind = kind
	ft[f.first] = append(ft[f.first], f)
}

// written gives k its written forms. Those that begin with a letter begin with one of k.begins.
func written(k Kind, patterns ...string) Kind {
	for _, p := range patterns {
		f := form{pattern: p}
		for f.first < len(p) && (p[f.first] == '#' || digit[p[f.first]]) {
			f.first++
		}
		k.forms = append(k.forms, f)
	}
	if len(k.begins) > 0 && k.match == nil {
		forms, check, near := k.forms, k.check, k.near
		k.match = func(t *text, i int) (int, answer) {
			for _, f := range forms {
				if f.first > 0 {
					continue
				}
				if end, a := f.judge(t, i, check, near); a != no {
					return end, a
				}
			}
			return 0, no
		}
	}
	return k
}

// number tries the forms of what begins with a digit at i.
func (f *Finder) number(t *text, i int) (kind, end int, a answer) {
	j, open := t.run(i, digit, longestForm)
	if open {
		return 0, 0, more
	}
	if j-i >= longestForm || !standsAlone(t.b, i) {
		return 0, 0, no
	}
	for _, form := range f.forms[j-i] {
		if j < len(t.b) && form.first < len(form.pattern) && !fits(form.pattern[form.first], t.b[j]) {
			continue
		}
		k := &f.kinds[form.kind]
		if end, a = form.judge(t, i, k.check, k.near); a != no {
			return int(form.kind), end, a
		}
	}
	return 0, 0, no
}

// fits reports whether c can stand where the pattern says p.
func fits(p, c byte) bool {
	switch p {
	case '#':
		return digit[c]
	case '@':
		return upper[c]
	}
	return p == c
}

// judge holds the text at i against the form, then its letters and digits against check, and what stands before against
// near.
func (f *form) judge(t *text, i int, check func([]byte) bool, near []string) (end int, a answer) {
	n := 0
	for j := 0; j < len(f.pattern); j++ {
		if i+j == len(t.b) {
			if t.end {
				return 0, no
			}
			return 0, more
		}
		c := t.b[i+j]
		if !fits(f.pattern[j], c) {
			return 0, no
		}
		if alnum[c] {
			t.chars[n] = c
			n++
		}
	}
	if !check(t.chars[:n]) || len(near) > 0 && !nearby(t.b, i, near) {
		return 0, no
	}
	return t.closed(i + len(f.pattern))
}

// closed says yes where a number or code can end at i: no letter, digit or underscore follows, nor a sign that joins it to
// another digit.
func (t *text) closed(i int) (end int, a answer) {
	switch {
	case i == len(t.b) && !t.end:
		return 0, more
	case i == len(t.b):
		return i, yes
	}
	switch c := t.b[i]; {
	case alnum[c] || c == '_':
		return 0, no
	case c != '-' && c != '.':
		return i, yes
	}
	switch {
	case i+1 == len(t.b) && !t.end:
		return 0, more
	case i+1 < len(t.b) && digit[t.b[i+1]]:
		return 0, no
	}
	return i, yes
}

// standsAlone reports whether a number that begins at i is no part of something longer: of a version, a path, a sum.
func standsAlone(b []byte, i int) bool {
	if i == 0 {
		return true
	}
	switch b[i-1] {
	case '_', '$', '#', '&', '+':
		return false
	case '-', '.', '/', '@':
		return i > 1 && !alnum[b[i-2]] && b[i-2] != '/' && b[i-2] != b[i-1] || i == 1
	}
	return true
}

// nearby reports whether one of words (in lower case) stands in the contextMax bytes before i.
func nearby(b []byte, i int, words []string) bool {
	var lower [contextMax]byte
	from := max(0, i-contextMax)
	n := copy(lower[:], b[from:i])
	for j, c := range lower[:n] {
		if c >= 'A' && c <= 'Z' {
			lower[j] = c | 0x20
		}
	}
	for _, w := range words {
		if bytes.Contains(lower[:n], []byte(w)) {
			return true
		}
	}
	return false
}
