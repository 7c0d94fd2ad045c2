package auth

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

func TestNewKey(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		key, hash := NewKey()
		if seen[key] || len(key) != len(keyPrefix)+43 || hash != HashKey(key) || strings.Contains(hash.String(), key) {
			t.Fatalf("got %s, %s", key, hash)
		}
		seen[key] = true
		if looksLikeToken([]byte(key)) {
			t.Fatalf("%s could be taken for a token", key)
		}
	}
	key, hash := NewKey()
	entry := Key{ID: "new", Hash: hash, Subject: "bot", Expires: Date(noon.AddDate(0, 0, 30))}
	if err := entry.Check(); err != nil {
		t.Fatal(err)
	}
	filter := build(t, Config{Required: true, APIKeys: []Key{entry}}, env(t, nil, nil))
	if got := verdict(filter, exchange("Authorization: Bearer "+key)); got != "pass bot" {
		t.Errorf("got %s", got)
	}
	if err := (Key{ID: "a b", Hash: hash}).Check(); err == nil {
		t.Error("an id with a blank was taken")
	}
}

func TestHashText(t *testing.T) {
	f := func(in string, ok bool) {
		t.Helper()
		var h Hash
		err := h.UnmarshalText([]byte(in))
		if (err == nil) != ok || ok && h.String() != strings.ToLower(in) {
			t.Errorf("%s: got %s, %v", in, h, err)
		}
	}
	_, hash := NewKey()
	f(hash.String(), true)
	f("sha256:"+strings.ToUpper(hash.Hex()), true)
	f(hash.Hex(), false)
	f("sha256:", false)
	f("sha256:"+hash.Hex()[2:], false)
	f("sha256:"+hash.Hex()+"00", false)
	f("sha256:"+strings.Repeat("g", 64), false)
	f("sha512:"+hash.Hex(), false)
}

func TestDateText(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		var d Date
		if err := d.UnmarshalText([]byte(in)); err != nil {
			if want != "" {
				t.Errorf("%s: %v", in, err)
			}
			return
		}
		if got := time.Time(d).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s: want %s; got %s", in, want, got)
		}
		text, err := d.MarshalText()
		var again Date
		if err != nil || again.UnmarshalText(text) != nil || !time.Time(again).Equal(time.Time(d)) {
			t.Errorf("%s: written as %s, which is another", in, text)
		}
	}
	f("2027-01-31", "2027-02-01T00:00:00Z") // the last day counts
	f("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z")
	f("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00Z")
	f("2027-02-30", "")
	f("31.1.2027", "")
	f("never", "")
	var k struct{ Expires Date }
	if err := yaml.Load([]byte("expires: 2027-01-31"), &k); err != nil || time.Time(k.Expires).IsZero() {
		t.Errorf("unquoted: %v, %v", k.Expires, err)
	}
}
