package scan

import (
	"bytes"

	"blaze/filters"
	"blaze/filters/scan/redact"
	"blaze/upstream/engine"
)

// withheld is what a client is told whose answer is not to be seen.
var withheld = filters.ThreatDetected.With("The answer was withheld: a part of it looks like a secret or personal data.")

// answer is one answer being looked at.
type answer struct {
	redact.Answer
	f     *Filter
	x     *filters.Exchange
	found func(kind int) // its own, bound once
	first int            // the first kind found, of an answer that is to be withheld; -1
	watch bool
	noted [2]uint64 // kinds that were noted in shadow
}

// watchAnswer has the relay show the answer to f, where the rule wants to see it.
func (f *Filter) watchAnswer(x *filters.Exchange) {
	if r := f.secrets; r != nil && r.answers {
		x.Answers, x.AnswerChanges, x.AnswerHold = f, r.enforced(x), r.hold
	}
}

// Answer begins one answer; sound, pictures and bytes are nobody's prose.
func (f *Filter) Answer(x *filters.Exchange, framing engine.Framing, contentType []byte) filters.AnswerReader {
	for _, opaque := range [...]string{"audio/", "image/", "video/", "application/octet-stream"} {
		if len(contentType) >= len(opaque) && bytes.EqualFold(contentType[:len(opaque)], []byte(opaque)) {
			return nil
		}
	}
	r := f.secrets
	a, ok := r.readers.Get().(*answer)
	if !ok {
		a = &answer{}
		a.found = a.hit
	}
	a.f, a.x, a.first, a.watch, a.noted = f, x, -1, !x.AnswerChanges, [2]uint64{}
	effect := redact.Hide
	switch {
	case a.watch:
		effect = redact.Watch
	case r.block:
		effect = redact.Cut
	}
	json := len(contentType) == 0 || bytes.Contains(bytes.ToLower(contentType), []byte("json"))
	a.Reset(r.finder, effect, x.Endpoint.Shape, framing, json, a.found)
	return a
}

// hit takes note of one thing that was found; kind is -1 for what was hidden because it could not be decided.
func (a *answer) hit(kind int) {
	r := a.f.secrets
	r.hits.Inc()
	if kind < 0 {
		a.f.limits.Inc()
		sanitized(a.x, hitSecrets.String())
		return
	}
	r.found[1][kind].Inc()
	if a.first < 0 {
		a.first = kind
	}
	switch bit := uint64(1) << (kind % 64); {
	case !a.watch && !r.block:
		sanitized(a.x, hitSecrets.String())
	case a.watch && a.noted[kind/64]&bit == 0:
		a.noted[kind/64] |= bit
		r.note(a.x, kind, withheld)
	}
}

// Read is filters.AnswerReader's.
func (a *answer) Read(dst, piece []byte, last bool) ([]byte, filters.Verdict) {
	dst, goes := a.Answer.Read(dst, piece, last)
	if goes {
		return dst, filters.Pass()
	}
	r := a.f.secrets
	a.x.DeniedBy = name
	return dst, filters.Deny(withheld, r.rules[max(a.first, 0)]).At("", r.finder.Label(max(a.first, 0)))
}

// Quiet is filters.AnswerReader's.
func (a *answer) Quiet(dst []byte) []byte { return a.Answer.Quiet(dst) }

// Close gives a back.
func (a *answer) Close() {
	pool := a.f.secrets.readers
	a.Trim()
	a.f, a.x = nil, nil
	pool.Put(a)
}
