package policy_test

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"blaze/policy"
	"blaze/telemetry"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	userHash = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	operHash = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// environment is what ${env:…} finds in every test here.
var environment = map[string]string{
	"BLAZE_API_KEY_SHA256":       userHash,
	"BLAZE_DEMO_UPSTREAM":        "http://127.0.0.1:18080",
	"BLAZE_DEMO_USER_SHA256":     userHash,
	"BLAZE_DEMO_OPERATOR_SHA256": operHash,
	"MODEL_KEY":                  "hunter2-model-key",
	"JWT_SECRET":                 "a-shared-secret-of-at-least-32-bytes",
	"CI_TOTP":                    "JBSWY3DPEHPK3PXP",
	"MODEL_URL":                  "http://127.0.0.1:8081",
	"LIMIT":                      "25",
	"EMPTY":                      "",
}

func getenv(name string) (string, bool) {
	v, ok := environment[name]
	return v, ok
}

func options(path string) policy.Options {
	return policy.Options{
		Path: path, Upstream: "http://127.0.0.1:8080", Env: getenv,
		Tel: telemetry.New(telemetry.Options{Output: io.Discard}),
		Now: func() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) },
	}
}

// cases lists the policies of a folder of testdata: files, and folders that are one policy.
func cases(t *testing.T, dir string, least int) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		switch {
		case e.Name() == "files": // what the policies name
		case e.IsDir(), strings.HasSuffix(e.Name(), ".yaml"):
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	if len(out) < least {
		t.Fatalf("%d policies in %s, want at least %d", len(out), dir, least)
	}
	return out
}

// TestBad: each broken policy is refused with exactly the text beside it, every problem at its place.
func TestBad(t *testing.T) {
	t.Chdir("../testdata/policy/bad")
	for _, path := range cases(t, ".", 120) {
		t.Run(path, func(t *testing.T) {
			_, err := policy.Open(options(path))
			if err == nil {
				t.Fatal("a broken policy was taken")
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// TestGood: each of these policies is taken, its tests pass, and nothing in it is only warned of.
func TestGood(t *testing.T) {
	t.Chdir("../testdata/policy/good")
	for _, path := range cases(t, ".", 30) {
		t.Run(path, func(t *testing.T) {
			s, err := policy.Open(options(path))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range s.Current().Warnings {
				t.Errorf("warned: %v", w)
			}
		})
	}
}

// TestEmbedded: the policies in the binary are taken as they are.
func TestEmbedded(t *testing.T) {
	f := func(name string, change func(*policy.Options)) {
		t.Helper()
		o := options("")
		change(&o)
		s, err := policy.Open(o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if got := s.Current(); got.Chain == nil || got.Pools == nil || got.Hash == "" || len(got.Sources) != 1 {
			t.Errorf("%s: an incomplete snapshot: %+v", name, got)
		}
	}
	f("default", func(*policy.Options) {})
	f("demo", func(o *policy.Options) {
		demo, _, _ := policy.Demo("http://127.0.0.1:8080", o.Env)
		o.Source, o.Env = demo.Source, demo.Env
	})
}
