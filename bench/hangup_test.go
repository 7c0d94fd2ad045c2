package bench

import (
	"context"
	"net"
	"testing"
	"time"

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
