package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// stock is what a process holds when nothing is under way.
type stock struct {
	goroutines, heap float64
	files, toRedis   int                // descriptors, but for the connections to Redis, and those
	held             map[string]float64 // gauges that must be 0, and are not
}

func (s stock) String() string {
	return fmt.Sprintf("%v goroutines, %d descriptors and %d to Redis, %.1f MiB of heap", s.goroutines, s.files, s.toRedis, s.heap/(1<<20))
}

// gauges are what is taken and given back: permits, slots, places in queues, sessions, connections.
var gauges = [...]string{"blaze_open_exchanges", "blaze_open_connections", "blaze_upstream_inflight", "blaze_queue_depth", "blaze_sessions", "blaze_ratelimit_waiting"}

// settle waits until everything is given back, then for the garbage collector, and takes stock.
func (s *stage) settle(ctx context.Context) (stock, error) {
	var now stock
	for end := time.Now().Add(time.Minute); ; {
		m, err := s.metrics()
		if err != nil {
			return now, err
		}
		now.held = map[string]float64{}
		for name, v := range m {
			for _, g := range gauges {
				if (name == g || strings.HasPrefix(name, g+"{")) && v != 0 {
					now.held[name] = v
				}
			}
		}
		if len(now.held) == 0 {
			break
		}
		if time.Now().After(end) || !pause(ctx, 100*time.Millisecond) {
			return now, fmt.Errorf("still held: %v", now.held)
		}
	}
	// Idle connections to the model servers and their goroutines end by themselves; heap is what is live.
	pause(ctx, 12*time.Second)
	for range 2 {
		if _, err := s.get("/debug/pprof/heap?gc=1"); err != nil {
			return now, err
		}
	}
	m, err := s.metrics()
	if err != nil {
		return now, err
	}
	now.goroutines, now.heap = m["blaze_process_goroutines"], m["blaze_process_heap_bytes"]
	all, toRedis, err := descriptors(s.blaze.Process.Pid, s.redisAddr)
	now.files, now.toRedis = all-toRedis, toRedis
	return now, err
}

// redisPool bounds the connections to Redis; idle ones stay for five minutes.
const redisPool = 64

// compare says what has grown. The metrics' history and their series grow for a time with what happened, within bounds.
func compare(before, after stock) (problems []string) {
	if after.goroutines > before.goroutines+8 {
		problems = append(problems, fmt.Sprintf("goroutines: %v, then %v", before.goroutines, after.goroutines))
	}
	if after.files > before.files+8 {
		problems = append(problems, fmt.Sprintf("descriptors: %d, then %d", before.files, after.files))
	}
	if after.toRedis > redisPool {
		problems = append(problems, fmt.Sprintf("connections to Redis: %d", after.toRedis))
	}
	if after.heap > before.heap+16<<20 {
		problems = append(problems, fmt.Sprintf("heap: %.1f MiB, then %.1f", before.heap/(1<<20), after.heap/(1<<20)))
	}
	return problems
}

// line is what is read of an exchange's line in the log.
type line struct {
	Message   string
	RequestID string `json:"request_id"`
	Status    int
	Filter    string
	Code      string
	Abort     string
	Target    string
	TokensIn  float64 `json:"tokens_in"`
	TokensOut float64 `json:"tokens_out"`
}

// books compares the three accounts of what happened: the clients', the metrics', the log's; and verifies the audit log.
func (s *stage) books(c *crowd) (problems []string) {
	wrong := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	m, err := s.metrics()
	if err != nil {
		return []string{err.Error()}
	}
	if err := s.end(); err != nil {
		wrong("blaze ended with %v", err)
	}
	lines, exchanges, denied, in, out, err := s.readLog()
	if err != nil {
		return append(problems, err.Error())
	}
	explained := 0
	for id, status := range c.refused {
		switch l, ok := lines[id]; {
		case !ok:
			wrong("a client was answered %d, and the log has no request %q", status, id)
		case l.Status != status:
			wrong("a client was answered %d, and the log says %d: %+v", status, l.Status, l)
		case l.Code == "" && l.Abort == "" && l.Target == "":
			wrong("a client was answered %d, and the log does not say why: %+v", status, l)
		default:
			explained++
		}
		if len(problems) > 20 {
			break
		}
	}
	equal := func(what string, metric, log float64) {
		if metric != log {
			wrong("%s: the metrics say %v, the log %v", what, metric, log)
		}
	}
	equal("exchanges", sum(m, "blaze_requests_total"), float64(exchanges))
	equal("denials", sum(m, "blaze_denials_total"), float64(denied))
	equal("tokens in", sum(m, `blaze_tokens_total{direction="in"`), in)
	equal("tokens out", sum(m, `blaze_tokens_total{direction="out"`), out)
	for _, never := range []string{"blaze_panics_total", "blaze_log_dropped_total"} {
		if n := sum(m, never); n != 0 {
			wrong("%s is %v", never, n)
		}
	}
	answered := 0
	for _, n := range c.statuses {
		answered += n
	}
	if answered > exchanges {
		wrong("the clients had %d answers, the log has %d exchanges", answered, exchanges)
	}
	audit, err := exec.Command(s.path("blaze"), "audit", s.path("audit.jsonl")).CombinedOutput()
	if err != nil {
		wrong("the audit log: %v: %s", err, audit)
	}
	fmt.Printf("clients %d answers by status %v; %d walked out\n", answered, c.statuses, c.left)
	fmt.Printf("log     %d exchanges, %d denied, %.0f + %.0f tokens; %d refusals explained\n", exchanges, denied, in, out, explained)
	fmt.Printf("audit   %s", strings.TrimPrefix(string(audit), s.dir+"/"))
	return problems
}

func sum(m map[string]float64, prefix string) (total float64) {
	for name, v := range m {
		if name == prefix || strings.HasPrefix(name, prefix+"{") || strings.Contains(prefix, "{") && strings.HasPrefix(name, prefix) {
			total += v
		}
	}
	return total
}

// readLog reads the exchanges that have a request id; those that were refused stay.
func (s *stage) readLog() (lines map[string]line, exchanges, denied int, in, out float64, err error) {
	f, err := os.Open(s.path("log.jsonl"))
	if err != nil {
		return nil, 0, 0, 0, 0, err
	}
	defer func() { _ = f.Close() }()
	lines = map[string]line{}
	text := bufio.NewScanner(f)
	text.Buffer(nil, 1<<20)
	for text.Scan() {
		var l line
		if err := json.Unmarshal(text.Bytes(), &l); err != nil {
			return nil, 0, 0, 0, 0, fmt.Errorf("a line of the log is no JSON: %q", text.Text())
		}
		if l.Message != "exchange" {
			continue
		}
		exchanges++
		in, out = in+l.TokensIn, out+l.TokensOut
		if l.Filter != "" {
			denied++
		}
		if l.Status >= 400 {
			lines[l.RequestID] = l
		}
	}
	return lines, exchanges, denied, in, out, text.Err()
}
