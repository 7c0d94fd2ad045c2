//go:build !race

package main

import (
	"runtime"
	"testing"

	"blaze/proxy"
)

// smallest is what the smallest request may make a decoder and its exchange hold: a compressed body may decode to 64 KiB.
const smallest = 80 << 10

// TestHostileMemory: no request that is made to cost holds more than ten times its bytes of memory once it is judged, by an exchange
// that has judged nothing before; what it makes on the way, of tokens that live for one look, is bounded too.
func TestHostileMemory(t *testing.T) {
	store, err := compile("vllm", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	snapshot := store.Current()
	defer snapshot.Pools.Close(nil)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ran := 0
	for n, p := range hostile(1, 16<<10) {
		head, body, ok := p.judged(n)
		if !ok {
			continue
		}
		judgeOnce := func() *judge {
			j := &judge{snapshot: snapshot, gate: proxy.Gate()}
			if _, err := j.once(head, body); err != nil {
				return nil // fasthttp reads no such head
			}
			return j
		}
		if judgeOnce() == nil {
			continue
		}
		ran++
		before := memory()
		j := judgeOnce()
		after := memory()
		made, held := after.TotalAlloc-before.TotalAlloc, int64(after.HeapAlloc)-int64(before.HeapAlloc)
		runtime.KeepAlive(j)
		size := len(head) + len(body)
		if held > int64(10*size+smallest) || made > uint64(64*size+1<<20) {
			t.Errorf("%s: %d bytes hold %d (%.1f times) and make %d (%.1f times)", p.entry.ID, size, held, float64(held)/float64(size), made, float64(made)/float64(size))
		}
	}
	if ran < 180 {
		t.Errorf("only %d requests", ran)
	}
}

// memory is what is used once two collections have emptied the pools.
func memory() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

// TestHostileIsDrawnFromItsSeed: a run can be done again.
func TestHostileIsDrawnFromItsSeed(t *testing.T) {
	a, b, other := hostile(7, 4<<10), hostile(7, 4<<10), hostile(8, 4<<10)
	differ := 0
	for i := range a {
		one := string(a[i].request.bytes("h", i))
		if one != string(b[i].request.bytes("h", i)) {
			t.Errorf("%s is not the same again", a[i].entry.ID)
		}
		if one != string(other[i].request.bytes("h", i)) {
			differ++
		}
	}
	if differ < 20 {
		t.Errorf("another seed changes %d requests", differ)
	}
}
