package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"blaze/bench/load"
)

// scaling is the requests a second of load, stub and proxy together on one core, and on two.
type scaling struct{ one, two []float64 }

// scale measures it for a round. All three share the cores: with the load elsewhere, two cores would have nobody to keep them busy.
func (p *proxy) scale(o *options) error {
	defer pinSelf(1 << loadCore)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cores := range []int{1, 2} {
		mask := uint64(1)<<cores - 1
		pinSelf(mask)
		runtime.GOMAXPROCS(cores)
		proc, err := p.startOn(o, mask, cores)
		if err != nil {
			return err
		}
		n, _, wall, err := closedLoop(proc, o, load.Chat(o.sizes[0], false, key))
		proc.stop()
		if err != nil {
			return err
		}
		perSecond := float64(n) / wall.Seconds()
		if cores == 1 {
			p.scaling.one = append(p.scaling.one, perSecond)
		} else {
			p.scaling.two = append(p.scaling.two, perSecond)
		}
	}
	return nil
}

// reportScaling prints the table of one core against two.
func reportScaling(w io.Writer, proxies []*proxy) {
	fmt.Fprintf(w, "\n| load, stub and proxy together | requests/s on one core | on two | × |\n%s\n", strings.Repeat("|---", 4)+"|")
	for _, p := range proxies {
		var ratios []float64
		for i := range p.scaling.one {
			ratios = append(ratios, p.scaling.two[i]/p.scaling.one[i])
		}
		fmt.Fprintf(w, "| %s | %.0f | %.0f | %.2f |\n", p.name, middle(p.scaling.one), middle(p.scaling.two), middle(ratios))
	}
}

func middle(vs []float64) float64 {
	vs = slices.Sorted(slices.Values(vs))
	return vs[len(vs)/2]
}
