package proxy

import (
	"math/rand/v2"
	"os"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/policy"
	"blaze/telemetry"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// exchange is one request's life in the proxy: what the filters see, and what only the proxy needs. Pooled; it belongs
// to the connection's goroutine from begin to finish, and finish runs once, on every way out.
type exchange struct {
	filters.Exchange
	s        *Server
	snapshot *policy.Snapshot
	ctx      *fasthttp.RequestCtx
	conn     *conn
	request  upstream.Request
	relay    relay
	record   telemetry.Record
	cancel   upstream.Cancel

	id       [64]byte      // what Exchange.ID points into
	traceID  [32]byte      // what the record's trace id points into
	file     *os.File      // what Exchange.Large reads
	sent     []byte        // the buffer of the body as sent, where Body is decoded
	forward  []byte        // the body as forwarded, where it was edited
	scratch  []byte        // for header values
	edits    []engine.Edit // those of the filters, and the proxy's own
	served   upstream.Info // who was asked last
	finished bool
	ownSpan  bool // the upstream's parent is a span of this exchange, not the caller's
	hijacked bool // fasthttp has taken its memory back; the record holds copies
	headDone bool // the head was judged before the body was asked for
	early    bool // and refused

	bodySince         time.Time // when waiting for the client's body began
	bodyTime, ownTime int64     // nanoseconds spent reading the client's body; in the relay itself
}

// keepBytes is the largest buffer an exchange keeps for the next one: large prompts must not stay in memory.
const keepBytes = 1 << 20

func (s *Server) acquire() *exchange {
	e, ok := s.pool.Get().(*exchange)
	if !ok {
		e = &exchange{s: s}
		e.Exchange.Cancel = &e.cancel
	}
	e.Exchange.Reset()
	e.cancel.Reset()
	return e
}

func (s *Server) release(e *exchange) {
	keep := func(b []byte) []byte {
		if cap(b) > keepBytes {
			return nil
		}
		return b[:0]
	}
	e.Body, e.sent, e.forward, e.scratch = keep(e.Body), keep(e.sent), keep(e.forward), keep(e.scratch)
	e.snapshot, e.ctx, e.conn, e.Request = nil, nil, nil, nil
	e.request, e.record = upstream.Request{}, telemetry.Record{}
	e.finished, e.hijacked, e.ownSpan, e.headDone, e.early, e.bodyTime, e.ownTime = false, false, false, false, false, 0, 0
	e.bodySince = time.Time{}
	e.edits, e.served = e.edits[:0], upstream.Info{}
	e.relay.reset()
	e.unspool()
	s.pool.Put(e)
}

// setID takes the client's request id when it is harmless, and makes one otherwise.
func (e *exchange) setID(sent []byte) {
	n := 0
	if validID(sent) {
		n = copy(e.id[:], sent)
	} else {
		const hex = "0123456789abcdef"
		for range 2 {
			for v, end := rand.Uint64(), n+16; n < end; n++ {
				e.id[n] = hex[v&15]
				v >>= 4
			}
		}
	}
	e.ID = unsafe.String(&e.id[0], n)
}

// validID accepts [A-Za-z0-9._-]{1,64}.
func validID(b []byte) bool {
	if len(b) == 0 || len(b) > 64 {
		return false
	}
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// str shows b as a string without a copy, for as long as the exchange lasts.
func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
