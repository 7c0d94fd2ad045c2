package scan

import (
	"fmt"
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
		b.WriteString(quote(prose[:len(prose)-i%40]))
	}
	b.WriteString(`]}}`)
	return b.String()
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

// BenchmarkScan is the whole scan of a request, its body's reading with it, by size and by what it is made of.
func BenchmarkScan(b *testing.B) {
	f := newFilter(b, Config{})
	for _, kind := range []struct {
		name string
		body func(n int) string
	}{{"prompt", talk}, {"structure", values}} {
		for _, n := range []int{512, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 8 << 20} {
			x := filterstest.New(b, agentHead+kind.body(n))
			b.Run(fmt.Sprintf("%s/%dB", kind.name, n), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(x.Body)))
				for b.Loop() {
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
