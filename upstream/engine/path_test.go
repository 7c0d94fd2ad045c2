package engine

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPathRefuses(t *testing.T) {
	n := 0
	f := func(path string, want error) {
		t.Helper()
		n++
		var p Path
		if err := p.Parse([]byte(path)); err != want {
			t.Errorf("%q: want %v; got %v", path, want, err)
		}
	}
	f("", errPathForm)
	f("*", errPathForm)
	f("v1/models", errPathForm)
	f("http://h/v1", errPathForm)
	f("//", errPathEmpty)
	f("//v1/models", errPathEmpty)
	f("/v1//models", errPathEmpty)
	f("/v1/models//", errPathEmpty)
	f("/.", errPathDot)
	f("/..", errPathDot)
	f("/./v1/models", errPathDot)
	f("/v1/./models", errPathDot)
	f("/a/../v1/models", errPathDot)
	f("/v1/models/..", errPathDot)
	f("/v1/models/.", errPathDot)
	f("/v1/models/../", errPathDot)
	f("/v1/%2e%2e/models", errPathPlain)
	f("/v1/%2E/models", errPathPlain)
	f("/v1/.%2e/models", errPathPlain)
	f("/v1/%6dodels", errPathPlain)
	f("/v1/models/a%2F..%2Fb", errPathDot)
	f("/v1/models/..%2Fb", errPathDot)
	f("/v1/models/a%2F..", errPathDot)
	f("/v1/models/%2Fb", errPathDot)
	f("/v1/models/b%2F", errPathDot)
	f("/v1/models/a%2F%2Fb", errPathDot)
	f("/v1/models/%252e%252e", errPathDouble)
	f("/v1/models/a%252Fb", errPathDouble)
	f("/v1/models/a%25%32%46b", errPathDouble)
	f("/v1/models;x", errPathSemi)
	f("/v1;a=b/models", errPathSemi)
	f("/v1/models%3Bx", errPathSemi)
	f(`/v1\models`, errPathSlash)
	f("/v1/..%5Cmodels", errPathSlash)
	f("/v1%5cmodels", errPathSlash)
	f("/v1/models%00", errPathControl)
	f("/v1/models%0a", errPathControl)
	f("/v1/models%7F", errPathControl)
	f("/v1/models\x00", errPathByte)
	f("/v1/models\t", errPathByte)
	f("/v1/mod els", errPathByte)
	f("/v1/módels", errPathByte)
	f("/v1/models\"", errPathByte)
	f("/v1/<models>", errPathByte)
	f("/v1/models#x", errPathByte)
	f("/v1/models?x", errPathByte)
	f("/v1/models[0]", errPathByte)
	f("/v1/models%", errPathPercent)
	f("/v1/models%2", errPathPercent)
	f("/v1/models%zz", errPathPercent)
	f("/v1/models%u002e", errPathPercent)
	f("/v1/%c0%ae", errPathEncoding)
	f("/v1/%e0%80%ae", errPathEncoding)
	f("/v1/%ff", errPathEncoding)
	f("/v1/%c3", errPathEncoding)
	f("/v1/%c3x", errPathEncoding)
	f("/v1/%c2%85", errPathEncoding)
	f("/v1/%ed%a0%80", errPathEncoding)
	f("/"+strings.Repeat("a/", 40), errPathDeep)
	f("/"+strings.Repeat("a", maxPath), errPathLong)
	if n < 60 {
		t.Errorf("ran %d cases only", n)
	}
}

func TestPathAccepts(t *testing.T) {
	f := func(path string) {
		t.Helper()
		var p Path
		if err := p.Parse([]byte(path)); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
	f("/")
	f("/v1/models")
	f("/v1/models/")
	f("/v1/models/gpt-4.1:latest~x_y")
	f("/v1/models/org%2Fname")
	f("/v1/models/org%2fname")
	f("/v1/models/a%20b")
	f("/v1/models/50%25")
	f("/v1/models/%E6%A8%A1%E5%9E%8B")
	f("/v1/models/%F0%9F%98%80")
	f("/v1/models/.hidden")
	f("/v1/models/...")
	f("/api/blobs/sha256:0123")
	f("/a!$&'()*+,=:@b")
}

// tokens of which paths are made that are near to the rules.
var pathBits = []string{"/", "/", "a", "v1", "models", ".", "..", "%2e", "%2F", "%25", "%", "%41", "%E6%A8%A1", ";", "\\", "%00", "x.y", "32", "ff", "%zz"}

func TestPathIsIdempotent(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		raw := "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pathBits), 0, 8).Draw(t, "bits"), "")
		checkIdempotent(t, raw, &accepted)
	})
	if accepted == 0 {
		t.Error("no path was accepted")
	}
}

func checkIdempotent(t interface{ Fatalf(string, ...any) }, raw string, accepted *int) {
	var p, q Path
	if p.Parse([]byte(raw)) != nil {
		return
	}
	*accepted++
	if string(p.Raw) != raw {
		t.Fatalf("%q was changed to %q", raw, p.Raw)
	}
	if err := q.Parse(p.Raw); err != nil || q.n != p.n {
		t.Fatalf("%q: the second reading differs: %v", raw, err)
	}
	// Whoever decodes once, and whoever decodes twice, must find the same segments as Blaze, but for encoded slashes.
	once := string(decodePercent([]byte(raw)))
	for _, seg := range strings.Split(strings.Trim(once, "/"), "/") {
		if once != "/" && (seg == "" || seg == "." || seg == "..") {
			t.Fatalf("%q decodes to %q", raw, once)
		}
	}
	twice := string(decodePercent([]byte(once)))
	if strings.Contains(twice, "/../") || strings.Contains(twice, "/./") || strings.ContainsAny(twice, "\\;\x00") {
		t.Fatalf("%q decodes twice to %q", raw, twice)
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/v1/models", "/v1/models/org%2Fname", "/a/../b", "/%2e", "/a%25%32%65", "/%E6%A8%A1", "/a/"} {
		f.Add(s)
	}
	n := 0
	f.Fuzz(func(t *testing.T, raw string) { checkIdempotent(t, raw, &n) })
}
