package ratelimit

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/upstream/engine"
)

func chat(extra string) caller {
	return caller{subject: "ann", path: "POST /v1/chat/completions",
		body: `{"model":"llama-3","messages":[{"role":"user","content":"` + strings.Repeat("word ", 20) + `"}]` + extra + `}`}
}

// answered is how an exchange ends that the engine served.
func answered(x *filters.Exchange, in, out int64) {
	x.Status, x.Usage = 200, engine.Usage{Input: in, Output: out, Reported: true}
}

// used is what limit i says of its only account.
func used(f *Filter, i int) int64 {
	return f.limits[i].ledger.live().usedByAll(f.clock.micros())
}

func TestTokensAreReservedAndSettled(t *testing.T) {
	f := func(c Count, body string, reserved, settled int64) {
		t.Helper()
		w := newTester(t)
		filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 10_000, Count: c, Reserve: 500})
		x := w.exchange(chat(body))
		if v := filter.Body(x); !v.Passed() {
			t.Fatalf("%v %s: refused", c, body)
		}
		if got := used(filter, 0); got != reserved {
			t.Errorf("%v %s: %d reserved; want %d", c, body, got, reserved)
		}
		answered(x, 30, 70)
		filter.Settle(x)
		if got := used(filter, 0); got != settled {
			t.Errorf("%v %s: %d after settling; want %d", c, body, got, settled)
		}
		filter.Settle(x)
		if got := used(filter, 0); got != settled {
			t.Errorf("%v %s: settled twice", c, body)
		}
	}
	const prompt = 20
	f(Tokens, `,"max_tokens":100`, prompt+100, 100)
	f(Tokens, ``, prompt+500, 100)
	f(Tokens, `,"max_tokens":10`, prompt+10, 100) // debt
	f(Tokens, `,"max_tokens":100,"n":3`, prompt+300, 100)
	f(OutputTokens, `,"max_completion_tokens":100`, 100, 70)
	f(InputTokens, `,"max_tokens":100`, prompt, 30)
}

// TestWhatEndsAnExchangeIsWhatItCosts: refused, failed, cut off and served exchanges, with and without usage.
func TestWhatEndsAnExchangeIsWhatItCosts(t *testing.T) {
	f := func(name string, end func(x *filters.Exchange), want int64) {
		t.Helper()
		w := newTester(t)
		filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 10_000, Count: Tokens})
		x := w.exchange(chat(`,"max_tokens":100`))
		filter.Body(x)
		end(x)
		filter.Settle(x)
		if got := used(filter, 0); got != want {
			t.Errorf("%s: %d used; want %d", name, got, want)
		}
	}
	f("served", func(x *filters.Exchange) { answered(x, 40, 60) }, 100)
	f("refused by the breaker", func(x *filters.Exchange) { x.DeniedBy, x.Status = "circuit", 503 }, 0)
	f("refused here", func(x *filters.Exchange) { x.DeniedBy = filterName }, 0)
	f("upstream failed", func(x *filters.Exchange) { x.Status = 502 }, 0)
	f("engine refused", func(x *filters.Exchange) { x.Status = 400 }, 0)
	f("client left before the first token", func(x *filters.Exchange) { x.Abort = "client_gone" }, 0)
	f("client left within the stream", func(x *filters.Exchange) { x.Status, x.Abort, x.Usage.Output = 200, "client_gone", 7 }, 27)
	f("no usage from the engine", func(x *filters.Exchange) { x.Status, x.Usage.Output = 200, 33 }, 53)
	f("panic", func(x *filters.Exchange) { x.Abort, x.Status = "panic", 500 }, 0)
}

// TestAPromptThatTheEngineDoesNotCountCosts: usage that speaks of the output alone makes no prompt free; one that speaks of
// neither, as of an answer from the cache, does.
func TestAPromptThatTheEngineDoesNotCountCosts(t *testing.T) {
	f := func(in, out int64, estimated bool) {
		t.Helper()
		w := newTester(t)
		filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 100_000, Count: Tokens})
		x := w.exchange(chat(`,"max_tokens":50`))
		want := in + out
		if estimated {
			want += promptTokens(x)
		}
		if !filter.Body(x).Passed() {
			t.Fatal("refused")
		}
		answered(x, in, out)
		if filter.Settle(x); used(filter, 0) != want {
			t.Errorf("usage of %d in, %d out: %d tokens are used; want %d", in, out, used(filter, 0), want)
		}
	}
	f(20, 7, false)
	f(0, 7, true)
	f(0, 0, false)
}

// TestAnswerWithoutItsCounts: who picks the members of llama.cpp's answer so that neither a text nor a count is among them pays for
// what was asked; a bound that the engine does not heed bounds nothing.
func TestAnswerWithoutItsCounts(t *testing.T) {
	f := func(body string, usage engine.Usage, want int64) {
		t.Helper()
		w := newTester(t)
		filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 10_000, Count: OutputTokens, Reserve: 500})
		x := filterstest.NewFor(t, "llamacpp", "POST /completion\n\n"+body)
		x.Began, x.Deadline, x.Identity = w.now, w.now.Add(time.Minute), &filters.Identity{Subject: "ann"}
		if !filter.Body(x).Passed() {
			t.Fatal("refused")
		}
		x.Status, x.Usage = 200, usage
		if filter.Settle(x); used(filter, 0) != want {
			t.Errorf("%s: %d tokens are used; want %d", body, used(filter, 0), want)
		}
	}
	f(`{"prompt":"x","n_predict":900,"response_fields":["tokens"]}`, engine.Usage{}, 900)
	f(`{"prompt":"x","n_predict":-1,"max_tokens":5,"response_fields":["tokens"]}`, engine.Usage{}, 500)
	f(`{"prompt":"x","n_predict":900,"response_fields":["content"]}`, engine.Usage{Output: 7}, 7)
	f(`{"prompt":"x","n_predict":900}`, engine.Usage{}, 0)
	f(`{"prompt":"x","n_predict":900,"response_fields":["tokens_predicted"]}`, engine.Usage{Output: 7, Reported: true}, 7)
}

// TestFiftyStreamsOnOneBudget: whatever runs at once, the budget is overdrawn by one request at most.
func TestFiftyStreamsOnOneBudget(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("tenant"), Limit: 10_000, Per: time.Hour, Count: Tokens, Reserve: 1000})
	var mu sync.Mutex
	var wg sync.WaitGroup
	spent, most := int64(0), int64(0)
	for i := range 50 {
		x := w.exchange(chat(""))
		wg.Go(func() {
			if !filter.Body(x).Passed() {
				return
			}
			out := int64(700 + i*5) // what the engine really says, under the reserve
			answered(x, 20, out)
			filter.Settle(x)
			mu.Lock()
			defer mu.Unlock()
			spent, most = spent+20+out, max(most, 20+out)
		})
	}
	wg.Wait()
	if spent > 10_000+most || spent < 9*720 {
		t.Errorf("%d spent of a budget of 10000; the largest request was %d", spent, most)
	}
}

func TestDebtIsCarried(t *testing.T) {
	for _, kind := range []Algorithm{TokenBucket, FixedWindow} {
		w := newTester(t)
		filter := w.filter(nil, Limit{Name: "x", By: by("user"), Algorithm: kind, Limit: 1000, Count: OutputTokens})
		x := w.exchange(chat(`,"max_tokens":100`))
		filter.Body(x)
		answered(x, 0, 3500)
		filter.Settle(x)
		w.now = w.now.Add(2 * time.Minute)
		if v, _ := w.ask(filter, chat(`,"max_tokens":1`)); v.Passed() {
			t.Errorf("%v: a debt of 2500 is forgotten after two minutes", kind)
		} else if v.Retry <= 0 || v.Retry > 2*time.Minute {
			t.Errorf("%v: retry after %v", kind, v.Retry)
		}
		w.now = w.now.Add(2 * time.Minute)
		if v, _ := w.ask(filter, chat(`,"max_tokens":1`)); !v.Passed() {
			t.Errorf("%v: a debt of 2500 is not paid after four minutes", kind)
		}
	}
}

// TestAnOversizedRequestIsLetInOnAWholeAccount: what asks for more than an account ever holds waits until it is whole.
func TestAnOversizedRequestIsLetInOnAWholeAccount(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 1000, Count: OutputTokens})
	if v, _ := w.ask(filter, chat(`,"max_tokens":1000000`)); !v.Passed() {
		t.Error("refused on a whole account")
	}
	x := w.exchange(chat(`,"max_tokens":1`))
	filter.Body(x)
	if v, _ := w.ask(filter, chat(`,"max_tokens":1000000`)); v.Passed() || v.Retry != 60*time.Millisecond {
		t.Errorf("got %v after %v", v.Passed(), v.Retry)
	}
}

// TestReservationsFollowWhatAnswersCost: after some short answers a large max_tokens is not taken at its word.
func TestReservationsFollowWhatAnswersCost(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 1_000_000, Count: OutputTokens})
	reserve := func() int64 {
		x := w.exchange(chat(`,"max_tokens":4000`))
		filter.Body(x)
		n := x.Taken[0].Amount
		answered(x, 10, 50)
		filter.Settle(x)
		return n
	}
	if got := reserve(); got != 4000 {
		t.Errorf("first reservation %d; want 4000", got)
	}
	for range 40 {
		reserve()
	}
	if got := reserve(); got < 50 || got > 60 {
		t.Errorf("reservation %d after answers of 50; want a little over 50", got)
	}
}

func TestHardCapBoundsAStream(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 1000, Per: time.Hour, Count: OutputTokens, Hard: true, Reserve: 300})
	x := w.exchange(chat(`,"stream":true`))
	if v := filter.Body(x); !v.Passed() || x.OutputCap != 300 || x.Budget == nil || len(x.Edits) != 0 {
		t.Fatalf("passed %v, cap %d, edits %v", v.Passed(), x.OutputCap, x.Edits)
	}
	raised := 0
	for x.Budget.Extend(x) {
		raised++
	}
	if x.OutputCap != 1000 || raised != 3 {
		t.Errorf("cap %d after %d extensions; want 1000 after 3", x.OutputCap, raised)
	}
	answered(x, 0, 1000)
	filter.Settle(x)
	if got := used(filter, 0); got != 1000 {
		t.Errorf("%d used; want 1000", got)
	}
}

// TestHardCapsShareABudget: streams that run at once never get more than the budget, to the token.
func TestHardCapsShareABudget(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("tenant"), Limit: 10_000, Per: 24 * time.Hour, Count: OutputTokens, Hard: true, Reserve: 100})
	var mu sync.Mutex
	var wg sync.WaitGroup
	total := int64(0)
	for range 50 {
		x := w.exchange(chat(`,"stream":true`))
		wg.Go(func() {
			if !filter.Body(x).Passed() {
				return
			}
			for x.OutputCap < 5000 && x.Budget.Extend(x) {
			}
			mu.Lock()
			defer mu.Unlock()
			total += x.OutputCap
		})
	}
	wg.Wait()
	if total != 10_000 {
		t.Errorf("streams may write %d tokens together; want 10000", total)
	}
}

func TestHardCapTakesWhatIsLeft(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 1000, Per: time.Hour, Count: OutputTokens, Hard: true})
	w.exchange(chat(""))
	filter.Body(w.exchange(chat(`,"max_tokens":990`)))
	x := w.exchange(chat(`,"max_tokens":500`))
	if v := filter.Body(x); !v.Passed() || x.OutputCap != 10 {
		t.Fatalf("passed %v with a cap of %d; want the 10 that are left", v.Passed(), x.OutputCap)
	}
	if got := forwarded(x); !strings.Contains(got, `"max_tokens":10}`) {
		t.Errorf("an answer in one piece is not bounded: %s", got)
	}
	if v := filter.Body(w.exchange(chat(""))); v.Passed() {
		t.Error("passed with nothing left")
	}
}

// forwarded is the body as it goes upstream.
func forwarded(x *filters.Exchange) string { return string(engine.Apply(nil, x.Body, x.Edits)) }

func TestDegradedRequestsGetLess(t *testing.T) {
	w := newTester(t)
	d := &Degrade{MaxTokens: 16, DropN: true, Model: "small"}
	filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 1, Then: DegradeAnswer, Degrade: d})
	f := func(path, body, want string) {
		t.Helper()
		v, x := w.ask(filter, caller{subject: "ann", path: path, body: body})
		if !v.Passed() || x.Degraded != "x" {
			t.Fatalf("%s: passed %v, degraded %q", body, v.Passed(), x.Degraded)
		}
		if got := forwarded(x); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if v, x := w.ask(filter, chat("")); !v.Passed() || x.Degraded != "" || len(x.Edits) != 0 {
		t.Fatal("the first request is not served in full")
	}
	const p = "POST /v1/chat/completions"
	f(p, `{"model":"big","messages":[]}`, `{"max_tokens":16,"model":"small","messages":[]}`)
	f(p, `{"model":"big","max_tokens":900,"n":4,"messages":[]}`, `{"model":"small","max_tokens":16,"n":1,"messages":[]}`)
	f(p, `{"model":"big","max_tokens":9,"messages":[]}`, `{"model":"small","max_tokens":9,"messages":[]}`)
	f("POST /v1/responses", `{"model":"big","input":"hi"}`, `{"max_output_tokens":16,"model":"small","input":"hi"}`)
	f("POST /v1/embeddings", `{"model":"big","input":"hi"}`, `{"model":"small","input":"hi"}`)
}

func TestEditsBeforeAreRespected(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("user"), Limit: 1, Then: DegradeAnswer, Degrade: &Degrade{MaxTokens: 500}})
	w.ask(filter, chat(""))
	x := w.exchange(chat(`,"max_tokens":9000`))
	for _, p := range x.Document.Params {
		x.Edits = append(x.Edits, x.Document.SetParam(p, []byte("200"))) // as params clamps
	}
	filter.Request(x)
	filter.Body(x)
	if got := forwarded(x); !strings.Contains(got, `"max_tokens":200}`) {
		t.Errorf("a clamp was loosened: %s", got)
	}
}

func TestLimitsByModelWaitForTheBody(t *testing.T) {
	w := newTester(t)
	filter := w.filter(nil, Limit{Name: "x", By: by("model"), Limit: 1})
	ask := func(model string) bool {
		v, _ := w.ask(filter, caller{path: "POST /v1/chat/completions", body: fmt.Sprintf(`{"model":%q,"messages":[]}`, model)})
		return v.Passed()
	}
	if !ask("a") || ask("a") || !ask("b") {
		t.Error("models do not have accounts of their own")
	}
}
