package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func store(l Limits) (*Store, *clock) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	return New(l, c.now), c
}

func key(n int) (k Key) {
	k[0], k[1] = byte(n), byte(n>>8)
	return k
}

func head(contentType string, fields ...string) *fasthttp.ResponseHeader {
	h := new(fasthttp.ResponseHeader)
	h.SetStatusCode(200)
	h.SetContentType(contentType)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		h.Add(name, value)
	}
	return h
}

const asJSON, asEvents, asLines = "application/json", "text/event-stream; charset=utf-8", "application/x-ndjson"

// lead asks for k, which nobody may have asked for.
func lead(t testing.TB, s *Store, q Query) *Recording {
	t.Helper()
	found, r, rec := s.Find(q)
	if found != Nothing || r != nil || rec == nil {
		t.Fatalf("found %v", found)
	}
	return rec
}

// put keeps body under k.
func put(t testing.TB, s *Store, k Key, body string) {
	t.Helper()
	rec := lead(t, s, Query{Key: k})
	rec.Begin(head(asJSON), true)
	rec.Write([]byte(body))
	rec.End()
}

// read reads r to its end.
func read(r *Reader) (string, error) {
	defer r.Close()
	var h fasthttp.ResponseHeader
	if _, err := r.Head(&h, Wait{}); err != nil {
		return "", err
	}
	var b bytes.Buffer
	buf := make([]byte, 7)
	for {
		n, err := r.Read(buf, Wait{})
		b.Write(buf[:n])
		if err == io.EOF {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
	}
}

func TestAge(t *testing.T) {
	s, c := store(Limits{Bytes: 1 << 20, TTL: time.Minute, Stale: time.Hour})
	put(t, s, key(1), "one")
	f := func(after time.Duration, want Found, stale bool) {
		t.Helper()
		c.t = time.Unix(1_700_000_000, 0).Add(after)
		found, r, rec := s.Find(Query{Key: key(1)})
		if found != want {
			t.Errorf("after %v: found %v, want %v", after, found, want)
		}
		if r != nil {
			if got, err := read(r); got != "one" || err != nil || r.Age() != after {
				t.Errorf("after %v: got %q, %v, age %v", after, got, err, r.Age())
			}
		}
		if rec != nil { // what failed leaves the old one where it is
			rec.Write([]byte("half"))
			rec.Abandon()
		}
		if r := s.Stale(key(1)); (r != nil) != stale {
			t.Errorf("after %v: stale answer: %v", after, r)
		}
	}
	f(0, Whole, true)
	f(time.Minute-1, Whole, true)
	f(time.Minute, Nothing, true)
	f(time.Hour, Nothing, true)
	f(time.Hour+time.Minute, Nothing, false)
	if got := s.Stats(); got.Entries != 0 || got.Bytes != 0 {
		t.Errorf("left: %+v", got)
	}
}

// What is too old for anybody does not stay because nobody asks.
func TestRunSweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Limits{Bytes: 1 << 20, TTL: 4 * time.Second}, time.Now)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.Run(ctx) })
		put(t, s, key(1), "secret")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s.Stats().Entries != 1 {
			t.Error("gone too early")
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := s.Stats(); got.Entries != 0 || got.Bytes != 0 {
			t.Errorf("left: %+v", got)
		}
		stop()
		wg.Wait()
	})
}

// The least recently used goes first, and nobody's answer is larger than its share.
func TestEviction(t *testing.T) {
	s, _ := store(Limits{Bytes: 21 << 10, TTL: time.Minute})
	body := strings.Repeat("x", 1<<10) // 2 KiB each with what it costs: ten fit
	for i := range 10 {
		put(t, s, key(i), body)
	}
	if found, _, _ := s.Find(Query{Key: key(0)}); found != Whole {
		t.Fatal("the first is gone")
	}
	put(t, s, key(10), body)
	for i, want := range map[int]bool{0: true, 1: false, 2: true, 10: true} {
		if r := s.Stale(key(i)); (r != nil) != want {
			t.Errorf("%d: found %v, want %v", i, r, want)
		}
	}
	if got := s.Stats(); got.Evicted < 1 || got.Bytes > got.Max {
		t.Errorf("%+v", got)
	}
	rec := lead(t, s, Query{Key: key(99)})
	rec.Begin(head(asJSON), true)
	found, r, _ := s.Find(Query{Key: key(99)})
	if found != Running {
		t.Fatalf("found %v", found)
	}
	rec.Write(make([]byte, 3<<10)) // more than an eighth
	rec.End()
	if _, err := read(r); !errors.Is(err, ErrFailed) {
		t.Errorf("whoever waited for what was too large: %v", err)
	}
	if found, _, rec := s.Find(Query{Key: key(99)}); found != Nothing {
		t.Errorf("found %v", found)
	} else {
		rec.Abandon()
	}
}

// Those who ask while an answer is being written get all of it, a stream frame by frame as it comes.
func TestJoin(t *testing.T) {
	f := func(contentType string, parts, frames []string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s, _ := store(Limits{Bytes: 1 << 20, TTL: time.Minute})
			var kept []bool
			rec := lead(t, s, Query{Key: key(1), Keep: func(on bool) { kept = append(kept, on) }})
			got := make(chan []string, 2)
			follow := func() {
				found, r, _ := s.Find(Query{Key: key(1)})
				if found != Running || !r.Joined() {
					t.Errorf("found %v", found)
					return
				}
				defer r.Close()
				var h fasthttp.ResponseHeader
				if _, err := r.Head(&h, Wait{}); err != nil || string(h.ContentType()) != contentType {
					t.Errorf("head: %v %s", err, h.ContentType())
				}
				var all []string
				for {
					buf := make([]byte, 1<<10)
					n, err := r.Read(buf, Wait{})
					if err != nil {
						break
					}
					all = append(all, string(buf[:n]))
				}
				got <- all
			}
			go follow()
			synctest.Wait()
			rec.Begin(head(contentType), true)
			for i, p := range parts {
				rec.Write([]byte(p))
				synctest.Wait()
				if i == 0 {
					go follow()
					synctest.Wait()
				}
			}
			if !rec.Wanted() {
				t.Error("nobody waits")
			}
			rec.End()
			for range 2 {
				if all := <-got; fmt.Sprint(all) != fmt.Sprint(frames) {
					t.Errorf("got %q, want %q", all, frames)
				}
			}
			synctest.Wait()
			if fmt.Sprint(kept) != "[true false]" {
				t.Errorf("kept %v", kept)
			}
		})
	}
	f(asEvents, []string{"data: a\n\n", "data: b\r\n\r\nda", "ta: c\n\n"}, []string{"data: a\n\n", "data: b\r\n\r\n", "da", "ta: c\n\n"})
	f(asLines, []string{"{}\n{\"a\":1}\n"}, []string{"{}\n", "{\"a\":1}\n"})
	f(asJSON, []string{"{\"a\":", "1}"}, []string{"{\"a\":1}"})
}

func TestFailure(t *testing.T) {
	s, _ := store(Limits{Bytes: 1 << 20, TTL: time.Minute})
	rec := lead(t, s, Query{Key: key(1)})
	_, waits, _ := s.Find(Query{Key: key(1)})
	if found, _, _ := s.Find(Query{Key: key(1), Alone: true}); found != Taken {
		t.Errorf("alone: found %v", found)
	}
	rec.Begin(head(asJSON), true)
	rec.Write([]byte("{"))
	rec.Abandon()
	rec.End()
	rec.Write([]byte("}"))
	var h fasthttp.ResponseHeader
	if _, err := waits.Head(&h, Wait{}); !errors.Is(err, ErrFailed) {
		t.Errorf("got %v: half an answer in one piece", err)
	}
	waits.Close()
	waits.Close()
	put(t, s, key(1), "{}")
	if got := s.Stats(); got.Entries != 1 || got.Bytes < overhead+2 || got.Bytes > overhead+200 {
		t.Errorf("%+v", got)
	}
	huge := lead(t, s, Query{Key: key(9)})
	huge.Begin(head(asJSON, "X-A: "+strings.Repeat("a", 200<<10)), true)
	if _, _, rec := s.Find(Query{Key: key(9)}); rec == nil {
		t.Error("a head over its share is kept")
	} else {
		rec.Abandon()
	}

	// An error that is for those who wait, and for nobody after them.
	rec = lead(t, s, Query{Key: key(2)})
	_, waits, _ = s.Find(Query{Key: key(2)})
	bad := head(asJSON)
	bad.SetStatusCode(400)
	rec.Begin(bad, false)
	rec.Write([]byte("no"))
	rec.End()
	if got, err := read(waits); got != "no" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	rec = lead(t, s, Query{Key: key(2)})
	rec.Abandon()
}

func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := store(Limits{Bytes: 1 << 20, TTL: time.Minute})
		rec := lead(t, s, Query{Key: key(1)})
		_, r, _ := s.Find(Query{Key: key(1)})
		var h fasthttp.ResponseHeader
		if _, err := r.Head(&h, Wait{Until: time.Now().Add(time.Second)}); !errors.Is(err, ErrLate) {
			t.Errorf("got %v", err)
		}
		done := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(done) })
		rec.Begin(head(asEvents), true)
		if _, err := r.Head(&h, Wait{}); err != nil {
			t.Error(err)
		}
		if _, err := r.Read(make([]byte, 9), Wait{Done: done}); !errors.Is(err, ErrGone) {
			t.Errorf("got %v", err)
		}
		r.Close()
		rec.Abandon()
	})
}

// One key, one request.
func TestDigest(t *testing.T) {
	s, c := store(Limits{Bytes: 1 << 20, TTL: time.Minute})
	rec := lead(t, s, Query{Key: key(1), Digest: key(7)})
	f := func(digest int, want Found) {
		t.Helper()
		found, r, rec := s.Find(Query{Key: key(1), Digest: key(digest)})
		if found != want {
			t.Errorf("found %v, want %v", found, want)
		}
		if r != nil {
			r.Close()
		}
		if rec != nil {
			rec.Abandon()
		}
	}
	f(8, Other)
	f(7, Running)
	rec.Begin(head(asJSON), true)
	rec.End()
	f(8, Other)
	f(7, Whole)
	c.t = c.t.Add(time.Minute)
	f(8, Nothing)
}

// What one client was told about itself is not for the next.
func TestPersonal(t *testing.T) {
	s, _ := store(Limits{Bytes: 1 << 20, TTL: time.Minute})
	rec := lead(t, s, Query{Key: key(1)})
	rec.Begin(head(asJSON, "Set-Cookie: a=b", "X-Request-Id: 1", "Authorization: Bearer x", "X-Ratelimit-Remaining-Tokens: 3", "Ratelimit: x", "X-Model: m"), true)
	rec.End()
	_, r, _ := s.Find(Query{Key: key(1)})
	var h fasthttp.ResponseHeader
	if _, err := r.Head(&h, Wait{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Set-Cookie": "", "X-Request-Id": "", "Authorization": "", "X-Ratelimit-Remaining-Tokens": "", "Ratelimit": "", "X-Model": "m"} {
		if got := string(h.Peek(name)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for field, want := range map[string]bool{
		"X-Model: m": false, "Set-Cookie: a=b": true, "Cache-Control: no-cache": false, "Cache-Control: max-age=1, No-Store": true,
		"Cache-Control: private": true, "Vary: *": true, "Vary: accept-encoding": false,
	} {
		if got := Personal(head(asJSON, field)); got != want {
			t.Errorf("%s: %v", field, got)
		}
	}
}

// Whatever happens in whatever order: the bytes counted are those held, within the bound; a reader gets a whole answer
// written under its key, or an error.
func TestStoreModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, c := store(Limits{Bytes: 12 << 10, TTL: 10 * time.Second, Stale: 5 * time.Second})
		running := map[int]*Recording{}
		body := func(k int) string { return strings.Repeat(fmt.Sprint(k%10), 100*(k%10)) }
		t.Repeat(map[string]func(*rapid.T){
			"find": func(t *rapid.T) {
				k := rapid.IntRange(0, 19).Draw(t, "key")
				found, r, rec := s.Find(Query{Key: key(k), Alone: rapid.Bool().Draw(t, "alone")})
				switch found {
				case Nothing:
					if before := running[k]; before != nil && !before.done { // one that found no room is done
						t.Fatal("two write one answer")
					}
					rec.Begin(head(asJSON), true)
					running[k] = rec
				case Whole:
					if got, err := read(r); got != body(k) || err != nil || r.Age() >= 10*time.Second {
						t.Fatalf("got %q of %d, %v, age %v", got, k, err, r.Age())
					}
				case Running:
					r.Close()
				}
			},
			"end": func(t *rapid.T) {
				if len(running) == 0 {
					return
				}
				k := slices.Min(slices.Collect(maps.Keys(running)))
				rec := running[k]
				delete(running, k)
				rec.Write([]byte(body(k)))
				if rapid.Bool().Draw(t, "ok") {
					rec.End()
				} else {
					rec.Abandon()
				}
			},
			"time":  func(t *rapid.T) { c.t = c.t.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "seconds")) * time.Second) },
			"sweep": func(*rapid.T) { s.sweep() },
			"": func(t *rapid.T) {
				s.mu.Lock()
				defer s.mu.Unlock()
				bytes, whole := int64(0), 0
				for _, rec := range running {
					if !rec.done {
						bytes += overhead + rec.cost
					}
				}
				for k, e := range s.entries {
					if e.key != k || e.whole == nil && e.running == nil {
						t.Fatalf("a stray entry: %+v", e)
					}
					if e.whole != nil {
						bytes += e.whole.cost
						whole++
					}
				}
				if bytes != s.bytes || bytes > s.limits.Bytes+int64(len(running))*(overhead+200) {
					t.Fatalf("%d bytes held, %d counted", bytes, s.bytes)
				}
				n := 0
				for e := s.newest; e != nil && (n == 0 || e != s.newest); e = e.next {
					n++
				}
				if n != whole {
					t.Fatalf("%d in the ring, %d whole", n, whole)
				}
			},
		})
	})
}

// Many at once, under the race detector: one writes, all the others get what it wrote.
func TestManyAtOnce(t *testing.T) {
	s := New(Limits{Bytes: 1 << 20, TTL: time.Minute}, time.Now)
	var wg sync.WaitGroup
	leaders := make(chan bool, 64)
	for range 64 {
		wg.Go(func() {
			found, r, rec := s.Find(Query{Key: key(1)})
			if found == Nothing {
				leaders <- true
				rec.Begin(head(asEvents), true)
				for range 100 {
					rec.Write([]byte("data: x\n\n"))
				}
				rec.End()
				return
			}
			if got, err := read(r); len(got) != 900 || err != nil {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if len(leaders) != 1 {
		t.Errorf("%d wrote", len(leaders))
	}
}

// Whatever bytes a stream has, in whatever pieces they came: what is given out again is the same, frame by frame.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := store(Limits{Bytes: 1 << 20, TTL: time.Minute})
		_, _, rec := s.Find(Query{Key: key(1)})
		rec.Begin(head(rapid.SampledFrom([]string{asEvents, asLines, asJSON}).Draw(t, "type")), true)
		want := ""
		for _, p := range rapid.SliceOf(rapid.StringOf(rapid.SampledFrom([]rune("a:\r\n")))).Draw(t, "parts") {
			rec.Write([]byte(p))
			want += p
		}
		rec.End()
		_, r, _ := s.Find(Query{Key: key(1)})
		if got, err := read(r); got != want || err != nil {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	})
}
