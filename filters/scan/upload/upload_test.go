package upload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
)

var limits = Limits{MaxFile: 1 << 20, MaxFiles: 2, Types: []string{"image/*", "text/*", "application/pdf", "application/json"}}

const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"

func form(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--b\r\nContent-Disposition: form-data; " + p + "\r\n")
	}
	return b.String() + "--b--\r\n"
}

func file(name, content string) string {
	return fmt.Sprintf("name=\"file\"; filename=\"%s\"\r\n\r\n%s", name, content)
}

func TestRead(t *testing.T) {
	n := 0
	f := func(body, want string) {
		t.Helper()
		n++
		got := ""
		err := Read(strings.NewReader(body), "multipart/form-data; boundary=b", limits, func(name string, value []byte) bool { return string(value) != "evil" })
		var r *Refusal
		if errors.As(err, &r) {
			got = r.Rule
		} else if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.80q: got %q, want %q", body, got, want)
		}
	}
	f(form("name=\"purpose\"\r\n\r\nuser_data", file("a.png", png)), "")
	f(form(file("utils.py", "import os\nprint(1)\n")), "")
	f(form("name=\"x\"\r\n\r\nevil"), ErrField.Error())
	f(form(file("a.php", png)), "upload-extension")
	f(form(file("a.php.png", png)), "upload-double-extension")
	f(form(file("../a.png", png)), "upload-name")
	f(form(file("a.png", "MZ\x90\x00\x03\x00\x00\x00\x04")), "upload-type")
	f(form(file("a.png", "PK\x03\x04\x14\x00\x00\x00\x08\x00")), "upload-archive")
	f(form(file("a.png", png+"<?php system(1);")), "upload-polyglot")
	f(form(file("a.png", png+strings.Repeat("x", 40000)+"PK\x05\x06\x00\x00\x00\x00")), "upload-polyglot")
	f(form(file("a.txt", strings.Repeat("x", 1<<20+1))), "upload-size")
	f(form(file("a.txt", "a"), file("b.txt", "b"), file("c.txt", "c")), "upload-count")
	f(form("name=\"a\"\r\n\r\n1", "name=\"a\"\r\n\r\n2"), "upload-form")
	f(form("name=\"a\"\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n1"), "upload-form")
	f(form("name=\"a\"; filename=\"x\"; filename*=utf-8''y\r\n\r\n1"), "upload-form")
	f(form("name=\"a\"\r\n\r\n1")+"more", "upload-form")
	f("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nunfinished", "upload-form")
	f("no form at all", "upload-form")
	if n < 18 {
		t.Errorf("only %d cases ran", n)
	}
}

// TestWatchSplit finds a mark wherever the stream is divided.
func TestWatchSplit(t *testing.T) {
	text := []byte("aaaaaaaaaaaaaaaaaaaaaaa<?phpbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
	for i := range text {
		for j := i; j <= len(text); j += 3 {
			w := watch{medium: true}
			for _, p := range [][]byte{text[:i], text[i:j], text[j:]} {
				_, _ = w.Write(p)
			}
			if !w.polyglot() {
				t.Fatalf("not found when divided at %d and %d", i, j)
			}
		}
	}
}

// TestLarge reads a form of 25 MB without holding it.
func TestLarge(t *testing.T) {
	audio := io.MultiReader(strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\x00\x00\x00\x00WAVEfmt "),
		io.LimitReader(zeros{}, 25<<20), strings.NewReader("\r\n--b--\r\n"))
	l := Limits{MaxFile: 26 << 20, MaxFiles: 1, Types: []string{"audio/*"}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := Read(audio, "multipart/form-data; boundary=b", l, func(string, []byte) bool { return true })
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 || used == 0 {
		t.Errorf("%d bytes allocated for a stream of 25 MiB", used)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestCorpusNames holds the rules for names against the open half of real ones.
func TestCorpusNames(t *testing.T) {
	f := func(path, cat string) (bad, all int) {
		h, err := os.Open("../../../../shared/corpora/" + path)
		if err != nil {
			t.Skipf("the test data is not here: %v", err)
		}
		defer h.Close()
		lines := bufio.NewScanner(h)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var c struct{ Cat, P string }
			if json.Unmarshal(lines.Bytes(), &c) != nil || c.Cat != cat {
				continue
			}
			all++
			if BadName(c.P, func(string) bool { return false }) != "" {
				bad++
				if cat == "filename" {
					t.Logf("refused: %q", c.P)
				}
			} else if cat == "upload" {
				t.Logf("passes: %q", c.P)
			}
		}
		return bad, all
	}
	if bad, all := f("payloads-attack.jsonl", "upload"); all == 0 || bad < all {
		t.Errorf("%d of %d bad names refused", bad, all)
	}
	if bad, all := f("payloads-benign.jsonl", "filename"); all == 0 || bad > 0 {
		t.Errorf("%d of %d good names refused", bad, all)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(form(file("a.png", png))))
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = Read(bytes.NewReader(body), "multipart/form-data; boundary=b", limits, func(string, []byte) bool { return true })
	})
}
