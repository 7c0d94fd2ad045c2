package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// median, with the smallest and the largest.
type spread struct{ median, low, high float64 }

func spreadOf(samples []sample, value func(sample) float64) spread {
	var vs []float64
	for _, s := range samples {
		vs = append(vs, value(s))
	}
	slices.Sort(vs)
	return spread{vs[len(vs)/2], vs[0], vs[len(vs)-1]}
}

// over is the median of the ratios to the floor, each taken within one round: what the machine did to a round, it did to
// both.
func over(p, floor *proxy, value func(sample) float64) float64 {
	var vs []float64
	for i := range p.samples {
		vs = append(vs, value(p.samples[i])/max(value(floor.samples[i]), 1e-9))
	}
	return middle(vs)
}

func middle(vs []float64) float64 {
	vs = slices.Sorted(slices.Values(vs))
	return vs[len(vs)/2]
}

// report prints the table in Markdown.
func report(w io.Writer, o *options, proxies []*proxy) {
	floor := proxies[0]
	fmt.Fprint(w, "| proxy |")
	for _, size := range o.sizes {
		fmt.Fprintf(w, " µs CPU, %s prompt | ×floor |", bytesText(size))
	}
	fmt.Fprintf(w, " requests/s | p50 at %d/s | p99 | first event | µs CPU/event | ×floor |\n|---|", o.rate)
	fmt.Fprintln(w, strings.Repeat("---|", 2*len(o.sizes)+6))
	for _, p := range proxies {
		fmt.Fprintf(w, "| %s |", p.name)
		for i := range o.sizes {
			cpu := func(s sample) float64 { return s.cpu[i] }
			v := spreadOf(p.samples, cpu)
			fmt.Fprintf(w, " %.1f (%.1f–%.1f) | %.2f |", v.median, v.low, v.high, over(p, floor, cpu))
		}
		frame := func(s sample) float64 { return s.frame }
		micros := func(d time.Duration) float64 { return float64(d) / 1e3 }
		fmt.Fprintf(w, " %.0f | %.0f µs | %.0f µs | %.0f µs | %.2f | %.2f |\n",
			spreadOf(p.samples, func(s sample) float64 { return s.perSecond }).median,
			spreadOf(p.samples, func(s sample) float64 { return micros(s.p50) }).median,
			spreadOf(p.samples, func(s sample) float64 { return micros(s.p99) }).median,
			spreadOf(p.samples, func(s sample) float64 { return micros(s.first) }).median,
			spreadOf(p.samples, frame).median, over(p, floor, frame))
	}
}

// reportSizes prints the table of memory and of the time to start.
func reportSizes(w io.Writer, proxies []*proxy) {
	fmt.Fprintf(w, "\n| proxy | ms to the first request served | MiB after the load | MiB with %d idle connections | MiB with %d streams |\n%s|\n", idlers, readers, strings.Repeat("|---", 5))
	for _, p := range proxies {
		fmt.Fprintf(w, "| %s | %.0f | %.0f | %.0f | %.0f |\n", p.name,
			spreadOf(p.samples, func(s sample) float64 { return float64(s.start) / 1e6 }).median,
			spreadOf(p.samples, func(s sample) float64 { return s.rss }).median, p.crowd.idle, p.crowd.streams)
	}
}

func bytesText(n int) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d KiB", n/1024)
}

// plot draws the CPU time per small request as bars, with the spread of the rounds.
func plot(o *options, proxies []*proxy) []byte {
	const left, bar, width = 190, 26, 760
	cpu := func(s sample) float64 { return s.cpu[0] }
	longest := 0.0
	for _, p := range proxies {
		longest = max(longest, spreadOf(p.samples, cpu).high)
	}
	scale := (width - left - 70) / max(longest, 1e-9)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`, width, bar*len(proxies)+50)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="10" y="20">CPU per request, µs (%s prompt, median and spread of %d rounds)</text>`, bytesText(o.sizes[0]), o.rounds)
	for i, p := range proxies {
		v, y := spreadOf(p.samples, cpu), 35+bar*i
		color := "#4c78a8"
		if i == 0 {
			color = "#999"
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, left-8, y+14, strings.ReplaceAll(p.name, "&", "&amp;"))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="16" fill="%s"/>`, left, y+2, v.median*scale, color)
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#222"/>`, left+v.low*scale, left+v.high*scale, y+10, y+10)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%.1f</text>`, left+v.high*scale+6, y+14, v.median)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
