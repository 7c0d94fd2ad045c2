package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/valyala/fasthttp"

	"blaze/telemetry/setting"
)

// Fallback is one entry of an upstream's fallback list: another upstream, the same with another model, or an answer
// that is always the same.
type Fallback struct {
	Upstream string `yaml:"upstream" doc:"name of another upstream" example:"spare"`
	Model    string `yaml:"model" doc:"the model to ask for there" example:"llama-3-8b"`
	Status   int    `yaml:"status" doc:"instead of an upstream: status of a fixed answer" example:"200"`
	Body     any    `yaml:"body" doc:"its body; text as it is, anything else as JSON" example:"{choices: []}"`
	Cached   bool   `yaml:"cached" doc:"instead of an upstream: an answer that the cache has to the very same request, past its ttl too" example:"true"`
}

// UnmarshalText reads the short form: the name of an upstream.
func (f *Fallback) UnmarshalText(text []byte) error {
	*f = Fallback{Upstream: string(text)}
	return nil
}

// Want says what UnmarshalText reads.
func (*Fallback) Want() string {
	return "the name of an upstream, or a map with upstream and model, with status and body, or with cached"
}

// alternative is a Fallback, compiled.
type alternative struct {
	name   string // the upstream's, or fixed, or cached
	pool   *Pool  // nil for a fixed or a cached answer
	model  string
	answer *fixed
	cached bool
}

// fixed is an answer that needs no target.
type fixed struct {
	status      int
	contentType string
	body        []byte
}

// linkFallbacks resolves the pools' fallback lists once all pools are there. A pool's fallbacks are tried; theirs are
// not, so that no list can run in a circle.
func linkFallbacks(cfg map[string]Config, pools map[string]*Pool, names []string) error {
	var problems []error
	for name, c := range cfg {
		for i, f := range c.Fallback {
			path := fmt.Sprintf("%s.fallback[%d]", name, i)
			a, err := link(f, path, pools[f.Upstream], names)
			if f.Cached && c.Cache == nil {
				err = setting.Wrong(path, "a cache section in this upstream, whose answers can stand in", "none")
			}
			if f.Upstream == name && f.Model == "" {
				err = setting.Wrong(path, "another upstream, or another model of this one", f.Upstream)
			}
			problems = append(problems, err)
			pools[name].fallbacks = append(pools[name].fallbacks, a)
		}
	}
	return errors.Join(problems...)
}

func link(f Fallback, path string, pool *Pool, names []string) (alternative, error) {
	if f.Cached {
		if f.Upstream != "" || f.Model != "" || f.Status != 0 || f.Body != nil {
			return alternative{}, setting.Wrong(path, "an upstream, a fixed answer or a cached one, not several", "cached and more")
		}
		return alternative{name: "cached", cached: true}, nil
	}
	if f.Upstream != "" {
		a := alternative{name: f.Upstream, pool: pool, model: f.Model}
		switch {
		case pool == nil:
			return a, &setting.Problem{Path: path, Want: fmt.Sprintf("one of the upstreams %q", names), Got: fmt.Sprintf("%q", f.Upstream), Hint: setting.DidYouMean(f.Upstream, names)}
		case f.Status != 0 || f.Body != nil:
			return a, setting.Wrong(path, "an upstream or a fixed answer, not both", f.Upstream)
		}
		return a, nil
	}
	if f.Status < 200 || f.Status > 599 || f.Status == 204 || f.Status == 304 {
		return alternative{}, setting.Wrong(path+".status", "an upstream's name, or a status from 200 to 599 that may have a body", f.Status)
	}
	a := alternative{name: "fixed", answer: &fixed{status: f.Status, contentType: "application/json"}}
	if s, ok := f.Body.(string); ok {
		a.answer.body, a.answer.contentType = []byte(s), "text/plain; charset=utf-8"
		if json.Valid(a.answer.body) {
			a.answer.contentType = "application/json"
		}
		return a, nil
	}
	var err error
	if a.answer.body, err = json.Marshal(f.Body); err != nil {
		return a, setting.Wrong(path+".body", "a value that JSON can hold", err.Error())
	}
	return a, nil
}

// AcquireFallback is Acquire for the first of p's fallbacks, from the one with index from on, that gives a lease; nil
// when none does. A fixed answer always does, and its RoundTrip sends nothing.
func (p *Pool) AcquireFallback(from int, w Want) *Lease {
	for i := from; i < len(p.fallbacks); i++ {
		a := &p.fallbacks[i]
		if a.cached {
			if l := p.stale(w); l != nil {
				l.via, l.index = a, i
				return l
			}
			continue
		}
		if a.answer != nil {
			l := p.lease(w)
			l.fixed, l.via, l.index = a.answer, a, i
			l.held.Store(true)
			return l
		}
		if l, _, err := a.pool.Acquire(w); err == nil {
			l.via, l.index = a, i
			return l
		}
	}
	return nil
}

// Fallback says whether the lease came from AcquireFallback: the fallback's index and name (fixed or cached where no
// upstream is asked), and the model to ask for there, if the policy names one.
func (l *Lease) Fallback() (index int, name, model string, ok bool) {
	if l.via == nil {
		return 0, "", "", false
	}
	return l.index, l.via.name, l.via.model, true
}

// Elsewhere reports whether r may be sent to another upstream after this lease's RoundTrip ended with err, or with no
// error but an answer that failed: when nothing of r was accepted, when the target refused it before work (429, 503) or
// gave it up (500), or when r is idempotent.
func (l *Lease) Elsewhere(r *Request, err error) bool {
	if l.fixed != nil || l.stored != nil || r.Stream != nil {
		return false
	}
	if err == nil {
		switch l.resp.framing.status {
		case 429, 500, 503:
			return true
		case 502, 504:
			return r.Replayable
		}
		return false
	}
	if _, ofTarget := causeOf(err); !ofTarget {
		return false
	}
	return r.Replayable || l.reached == notSent
}

// answerFixed is the RoundTrip of a fixed answer.
func (l *Lease) answerFixed() *Response {
	r := &l.resp
	r.Header.Reset()
	r.Header.SetNoDefaultContentType(true)
	r.Header.SetStatusCode(l.fixed.status)
	r.Header.SetContentType(l.fixed.contentType)
	r.Header.SetContentLength(len(l.fixed.body))
	r.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	r.framing = framing{status: l.fixed.status, size: int64(len(l.fixed.body))}
	r.Size, r.rest, r.open = int64(len(l.fixed.body)), l.fixed.body, true
	l.tick()
	l.began = l.now
	return r
}

// readFixed is Read of an answer that is in memory.
func (r *Response) readFixed(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
