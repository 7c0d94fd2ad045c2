package dfa

import (
	"math"
	"regexp/syntax"
	"slices"
)

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
// one place, the last x too.
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
		var alts []uint32
		for at, ok := uint32(pc), true; ok && !slices.Contains(alts, at); at, ok = link(at) {
			alts = append(alts, at)
		}
		// What leaves last must leave as all others do: only then can from each place follow what can from the next one.
		last := alts[len(alts)-1]
		if _, end, ok := inner(last); !ok || end != skip(p.Inst[last].Arg) {
			continue
		}
		n++
		for i, at := range alts {
			ranks[at] = chain{int32(n), int32(i + 1)}
			r, _, _ := inner(at)
			chains[r] = ranks[at]
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
