// Command overload shows what priorities are worth. A model server with sixteen slots gets three times what it can do, from
// three tiers: once through a Blaze that forwards everything, once through one that lets only sixteen in and keeps the rest
// in a queue by tier; beside them the top tier has the same server to itself. It prints a table and writes a plot;
// bench/README.md says what came out.
//
//	go run ./bench/overload -for 20s
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"blaze/policy"
	"blaze/proxy"
	"blaze/telemetry"
	"blaze/upstream/demo"
)

const (
	slots   = 16
	service = 500 * time.Millisecond // one answer, on average
	factor  = 3                      // the load, as a multiple of what the slots can do
)

// tiers with their share of the load: the top tier alone would be well served, the upper two together are too much.
var tiers = []tier{{"gold", 0.1}, {"silver", 0.4}, {"free", 0.5}}

type tier struct {
	name  string
	share float64
}

// setup is one way to run the server.
type setup struct {
	name   string
	queue  bool // sixteen are let in, the rest waits by tier
	factor float64
	tiers  []tier
	result map[string]*result
}

func main() {
	each := flag.Duration("for", 20*time.Second, "how long one set-up is loaded")
	plot := flag.String("plot", "bench/overload/overload.svg", "where the plot goes")
	flag.Parse()
	alone := tier{"gold", tiers[0].share}
	setups := []*setup{
		{name: "gold alone", queue: true, factor: factor, tiers: []tier{alone}},
		{name: "3× load, no queue in Blaze", factor: factor, tiers: tiers},
		{name: "3× load, queue by tier", queue: true, factor: factor, tiers: tiers},
	}
	for _, s := range setups {
		fmt.Fprintf(os.Stderr, "%s, %v\n", s.name, *each)
		if err := s.run(*each); err != nil {
			fmt.Fprintln(os.Stderr, "overload:", err)
			os.Exit(1)
		}
	}
	table(os.Stdout, setups)
	if err := os.WriteFile(*plot, drawn(setups), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "overload:", err)
		os.Exit(1)
	}
}

// run loads one set-up and keeps what came of it.
func (s *setup) run(each time.Duration) error {
	backend := demo.New(demo.Options{Slots: slots})
	defer backend.Close()
	url, stop, err := serve(s.policy(backend.URL()))
	if err != nil {
		return err
	}
	defer stop()
	perSecond := s.factor * slots / service.Seconds()
	s.result = map[string]*result{}
	var all sync.WaitGroup
	for _, t := range s.tiers {
		r := &result{}
		s.result[t.name] = r
		all.Go(func() { r.load(url, key(t.name), perSecond*t.share, each) })
	}
	all.Wait()
	return nil
}

func (s *setup) policy(upstream string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "version: 1\nupstreams:\n  model:\n    engine: vllm\n    targets: [{url: %q}]\n", upstream)
	if s.queue {
		fmt.Fprintf(&b, "    concurrency: {max: %d}\n    queue: {depth: 64, max_wait: 10s, priority: {gold: 100, silver: 50, free: 10}}\n", slots)
	}
	b.WriteString("filters:\n  scan: {behavior: {mode: off}}\n  auth:\n    api_keys:\n")
	for _, t := range tiers {
		sum := sha256.Sum256([]byte(key(t.name)))
		fmt.Fprintf(&b, "      - {id: %s, hash: \"sha256:%s\", subject: %s, roles: [user], tier: %s}\n", t.name, hex.EncodeToString(sum[:]), t.name, t.name)
	}
	b.WriteString("  authz: {roles: {user: {routes: [inference], models: [\"*\"]}}}\n")
	return b.String()
}

func key(tier string) string { return "sk-overload-benchmark-" + strings.Repeat(tier, 5) }

// serve starts a Blaze and returns its address and what ends it.
func serve(source string) (url string, stop func(), err error) {
	tel := telemetry.New(telemetry.Options{LogLevel: "error", LogFormat: "json", Output: io.Discard})
	store, err := policy.Open(policy.Options{Source: []byte(source), Env: os.LookupEnv, Tel: tel})
	if err != nil {
		return "", nil, err
	}
	server, err := proxy.New(proxy.Options{Listen: "127.0.0.1:0", Store: store, Tel: tel, Drain: time.Second})
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { tel.Run(ctx) })
	running.Go(func() {
		if err := server.Run(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "overload: the proxy ended: %v\n", err)
		}
	})
	return "http://" + server.Addr().String(), func() { cancel(); running.Wait(); store.Current().Pools.Close(nil) }, nil
}
