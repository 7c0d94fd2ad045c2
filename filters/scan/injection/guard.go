package injection

// guardMax bounds the words of a system prompt that are remembered.
const guardMax = 256

// guard is what a system prompt that forbids something is about: its words, but for those that every text has. Who asks
// about them may be after what is kept back.
type guard struct {
	on    bool
	n     int
	slots [1024]uint32 // hashes of words, by open addressing; 0 is free
	asked [1024]uint32 // the number of the message in which the word was last seen
	turn  uint32
}

func (g *guard) reset() {
	if g.on || g.n > 0 {
		*g = guard{}
	}
}

// at is where the word h is, or would be.
func (g *guard) at(h uint64) (i int, known bool) {
	want := uint32(h>>32) | 1
	for i = int(h>>16) & 1023; g.slots[i] != 0; i = (i + 1) & 1023 {
		if g.slots[i] == want {
			return i, true
		}
	}
	return i, false
}

func (g *guard) add(h uint64) {
	if i, known := g.at(h); !known && g.n < guardMax {
		g.slots[i] = uint32(h>>32) | 1
		g.n++
	}
}

// ask reports whether h is such a word, once a message.
func (g *guard) ask(h uint64) bool {
	i, known := g.at(h)
	if !known || g.asked[i] == g.turn {
		return false
	}
	g.asked[i] = g.turn
	return true
}

// topics are the words of a text that say what it is about: words of four letters and more by their stem, Indic words
// of four characters and more, pairs of Chinese, Japanese and Korean characters. Hashes of words that are not ASCII are odd.
type topics struct {
	t    tokens
	pair uint64 // the character before, 0 for none
	run  uint64 // of Indic characters, up to end
	runs int
	end  int
}

// Topics calls f with every word of text that says what it is about, until f returns false.
func Topics(text []byte, f func(h uint64) bool) {
	p := topics{t: tokens{text: text}}
	for {
		h, ok := p.next()
		if h != 0 && !f(h) || !ok {
			return
		}
	}
}

// next reads one word; 0 when it says nothing.
func (p *topics) next() (uint64, bool) {
	h, ok := p.t.next()
	if p.runs > 0 && (!ok || p.t.from != p.end || p.t.text[p.t.from] != 0xe0) {
		run := p.run | 1
		if p.runs < 4 || p.runs > 12 {
			run = 0
		}
		p.runs = 0
		if ok {
			p.t.at = p.t.from // the word that ended it is read again
		}
		return run, ok
	}
	if !ok || h == number {
		p.pair = 0
		return 0, ok
	}
	w := p.t.text[p.t.from:p.t.at]
	if p.t.size == 1 {
		return p.wide(h, w), true
	}
	p.pair = 0
	if len(w) < 4 {
		return 0, true
	}
	if p.t.stem != 0 {
		h = p.t.stem
	}
	h &^= 1
	for _, c := range w {
		if c >= 0x80 {
			return h | 1, true
		}
	}
	return h, true
}

// wide reads a character that is a word of its own.
func (p *topics) wide(h uint64, w []byte) uint64 {
	switch {
	case w[0] == 0xe0: // Indic and Thai: up to the next blank
		if p.runs++; p.runs == 1 {
			p.run = h
		} else {
			p.run = join(p.run, h)
		}
		p.end, p.pair = p.t.at, 0
		return 0
	case len(w) < 3, w[0] == 0xe3 && (w[1] < 0x82 || w[1] == 0x82 && w[2] < 0xa1), w[0] == 0xef:
		p.pair = 0 // punctuation and hiragana, which is grammar for the most part
		return 0
	}
	before := p.pair
	if p.pair = h; before == 0 {
		return 0
	}
	return join(before, h) | 1
}
