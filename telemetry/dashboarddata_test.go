package telemetry_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"blaze/telemetry"
)

// bans stands for the scan filter's, on the admin port.
type bans struct {
	mu   sync.Mutex
	list map[string]string
}

func (b *bans) handlers() map[string]http.Handler {
	locked := func(f func(w http.ResponseWriter, r *http.Request)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b.mu.Lock()
			defer b.mu.Unlock()
			f(w, r)
		})
	}
	return map[string]http.Handler{
		"GET /bans": locked(func(w http.ResponseWriter, _ *http.Request) {
			out := []map[string]string{}
			for address, why := range b.list {
				out = append(out, map[string]string{"id": address, "address": address, "reason": why})
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"bans": out})
		}),
		"POST /bans": locked(func(w http.ResponseWriter, r *http.Request) {
			var in struct{ Address, Reason string }
			_ = json.NewDecoder(r.Body).Decode(&in)
			b.list[in.Address] = in.Reason
			w.WriteHeader(http.StatusNoContent)
		}),
		"DELETE /bans/{address}": locked(func(w http.ResponseWriter, r *http.Request) {
			delete(b.list, r.PathValue("address"))
			w.WriteHeader(http.StatusNoContent)
		}),
		"GET /policy": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{
				"hash": "12d46e0958b1c65f598e0c74c25ba701b1202d76", "loaded": time.Now().Add(-3 * time.Hour), "files": []string{"policy.yaml"},
				"changes":  []map[string]string{{"path": "filters.ratelimit.limits[per-user].limit", "change": "changed", "old": "100", "new": "50"}},
				"warnings": []string{}, "policy": map[string]any{"version": 1, "upstreams": map[string]any{"model": map[string]string{"engine": "vllm"}}},
			})
		}),
	}
}

func (b *bans) has(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, banned := b.list[address]
	return banned
}

const xss = `<img src=x onerror=alert(1)><script>alert(2)</script>`

// servers are the parts of the floors above: a server that fails, and a policy that was refused.
func servers() []telemetry.Check {
	target := func(url, breaker string, inflight int) map[string]any {
		return map[string]any{"url": url, "healthy": true, "breaker": breaker, "cause": "failures", "in_flight": inflight, "connections": inflight + 1}
	}
	return []telemetry.Check{
		{Name: "policy", Status: "degraded", Detail: map[string]any{
			"hash": "12d46e0958b1c65f598e0c74c25ba701b1202d76", "last_error": `policy.yaml:3:11: upstreams.model.engine: want vllm; got "vlm"`,
			"failed": time.Now().Add(-3 * time.Minute),
		}},
		{Name: "upstream model", Status: "degraded", Detail: []any{target("http://10.0.0.1:8000", "closed", 7), target("http://10.0.0.2:8000", "open", 0)}},
	}
}

// traffic makes an hour and a quarter of it, in steps of ten seconds up to now; a model server fails in the last quarter.
func traffic(tel *telemetry.Telemetry) {
	const steps = 450
	for i := range steps {
		for j := range 12 + int(5*math.Sin(float64(i)/30)) + i%3 {
			r := served()
			r.RequestID = fmt.Sprintf("req-%d-%d", i, j)
			r.FirstByte = time.Duration(40+i/6+9*j+max(0, i-360)) * time.Millisecond
			r.Total = r.FirstByte + time.Duration(200+40*j)*time.Millisecond
			r.TokensIn, r.TokensOut = 50, int64(90+i%70)
			tel.Exchange(r)
		}
		if i%4 == 0 {
			tel.Exchange(denied("203.0.113.66", "scan", "sqli", "threat_detected"))
		}
		if i > 360 && i%9 == 0 {
			r := served()
			r.RequestID, r.Status, r.Code, r.Abort = fmt.Sprintf("failed-%d", i), 504, "upstream_timeout", "stall"
			tel.Exchange(r)
		}
		telemetry.Tick(tel, time.Now().Add(time.Duration(i-steps)*10*time.Second))
	}
	hostile := denied("198.51.100.9", "scan", xss, "threat_detected")
	hostile.RequestID, hostile.Path, hostile.Subject, hostile.Model = "hostile-1", "/"+xss, xss, xss
	tel.Exchange(hostile)
	tel.Event(telemetry.Event{Kind: "login_failed", Client: "198.51.100.9", Subject: xss, Note: xss})
	tel.Flush()
}
