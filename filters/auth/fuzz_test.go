package auth

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

// FuzzJSON: what parseObject takes, encoding/json takes too and reads the same; a member twice is never taken.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"a":{"b":[1,"x",null,true]}}`, `{"a":"\ud83d\ude00\u0041"}`, `{"a":1,"a":2}`, `{"a":-0.5e+3}`, ` {"a" : [ ] } `, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseObject(text)
		if err != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q: taken, but it is no JSON: %v", text, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: read as %v, which others read as %v", text, got, want)
		}
	})
}

// FuzzToken: nothing but the vectors' own good tokens is ever taken, and nothing panics.
func FuzzToken(f *testing.F) {
	text, err := os.ReadFile(vectorFile)
	if err != nil {
		f.Fatal(err)
	}
	var file vectors
	if err := json.Unmarshal(text, &file); err != nil {
		f.Fatal(err)
	}
	good := map[string]bool{}
	for _, v := range file.Vectors {
		good[v.Token] = strings.HasPrefix(v.Want, "pass")
		f.Add(v.Token)
	}
	e := env(f, file.Files, nil)
	filter := build(f, Config{Required: true, JWT: file.Issuers}, e)
	f.Fuzz(func(t *testing.T, token string) {
		x := exchange("Authorization: Bearer x")
		p, no := filter.issuers.verify(token, x, noon)
		if no == nil && !good[token] {
			t.Fatalf("%q: taken, as %+v", token, p.identity)
		}
	})
}

// FuzzCredentials: whatever stands in the fields, a request without the key gets nowhere, and what carried a credential
// is marked to be taken out.
func FuzzCredentials(f *testing.F) {
	f.Add("Bearer "+userKey+"x", "", "")
	f.Add("bearer  x", "y", "realtime, openai-insecure-api-key.z")
	f.Add("Basic x", "\x00", ",,openai-insecure-api-key.")
	filter := build(f, testConfig(), env(f, nil, nil))
	f.Fuzz(func(t *testing.T, authorization, key, protocol string) {
		if strings.Contains(authorization+" "+key+" "+protocol, userKey) {
			return
		}
		x := exchange()
		x.Request.Add("Authorization", authorization)
		x.Request.Add("X-Api-Key", key)
		x.Request.Add("Sec-WebSocket-Protocol", protocol)
		if v := filter.Request(x); v.Passed() {
			t.Fatalf("%q %q %q: passed as %+v", authorization, key, protocol, x.Identity)
		}
		if !x.Credentials.Authorization {
			t.Fatalf("%q: not to be taken out", authorization)
		}
	})
}

// FuzzKeySet: no key set makes a panic, and no set holds a key that may not verify.
func FuzzKeySet(f *testing.F) {
	text, err := os.ReadFile(vectorFile)
	if err != nil {
		f.Fatal(err)
	}
	var file vectors
	if err := json.Unmarshal(text, &file); err != nil {
		f.Fatal(err)
	}
	for name, s := range file.Files {
		if strings.HasSuffix(name, ".json") {
			f.Add([]byte(s))
		}
	}
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`))
	algs := algorithms()[3:]
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := parseKeySet(text, algs)
		if err != nil {
			return
		}
		for _, k := range set.keys {
			for _, alg := range k.algs {
				if !suits(k.public, alg) || checkPublic(k.public) != nil {
					t.Fatalf("%q: a key for %s that is none", text, alg)
				}
				_ = method(alg).Verify("x", make([]byte, 64), k.public) // must not panic, whatever the key is
			}
		}
	})
}

// FuzzPath: a claim path that compiles finds something in any claims without a panic.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"sub", "a.b", "a[0].b", "a[*]", `a\.b`, "https://x/y", "a[0][1]", "[0]", "a[", "a[-1]", "a]"} {
		f.Add(s)
	}
	claims, _ := parseObject([]byte(`{"a":[[{"b":"x"}],"y"],"a.b":"z","sub":"s"}`))
	f.Fuzz(func(t *testing.T, s string) {
		path, err := parsePath(s)
		if err != nil {
			return
		}
		if len(path) == 0 {
			t.Fatalf("%q: an empty path", s)
		}
		path.find(claims, nil)
		path.list(claims)
	})
}
