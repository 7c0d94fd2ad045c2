package injection

// Look is the working memory for the texts of one request. Reuse it; the zero value is ready for Begin.
//
//	look.Begin(scorer)
//	look.Guard(system prompt)
//	for each message { look.Open(tool); look.Text(part)...; score := look.Close() }
type Look struct {
	s     *Scorer
	said  progress // of the rules' phrases
	bans  progress // of what a system prompt forbids
	end   int32    // of what was read, in thirds of a word
	guard guard
	seen  repeats
	message
	decoded, plain []byte
}

// message is what is known of the message being read.
type message struct {
	isTool bool
	salt   uint64
	found  hits
	kept   int
	window window
	top    [tops]Feature
	budget int    // bytes that may still be decoded
	read   int    // words, to tell which of recent are of this message
	last   uint64 // the hash of the last one
	recent [recents]spoken
}

// spoken is a word just read.
type spoken struct {
	hash  uint64
	start int32
}

// recents is a power of two no less than phraseMax.
const recents = 16

// apart keeps the phrases of two messages apart; endMax keeps end from running over.
const (
	apart  = 1000
	endMax = 1 << 30
)

// Begin forgets everything and uses s from now on.
func (l *Look) Begin(s *Scorer) {
	l.said.reset(s.phrases)
	l.bans.reset(s.forbids)
	l.s, l.end = s, apart
	l.guard.reset()
}

// Trim lets go of buffers larger than keep.
func (l *Look) Trim(keep int) {
	for _, b := range []*[]byte{&l.decoded, &l.plain} {
		if cap(*b) > keep {
			*b = nil
		}
	}
}

// Guard reads a text that the operator is trusted to have written. If it forbids something, what it is about is remembered
// until Begin.
func (l *Look) Guard(text []byte) {
	if l.guard.on = l.guard.on || l.forbids(text); !l.guard.on {
		return
	}
	Topics(text, func(h uint64) bool {
		if !l.s.model.common(h) {
			l.guard.add(h)
		}
		return l.guard.n < guardMax
	})
}

// Guarded reports whether a text that Guard has read forbids something.
func (l *Look) Guarded() bool { return l.guard.on }

func (l *Look) forbids(text []byte) bool {
	l.Open(false)
	l.words(text, l.s.forbids, &l.bans, false)
	return l.found != 0
}

// Open begins a message; tool says that a tool returned it.
func (l *Look) Open(tool bool) {
	if l.end += apart; l.end > endMax {
		l.said.reset(l.s.phrases)
		l.bans.reset(l.s.forbids)
		l.end = apart
	}
	l.message = message{isTool: tool, salt: saltOf(tool), budget: decodedAll}
	l.guard.turn++
	l.seen.next()
}

// Text reads a part of the open message.
func (l *Look) Text(text []byte) {
	odd, letters := l.words(text, l.s.phrases, &l.said, true)
	if l.guard.on && l.guard.n > 0 {
		Topics(text, func(h uint64) bool {
			if l.guard.ask(h) {
				l.kept++
			}
			return true
		})
	}
	l.marks(&odd, letters)
	if !odd.any() && letters < spaced {
		return
	}
	from := 0
	if letters < spaced {
		from = max(odd.first-256, 0)
	}
	l.plain = appendPlain(l.plain[:0], text[from:min(len(text), from+plainMax)])
	l.words(l.plain, l.s.phrases, &l.said, false)
}

// marks notes what the form of a text shows.
func (l *Look) marks(odd *oddities, letters int) {
	for m, found := range [...]bool{Tags: odd.tags >= 3, Bidi: odd.bidi > 0, Hidden: odd.hidden >= 4, Styled: odd.fancy >= 8 || letters >= 2*spaced} {
		if found {
			l.mark(Mark(m))
		}
	}
}

func (l *Look) mark(m Mark) {
	if i, ok := l.s.mark[m]; ok {
		l.found.add(i)
	}
}

// words reads text word by word, by the phrases p and, when weigh is set, by the model. It returns which characters were
// odd and how many letters in a row stood alone. This is where the time goes: what every word touches is kept at hand, and
// brought back to l before anybody else looks.
func (l *Look) words(text []byte, p *phrases, g *progress, weigh bool) (oddities, int) {
	t := tokens{text: text}
	model, w, end, last := l.s.model, l.window, l.end, l.last
	alone, letters := 0, 0
	for {
		h, ok := t.next()
		if !ok {
			l.window, l.end, l.last = w, end, last
			return t.odd, letters
		}
		both := join(last, h)
		if weigh {
			after := both
			if t.cut {
				after = join(begun, h)
			}
			one, pair := feature(h, after, l.salt)
			if !l.seen.again(pair) {
				v := int32(model.Weights[one]) + int32(model.Weights[pair])
				w.add(v)
				if v > l.top[tops-1].weight {
					l.note(Feature{one, pair, v})
				}
			}
		}
		l.recent[l.read%recents] = spoken{h, end}
		l.read++
		last, end = h, end+t.size
		if p.known(h) || p.known(both) || t.stem != 0 {
			l.end = end
			l.follow(p, g, h, both, &t)
		}
		switch n := t.at - t.from; {
		case n == 1:
			if alone++; alone > letters {
				letters = alone
			}
		case n >= encodedMin && weigh && text[t.from] < 0x80:
			l.window, l.end, l.last = w, end, last
			l.decode(text[t.from:])
			w, end, last = l.window, l.end, l.last
			alone = 0
		default:
			alone = 0
		}
	}
}

// follow follows the phrases that a word is in: by itself, with the one before, and by its first letters.
func (l *Look) follow(p *phrases, g *progress, h, both uint64, t *tokens) {
	if p.known(h) {
		l.word(p, g, h, t)
	}
	if p.known(both) {
		l.several(p, g, both)
	}
	if t.stem != 0 && p.known(t.stem) {
		if e := p.find(t.stem); e != nil {
			l.add(p.reach(g, e, l.end-t.size, l.end))
		}
	}
}

// word follows the phrases that the word h is in, and the literals that begin with it.
func (l *Look) word(p *phrases, g *progress, h uint64, t *tokens) {
	e := p.find(h)
	if e == nil {
		return
	}
	l.add(p.reach(g, e, l.end-t.size, l.end))
	for i := range e.literals {
		if e.literals[i].found(t.text, t.from) {
			l.found.add(int(e.literals[i].rule))
		}
	}
	if e.address && takesAlong(t.text, t.from) {
		l.mark(Image)
	}
}

// several follows the phrases that the last two words are in together, or that they end.
func (l *Look) several(p *phrases, g *progress, both uint64) {
	e := p.find(both)
	if e == nil || l.read < 2 {
		return
	}
	l.add(p.reach(g, e, l.recent[(l.read-2)%recents].start, l.end))
	for n := 3; e.lengths>>n != 0 && n <= l.read; n++ {
		if e.lengths>>n&1 == 0 {
			continue
		}
		first := l.recent[(l.read-n)%recents]
		key := first.hash
		for k := n - 1; k > 0; k-- {
			key = join(key, l.recent[(l.read-k)%recents].hash)
		}
		if longer := p.find(key); longer != nil {
			l.add(p.reach(g, longer, first.start, l.end))
		}
	}
}

// add notes rules, but for those that do not speak here.
func (l *Look) add(found hits) {
	if !l.isTool {
		found &^= l.s.tool
	}
	l.found |= found
}

// decode reads what a long word says in base64 or hexadecimal, if it says something.
func (l *Look) decode(text []byte) {
	if l.budget <= 0 {
		return
	}
	l.decoded = appendDecoded(l.decoded[:0], text)
	l.budget -= len(l.decoded)
	if len(l.decoded) == 0 {
		return
	}
	found := l.found
	l.found = 0
	l.words(l.decoded, l.s.phrases, &l.said, false)
	if l.found != 0 {
		l.mark(Encoded)
	}
	l.found |= found
}
