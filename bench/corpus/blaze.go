package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"blaze/policy"
	"blaze/proxy"
	"blaze/telemetry"
)

// source is the policy of a run: scanning by its defaults and nothing else that could refuse. All cases come from one
// address, which would be banned after the first few.
const source = `version: 1
proxy: {max_body: 32MiB}
upstreams:
  model: {engine: %s, targets: [{url: "http://%s"}]}
filters:
  scan: {behavior: {mode: off}, prompt_injection: {mode: %s}}
`

// compile makes the policy for the engine before upstream.
func compile(engine, upstream string) (*policy.Store, error) {
	return compiled(engine, upstream, "shadow", quiet())
}

func quiet() *telemetry.Telemetry {
	return telemetry.New(telemetry.Options{LogLevel: "error", LogFormat: "json", Output: io.Discard})
}

func compiled(engine, upstream, injections string, tel *telemetry.Telemetry) (*policy.Store, error) {
	text := fmt.Sprintf(source, engine, upstream, injections)
	return policy.Open(policy.Options{Source: []byte(text), Env: os.LookupEnv, Tel: tel})
}

// serve starts a Blaze for the engine before upstream, with prompt injections in that mode, and returns its address and
// what ends it.
func serve(engine, upstream, injections string) (addr string, stop func(), err error) {
	tel := quiet()
	store, err := compiled(engine, upstream, injections, tel)
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
			fmt.Fprintf(os.Stderr, "corpus: the proxy ended: %v\n", err)
		}
	})
	return server.Addr().String(), func() { cancel(); running.Wait(); store.Current().Pools.Close(nil) }, nil
}
