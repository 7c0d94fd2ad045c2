package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"blaze/bench/load"
	"blaze/upstream/demo"
)

// BenchmarkHangup is the time from a client's hanging up to the moment the model server sees its own connection end, with
// an answer that has not begun. The contract allows 50 ms.
func BenchmarkHangup(b *testing.B) {
	backend := demo.New(demo.Options{Models: []string{"llama-3-8b"}, Behavior: demo.Behavior{Hold: "head"}})
	b.Cleanup(backend.Close)
	addr := blaze(b, backend.Addr())
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	n := int64(0)
	for b.Loop() {
		b.StopTimer()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Write(chat(300)); err != nil {
			b.Fatal(err)
		}
		if _, err := backend.Await(ctx, func(s demo.Stats) bool { return s.InFlight == 1 }); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		_ = c.Close()
		n++
		if _, err := backend.Await(ctx, func(s demo.Stats) bool { return s.Aborted == n }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCap is the time from the last token of a budget with a hard limit to the moment the model server, which does not
// write meanwhile, sees its connection end. The contract allows 50 ms.
func BenchmarkCap(b *testing.B) {
	backend := demo.New(demo.Options{Models: []string{"llama-3-8b"}, Behavior: demo.Behavior{Tokens: 100_000, Overrun: true, Hold: "frames"}})
	b.Cleanup(backend.Close)
	const hard = "      - {name: cap, by: \"header:x-budget\", algorithm: fixed_window, limit: 120, per: 700h, count: tokens, hard: true}\n"
	addr := serve(b, whole+hard, backend.Addr())
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	n := int64(0)
	// stream reads an answer on a budget of its own and lets the server go on after each event; at the event numbered last
	// it starts the timer before. It returns the number of the last event that the server was let go for.
	stream := func(last int) (let int) {
		n++
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		budget := fmt.Appendf(nil, "\r\nX-Budget: %d\r\n", n)
		if _, err := c.Write(bytes.Replace(load.Chat(31, true, key), []byte("\r\n"), budget, 1)); err != nil {
			b.Fatal(err)
		}
		for lines := bufio.NewScanner(c); lines.Scan() && lines.Text() != "data: [DONE]"; {
			if !strings.Contains(lines.Text(), `"finish_reason":null`) {
				continue
			}
			if let++; let == last {
				b.StartTimer()
			}
			backend.Step(1)
			if let == last {
				break
			}
		}
		if _, err := backend.Await(ctx, func(s demo.Stats) bool { return s.Aborted == n }); err != nil {
			b.Fatal(err)
		}
		return let
	}
	last := stream(0) - 1 // what comes after the event that reached the cap is Blaze's
	for b.Loop() {
		b.StopTimer()
		if stream(last) != last {
			b.Fatal("the cap is not where it was")
		}
	}
}
