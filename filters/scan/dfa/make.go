package dfa

import (
	"encoding/binary"
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// scratch is what making a state needs.
type scratch struct {
	from, to set
	pcs      []uint32
	key      []byte
	stack    []uint32
	best     []int32 // by chain
}

// set is a set of instructions, in order of arrival.
type set struct {
	in      []bool // by instruction
	list    []uint32
	matched bool
}

func (s *set) clear() {
	for _, pc := range s.list {
		s.in[pc] = false
	}
	s.list, s.matched = s.list[:0], false
}

// forget begins again with the state before the first rune. Caller holds mu, or is New.
func (m *Matcher) forget() {
	m.states, m.bytes, m.missed = map[string]*state{}, 0, 0
	m.work.to.clear()
	m.add(&m.work.to, uint32(m.prog.Start), 0)
	m.first.Store(m.intern(edge))
}

// step makes the state that follows s behind a rune of class. It is nil when there is no room.
func (m *Matcher) step(s *state, class uint8) *state {
	m.mu.Lock()
	defer m.mu.Unlock()
	if next := s.next[class].Load(); next != nil {
		return next
	}
	if len(m.states) >= maxStates || m.bytes >= maxBytes {
		if m.missed++; m.missed > patience {
			m.forget()
		}
		return nil
	}
	r := m.samples[class]
	m.closed(s, r)
	w := &m.work
	w.to.clear()
	w.to.matched = w.from.matched
	for _, pc := range w.from.list {
		if in := &m.prog.Inst[pc]; in.Op != syntax.InstEmptyWidth && in.MatchRune(r) {
			m.add(&w.to, in.Out, 0)
		}
	}
	m.add(&w.to, uint32(m.prog.Start), 0)
	next := m.intern(m.kindOf(r))
	s.next[class].Store(next)
	return next
}

// closed puts into from what s is when r follows, or nothing if r is negative.
func (m *Matcher) closed(s *state, r rune) {
	flags := syntax.EmptyOpContext([...]rune{edge: -1, other: ' ', word: 'a', line: '\n'}[s.before], r)
	m.work.from.clear()
	for _, pc := range s.pcs {
		m.add(&m.work.from, uint32(pc), flags)
	}
}

// add puts pc into s, and what can be reached from there without a rune where flags hold.
func (m *Matcher) add(s *set, pc uint32, flags syntax.EmptyOp) {
	stack := append(m.work.stack[:0], pc)
	for len(stack) > 0 {
		pc, stack = stack[len(stack)-1], stack[:len(stack)-1]
		if s.in == nil {
			s.in = make([]bool, len(m.prog.Inst))
		}
		if s.in[pc] {
			continue
		}
		s.in[pc] = true
		s.list = append(s.list, pc)
		switch in := &m.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^flags == 0 {
				stack = append(stack, in.Out)
			}
		case syntax.InstMatch:
			s.matched = true
		}
	}
	m.work.stack = stack
}

// intern returns the state for the instructions in to.
func (m *Matcher) intern(before kind) *state {
	w := &m.work
	matched := w.to.matched
	pcs := w.pcs[:0]
	if !matched {
		for _, pc := range w.to.list {
			if m.keeps(pc, before) {
				pcs = append(pcs, pc)
			}
		}
		pcs = m.longest(pcs)
		slices.Sort(pcs)
	}
	w.pcs = pcs
	w.key = append(w.key[:0], byte(before))
	if matched {
		w.key = append(w.key, 1)
	}
	for _, pc := range pcs {
		w.key = binary.LittleEndian.AppendUint16(w.key, uint16(pc))
	}
	s, ok := m.states[string(w.key)]
	if !ok {
		s = &state{matched: matched, before: before, pcs: make([]uint16, len(pcs)), next: make([]atomic.Pointer[state], len(m.samples))}
		for i, pc := range pcs {
			s.pcs[i] = uint16(pc)
		}
		s.dead = len(pcs) == 0 && !matched
		m.states[string(w.key)] = s
		m.bytes += 8*len(s.next) + 4*len(pcs) + 128
	}
	if !ok && !matched {
		m.closed(s, -1)
		s.ending = w.from.matched
	}
	return s
}

// keeps reports whether pc says anything about what follows.
func (m *Matcher) keeps(pc uint32, before kind) bool {
	switch in := &m.prog.Inst[pc]; in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	case syntax.InstEmptyWidth:
		return before == edge || syntax.EmptyOp(in.Arg)&syntax.EmptyBeginText == 0
	}
	return false
}

func (m *Matcher) kindOf(r rune) kind {
	switch {
	case m.asks&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0 && syntax.IsWordChar(r):
		return word
	case m.asks&(syntax.EmptyBeginLine|syntax.EmptyEndLine) != 0 && r == '\n':
		return line
	}
	return other
}

// chain is a place in a bounded repetition of one set of runes, as .{0,200} is: the further it is, the less can follow. Of the
// places of one repetition the first says it all, without which such an expression has a state for each set of them.
type chain struct {
	id   int32 // 0 is none
	rank int32
}

// longest leaves of every chain the place from which most can follow.
func (m *Matcher) longest(pcs []uint32) []uint32 {
	if m.chains == nil {
		return pcs
	}
	best := m.work.best
	for _, pc := range pcs {
		best[m.chains[pc].id] = math.MaxInt32
	}
	for _, pc := range pcs {
		c := m.chains[pc]
		best[c.id] = min(best[c.id], c.rank)
	}
	return slices.DeleteFunc(pcs, func(pc uint32) bool {
		c := m.chains[pc]
		return c.id != 0 && c.rank > best[c.id]
	})
}

// chainsOf finds the bounded repetitions of p, n of them. The compiler makes of x{0,3} (x(x(x)?)?)?: branches that all leave to
// one place.
func chainsOf(p *syntax.Prog) (chains []chain, n int) {
	skip := func(pc uint32) uint32 {
		for p.Inst[pc].Op == syntax.InstNop || p.Inst[pc].Op == syntax.InstCapture {
			pc = p.Inst[pc].Out
		}
		return pc
	}
	// inner is the branch within the branch at pc, and the rune between them.
	inner := func(pc uint32) (r, branch uint32, ok bool) {
		in := &p.Inst[pc]
		if in.Op != syntax.InstAlt {
			return 0, 0, false
		}
		r = skip(in.Out)
		if !isRune(p.Inst[r].Op) {
			return 0, 0, false
		}
		return r, skip(p.Inst[r].Out), true
	}
	chains = make([]chain, len(p.Inst))
	ranks := make([]chain, len(p.Inst)) // of branches
	within := make([]bool, len(p.Inst))
	link := func(pc uint32) (next uint32, ok bool) {
		r, next, ok := inner(pc)
		if !ok {
			return 0, false
		}
		r2, _, ok := inner(next)
		return next, ok && next != pc && skip(p.Inst[pc].Arg) == skip(p.Inst[next].Arg) && sameRunes(&p.Inst[r], &p.Inst[r2])
	}
	for pc := range p.Inst {
		if next, ok := link(uint32(pc)); ok {
			within[next] = true
		}
	}
	for pc := range p.Inst {
		if within[pc] {
			continue
		}
		if _, ok := link(uint32(pc)); !ok {
			continue
		}
		n++
		id := int32(n)
		for at, rank := uint32(pc), int32(1); ranks[at].id == 0; rank++ {
			ranks[at] = chain{id, rank}
			r, _, _ := inner(at)
			chains[r] = chain{id, rank}
			next, ok := link(at)
			if !ok {
				break
			}
			at = next
		}
	}
	if n == 0 {
		return nil, 0
	}
	for pc := range p.Inst { // of x{1,3} the x that must be there
		in := &p.Inst[pc]
		if !isRune(in.Op) || chains[pc].id != 0 {
			continue
		}
		if to := skip(in.Out); ranks[to].id != 0 {
			if r, _, ok := inner(to); ok && sameRunes(in, &p.Inst[r]) {
				chains[pc] = chain{ranks[to].id, ranks[to].rank - 1}
			}
		}
	}
	return chains, n
}

func isRune(op syntax.InstOp) bool {
	return op == syntax.InstRune || op == syntax.InstRune1 || op == syntax.InstRuneAny || op == syntax.InstRuneAnyNotNL
}

func sameRunes(a, b *syntax.Inst) bool { return a.Arg == b.Arg && slices.Equal(a.Rune, b.Rune) }

// classify gives runes that no instruction and no assertion tells apart one class.
func (m *Matcher) classify() error {
	var sets []*syntax.Inst
	known := map[string]bool{}
	bounds := []rune{utf8.RuneSelf}
	for i := range m.prog.Inst {
		in := &m.prog.Inst[i]
		if !isRune(in.Op) {
			continue
		}
		key := fmt.Sprint(in.Rune, in.Arg)
		if known[key] {
			continue
		}
		known[key] = true
		sets = append(sets, in)
		if len(in.Rune) == 1 {
			bounds = append(bounds, in.Rune[0], in.Rune[0]+1)
			for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
				bounds = append(bounds, r, r+1)
			}
			continue
		}
		for j, r := range in.Rune {
			bounds = append(bounds, r+rune(j%2))
		}
	}
	classes := map[string]uint8{}
	classOf := func(r rune) uint8 {
		key := make([]byte, 0, len(sets)+1)
		for _, in := range sets {
			key = append(key, b2i(in.MatchRune(r)))
		}
		key = append(key, byte(m.kindOf(r)))
		c, ok := classes[string(key)]
		if !ok {
			c = uint8(len(m.samples))
			classes[string(key)] = c
			m.samples = append(m.samples, r)
		}
		return c
	}
	for r := range m.class {
		m.class[r] = classOf(rune(r))
	}
	slices.Sort(bounds)
	for _, from := range slices.Compact(bounds) {
		if from >= utf8.RuneSelf && from <= unicode.MaxRune {
			m.wide = append(m.wide, interval{from, classOf(from)})
		}
	}
	if len(m.samples) > math.MaxUint8 {
		return fmt.Errorf("%d classes of runes; at most %d", len(m.samples), math.MaxUint8)
	}
	return nil
}

func b2i(b bool) byte {
	if b {
		return 1
	}
	return 0
}
