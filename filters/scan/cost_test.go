//go:build !race

package scan

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/upstream/engine"
)

// TestAllocations: the scan of a chat, head and body, costs the garbage collector nothing, however long the prompt is; nor do
// titles of prose in the structure.
func TestAllocations(t *testing.T) {
	f := newFilter(t, Config{})
	for name, text := range map[string]string{
		"a small chat": talk(300), "a chat of 64 KiB": talk(64 << 10), "structure of 4 KiB": values(4 << 10),
	} {
		x := filterstest.New(t, agentHead+text)
		for range 5 {
			scanOnce(t, f, x)
		}
		if n := testing.AllocsPerRun(200, func() { scanOnce(t, f, x) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// bodies are what a request of up to 64 KiB may hold to cost memory.
func bodies() map[string]string {
	const n = 60 << 10
	fill := func(head, unit, tail string) string {
		return head + strings.Repeat(unit, n/len(unit)) + tail
	}
	var keys strings.Builder
	for i := 0; keys.Len() < n; i++ {
		keys.WriteString(`"` + string(rune('a'+i%26)) + strings.Repeat(string(rune('a'+i/26%26)), 1+i/676) + `":1,`)
	}
	return map[string]string{
		"short strings":  fill(`{"model":"m","messages":[],"x":[`, `"a",`, `"a"]}`),
		"keys":           `{"model":"m","messages":[],` + keys.String() + `"z":1}`,
		"objects":        fill(`{"model":"m","messages":[],"x":[`, `{"a":1},`, `1]}`),
		"numbers":        fill(`{"model":"m","messages":[],"x":[`, `1,`, `1]}`),
		"escapes":        fill(`{"model":"m","messages":[],"x":"`, `\u0041`, `"}`),
		"percent":        fill(`{"model":"m","messages":[],"x":"`, `%25`, `"}`),
		"quotes":         fill(`{"model":"m","messages":[],"x":"`, `' or `, `"}`),
		"messages":       fill(`{"model":"m","messages":[`, `{"role":"user","content":"a"},`, `{"role":"user","content":"b"}]}`),
		"base64":         fill(`{"model":"m","messages":[],"x":"`, `aGVsbG8gd29ybGQg`, `"}`),
		"a long prompt":  fill(`{"model":"m","messages":[{"role":"user","content":"`, `hello `, `"}]}`),
		"pictures":       fill(`{"model":"m","messages":[{"role":"user","content":[`, `{"type":"image_url","image_url":{"url":"https://a.b/c"}},`, `{"type":"text","text":"x"}]}]}`),
		"look-alikes":    fill(`{"model":"m","messages":[],"x":"`, "\u2019\uff07", `"}`),
		"nested strings": fill(`{"model":"m","messages":[],"x":[`, `["a"],`, `1]}`),
	}
}

// TestMemoryIsBounded: no request of 64 KiB or less holds more than ten times its bytes of memory while it is read and scanned,
// nor makes twice as much garbage on the way, with the working memory that all requests share already there.
func TestMemoryIsBounded(t *testing.T) {
	f := newFilter(t, Config{})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	ran := 0
	for name, body := range bodies() {
		ran++
		scanBody(t, f, body)
		runtime.GC()
		before := memory()
		x := scanBody(t, f, body)
		made := memory().TotalAlloc - before.TotalAlloc
		runtime.GC()
		held := int64(memory().HeapAlloc) - int64(before.HeapAlloc)
		runtime.KeepAlive(x)
		if held > 10*int64(len(body)) || made > 20*uint64(len(body)) {
			t.Errorf("%s: %d bytes hold %d (%.1f times) and make %d", name, len(body), held, float64(held)/float64(len(body)), made)
		}
	}
	corpusBodies(t, func(name string, body []byte) {
		ran++
		scanBody(t, f, string(body))
		before := memory()
		scanBody(t, f, string(body))
		if made := memory().TotalAlloc - before.TotalAlloc; made > 10*uint64(len(body))+exchangeBytes {
			t.Errorf("%s: %d bytes cost %d", name, len(body), made)
		}
	})
	if ran < 13 {
		t.Errorf("only %d bodies", ran)
	}
}

// exchangeBytes is what an exchange of the tests is made of, which the proxy keeps for the next.
const exchangeBytes = 24 << 10

// scanBody reads and scans a body by a new exchange.
func scanBody(t *testing.T, f *Filter, body string) *filters.Exchange {
	t.Helper()
	x := filterstest.New(t, "POST /v1/chat/completions\nContent-Type: application/json")
	x.Body = []byte(body)
	if x.HasDocument = x.Document.Parse(engine.Chat, x.Body, engine.Limits{}) == nil; x.HasDocument {
		judge(f, x) // the proxy refuses what is no JSON
	}
	return x
}

func memory() (m runtime.MemStats) {
	runtime.ReadMemStats(&m)
	return m
}

// corpusBodies calls f with every body of the open corpora's whole requests that is no larger than 64 KiB.
func corpusBodies(t *testing.T, f func(name string, body []byte)) {
	t.Helper()
	for _, file := range []string{"requests-attack.jsonl", "requests-benign.jsonl"} {
		h, err := os.Open("../../../shared/corpora/" + file)
		if err != nil {
			t.Log("the corpora are not here; only the hostile bodies ran")
			return
		}
		defer h.Close()
		lines := bufio.NewScanner(h)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			var c struct {
				ID   string `json:"id"`
				Body []byte `json:"body_b64"`
			}
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				t.Fatal(err)
			}
			if len(c.Body) > 0 && len(c.Body) <= 64<<10 {
				f(c.ID, bytes.Clone(c.Body))
			}
		}
	}
}
