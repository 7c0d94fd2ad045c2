package scan

import (
	"fmt"
	"hash/maphash"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/upstream/engine"
)

const prose = "The quick brown fox (it's brown) jumps over the lazy dog; then it reads \"The Art of SQL\", 2nd edition & takes a nap. "

// agentHead is the head that an SDK sends.
const agentHead = "POST /v1/chat/completions\nContent-Type: application/json\nUser-Agent: OpenAI/Python 1.54.3\nAccept: application/json\n" +
	"Accept-Encoding: gzip, deflate\nX-Stainless-Lang: python\nX-Stainless-Package-Version: 1.54.3\nX-Stainless-OS: Linux\nX-Stainless-Arch: x64\n" +
	"X-Stainless-Runtime: CPython\nX-Stainless-Runtime-Version: 3.12.3\nAuthorization: Bearer sk-0123456789abcdef0123456789abcdef\n\n"

// talk is a chat of about n bytes, nearly all of it prompt.
func talk(n int) string {
	text := strings.Repeat(prose, n/len(prose)+1)[:n]
	return `{"model":"llama-3.1-8b-instruct","temperature":0.7,"max_tokens":512,"user":"user-7f3a91","stream":true,"messages":[{"role":"system","content":"You are helpful."},` +
		`{"role":"user","content":` + quote(text) + `}]}`
}

// values is a chat of about n bytes, nearly all of it structure: titles in the metadata.
func values(n int) string {
	var b strings.Builder
	b.WriteString(`{"model":"llama-3.1-8b-instruct","messages":[{"role":"user","content":"hello"}],"metadata":{"titles":[`)
	for i := 0; b.Len() < n; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(fmt.Sprint(prose[:len(prose)-i%40], i)))
	}
	b.WriteString(`]}}`)
	return b.String()
}

// errand is an agent's chat of about n bytes: tools with their schemas, calls with their arguments and what came back, metadata.
func errand(n int) string {
	var b strings.Builder
	b.WriteString(`{"model":"llama-3.1-8b-instruct","user":"user-7f3a91","metadata":{"session_id":"5f0c9e2e-6a53-4b7e-9f3f-0b8a7d1c2e44","app":"helpdesk/2.4.1",` +
		`"started":"2026-11-03T09:12:44Z","page":"https://shop.example/orders/118?tab=items"},"messages":[{"role":"system","content":"You are helpful."}`)
	for i := 0; b.Len() < n/2; i++ {
		fmt.Fprintf(&b, `,{"role":"assistant","content":null,"tool_calls":[{"id":"call_%04d","type":"function","function":{"name":"search_orders","arguments":"{\"query\":\"blue lamp\",\"from\":\"2026-10-01\",\"limit\":%d}"}}]}`, i, i%50)
		fmt.Fprintf(&b, `,{"role":"tool","tool_call_id":"call_%04d","content":"{\"orders\":[{\"id\":%d,\"title\":\"Lamp, blue (E27)\",\"price\":\"19.90 EUR\"}]}"}`, i, 100+i)
	}
	b.WriteString(`,{"role":"user","content":"Which one was it?"}],"tools":[`)
	for i := 0; b.Len() < n || i == 0; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"type":"function","function":{"name":"search_orders_%d","description":"Finds the orders of a customer by title, date or state; at most limit of them.","parameters":{"type":"object",`+
			`"properties":{"query":{"type":"string","description":"what to look for"},"from":{"type":"string","format":"date"},"state":{"type":"string","enum":["open","sent","returned"]},`+
			`"limit":{"type":"integer","minimum":1,"maximum":50}},"required":["query"],"additionalProperties":false}}}`, i)
	}
	b.WriteString(`]}`)
	return b.String()
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

// BenchmarkScan is the whole scan of a request, its body's reading with it, by size and by what it is made of.
func BenchmarkScan(b *testing.B) {
	f := newFilter(b, Config{})
	for _, kind := range []struct {
		name string
		body func(n int) string
	}{{"prompt", talk}, {"agent", errand}, {"structure", values}, {"agent again", errand}} {
		again := kind.name == "agent again" // otherwise no value has been seen before
		for _, n := range []int{512, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 8 << 20} {
			x := filterstest.New(b, agentHead+kind.body(n))
			b.Run(fmt.Sprintf("%s/%dB", kind.name, n), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(x.Body)))
				for b.Loop() {
					if !again {
						f.values.seed = maphash.MakeSeed()
					}
					scanOnce(b, f, x)
				}
			})
		}
	}
}

func scanOnce(tb testing.TB, f *Filter, x *filters.Exchange) {
	if err := x.Document.Parse(engine.Chat, x.Body, engine.Limits{String: 16 << 20, Keys: 1 << 20}); err != nil {
		tb.Fatal(err)
	}
	x.HasDocument = true
	if v := f.Request(x); !v.Passed() {
		tb.Fatalf("refused: %s at %s", v.Rule, v.Field)
	}
	if v := f.Body(x); !v.Passed() {
		tb.Fatalf("refused: %s at %s", v.Rule, v.Field)
	}
}
