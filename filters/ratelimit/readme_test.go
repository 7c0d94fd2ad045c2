package ratelimit

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"blaze/telemetry"
)

// TestReadmeNamesEveryKeyAndMetric.
func TestReadmeNamesEveryKeyAndMetric(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	has := func(what string) {
		t.Helper()
		named++
		if !strings.Contains(string(text), what) {
			t.Errorf("the README does not say %s", what)
		}
	}
	walk := func(s reflect.Type) {
		for i := range s.NumField() {
			f := s.Field(i)
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key != "" {
				has(key)
			}
			for _, tag := range []string{"yaml", "doc"} {
				if f.IsExported() && f.Tag.Get(tag) == "" && !f.Anonymous {
					t.Errorf("%v.%s has no %s", s, f.Name, tag)
				}
			}
		}
	}
	for _, c := range []any{Config{}, Limit{}, Degrade{}, Target{}, Store{}, Redis{}, RedisTLS{}, Scope{}} {
		walk(reflect.TypeOf(c))
	}
	for _, m := range telemetry.Catalogue() {
		if strings.HasPrefix(m.Name, "blaze_ratelimit_") {
			has(m.Name)
		}
	}
	if named < 50 {
		t.Errorf("%d names looked for", named)
	}
}
