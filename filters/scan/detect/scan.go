package detect

import (
	"bytes"

	"blaze/filters/scan/dfa"
)

// Bounds on the work for one value. Reaching one is a refusal, never a pass.
const (
	chunk   = 2048 // bytes that patterns see at once
	overlap = 512  // how far two chunks overlap: nothing longer than this can hide between them
	rounds  = 4    // how often a value is decoded
	// All patterns together read no more than patternBytes and patternShare times what there is to scan: clean text needs about
	// its length, and what needs more is refused. A byte that package regexp reads, for want of room in a pattern's automaton,
	// counts for slowly more.
	patternBytes = 256 << 10
	patternShare = 32
	slowly       = 32
)

// Scratch is the working memory of one scan. Reuse it; the zero value is ready.
type Scratch struct {
	a, b, form, b64, inner []byte
	work                   int  // bytes left for patterns
	shared                 bool // the bound is for several values together, see Share
	steps                  int  // bytes looked at, in every pass over them
	skip                   ruleSet
	hit                    Hit
	look                   look
}

// Skip leaves r out of the scans that follow; nil leaves none out any more.
func (sc *Scratch) Skip(r *Rule) {
	if r == nil {
		sc.skip = ruleSet{}
		return
	}
	sc.skip.add(r.number)
}

// Share makes the bound on work one for all values that are scanned until the next Share; n is how many bytes they have.
func (sc *Scratch) Share(n int) {
	sc.work, sc.shared = patternBytes+patternShare*n, true
}

// Trim lets go of buffers larger than keep.
func (sc *Scratch) Trim(keep int) {
	for _, b := range []*[]byte{&sc.a, &sc.b, &sc.form, &sc.b64, &sc.inner} {
		if cap(*b) > keep {
			*b = nil
		}
	}
	sc.hit, sc.look = Hit{}, look{}
}

var dashes = []byte("--")

// Scan judges value, already freed of its transport's encoding (one percent-decoding of a query, the escapes of a JSON
// string). It reports the first hit in the classes of want; nothing is allocated for a clean value once sc has grown.
func (s *Set) Scan(sc *Scratch, value []byte, want Mask, place Place) (Hit, bool) {
	c := classes(value)
	if len(value) == 1 && c&ctrl == 0 {
		return Hit{}, false // a mark alone is no attack, TestOneByte says
	}
	if c == quiet && place != Agent && oneWord(value) {
		return Hit{}, false
	}
	w := s.wanted(want, place)
	w.without(&sc.skip)
	if !sc.shared {
		sc.work = patternBytes + patternShare*len(value)
	}
	return s.decoded(sc, value, c, w, true)
}

// oneWord reports whether value, quiet all through, is a word that can be no attack: most of what a chat request holds. Base64
// may hide one, and two dashes are SQL.
func oneWord(value []byte) bool { return !maybeBase64(value) && !bytes.Contains(value, dashes) }

// decoded judges value and what it decodes to, until nothing changes.
func (s *Set) decoded(sc *Scratch, value []byte, c uint8, w ruleSet, deep bool) (Hit, bool) {
	text := value
	for round := 0; ; round++ {
		if s.judge(sc, text, w) {
			return sc.hit, true
		}
		if deep && s.base64(sc, text, w) {
			return sc.hit, true
		}
		if c&(marker|high|ctrl) == 0 && !hasHexDots(text) {
			return Hit{}, false
		}
		if round == rounds {
			return Hit{Limit: true}, true
		}
		sc.steps += len(text)
		out, changed := appendDecoded(sc.a[:0], text)
		sc.a = out
		if !changed {
			return Hit{}, false
		}
		sc.a, sc.b = sc.b, sc.a
		text = sc.b
		c = classes(text)
	}
}

// judge holds text in each of its forms against the rules in w.
func (s *Set) judge(sc *Scratch, text []byte, w ruleSet) bool {
	for from := 0; ; from += chunk - overlap {
		to := min(from+chunk, len(text))
		if s.judgeChunk(sc, text[from:to], w) {
			return true
		}
		if to == len(text) {
			return false
		}
	}
}

// judgeChunk shows every rule the plain form, and those that read another form that one too where it differs.
func (s *Set) judgeChunk(sc *Scratch, text []byte, w ruleSet) bool {
	sc.steps += len(text)
	var set byteSet
	sc.form, set = appendPlain(sc.form[:0], text)
	sc.look = look{text: sc.form, bytes: set}
	hit := s.match(sc, Plain, w)
	if sc.steps += sc.look.steps; hit {
		return true
	}
	for f := Spaced; f < forms; f++ {
		if s.slow == 0 && !set.worth(f) {
			continue
		}
		sc.steps += len(text)
		out, differs := appendForm(sc.form[:0], text, f)
		sc.form = out
		if !differs {
			continue
		}
		rules := w
		rules.and(&s.byForm[f])
		sc.look = look{text: out, bytes: set | madeBytes}
		hit := s.match(sc, f, rules)
		if sc.steps += sc.look.steps; hit {
			return true
		}
	}
	return false
}

// worth reports whether r's pattern is to be asked about what l is.
func (s *Set) worth(r *Rule, l *look) bool {
	switch s.slow {
	case byHand:
		return r.literal(l.text) && (r.Needs == "" || bytes.ContainsAny(l.text, r.Needs))
	case forced:
		return r.Pattern != "" || r.Judge != nil || r.literal(l.text)
	}
	return (r.needs == 0 || l.bytes&r.needs != 0) && (r.When == nil || r.When(l))
}

// literal reports whether one of r's literals is in text.
func (r *Rule) literal(text []byte) bool {
	for _, l := range r.Any {
		if bytes.Contains(text, []byte(l)) {
			return true
		}
	}
	return false
}

// match holds the form that sc looks at against rules: literals first, then the patterns of the rules whose literals were there.
func (s *Set) match(sc *Scratch, f Form, rules ruleSet) bool {
	var found ruleSet
	l, text := &sc.look, sc.look.text
	sc.steps += len(text)
	if s.slow == 0 {
		s.words[f].search(text, &found)
		l.statement = found.has(statementBit)
		found.and(&rules)
	} else {
		found, l.statement = rules, hasStatement(text)
	}
	for i := found.next(0); i >= 0; i = found.next(i + 1) {
		r := &s.rules[i]
		if r.Quiet && l.sentence() || r.Unless != nil && r.Unless(l) || !s.worth(r, l) {
			continue
		}
		if s.patterns[i] == nil && r.Judge == nil {
			sc.hit = Hit{Rule: r, Text: text, To: len(text)}
			return true
		}
		sc.steps += len(text)
		if sc.work -= len(text); sc.work < 0 {
			sc.hit = Hit{Limit: true}
			return true
		}
		if r.Judge != nil && !r.Judge(l) || s.patterns[i] != nil && !s.matches(sc, s.patterns[i]) {
			continue
		}
		sc.hit = Hit{Rule: r, Text: text, To: len(text)}
		if p := s.patterns[i]; p != nil {
			at := p.FindIndex(text)
			sc.hit.From, sc.hit.To = at[0], at[1]
		}
		return true
	}
	return false
}

// matches asks p about the text that sc looks at.
func (s *Set) matches(sc *Scratch, p *dfa.Matcher) bool {
	found, slow := p.Match(sc.look.text)
	if slow {
		sc.work -= len(sc.look.text) * slowly
	}
	return found
}
