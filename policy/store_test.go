package policy_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"blaze/policy"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sized is a policy that can be told from others by max_body.
func sized(body string) string { return "version: 1\nproxy: {max_body: " + body + "}\n" }

// reloads runs f beside a running store on the policy at path, in a bubble whose clock stands still unless it is waited
// for. wait lets the store look at its files n times.
func reloads(t *testing.T, path string, f func(t *testing.T, s *policy.Store, wait func(n int))) {
	t.Helper()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	synctest.Test(t, func(t *testing.T) {
		o := options(path)
		o.Now = time.Now
		s, err := policy.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		synctest.Wait()
		f(t, s, func(n int) {
			time.Sleep(time.Duration(n)*time.Second + time.Millisecond) // the bubble's clock
			synctest.Wait()
		})
		cancel()
		<-done
	})
}

func maxBody(s *policy.Store) string { return s.Current().Proxy.MaxBody.String() }

func TestReloadOnChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, sized("1MiB"))
	reloads(t, path, func(t *testing.T, s *policy.Store, wait func(int)) {
		is := func(want string) {
			t.Helper()
			if got := maxBody(s); got != want {
				t.Errorf("serving %s, want %s", got, want)
			}
		}
		first := s.Current()
		wait(3)
		if s.Current() != first {
			t.Error("reloaded though nothing had changed")
		}
		write(t, path, sized("2MiB"))
		wait(1)
		is("1MiB") // not yet: it must stand still for one period
		wait(1)
		is("2MiB")

		// Rename on save, as editors do.
		write(t, path+".tmp", sized("3MiB"))
		if err := os.Rename(path+".tmp", path); err != nil {
			t.Fatal(err)
		}
		wait(2)
		is("3MiB")

		// Vanished, and back with something else.
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		wait(3)
		is("3MiB")
		if s.Checks()[0].Status != "degraded" {
			t.Error("a vanished policy does not show in /health/detailed")
		}
		write(t, path, sized("4MiB"))
		wait(2)
		is("4MiB")
		if s.Checks()[0].Status != "ok" {
			t.Error("the last error stays though the policy is good again")
		}

		// A hundred changes within a second are one.
		before := s.Current()
		for i := range 100 {
			write(t, path, sized("4MiB")+strings.Repeat("#", i+1))
		}
		wait(2)
		after := s.Current()
		if after == before {
			t.Error("a changed file was not read")
		}
		wait(3)
		if s.Current() != after {
			t.Error("one change was read twice")
		}
	})
}

// TestReloadHalfWritten: a file that grows is not read before it stands still, though every part of it is a policy.
func TestReloadHalfWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, sized("1MiB"))
	reloads(t, path, func(t *testing.T, s *policy.Store, wait func(int)) {
		for _, size := range []string{"2MiB", "3MiB", "4MiB", "5MiB"} {
			write(t, path, sized(size))
			wait(1)
			if got := maxBody(s); got != "1MiB" {
				t.Errorf("serving %s while the file is being written", got)
			}
		}
		wait(1)
		if got := maxBody(s); got != "5MiB" {
			t.Errorf("serving %s, want the whole file", got)
		}
	})
}

func TestReloadBad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, sized("1MiB"))
	reloads(t, path, func(t *testing.T, s *policy.Store, wait func(int)) {
		first := s.Current()
		write(t, path, sized("lots"))
		wait(2)
		if s.Current() != first {
			t.Error("a bad policy replaced a good one")
		}
		if err := s.Reload(); err == nil || !strings.Contains(err.Error(), `policy.yaml:2:9: proxy.max_body: want a size such as 16MiB; got "lots"`) {
			t.Errorf("got %v", err)
		}
		write(t, path, "version: 1\ntests: [{name: no, request: GET /v1/models, status: 418}]")
		wait(2)
		if s.Current() != first {
			t.Error("a policy whose test fails replaced a good one")
		}
		// The serving policy comes back: nothing to do, and no error left.
		write(t, path, sized("1MiB"))
		wait(2)
		if s.Current() != first {
			t.Error("reloaded what was serving already")
		}
		if s.Checks()[0].Status != "ok" {
			t.Error("an error is left over")
		}
	})
}

// TestReloadConfigMap swaps the ..data symlink the way the kubelet does; both the file and the folder are policies.
func TestReloadConfigMap(t *testing.T) {
	f := func(policyPath string) {
		t.Helper()
		dir := t.TempDir()
		write(t, filepath.Join(dir, "..v1", "policy.yaml"), sized("1MiB"))
		write(t, filepath.Join(dir, "..v2", "policy.yaml"), sized("2MiB"))
		link := func(target, name string) {
			if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		link("..v1", "..data")
		link(filepath.Join("..data", "policy.yaml"), "policy.yaml")
		reloads(t, filepath.Join(dir, policyPath), func(t *testing.T, s *policy.Store, wait func(int)) {
			link("..v2", "..data_tmp")
			if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
				t.Fatal(err)
			}
			wait(2)
			if got := maxBody(s); got != "2MiB" {
				t.Errorf("%q: serving %s after the swap", policyPath, got)
			}
		})
	}
	f("policy.yaml")
	f("")
}

// TestReloadFolder: files that come and go are changes; hidden ones are not.
func TestReloadFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), sized("1MiB"))
	reloads(t, dir, func(t *testing.T, s *policy.Store, wait func(int)) {
		first := s.Current()
		write(t, filepath.Join(dir, ".a.yaml.swp"), "nonsense: [")
		write(t, filepath.Join(dir, "notes.txt"), "nonsense: [")
		wait(3)
		if s.Current() != first {
			t.Error("reloaded for files that are not policies")
		}
		write(t, filepath.Join(dir, "b.yaml"), "version: 1\nfilters: {access: {deny: [192.0.2.0/24]}}")
		wait(2)
		if len(s.Current().Sources) != 2 {
			t.Error("a new file was not read")
		}
		write(t, filepath.Join(dir, "c.yaml"), "proxy: {max_body: 3MiB}")
		wait(2)
		if err := s.Reload(); err == nil || !strings.Contains(err.Error(), "want each section in one file") {
			t.Errorf("got %v", err)
		}
		if err := os.Remove(filepath.Join(dir, "c.yaml")); err != nil {
			t.Fatal(err)
		}
		wait(2)
		if s.Checks()[0].Status != "ok" {
			t.Error("an error is left over")
		}
	})
}

// TestReloadNamedFiles: what the policy names is watched like the policy itself, also when it is missing at first.
func TestReloadNamedFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "policy.yaml")
	write(t, filepath.Join(dir, "size"), "1MiB\n")
	write(t, filepath.Join(dir, "block.txt"), "192.0.2.0/24\n")
	write(t, path, "version: 1\nproxy: {max_body: \"${file:size}\"}\nfilters: {access: {deny_files: [block.txt]}}")
	reloads(t, path, func(t *testing.T, s *policy.Store, wait func(int)) {
		write(t, filepath.Join(dir, "size"), "2MiB\n")
		wait(2)
		if got := maxBody(s); got != "2MiB" {
			t.Errorf("serving %s after ${file:…} changed", got)
		}
		before := s.Current()
		write(t, filepath.Join(dir, "block.txt"), "198.51.100.0/24\n")
		wait(2)
		if s.Current() == before {
			t.Error("a changed block list was not read")
		}
		before = s.Current()
		if err := os.Remove(filepath.Join(dir, "block.txt")); err != nil {
			t.Fatal(err)
		}
		wait(2)
		if s.Current() != before || s.Checks()[0].Status != "degraded" {
			t.Error("a policy without its block list was taken")
		}
		write(t, filepath.Join(dir, "block.txt"), "198.51.100.0/25\n")
		wait(2)
		if s.Current() == before {
			t.Error("the block list came back unnoticed")
		}
	})
}

// TestReloadKeepsState: an unchanged section's filter is built from its predecessor.
func TestReloadSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, sized("1MiB"))
	s, err := policy.Open(options(path))
	if err != nil {
		t.Fatal(err)
	}
	first := s.Current()
	for range 3 {
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Current() != first {
		t.Error("a reload that changes nothing did something")
	}
}

// TestReloadLetsGo: what a reload replaced is not kept by what replaced it, so that memory stays flat however often the
// policy changes.
func TestReloadLetsGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	text := func(limit int) string {
		return strings.Replace(fmt.Sprintf(guarded, "enforce"), "limit: 3", fmt.Sprintf("limit: %d", limit), 1)
	}
	write(t, path, text(3))
	s, err := policy.Open(options(path))
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.KeepAlive(s)
	gone := make(chan struct{})
	runtime.AddCleanup(s.Current(), func(done chan struct{}) { close(done) }, gone)
	for i := range 3 {
		write(t, path, text(4+i))
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Error("the first policy is still in memory after three reloads")
}
