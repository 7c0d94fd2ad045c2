package scan

import (
	"hash/maphash"
	"math"
	"math/bits"
	"sync/atomic"

	"blaze/filters/scan/injection"
	"blaze/upstream/engine"
)

// heard remembers what messages scored: a client sends its whole conversation with every turn, and its system prompt with every
// request. A message is known by a keyed 64-bit hash of all that its score comes from; the key is made at random, so that nobody can
// find two that share one. Nothing of a text is kept. Bounded, without a lock, as clean is.
type heard struct {
	seed maphash.Seed
	sets [4096]heardSet // by the lowest bits of a hash
}

// heardSet holds the highest 48 bits of hashes, and below them the score in heardSteps, rounded up; the latest in the first.
type heardSet [4]atomic.Uint64

const (
	heardScore = 1<<16 - 1
	heardSteps = heardScore
)

// What a message is, for its hash.
const (
	aPrompt uint64 = 1 + iota
	aResult        // of a tool
	aSystem
)

func newHeard() *heard { return &heard{seed: maphash.MakeSeed()} }

func (h *heard) set(sum uint64) *heardSet { return &h.sets[sum%uint64(len(h.sets))] }

// score is what the message scored, at most a step too high.
func (h *heard) score(sum uint64) (v float64, known bool) {
	set := h.set(sum)
	for i := range set {
		if e := set[i].Load(); e != 0 && (e^sum)&^heardScore == 0 {
			return float64(e&heardScore) / heardSteps, true
		}
	}
	return 0, false
}

func (h *heard) add(sum uint64, v float64) {
	e := sum&^heardScore | uint64(math.Ceil(v*heardSteps))
	set := h.set(sum)
	for i := range set {
		if e = set[i].Swap(e); (e^sum)&^heardScore == 0 {
			return // it was known by another score
		}
	}
}

// sum is the hash of what is read of t, most bytes at most, and of what it is; and how many bytes that is.
func (p *pass) sum(d *engine.Document, t *turn, most int, what uint64) (sum uint64, read int) {
	seed := p.f.prompt.heard.seed
	sum = what * odd
	read = p.say(d, t, most, func(raw []byte, _ bool) { sum = follow(sum, maphash.Bytes(seed, raw)) })
	return sum, read
}

// follow is the hash of what has the hash before, and then the one that has next.
func follow(before, next uint64) uint64 {
	return bits.RotateLeft64(before, 23)*odd ^ next
}

// odd spreads the bits of what is multiplied by it: 2^64 by the golden ratio.
const odd = 0x9e3779b97f4a7c15

// listener scores the messages of one request, those that nobody knows.
type listener struct {
	p      *pass
	d      *engine.Document
	begun  bool   // the look has heard the system prompts
	system uint64 // the hash of those, 0 when they forbid nothing
}

// listen prepares for what d says: what its system prompts forbid counts in each message. One that is known is heard again only
// where it may forbid something, and a message is not known.
func (p *pass) listen(d *engine.Document) listener {
	l := listener{p: p, d: d}
	var unknown, loud bool
	l.each(func(_ *turn, sum uint64, _ int) {
		v, known := p.f.prompt.heard.score(sum)
		unknown, loud = unknown || !known, loud || v > 0
		l.system = follow(l.system, sum)
	})
	if unknown {
		l.begin()
		loud = p.prompt.look.Guarded()
		l.each(func(_ *turn, sum uint64, _ int) {
			v := 0.0
			if loud {
				v = 1
			}
			p.f.prompt.heard.add(sum, v)
		})
	}
	if !loud {
		l.system = 0
	}
	return l
}

// each calls f with every system prompt, its hash, and how much of it is read at most.
func (l *listener) each(f func(t *turn, sum uint64, most int)) {
	p := l.p
	left := p.f.prompt.budget()
	for i := range p.prompt.turns.list {
		t := &p.prompt.turns.list[i]
		if p.f.prompt.trusted[t.by] && (t.by == system || t.by == developer) {
			sum, read := p.sum(l.d, t, left, aSystem)
			f(t, sum, left)
			left -= read
		}
	}
}

func (l *listener) begin() {
	l.begun = true
	p := l.p
	p.prompt.look.Begin(p.f.prompt.scorer)
	l.each(func(t *turn, _ uint64, most int) { p.sayDecoded(l.d, t, most, p.prompt.look.Guard) })
}

// score is what t scores, and how many bytes of it were read. One that is known, and below from, is not explained.
func (l *listener) score(t *turn, most int, from float64) (s injection.Score, read int) {
	p, what := l.p, aPrompt
	if t.by == tool {
		what = aResult
	}
	sum, read := p.sum(l.d, t, most, what^l.system)
	if v, known := p.f.prompt.heard.score(sum); known && v < from && !p.x.Dry {
		return injection.Score{Value: v}, read
	}
	if !l.begun {
		l.begin()
	}
	look := &p.prompt.look
	look.Open(t.by == tool)
	p.sayDecoded(l.d, t, most, look.Text)
	s = look.Close()
	p.f.prompt.heard.add(sum, s.Value)
	return s, read
}
