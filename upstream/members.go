package upstream

// declared is a target as the policy names it: itself, or a name for any number of addresses.
type declared struct {
	address
	weight int
}

// named reports whether there may be several addresses behind it.
func (d *declared) named() bool { return d.network == "tcp" && !isIP(d.name) }

// making is what targets are made with, those too that are found later.
type making struct {
	secure  *security
	breaker Breaker
	env     Env
}

// members are the targets that a pool has now. Immutable: whoever chooses keeps to one set, and a change is another.
type members struct {
	targets  []*target
	picker   picker
	replaced chan struct{} // closed when there is another set
}

func newMembers(b Balance, targets []*target) *members {
	return &members{targets: targets, picker: newPicker(b, targets), replaced: make(chan struct{})}
}

// targets are the pool's targets now.
func (p *Pool) targets() []*target {
	if p == nil {
		return nil
	}
	return p.members.Load().targets
}

// first are the targets before any name is looked up: for each that is declared the addresses that the pool before knew,
// or else the name itself, which every connection resolves.
func (p *Pool) first(prev *Pool) []*target {
	var all []*target
	for _, d := range p.declared {
		known := len(all)
		for _, old := range prev.targets() {
			if p.resolve != nil && old.origin == d.url && old.url != d.url {
				all = append(all, newTarget(p, old.address, d, prev))
			}
		}
		if len(all) == known {
			all = append(all, newTarget(p, d.address, d, prev))
		}
	}
	return all
}

// replace makes targets the pool's, in one step. Those that are there no more get no new request; what they work on goes
// on, and their connections are closed as they are given back.
func (p *Pool) replace(targets []*target) {
	old := p.members.Swap(newMembers(p.balance, targets))
	close(old.replaced)
	stays := map[*endpoint]bool{}
	for _, t := range targets {
		stays[t.endpoint] = true
	}
	for _, t := range old.targets {
		if !stays[t.endpoint] {
			p.showTarget(t, false)
			t.close()
		}
	}
	for _, t := range targets {
		p.showTarget(t, true)
	}
}
