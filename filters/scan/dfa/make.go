package dfa

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync/atomic"
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

// forget begins again with the state before the first rune. Caller holds mu.
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
