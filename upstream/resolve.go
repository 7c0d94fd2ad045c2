package upstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"blaze/telemetry/setting"
)

// Resolve makes targets of the addresses behind a name, as of a headless Kubernetes service, whose pods come and go.
type Resolve struct {
	Every time.Duration `yaml:"every" default:"30s" doc:"between two lookups of a name; a lookup that fails changes nothing"`
}

// maxAddresses bounds the targets behind one name: what answers for it is not Blaze's own.
const maxAddresses = 256

func checkResolve(r *Resolve, all []declared) error {
	if r == nil {
		return nil
	}
	var problems []error
	if r.Every < time.Second || r.Every > time.Hour {
		problems = append(problems, setting.Wrong("resolve.every", "a duration from 1s to 1h", r.Every))
	}
	if !slices.ContainsFunc(all, func(d declared) bool { return d.named() }) {
		problems = append(problems, setting.Wrong("resolve", "a target with a host name to look up", "addresses only"))
	}
	return errors.Join(problems...)
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// resolveNames looks the pool's names up, now and then, until ctx ends.
func (p *Pool) resolveNames(ctx context.Context) {
	if p.resolve == nil {
		return
	}
	failing := map[string]bool{}
	for ctx.Err() == nil {
		p.resolveOnce(ctx, failing)
		jitter := time.Duration(rand.Int64N(int64(p.resolve.Every/10 + 1)))
		select {
		case <-ctx.Done():
		case <-time.After(p.resolve.Every + jitter):
		}
	}
}

// resolveOnce looks every name up and takes the pool's targets from what it finds. A name that cannot be looked up, or has
// no address, keeps the targets that it has.
func (p *Pool) resolveOnce(ctx context.Context, failing map[string]bool) {
	old := p.targets()
	var all []*target
	for _, d := range p.declared {
		mine := from(old, d)
		if d.named() {
			addresses, err := p.lookup(ctx, d)
			if ctx.Err() != nil {
				return
			}
			p.tell(d, err, failing)
			if err == nil {
				mine = p.targetsOf(d, addresses, mine)
			}
		}
		for _, t := range mine {
			if !slices.ContainsFunc(all, func(o *target) bool { return o.url == t.url }) {
				all = append(all, t)
			}
		}
	}
	if !slices.Equal(all, old) {
		p.log.Info().Str("upstream", p.name).Int("targets", len(all)).Int("before", len(old)).Msg("the addresses of targets have changed")
		p.replace(all)
	}
}

// from are the targets that d stands for now.
func from(all []*target, d declared) (mine []*target) {
	for _, t := range all {
		if t.origin == d.url {
			mine = append(mine, t)
		}
	}
	return mine
}

var errNoAddress = errors.New("the name has no address")

// lookup finds the addresses of d, in an order that is always the same.
func (p *Pool) lookup(ctx context.Context, d declared) ([]netip.Addr, error) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, min(patience, p.resolve.Every))
	defer cancel()
	look := p.making.env.Lookup
	if look == nil {
		look = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	found, err := look(ctx, d.name)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare)
	found = slices.Compact(found)
	if len(found) == 0 {
		return nil, errNoAddress
	}
	return found[:min(len(found), maxAddresses)], nil
}

// tell logs when looking up begins to fail, and when it works again.
func (p *Pool) tell(d declared, err error, failing map[string]bool) {
	switch {
	case err != nil && !failing[d.url]:
		p.log.Warn().Str("upstream", p.name).Str("target", d.url).Err(err).Msg("cannot look up a target's name; its last addresses stay")
	case err == nil && failing[d.url]:
		p.log.Info().Str("upstream", p.name).Str("target", d.url).Msg("a target's name can be looked up again")
	}
	failing[d.url] = err != nil
}

// targetsOf makes a target of each address; one that is known stays as it is. One that comes later than the first ones
// begins slowly, like one that was away.
func (p *Pool) targetsOf(d declared, addresses []netip.Addr, known []*target) []*target {
	first := len(known) == 1 && known[0].url == d.url
	targets := make([]*target, 0, len(addresses))
	for _, ip := range addresses {
		a := d.at(ip)
		if i := slices.IndexFunc(known, func(t *target) bool { return t.url == a.url }); i >= 0 {
			targets = append(targets, known[i])
			continue
		}
		t := newTarget(p, a, d, nil)
		if !first {
			t.health.since.Store(time.Now().UnixNano())
		}
		targets = append(targets, t)
	}
	return targets
}

// at is d's address with the name replaced by one of its addresses, which is what is dialled; what is asked for (Host, TLS)
// remains the name.
func (d *declared) at(ip netip.Addr) address {
	a := d.address
	_, port, _ := net.SplitHostPort(d.dial)
	a.dial = net.JoinHostPort(ip.String(), port)
	scheme, _, _ := strings.Cut(d.url, "://")
	a.url = scheme + "://" + a.dial
	return a
}
