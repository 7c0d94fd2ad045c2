package main

import (
	"fmt"
	"net/http"
	"sync"

	"blaze/filters"
)

// The outcomes of a probe.
const (
	passed  = "passed"  // the model server saw it, and the client got its answer
	stopped = "stopped" // refused for what it is, and the model server saw nothing
	late    = "late"    // refused, though the model server had seen it
	other   = "other"   // neither: no route, no answer, a failure of the measurement's own
)

// Groups of probes, each a table.
const (
	attacks    = "attacks"
	decoyed    = "decoys"
	quoted     = "quoted" // attacks inside a prompt, where they are text
	urls       = "ssrf"
	uploads    = "uploads"
	whole      = "requests"
	harmless   = "harmless"
	prompts    = "prompts"
	transports = "transports"
	injections = "injections" // prompts, with the rule for injections enforced
)

// probe is one case in one place, and what became of it.
type probe struct {
	entry   *entry
	group   string
	place   string
	attack  bool // to be stopped; else to pass
	request *request

	answer  answer
	outcome string
}

// plan lists the probes of a corpus.
func plan(c *corpus) []*probe {
	var out []*probe
	add := func(e *entry, group, place string, attack bool, r *request) {
		if r != nil {
			out = append(out, &probe{entry: e, group: group, place: place, attack: attack, request: r})
		}
	}
	put := func(e *entry, group string, attack bool, places ...place) {
		for _, p := range places {
			add(e, group, p.name, attack, p.put(e.Payload))
		}
	}
	for i := range c.payloads {
		switch e := &c.payloads[i]; {
		case e.Label == "benign":
			put(e, harmless, false, belongs(e.Class)...)
		case e.Class == "ssrf":
			put(e, urls, true, picture)
		case e.Class == "upload":
			put(e, uploads, true, fileName)
		default:
			put(e, attacks, true, structural()...)
			put(e, decoyed, true, decoys()...)
			put(e, quoted, false, prompt)
		}
	}
	for i := range c.requests {
		e := &c.requests[i]
		add(e, whole, e.Source, e.Label == "attack", asIs(e))
	}
	for i := range c.prompts {
		e := &c.prompts[i]
		r := conversation(e)
		add(e, prompts, "plain", false, r)
		if e.Label == "injection" {
			add(e, injections, e.Source, true, r)
		} else {
			add(e, injections, "plain", false, r)
		}
		if i%5 != 0 { // the other transports get a sample
			continue
		}
		add(e, transports, "gzip", false, r.zipped())
		chunked := *r
		chunked.chunked = true
		add(e, transports, "chunked", false, &chunked)
		add(e, transports, "expect", false, r.with("Expect", "100-continue"))
	}
	return out
}

// asIs is a whole request as the corpus has it.
func asIs(e *entry) *request {
	return &request{method: e.Method, target: e.URI, headers: e.Headers, body: e.Body, raw: e.Raw}
}

// conversation is a prompt as an SDK would send it.
func conversation(e *entry) *request {
	more := object{"messages": e.Messages}
	if len(e.Tools) > 0 {
		more["tools"] = e.Tools
	}
	return chat(more)
}

// workers is how many connections are in use at a time.
const workers = 4

// send sends every probe and sets its outcome.
func send(probes []*probe) error {
	model, err := record(len(probes))
	if err != nil {
		return err
	}
	defer func() { _ = model.ln.Close() }()
	var servers [3]string
	for i, s := range [...]struct{ engine, injections string }{{"vllm", "shadow"}, {"none", "shadow"}, {"vllm", "enforce"}} {
		addr, stop, err := serve(s.engine, model.ln.Addr().String(), s.injections)
		if err != nil {
			return fmt.Errorf("cannot start Blaze: %w", err)
		}
		defer stop()
		servers[i] = addr
	}
	var next sync.WaitGroup
	numbers := make(chan int)
	for range workers {
		next.Go(func() {
			work(probes, numbers, &client{addr: servers[0]}, &client{addr: servers[1]}, &client{addr: servers[2]})
		})
	}
	for n := range probes {
		numbers <- n
	}
	close(numbers)
	next.Wait()
	for n, p := range probes {
		p.outcome = outcome(p.answer, model.seen[n].Load())
	}
	return nil
}

// work sends probes until there are no more. A whole request to a route that vLLM does not have goes to a Blaze whose
// engine has every route, so that it is the scan that decides; what may be an injection to one that refuses those.
func work(probes []*probe, numbers <-chan int, strict, open, teller *client) {
	for _, c := range []*client{strict, open, teller} {
		defer c.close()
	}
	for n := range numbers {
		p := probes[n]
		alone := p.request.raw != nil || p.request.framed()
		to := strict
		if p.group == injections {
			to = teller
		}
		p.answer = to.do(p.request.method, p.request.bytes(to.addr, n), alone)
		if p.group == whole && routeless(p.answer) {
			p.answer = open.do(p.request.method, p.request.bytes(open.addr, n), alone)
		}
	}
}

func routeless(a answer) bool {
	return a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed
}

// outcome judges an answer; seen says that the request reached the model server.
func outcome(a answer, seen bool) string {
	switch {
	case seen && a.status/100 == 2:
		return passed
	case seen && a.status/100 == 4:
		return late
	case !seen && refusal(a):
		return stopped
	}
	return other
}

// refusal says that an answer refuses the request for what it is.
func refusal(a answer) bool {
	switch a.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusRequestHeaderFieldsTooLarge, http.StatusRequestURITooLong, http.StatusExpectationFailed, http.StatusNotImplemented:
		return true
	}
	return a.code == filters.ThreatDetected.Code
}
