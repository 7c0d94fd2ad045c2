package params

import (
	"testing"

	"blaze/filters/filterstest"
)

func BenchmarkBody(b *testing.B) {
	f := build(b, Config{Default: Rules{MaxTokens: num(4096, Clamp), N: num(1, Deny), Stop: cnt(8)}})
	x := filterstest.New(b, "POST "+chat+"\n\n"+`{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":100,"n":1,"stop":["a"],"stream":true}`)
	x.Identity = tenant("acme")
	b.ReportAllocs()
	for b.Loop() {
		x.Edits = x.Edits[:0]
		f.Body(x)
	}
}
