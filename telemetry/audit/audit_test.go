package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"blaze/telemetry/audit"
)

// logged writes n events to a new audit file and returns its path and its lines; the first is the begin line.
func logged(t *testing.T, n int, key []byte) (path string, lines []string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "audit.jsonl")
	more(t, path, n, key)
	return path, read(t, path)
}

func more(t *testing.T, path string, n int, key []byte) {
	t.Helper()
	l, err := audit.Open(audit.Options{Path: path, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		_, _ = fmt.Fprintf(l, `{"kind":"denial","rule":"sqli","n":%d}`+"\n", i)
		if i%3 == 0 {
			l.Flush()
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(strings.TrimSuffix(string(b), "\n"), "\n")
}

func save(t *testing.T, path string, lines []string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWholeLogVerifies(t *testing.T) {
	for _, key := range [][]byte{nil, []byte("pepper")} {
		path, _ := logged(t, 10, key)
		more(t, path, 5, key) // a restart goes on with the chain
		rep, err := audit.Verify(path, key)
		if err != nil || rep.Lines != 16 || rep.Last != 16 || rep.Note != "" {
			t.Errorf("got %+v, %v", rep, err)
		}
	}
}

// Whatever is done to whichever line, the first line that does not hold is named.
func TestTamperingIsNamed(t *testing.T) {
	const n = 8
	cases := 0
	f := func(what string, tamper func(lines []string, i int) []string, from, to int, wantLine func(i int) int, wantReason string) {
		t.Helper()
		for i := from; i < to; i++ {
			path, lines := logged(t, n, nil)
			lines[len(lines)-1] += "\n"
			save(t, path, tamper(lines, i))
			_, err := audit.Verify(path, nil)
			var broken *audit.BrokenError
			if !errors.As(err, &broken) || broken.Line != wantLine(i) || !strings.HasPrefix(broken.Reason, wantReason) {
				t.Errorf("%s line %d: got %v; want line %d, %s", what, i+1, err, wantLine(i), wantReason)
			}
			cases++
		}
	}
	same, next := func(i int) int { return i + 1 }, func(i int) int { return i + 2 }
	del := func(l []string, i int) []string { return append(l[:i:i], l[i+1:]...) }
	f("delete", del, 0, n+1, same, "missing")
	f("change", func(l []string, i int) []string {
		l[i] = strings.Replace(l[i], `"kind":"`, `"kind":"x`, 1)
		return l
	}, 0, n+1, same, "changed")
	f("swap", func(l []string, i int) []string { l[i], l[i+1] = l[i+1], l[i]; return l }, 0, n, same, "missing")
	f("cut short", func(l []string, i int) []string { l[i] = l[i][:len(l[i])/2] + "\n"; return l }, 0, n+1, same, "changed")
	f("repeat", func(l []string, i int) []string { return append(l[:i+1:i+1], l[i:]...) }, 0, n+1, next, "moved")
	f("cut off the end", func(l []string, i int) []string { return l[:i] }, 1, n+1, same, "missing")
	f("cut inside the end", func(l []string, i int) []string { return append(l[:i:i], l[i][:len(l[i])-3]) }, 0, n+1, same, "changed")
	f("rewrite the hash too", func(l []string, i int) []string {
		l[i] = strings.Replace(l[i], `"hash":"`, `"hash":"00`, 1)
		return l
	}, 0, n+1, same, "changed")
	if cases != 8*(n+1)-2 {
		t.Errorf("ran %d cases", cases)
	}
}

// Any single changed byte, anywhere in the file, is noticed.
func TestAnyChangedByteIsNoticed(t *testing.T) {
	path, lines := logged(t, 5, nil)
	whole := []byte(strings.Join(lines, "") + "\n")
	rapid.Check(t, func(rt *rapid.T) {
		at := rapid.IntRange(0, len(whole)-1).Draw(rt, "at")
		b := rapid.Byte().Draw(rt, "byte")
		if whole[at] == b {
			return
		}
		changed := bytes.Clone(whole)
		changed[at] = b
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			rt.Fatal(err)
		}
		if _, err := audit.Verify(path, nil); err == nil {
			rt.Errorf("byte %d changed from %q to %q unnoticed", at, whole[at], b)
		}
	})
}

// Who does not have the key cannot make a chain that verifies.
func TestKeyedChainNeedsTheKey(t *testing.T) {
	path, _ := logged(t, 3, []byte("pepper"))
	for _, key := range [][]byte{nil, []byte("salt")} {
		if _, err := audit.Verify(path, key); err == nil {
			t.Errorf("verified with key %q", key)
		}
	}
}

// Lines cut off while the server was down stay visible after it has gone on writing.
func TestRestartDoesNotHideACut(t *testing.T) {
	path, lines := logged(t, 6, nil)
	save(t, path, lines[:5])
	more(t, path, 3, nil)
	var broken *audit.BrokenError
	if _, err := audit.Verify(path, nil); !errors.As(err, &broken) || broken.Line != 6 || !strings.HasPrefix(broken.Reason, "missing") {
		t.Errorf("got %v, want line 6 missing", err)
	}
}

// A crash in the midst of a write leaves half a line: the next line says so, and the chain goes on from the last whole one,
// whether or not the head beside the file has heard of it.
func TestCrashInTheMiddleOfALine(t *testing.T) {
	const half = `{"kind":"den`
	for _, c := range []struct {
		name  string
		cut   func(path string, lines []string)
		lines int
		note  bool
	}{
		{"half a line", func(path string, lines []string) { save(t, path, append(lines, "\n", half)) }, 9, true},
		{"the head is behind", func(path string, _ []string) {
			head := read(t, path+".head")
			more(t, path, 3, nil)
			save(t, path, append(read(t, path), "\n", half))
			save(t, path+".head", head)
		}, 12, true},
		{"only the line end is missing", func(path string, lines []string) {
			lines[4] = strings.TrimSuffix(lines[4], "\n")
			save(t, path, lines)
		}, 7, false},
		{"only the first line's end is missing", func(path string, lines []string) {
			save(t, path, []string{strings.TrimSuffix(lines[0], "\n")})
			_ = os.Remove(path + ".head")
		}, 3, false},
		{"nothing but half a line", func(path string, _ []string) {
			save(t, path, []string{half})
			_ = os.Remove(path + ".head")
		}, 4, true},
	} {
		path, lines := logged(t, 4, nil)
		c.cut(path, lines)
		more(t, path, 2, nil)
		rep, err := audit.Verify(path, nil)
		if err != nil || strings.Contains(rep.Note, "half a line") != c.note || rep.Lines != c.lines {
			t.Errorf("%s: got %+v, %v; want %d lines", c.name, rep, err, c.lines)
		}
		if !c.note {
			continue
		}
		// Nothing else can stand where the half line stood, nor nothing.
		whole := strings.Join(read(t, path), "")
		for _, other := range []string{`{"kind":"xxx` + "\n", "\n", ""} {
			save(t, path, []string{strings.Replace(whole, half+"\n", other, 1)})
			if _, err := audit.Verify(path, nil); err == nil {
				t.Errorf("%s: %q instead of the half line passes", c.name, other)
			}
		}
	}
}

// Half a line that is the last shows, and so does one that was put between others.
func TestHalfALineShows(t *testing.T) {
	for _, at := range []int{2, 5} {
		path, lines := logged(t, 4, nil)
		lines[4] += "\n"
		save(t, path, slices.Insert(lines, at, "{\"kind\":\"den\n"))
		var broken *audit.BrokenError
		if _, err := audit.Verify(path, nil); !errors.As(err, &broken) || broken.Line != at+1 {
			t.Errorf("got %v, want line %d", err, at+1)
		}
	}
}

func TestChainSpansRotatedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := audit.Open(audit.Options{Path: path, MaxSize: 1000, Keep: 9})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		_, _ = l.Write([]byte(`{"kind":"denial"}` + "\n"))
		l.Flush()
	}
	if err := os.Rename(path, path+".by-hand"); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	_, _ = l.Write([]byte(`{"kind":"denial"}` + "\n"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(path + "*")
	verified, events := 0, 0
	for _, f := range files {
		if strings.HasSuffix(f, ".head") {
			continue
		}
		rep, err := audit.Verify(f, nil)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
		}
		verified++
		events += strings.Count(strings.Join(read(t, f), ""), `"denial"`)
		if (rep.First > 1) != strings.Contains(rep.Note, "earlier file") && !strings.Contains(rep.Note, "head") {
			t.Errorf("%s: first %d, note %q", filepath.Base(f), rep.First, rep.Note)
		}
	}
	if verified < 4 || events != 21 {
		t.Errorf("%d files with %d events, want several with 21", verified, events)
	}
}

// SIGHUP without a rename changes nothing.
func TestReopenOfTheSameFileGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := audit.Open(audit.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = l.Write([]byte(`{"kind":"a"}` + "\n"))
	l.Flush()
	l.Reopen()
	_, _ = l.Write([]byte(`{"kind":"b"}` + "\n"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if rep, err := audit.Verify(path, nil); err != nil || rep.Lines != 3 {
		t.Errorf("got %+v, %v", rep, err)
	}
}

// What did not fit is owned up to in the chain itself.
func TestDroppedLinesAreNoted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := audit.Open(audit.Options{Path: path, Pending: 100})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		_, _ = l.Write([]byte(`{"kind":"denial"}` + "\n")) // 18 bytes: five fit
	}
	if l.Dropped() != 5 || !l.Full() {
		t.Errorf("dropped %d, full %v; want 5, true", l.Dropped(), l.Full())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if rep, err := audit.Verify(path, nil); err != nil || rep.Lines != 7 {
		t.Errorf("got %+v, %v; want begin, 5 events, and a note", rep, err)
	}
	if got := strings.Join(read(t, path), ""); !strings.Contains(got, `"kind":"dropped","lines":5,`) {
		t.Errorf("no note of what was dropped:\n%s", got)
	}
	if l.Full() {
		t.Error("still full after it was written")
	}
}

// A full disk costs nothing while memory lasts: the lines wait and are written when there is room again.
func TestFullDiskIsWaitedOut(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.jsonl")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(audit.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = l.Write([]byte(`{"kind":"denial"}` + "\n"))
	l.Flush()
	if !l.Failing() || l.Dropped() != 0 {
		t.Errorf("failing %v, dropped %d; want true, 0", l.Failing(), l.Dropped())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l.Reopen() // somebody made room
	l.Flush()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if rep, err := audit.Verify(path, nil); err != nil || rep.Lines != 2 || l.Failing() {
		t.Errorf("got %+v, %v, failing %v", rep, err, l.Failing())
	}
}

func TestRunWritesWhatIsLeft(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := audit.Open(audit.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _ = l.Write([]byte(`{"kind":"denial"}` + "\n"))
	l.Run(ctx)
	if rep, err := audit.Verify(path, nil); err != nil || rep.Lines != 2 {
		t.Errorf("got %+v, %v", rep, err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"kind":"begin","seq":1,"prev":"00","hash":"00"}` + "\n"))
	f.Add([]byte("{}\n{}\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rep, _, err := audit.VerifyChain(bytes.NewReader(b), []byte("a key the fuzzer does not have"))
		if err == nil && rep.Lines > 0 {
			t.Errorf("verified %q", b)
		}
	})
}
