package telemetry

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"blaze/telemetry/history"
)

// Suggestion is advice with the figures behind it.
type Suggestion struct {
	Rule    string             `json:"rule"`
	Advice  string             `json:"advice"`
	Because string             `json:"because"`
	Figures map[string]float64 `json:"figures"`
}

// adviser looks at the past hour, or day where a rule needs one.
type adviser struct {
	t   *Telemetry
	now time.Time
}

func (a *Admin) suggestions(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"time": a.t.now().UTC(), "suggestions": a.t.suggest()})
}

func (t *Telemetry) suggest() []Suggestion {
	ad := adviser{t, t.now()}
	out := []Suggestion{}
	for _, rule := range []func() []Suggestion{ad.concurrency, ad.idleLimits, ad.eagerBreakers, ad.shadowRules, ad.memoryLimit, ad.throttling, ad.leak} {
		out = append(out, rule()...)
	}
	return out
}

// past is a metric over a window; 0 where there is none.
func (ad adviser) past(name, fn string, window time.Duration, match map[string]string) float64 {
	v := ad.t.past.Over(history.Query{Name: name, Func: fn, Match: match}, ad.now, window)
	if v != v {
		return 0
	}
	return v
}

// each calls f with every series of a metric, by label.
func (ad adviser) each(name string, f func(labels map[string]string, v float64) *Suggestion) []Suggestion {
	var out []Suggestion
	fam := ad.t.Metrics.find(name)
	if fam == nil || fam.Kind == KindHistogram {
		return nil
	}
	for _, s := range fam.all() {
		labels := map[string]string{}
		for _, l := range fam.pairs(s) {
			labels[l.Name] = l.Value
		}
		if found := f(labels, s.current()); found != nil {
			out = append(out, *found)
		}
	}
	slices.SortFunc(out, func(a, b Suggestion) int { return cmp.Compare(a.Advice, b.Advice) })
	return out
}

// concurrency: requests wait although the model server answers well.
func (ad adviser) concurrency() []Suggestion {
	return ad.each("blaze_concurrency_limit", func(l map[string]string, limit float64) *Suggestion {
		only := map[string]string{"upstream": l["upstream"]}
		depth := ad.past("blaze_queue_depth", "value", time.Hour, only)
		failed := ad.past("blaze_requests_total", "increase", time.Hour, map[string]string{"upstream": l["upstream"], "status_class": "5xx"})
		all := ad.past("blaze_requests_total", "increase", time.Hour, only)
		if limit <= 0 || all < 100 || depth < limit/4 || failed > all/100 {
			return nil
		}
		return &Suggestion{
			Rule:    "concurrency",
			Advice:  fmt.Sprintf("Raise upstreams.%s.concurrency.max, or let it be adaptive.", l["upstream"]),
			Because: fmt.Sprintf("on average %.1f requests waited for one of %.0f places in the last hour, while %.1f %% failed", depth, limit, 100*failed/all),
			Figures: map[string]float64{"queue_depth": depth, "limit": limit, "requests": all, "failed": failed},
		}
	})
}

// idleLimits: a limit that never did anything in a day of traffic.
func (ad adviser) idleLimits() []Suggestion {
	const day, enough = 24 * time.Hour, 10000
	requests := ad.past("blaze_requests_total", "increase", day, nil)
	if ad.now.Sub(ad.t.began) < day || requests < enough {
		return nil
	}
	return ad.each("blaze_ratelimit_decisions_total", func(l map[string]string, v float64) *Suggestion {
		if v > 0 {
			return nil
		}
		return &Suggestion{
			Rule:    "idle_limit",
			Advice:  fmt.Sprintf("Lower the limit %q towards what is used, or take it out.", l["limit"]),
			Because: fmt.Sprintf("it was never reached in %.0f requests of the last day", requests),
			Figures: map[string]float64{"requests": requests, "decisions": 0},
		}
	})
}

// eagerBreakers: a breaker that opens often although few requests fail.
func (ad adviser) eagerBreakers() []Suggestion {
	return ad.each("blaze_breaker_changes_total", func(l map[string]string, v float64) *Suggestion {
		if l["to"] != "open" || v == 0 {
			return nil
		}
		opened := ad.past("blaze_breaker_changes_total", "increase", time.Hour, l)
		all := ad.past("blaze_requests_total", "increase", time.Hour, map[string]string{"upstream": l["upstream"]})
		failed := ad.past("blaze_requests_total", "increase", time.Hour, map[string]string{"upstream": l["upstream"], "status_class": "5xx"})
		if opened < 5 || all < 100 || failed > all/50 {
			return nil
		}
		return &Suggestion{
			Rule:    "eager_breaker",
			Advice:  fmt.Sprintf("Raise upstreams.%s.breaker.min_requests or failure_rate.", l["upstream"]),
			Because: fmt.Sprintf("the breaker of %s opened %.0f times in the last hour, while %.1f %% of %.0f requests failed", l["target"], opened, 100*failed/all, all),
			Figures: map[string]float64{"opened": opened, "requests": all, "failed": failed},
		}
	})
}

// shadowRules: a rule that was tried out long enough to be decided upon.
func (ad adviser) shadowRules() []Suggestion {
	all := ad.past("blaze_requests_total", "increase", 24*time.Hour, nil)
	return ad.each("blaze_shadow_decisions_total", func(l map[string]string, _ float64) *Suggestion {
		hits := ad.past("blaze_shadow_decisions_total", "increase", 24*time.Hour, l)
		if hits < 20 || all < 1000 {
			return nil
		}
		advice := fmt.Sprintf("Look at what %s/%s notes, and enforce it if those requests are attacks.", l["filter"], l["rule"])
		if hits > all/20 {
			advice = fmt.Sprintf("Do not enforce %s/%s as it is: it would refuse too much.", l["filter"], l["rule"])
		}
		return &Suggestion{
			Rule: "shadow_rule", Advice: advice,
			Because: fmt.Sprintf("in shadow it noted %.0f of %.0f requests of the last day (%.2f %%), all of which were let pass", hits, all, 100*hits/all),
			Figures: map[string]float64{"hits": hits, "requests": all},
		}
	})
}

// memoryLimit: a container with a bound that the Go runtime does not know of.
func (ad adviser) memoryLimit() []Suggestion {
	own := ad.t.Metrics.find("blaze_process_memory_limit_bytes")
	if own == nil || len(own.all()) > 0 {
		return nil
	}
	return ad.each("blaze_system_memory_limit_bytes", func(l map[string]string, limit float64) *Suggestion {
		if l["scope"] != "container" {
			return nil
		}
		return &Suggestion{
			Rule:    "memory_limit",
			Advice:  fmt.Sprintf("Set GOMEMLIMIT to about %.0fMiB, 90 %% of the container's memory.", limit*.9/(1<<20)),
			Because: "without it the garbage collector does not know the container's bound, and the container may be killed before it collects",
			Figures: map[string]float64{"container_bytes": limit},
		}
	})
}

// throttling: the container's CPU quota makes requests wait.
func (ad adviser) throttling() []Suggestion {
	share := ad.past("blaze_system_cpu_throttled_percent", "value", time.Hour, nil)
	if share < 5 {
		return nil
	}
	return []Suggestion{{
		Rule:    "cpu_quota",
		Advice:  "Raise the container's CPU limit, or take it out and keep the request.",
		Because: fmt.Sprintf("it was held back in %.0f %% of its scheduling periods in the last hour", share),
		Figures: map[string]float64{"throttled_percent": share},
	}}
}

// leak: the heap was higher in each of the last six hours than in the one before, and by half in all.
func (ad adviser) leak() []Suggestion {
	const hours = 6
	r, err := ad.t.past.Query(history.Query{Name: "blaze_process_heap_bytes", Total: true, From: ad.now.Add(-hours * time.Hour), To: ad.now.Add(-time.Hour), Step: time.Hour})
	if err != nil || len(r.Series) == 0 {
		return nil
	}
	p := r.Series[0].Points
	for i := 1; i < len(p); i++ {
		if !(p[i] > p[i-1]) { // NaN too: not running for that long
			return nil
		}
	}
	first, last := p[0], p[len(p)-1]
	if len(p) < hours || last < 1.5*first {
		return nil
	}
	return []Suggestion{{
		Rule:    "memory_trend",
		Advice:  "Compare two heap profiles from /debug/pprof/heap: memory may be leaking.",
		Because: fmt.Sprintf("the heap grew in each of the last %d hours, from %.0f to %.0f MiB", hours, first/(1<<20), last/(1<<20)),
		Figures: map[string]float64{"first_bytes": first, "last_bytes": last},
	}}
}
