package bench

import (
	"bufio"
	"container/heap"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"blaze/filters"
	"blaze/filters/circuit"
	"blaze/filters/filterstest"
	"blaze/telemetry"
	"blaze/upstream"
)

var update = flag.Bool("update", false, "make the recorded workload anew")

// turn is one request of the workload: when it comes, whose and which turn of which conversation it is, and how many
// tokens the question and the answer have.
type turn struct {
	At       int    `json:"at"` // milliseconds from the start
	Tenant   string `json:"tenant"`
	Conv     int    `json:"conv"`
	Turn     int    `json:"turn"` // from 0
	Question int    `json:"question"`
	Answer   int    `json:"answer"`
}

const recording = "testdata/conversations.jsonl"

// record makes the workload: 160 conversations of three tenants, one of them with over half, of 2 to 14 turns with a
// person's pauses between them, over about 15 minutes. The seed is fixed.
func record(t *testing.T) {
	r := rand.New(rand.NewPCG(20261124, 6))
	var all []turn
	for c := range 160 {
		tenant := [...]string{"acme", "acme", "acme", "umbrella", "wayne"}[r.IntN(5)]
		at := r.IntN(10 * 60_000)
		for n := range 2 + r.IntN(13) {
			q := turn{At: at, Tenant: tenant, Conv: c, Turn: n, Question: 20 + int(r.ExpFloat64()*120), Answer: 30 + int(r.ExpFloat64()*180)}
			all = append(all, q)
			at += q.Answer*20 + 3000 + int(r.ExpFloat64()*20_000)
		}
	}
	slices.SortStableFunc(all, func(a, b turn) int { return a.At - b.At })
	var out strings.Builder
	for _, q := range all {
		line, _ := json.Marshal(q)
		out.Write(append(line, '\n'))
	}
	if err := os.WriteFile(recording, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func workload(t *testing.T) (all []turn) {
	t.Helper()
	if *update {
		record(t)
	}
	f, err := os.Open(recording)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for in := bufio.NewScanner(f); in.Scan(); {
		var q turn
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			t.Fatal(err)
		}
		all = append(all, q)
	}
	if len(all) < 1000 {
		t.Fatalf("only %d turns", len(all))
	}
	return all
}

// kv is one engine's prefix cache: conversations with the tokens it holds of each, the least recently used out first.
type kv struct {
	tokens map[int]int
	order  []int // the most recently used last
	used   int
}

const (
	kvTokens    = 60_000 // what one engine can hold
	tokensASec  = 50
	systemWords = 400
)

// serve returns how many of the prompt's tokens were there already.
func (k *kv) serve(conv, prompt, after int) (reused int) {
	reused = min(k.tokens[conv], prompt)
	if i := slices.Index(k.order, conv); i >= 0 {
		k.order = slices.Delete(k.order, i, i+1)
	}
	k.order = append(k.order, conv)
	k.used += after - k.tokens[conv]
	k.tokens[conv] = after
	for k.used > kvTokens && len(k.order) > 1 {
		k.used -= k.tokens[k.order[0]]
		delete(k.tokens, k.order[0])
		k.order = k.order[1:]
	}
	return reused
}

// running are the exchanges under way, the next to end first.
type running []struct {
	end time.Duration
	x   *filters.Exchange
}

func (q running) Len() int           { return len(q) }
func (q running) Less(i, j int) bool { return q[i].end < q[j].end }
func (q running) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *running) Push(x any) {
	*q = append(*q, x.(struct {
		end time.Duration
		x   *filters.Exchange
	}))
}

func (q *running) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// outcome is what one way to balance makes of the workload.
type outcome struct {
	hits, turns     int     // of later turns: the target had the conversation
	reused, prompts int     // tokens
	busiest         float64 // requests of the busiest target, over the mean
	crowded         float64 // mean over time of the largest number in flight, over the mean number
}

func (o outcome) String() string {
	return fmt.Sprintf("| %.0f %% | %.0f %% | %.2f | %.2f |", 100*float64(o.hits)/float64(o.turns), 100*float64(o.reused)/float64(o.prompts), o.busiest, o.crowded)
}

// replay sends the workload through the circuit filter and the pool, in simulated time; only the engines are simulated.
func replay(t *testing.T, all []turn, balance upstream.Balance) (o outcome) {
	cfg := upstream.Config{Engine: "vllm", Balance: balance, Timeout: upstream.Timeout{Connect: time.Second, FirstByte: time.Second, Stall: time.Second}}
	engines, served := map[string]*kv{}, map[string]int{}
	for i := range 4 {
		url := fmt.Sprintf("http://10.0.0.%d:8000", i+1)
		cfg.Targets = append(cfg.Targets, upstream.Target{URL: url, Weight: 1})
		engines[url] = &kv{tokens: map[int]int{}}
	}
	pools, err := upstream.New(map[string]upstream.Config{"model": cfg}, nil, upstream.Env{Metrics: telemetry.NewMetrics(), Log: zerolog.Nop(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	f, err := circuit.New(circuit.Config{}, nil, filterstest.Env(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	var flying running
	inflight, history := map[string]int{}, map[int]int{}
	samples := 0
	leave := func() {
		x := heap.Pop(&flying).(struct {
			end time.Duration
			x   *filters.Exchange
		}).x
		inflight[x.Target]--
		x.Result = upstream.Success
		f.Settle(x)
	}
	for _, q := range all {
		now := time.Duration(q.At) * time.Millisecond
		for len(flying) > 0 && flying[0].end <= now {
			leave()
		}
		x := filterstest.New(t, "POST /v1/chat/completions\nContent-Type: application/json\n\n"+q.body())
		x.Upstream, x.Identity = pools.Pool("model"), &filters.Identity{Tenant: q.Tenant}
		if v := f.Body(x); !v.Passed() {
			t.Fatalf("refused: %+v", v)
		}
		x.Target = x.Lease.Info().Target
		prompt := max(history[q.Conv], systemWords) + q.Question
		history[q.Conv] = prompt + q.Answer
		reused := engines[x.Target].serve(q.Conv, prompt, prompt+q.Answer)
		if o.prompts += prompt; q.Turn > 0 {
			o.turns++
			o.reused += reused
			if reused > 0 {
				o.hits++
			}
		}
		served[x.Target]++
		inflight[x.Target]++
		prefill := time.Duration(prompt-reused) * time.Millisecond / 4
		heap.Push(&flying, struct {
			end time.Duration
			x   *filters.Exchange
		}{now + prefill + time.Duration(q.Answer)*time.Second/tokensASec, x})
		most, sum := 0, 0
		for _, n := range inflight {
			most, sum = max(most, n), sum+n
		}
		if sum >= 4 {
			o.crowded += float64(most) * 4 / float64(sum)
			samples++
		}
	}
	for len(flying) > 0 {
		leave()
	}
	most := 0
	for _, n := range served {
		most = max(most, n)
	}
	o.busiest, o.crowded = float64(most)*4/float64(len(all)), o.crowded/float64(max(samples, 1))
	return o
}

// body is the request as an application sends it: the system prompt, and the whole conversation so far.
func (q turn) body() string {
	messages := []map[string]string{{"role": "system", "content": "You are the assistant of " + q.Tenant + ". " + strings.Repeat("Be kind. ", 20)}}
	for n := range q.Turn + 1 {
		messages = append(messages, map[string]string{"role": "user", "content": fmt.Sprintf("question %d of conversation %d", n, q.Conv)})
		if n < q.Turn {
			messages = append(messages, map[string]string{"role": "assistant", "content": fmt.Sprintf("answer %d", n)})
		}
	}
	b, _ := json.Marshal(map[string]any{"model": "llama-3", "messages": messages})
	return string(b)
}

// TestAffinityWorkload: conversations that go to one target find their prefix there far more often, and the targets are
// hardly less evenly loaded. The README shows the table that it logs.
func TestAffinityWorkload(t *testing.T) {
	all := workload(t)
	t.Logf("%d requests, %d conversations", len(all), 160)
	least, turns, prefix := replay(t, all, upstream.LeastInflight), replay(t, all, upstream.RoundRobin), replay(t, all, upstream.Prefix)
	t.Logf("\n| least_inflight %v\n| round_robin %v\n| prefix %v", least, turns, prefix)
	if prefix.hits*10 < prefix.turns*8 || least.hits*10 > least.turns*6 || prefix.reused < 2*least.reused*7/10 {
		t.Errorf("affinity does not pay: %d and %d hits of %d", prefix.hits, least.hits, prefix.turns)
	}
	if prefix.busiest > 1.35 || prefix.crowded > least.crowded*1.5 {
		t.Errorf("affinity crowds one target: %.2f of the mean, %.2f in flight", prefix.busiest, prefix.crowded)
	}
}
