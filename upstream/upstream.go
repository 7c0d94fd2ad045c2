// Package upstream carries one request to one of a pool's model servers and its answer back. It knows targets,
// connections, breakers, balance and time limits; it knows no filter, no exchange and no policy beyond its own section.
package upstream

import (
	"errors"
	"io"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/upstream/engine"
)

// What a round trip can end with. Each is told apart by errors.Is; the proxy turns them into the contract's codes.
var (
	// ErrUnavailable: no target may be asked (breakers open, none healthy). The request was not sent.
	ErrUnavailable = errors.New("upstream unavailable")
	// ErrQueueFull: no place is free, and the queue for one is full or there is none. The request was not sent.
	ErrQueueFull = errors.New("upstream queue full")
	// ErrQueueTimeout: no place became free within the queue's max_wait. The request was not sent.
	ErrQueueTimeout = errors.New("upstream queue timeout")
	// ErrConnect: no connection within the connect timeout. The request was not sent.
	ErrConnect = errors.New("cannot connect to upstream")
	// ErrFirstByte: no answer head within the first-byte timeout.
	ErrFirstByte = errors.New("upstream sent no answer in time")
	// ErrStall: silence between two reads of the answer's body for longer than the stall timeout.
	ErrStall = errors.New("upstream stalled")
	// ErrCut: the connection ended before the answer did.
	ErrCut = errors.New("upstream cut the answer")
	// ErrProtocol: the answer is not HTTP/1.1 as Blaze accepts it.
	ErrProtocol = errors.New("upstream answered outside HTTP/1.1")
	// ErrRequestBody: reading the client's body failed while it was being sent; wraps the reader's error.
	ErrRequestBody = errors.New("request body ended early")
	// ErrCancelled: Cancel was called, the client has gone or the exchange was given up.
	ErrCancelled = errors.New("cancelled")
	// ErrAlone: the answer that this exchange waited for with others failed before it began; it may ask on its own. The
	// request was not sent.
	ErrAlone = errors.New("the shared answer failed")
	// ErrKeyReused: the idempotency key stands for another request. The request was not sent.
	ErrKeyReused = errors.New("idempotency key reused")
	// ErrTimeout: the exchange's whole time (proxy.timeout or the route's) is used up.
	ErrTimeout = errors.New("exchange timed out")
)

// Want is what an exchange asks of a pool.
type Want struct {
	Tier     string
	Affinity uint64    // hash of tenant and conversation prefix; 0 is none
	Deadline time.Time // the exchange's end; zero is none
	Cancel   *Cancel
	// Force asks for a target even where breakers, health, limit and queue would refuse: what a circuit filter in shadow
	// mode only notes must not keep the exchange from being served.
	Force bool
	// Avoid lists targets already tried for this exchange.
	Avoid []string
	// Memory is what the pool may answer from memory, and remember; nil when nothing.
	Memory *Memory
}

// Request is one request as it goes on the wire, byte for byte: Head is complete but for the framing of the body,
// which RoundTrip sets (Content-Length from Size, or chunked when Size is -1).
type Request struct {
	Head *fasthttp.RequestHeader
	// Target is the path and query as received and judged; it is written as it is.
	Target []byte
	Body   []byte    // and
	Rest   []byte    // what follows it, or
	Stream io.Reader // with
	Size   int64     // bytes in Stream; -1 unknown
	// Replayable says that sending it a second time does no harm (GET, HEAD, OPTIONS). A POST is sent again only when
	// not one byte of it was accepted.
	Replayable bool
	// Hedge says that it may be sent to two targets at once: what it does is done as well twice, and no generation.
	Hedge bool
	// Now is when RoundTrip is called; zero has it look at the clock.
	Now time.Time
	// Vars are the values of the variables in the pool's headers.set.
	Vars Vars
	// Upgrade asks for a switch of protocols; the answer's Conn then carries the tunnel.
	Upgrade bool
}

// Outcome says how the use of a target ended, for its breaker and its balance.
type Outcome uint8

// The outcomes. Neutral: nothing was learned (client gone, 4xx, denial before sending).
const (
	Neutral Outcome = iota
	Success
	Failure
)

// Info names a lease's pool for logs.
type Info struct {
	Pool, Target string
	Engine       *engine.Engine
}
