package policy_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"blaze/policy"
)

// TestBombs: what is small and asks for much, or large and asks for nothing, is refused with a place and a short problem, in
// memory that its size bounds: what is made on the way, all together, is at most 64 MiB and 400 times what was read.
func TestBombs(t *testing.T) {
	const fixed, each = 64 << 20, 400
	n := 0
	f := func(name, text, want string) {
		t.Helper()
		n++
		o := options("")
		o.Source = []byte("version: 1\n" + text)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := policy.Check(o)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > fixed+each*uint64(len(o.Source)) {
			t.Errorf("%s: %d bytes made for a policy of %d", name, got, len(o.Source))
		}
		said := r.Problems.Error()
		if len(r.Problems) == 0 || !strings.Contains(said, want) {
			t.Errorf("%s: got %.300q, want %q", name, said, want)
		}
		if len(r.Problems) == 1 && len(said) > 2000 {
			t.Errorf("%s: a problem of %d bytes: %.300q…", name, len(said), said)
		}
	}
	doubling := func(format, last string) string {
		var b strings.Builder
		b.WriteString("a0: &a0 {k: v}\n")
		for i := 1; i <= 40; i++ {
			fmt.Fprintf(&b, format, i, i-1)
		}
		return b.String() + fmt.Sprintf(last, 40)
	}
	const mb = 1 << 20
	f("aliases, doubling", doubling("a%[1]d: &a%[1]d [*a%[2]d, *a%[2]d]\n", "proxy: *a%d\n"), "")
	f("merges, doubling", doubling("a%[1]d: &a%[1]d {<<: [*a%[2]d, *a%[2]d], k%[1]d: v}\n", "proxy: {<<: *a%d}\n"), "")
	f("merges, eightfold", doubling("a%[1]d: &a%[1]d {<<: [*a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d], k%[1]d: v}\n", "proxy: {<<: *a%d}\n"), "")
	f("an alias of itself", "proxy: &p {tls: *p}\n", "")
	f("a merge of itself", "proxy: &p {<<: *p}\n", "")
	f("merges in a circle", "a: &a {<<: *b}\nb: &b {<<: *a}\nproxy: *a\n", "")
	f("10,000 sequences deep", "proxy: "+strings.Repeat("[", 10000)+strings.Repeat("]", 10000), "")
	f("10,000 mappings deep", "proxy: "+strings.Repeat("{a: ", 10000)+strings.Repeat("}", 10000), "")
	f("10,000 open brackets", "proxy: "+strings.Repeat("[", 10000), "")
	f("2,000 indentations", func() string {
		var b strings.Builder
		for i := range 2000 {
			b.WriteString(strings.Repeat(" ", i) + "a:\n")
		}
		return b.String()
	}(), "")
	f("an integer of 1 MB", "proxy: {max_connections: 1"+strings.Repeat("0", mb)+"}", "max_connections")
	f("a hexadecimal of 1 MB", "proxy: {max_connections: 0x"+strings.Repeat("f", mb)+"}", "max_connections")
	f("a float of 1 MB", "upstreams: {model: {targets: [], retry: {jitter: 0."+strings.Repeat("9", mb)+"}}}", "")
	f("an exponent", "proxy: {max_body: 1e999999999}", "max_body")
	f("a duration of 1 MB", "proxy: {timeout: "+strings.Repeat("9", mb)+"s}", "timeout")
	f("a key of 1 MB", "? "+strings.Repeat("k", mb)+"\n: 1\n", "")
	f("a key of 1 MB inside", "proxy: {? "+strings.Repeat("k", mb)+" : 1}\n", "")
	f("a string of 1 MB", "upstreams: {model: {engine: "+strings.Repeat("v", mb)+", targets: []}}", "engine")
	f("100,000 unknown keys", func() string {
		var b strings.Builder
		for i := range 100000 {
			fmt.Fprintf(&b, "k%d: 1\n", i)
		}
		return b.String()
	}(), "k0")
	f("100,000 documents", strings.Repeat("---\n", 100000), "")
	f("100,000 anchors", strings.Repeat("- &a x\n", 100000), "")
	f("binary", strings.Repeat("\x00\xff", 100000), "")
	if n != 22 {
		t.Errorf("%d bombs", n)
	}
}
