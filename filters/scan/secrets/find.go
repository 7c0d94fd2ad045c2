package secrets

// Find appends to dst the parts of whole that are to be hidden, in order and without overlap. It allocates nothing for a
// text in which there is nothing.
func (f *Finder) Find(dst []Span, whole []byte) []Span {
	t := f.texts.Get().(*text)
	t.b, t.end = whole, true
	defer func() {
		t.b = nil
		f.texts.Put(t)
	}()
	for i := 0; i < len(whole); {
		s, _, ok := f.next(t, i)
		if !ok {
			break
		}
		if k := &f.kinds[s.Kind]; k.tail != nil {
			s.To, _, _ = goOn(k.tail, 0, whole, s.To)
		}
		dst = append(dst, s)
		i = s.To
	}
	return dst
}

// goOn follows a tail from b[i] on: where it ended, its state, and whether it may go on behind b.
func goOn(t tail, state uint16, b []byte, i int) (end int, next uint16, open bool) {
	for ; i < len(b); i++ {
		after, in := t(state, b[i])
		if !in {
			return i, state, false
		}
		state = after
	}
	return i, state, true
}

// next finds the first match at or behind from. Without one, undecided is where the text is not decided from: len(t.b)
// when all of it is. from is behind every earlier match.
func (f *Finder) next(t *text, from int) (s Span, undecided int, ok bool) {
	b := t.b
	for i := from; i < len(b); {
		class := f.class[b[i]]
		switch {
		case class&isWord != 0 && !wordBegins(b, i):
			i = wordEnd(b, i)
			continue
		case class&begins == 0:
			i++
			if class&isWord != 0 && !wordBegins(b, i) {
				i = wordEnd(b, i)
			}
			continue
		case class&isAt != 0:
			if s, a := f.mail(t, i, from); a == yes {
				return s, 0, true
			} else if a == more {
				t.firm = s.From
				return s, s.From, false
			}
		}
		switch kind, end, a := f.try(t, i, class); a {
		case yes:
			return Span{Kind: kind, From: i + f.kinds[kind].keep + t.keep, To: end}, 0, true
		case more:
			t.firm = i
			return s, f.localFrom(b, i, from), false
		}
		i++
	}
	t.firm = len(b)
	if t.end {
		return s, len(b), false
	}
	return s, f.localFrom(b, len(b), from), false
}

// try asks the kinds that can begin with the two bytes at i.
func (f *Finder) try(t *text, i int, class uint8) (kind, end int, a answer) {
	if class&isDigit != 0 {
		if kind, end, a = f.number(t, i); a != no {
			return kind, end, a
		}
	}
	list := f.last[t.b[i]]
	if i+1 < len(t.b) {
		list = f.lists[f.pairs[uint16(t.b[i])<<8|uint16(t.b[i+1])]]
	} else if t.end {
		return 0, 0, no
	}
	for _, k := range list {
		t.keep = 0
		if end, a = f.kinds[k].match(t, i); a != no {
			return int(k), end, a
		}
	}
	return 0, 0, no
}

// wordEnd is where the word that b[i] is in ends.
func wordEnd(b []byte, i int) int {
	for i < len(b) && alnum[b[i]] {
		i++
	}
	return i
}

// wordBegins reports whether b[i] is the first byte of a word: no letter or digit stands before it, but for those of an
// escape in text that is quoted once more (\n, %3D).
func wordBegins(b []byte, i int) bool {
	if i == 0 || !alnum[b[i-1]] {
		return true
	}
	if i < 2 {
		return false
	}
	if b[i-2] == '\\' {
		switch b[i-1] {
		case 'n', 'r', 't', 'b', 'f':
			return true
		}
	}
	return i > 2 && b[i-3] == '%' && hexa[b[i-2]] && hexa[b[i-1]]
}

// run is where the bytes of set end that begin at i, at most most of them; open says that more of them may follow.
func (t *text) run(i int, set *[256]bool, most int) (end int, open bool) {
	stop := min(len(t.b), i+most)
	for end = i; end < stop && set[t.b[end]]; end++ {
	}
	return end, end == len(t.b) && end < i+most && !t.end
}

// prefix tells whether t goes on with p at i.
func (t *text) prefix(i int, p string) answer {
	n := min(len(p), len(t.b)-i)
	switch {
	case string(t.b[i:i+n]) != p[:n]:
		return no
	case n == len(p):
		return yes
	case t.end:
		return no
	}
	return more
}

// set makes a set of bytes of ranges such as "a-z" and single bytes; a hyphen comes first or last.
func set(spec string) *[256]bool {
	var s [256]bool
	for i := 0; i < len(spec); i++ {
		if i+2 < len(spec) && spec[i+1] == '-' {
			for c := int(spec[i]); c <= int(spec[i+2]); c++ {
				s[c] = true
			}
			i += 2
			continue
		}
		s[spec[i]] = true
	}
	return &s
}

var (
	alnum    = set("a-zA-Z0-9")
	digit    = set("0-9")
	hexa     = set("0-9a-fA-F")
	lowerHex = set("0-9a-f")
	upper    = set("A-Z")
	letters  = set("a-zA-Z")
	wordSet  = set("a-zA-Z0-9_-")
	base64s  = set("a-zA-Z0-9+/=")
	local    = set("a-zA-Z0-9._%+-")
)
