package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"blaze/bench/load"
)

// scaling is what load, stub and proxy together do on one core, and on two: requests a second, and the proxy's CPU time for each, in
// microseconds.
type scaling struct{ perSecond, cpu [2][]float64 }

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
		n, cpu, wall, err := closedLoop(proc, o, load.Chat(o.sizes[0], false, key))
		proc.stop()
		if err != nil {
			return err
		}
		i := cores - 1
		p.scaling.perSecond[i] = append(p.scaling.perSecond[i], float64(n)/wall.Seconds())
		p.scaling.cpu[i] = append(p.scaling.cpu[i], cpu/float64(n))
	}
	return nil
}

// reportScaling prints the table of one core against two.
func reportScaling(w io.Writer, proxies []*proxy) {
	fmt.Fprintf(w, "\n| load, stub and proxy together | requests/s on one core | on two | × | µs CPU on one core | on two |\n%s|\n", strings.Repeat("|---", 6))
	for _, p := range proxies {
		per, cpu := p.scaling.perSecond, p.scaling.cpu
		var ratios []float64
		for i := range per[0] {
			ratios = append(ratios, per[1][i]/per[0][i])
		}
		fmt.Fprintf(w, "| %s | %.0f | %.0f | %.2f | %.1f | %.1f |\n", p.name, middle(per[0]), middle(per[1]), middle(ratios), middle(cpu[0]), middle(cpu[1]))
	}
}
