package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// table prints the figures in Markdown; × is the median as a multiple of the top tier's alone.
func table(w io.Writer, setups []*setup) {
	alone := setups[0].result[tiers[0].name].at(0.5)
	fmt.Fprintln(w, "| | tier | offered | served | refused | given up | p50 ms | × alone | p99 ms |\n|---|---|---|---|---|---|---|---|---|")
	for _, s := range setups {
		for _, t := range s.tiers {
			r := s.result[t.name]
			fmt.Fprintf(w, "| %s | %s | %d | %d | %d | %d | %s | %.2f | %s |\n", s.name, t.name, r.offered, len(r.served), r.refused, r.failed,
				millis(r.at(0.5)), float64(r.at(0.5))/float64(max(alone, 1)), millis(r.at(0.99)))
		}
	}
}

func millis(d time.Duration) string { return fmt.Sprintf("%.0f", float64(d)/1e6) }

// drawn is the plot: for each set-up and tier a bar up to the median and a line on to the 99th percentile, on a logarithmic
// scale from 200 ms to 20 s, and how many of those offered were served.
func drawn(setups []*setup) []byte {
	const left, right, bar, width = 290, 130, 26, 860
	rows := 0
	for _, s := range setups {
		rows += len(s.tiers)
	}
	x := func(d time.Duration) float64 {
		share := math.Log(float64(max(d, 200*time.Millisecond))/2e8) / math.Log(100)
		return left + min(share, 1)*(width-left-right)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`, width, bar*rows+70)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="10" y="20">Time to the whole answer: median (bar) to 99th percentile (line); %d slots, %v an answer</text>`, slots, service)
	for _, d := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second} {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="30" y2="%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle" fill="#666">%v</text>`,
			x(d), x(d), bar*rows+42, x(d), bar*rows+58, d)
	}
	colors := map[string]string{"gold": "#d4a017", "silver": "#8a9ba8", "free": "#4c78a8"}
	y := 35
	for _, s := range setups {
		for _, t := range s.tiers {
			r := s.result[t.name]
			fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s: %s</text>`, left-8, y+14, s.name, t.name)
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="16" fill="%s"/>`, left, y+2, x(r.at(0.5))-left, colors[t.name])
			fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#222"/>`, x(r.at(0.5)), x(r.at(0.99)), y+10, y+10)
			fmt.Fprintf(&b, `<text x="%d" y="%d">%d of %d served</text>`, width-right+10, y+14, len(r.served), r.offered)
			y += bar
		}
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
