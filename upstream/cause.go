package upstream

import (
	"errors"

	"blaze/telemetry"
)

// cause is what there is to say about an attempt: what failed, in the words of logs and metrics.
type cause uint8

const (
	unremarkable cause = iota
	badStatus
	slowFirstByte
	noConnection
	noFirstByte
	stalled
	cut
	malformed
	reported // by the exchange: an error inside a stream, a stream without its end
	cancelled
	timedOut
	causes
)

var causeNames = [causes]string{
	unremarkable: "ok", badStatus: "status_5xx", slowFirstByte: "slow_first_byte", noConnection: "connect", noFirstByte: "first_byte",
	stalled: "stall", cut: "cut", malformed: "protocol", reported: "bad_stream", cancelled: "cancelled", timedOut: "timeout",
}

func (c cause) String() string { return causeNames[c] }

// causeOf is what an attempt's error says, and whether it says so about the target.
func causeOf(err error) (c cause, ofTarget bool) {
	switch {
	case errors.Is(err, ErrConnect):
		return noConnection, true
	case errors.Is(err, ErrFirstByte):
		return noFirstByte, true
	case errors.Is(err, ErrStall):
		return stalled, true
	case errors.Is(err, ErrProtocol):
		return malformed, true
	case errors.Is(err, ErrCut):
		return cut, true
	case errors.Is(err, ErrTimeout):
		return timedOut, false
	case errors.Is(err, ErrCancelled), errors.Is(err, ErrRequestBody):
		return cancelled, false
	}
	return unremarkable, false
}

// judge keeps what an attempt's error says.
func (l *Lease) judge(err error) {
	c, ofTarget := causeOf(err)
	if ofTarget {
		l.verdict = Failure
	}
	if ofTarget || l.verdict != Failure && c != unremarkable {
		l.cause = c
	}
}

// answered judges the answer's head.
func (l *Lease) answered(status int) {
	slow := l.target.slow
	if (status == 429 || status == 503) && l.held.Load() { // not the pool's own checks
		l.pool.refused.Add(1)
	}
	switch {
	case status == 500 || status == 502 || status == 503 || status == 504:
		l.verdict, l.cause = Failure, badStatus
	case slow > 0 && l.now.Sub(l.began) > slow:
		l.verdict, l.cause = Failure, slowFirstByte
	}
}

// countOutcomes makes the pool's counters.
func countOutcomes(m *telemetry.Metrics, pool string) (out [causes]*telemetry.Counter) {
	for c, name := range causeNames {
		out[c] = m.Counter("blaze_upstream_requests_total", pool, name)
	}
	return out
}
