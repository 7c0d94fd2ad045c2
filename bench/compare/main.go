// Command compare measures proxies side by side: a stub model server and the load run on one core, the proxy on another,
// one proxy after the other, round after round. It prints a table and writes a plot; bench/README.md says how to read
// them. CPU time is what the kernel says the proxy's threads have run, not wall time.
//
//	go run ./bench/compare -rounds 5 -for 2s
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"blaze/bench/load"
)

type options struct {
	rounds       int
	each         time.Duration
	conns        int
	rate         int
	sizes        []int
	only         *regexp.Regexp
	out          string
	upstream     string
	slowUpstream string // its streams pause between events
	redis        string // address of the Redis that a row shares its limits on; empty where none is installed
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func parse() (o options, err error) {
	sizes, only := "", ""
	flag.IntVar(&o.rounds, "rounds", 5, "how often each proxy is measured; medians are shown")
	flag.DurationVar(&o.each, "for", 2*time.Second, "how long one measurement lasts")
	flag.IntVar(&o.conns, "conns", 16, "client connections")
	flag.IntVar(&o.rate, "rate", 2000, "requests a second where latency is measured")
	flag.StringVar(&sizes, "sizes", "300,32768,262144", "bytes of the prompts, the smallest first")
	flag.StringVar(&only, "only", ".", "only the proxies whose names match; the floor always runs")
	flag.StringVar(&o.out, "out", "bench/out", "where the plot and the built programs go")
	flag.Parse()
	for _, s := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			return o, fmt.Errorf("-sizes: %w", err)
		}
		o.sizes = append(o.sizes, n)
	}
	o.only, err = regexp.Compile(only)
	return o, err
}

func run() error {
	o, err := parse()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("want at least two cores: the load must not take the proxy's time; got %d", runtime.NumCPU())
	}
	redis, err := startRedis(&o)
	if err != nil {
		return err
	}
	defer redis.stop()
	proxies, err := build(&o)
	if err != nil {
		return err
	}
	pinSelf(1 << loadCore)
	for gap, addr := range map[time.Duration]*string{0: &o.upstream, slowGap: &o.slowUpstream} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer func() { _ = ln.Close() }()
		*addr = ln.Addr().String()
		go load.Stub(ln, streamFrames, gap)
	}
	for r := range o.rounds {
		for _, p := range proxies {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", r+1, o.rounds, p.name)
			if err := errors.Join(p.measure(&o), p.scale(&o)); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	for _, p := range proxies {
		fmt.Fprintf(os.Stderr, "crowds: %s\n", p.name)
		if err := p.gather(&o); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	report(os.Stdout, &o, proxies)
	reportSizes(os.Stdout, proxies)
	reportScaling(os.Stdout, proxies)
	return os.WriteFile(filepath.Join(o.out, "compare.svg"), plot(&o, proxies), 0o644)
}

// The cores: the proxy alone on one, the load and the stub on another.
const (
	proxyCore = 0
	loadCore  = 1
)

// streamFrames is how many events a measured stream has, slowGap the pause between those that many clients read at once.
const (
	streamFrames = 200
	slowGap      = 250 * time.Millisecond
)
