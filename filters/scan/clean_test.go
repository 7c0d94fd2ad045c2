package scan

import (
	"fmt"
	"hash/maphash"
	"strings"
	"testing"

	"blaze/filters/filterstest"
	"blaze/filters/scan/detect"
)

// TestCleanKeepsASet: texts of one set do not drive each other out until there are more of them than slots.
func TestCleanKeepsASet(t *testing.T) {
	c := &clean{seed: maphash.MakeSeed()}
	var same []uint64
	for i := 0; len(same) < len(cleanSet{})+1; i++ {
		if sum := c.sum(fmt.Append(nil, "x-value: ", i), aHeader, detect.All); len(same) == 0 || c.set(sum) == c.set(same[0]) {
			same = append(same, sum)
		}
	}
	kept, oneMore := same[:len(same)-1], same[len(same)-1]
	for range 3 {
		for _, sum := range kept {
			if !c.has(sum) {
				c.add(sum)
			}
		}
		for _, sum := range kept {
			if !c.has(sum) {
				t.Errorf("%x is forgotten though its set has room", sum)
			}
		}
	}
	c.add(oneMore)
	if c.has(kept[0]) || !c.has(kept[1]) || !c.has(oneMore) {
		t.Error("the latest does not take the place of the first")
	}
}

// TestBearer: which lines hold a bearer's token and nothing else.
func TestBearer(t *testing.T) {
	f := func(line string, want bool) {
		t.Helper()
		if got := bearer([]byte(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
	f("Authorization: Bearer sk-0123456789abcdef", true)
	f("authorization: BEARER eyJhbGciOiJub25lIn0.e30.c2ln", true)
	f("Authorization: Bearer YWJj==", true)
	f("Authorization: Bearer ", false)
	f("Authorization: Bearer ==", false)
	f("Authorization: Bearer ' or 1=1--", false)
	f("Authorization: Bearer a b", false)
	f("Authorization: Bearer ../../etc/passwd", false)
	f("Authorization:  Bearer abc", false) // judged: not as anybody writes it
	f("Authorization: Basic YWRtaW4nIG9yIDE9MS0tOng=", false)
	f("Authorization: Bearer abc\r", false)
	f("Bauthorization: Bearer abc", false)
	f("", false)
}

// TestBasicIsJudged: a name and password in base64 are decoded as ever.
func TestBasicIsJudged(t *testing.T) {
	f := newFilter(t, Config{})
	for _, line := range []string{"Authorization: Basic YWRtaW4nIG9yIDE9MS0tOng=", "Authorization: Bearer ' or 1=1--", "Authorization: Bearer ../../../etc/passwd"} {
		if v := judge(f, filterstest.New(t, "GET /v1/models\n"+line)); !v.Denied() {
			t.Errorf("%s: passed", line)
		}
	}
}

// TestValuesAreKnown: a clean value of a body is remembered, apart from header lines, whatever its place; one that is short, long or
// refused is not.
func TestValuesAreKnown(t *testing.T) {
	f := newFilter(t, Config{})
	known := func(value string) bool { return f.values.has(f.values.sum([]byte(value), aValue, f.want)) }
	ask := func(value string) bool {
		return judge(f, chat(t, map[string]any{"model": "m", "metadata": map[string]any{"a": value}, "messages": []any{}})).Passed()
	}
	const url, attack = "https://shop.example/orders/118?tab=items", "1' or 1=1 -- a long one"
	if known(url) || !ask(url) || !known(url) || !ask(url) {
		t.Errorf("a clean value is not remembered")
	}
	if f.clean.has(f.clean.sum([]byte(url), aValue, f.want)) {
		t.Error("values of bodies take the places of header lines")
	}
	for range 2 {
		if ask(attack) || known(attack) {
			t.Fatal("an attack is known as clean")
		}
	}
	for _, value := range []string{"short", strings.Repeat("long enough ", 100)} {
		if !ask(value) || known(value) {
			t.Errorf("%.20q is remembered", value)
		}
	}
}
