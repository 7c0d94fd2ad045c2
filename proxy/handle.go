package proxy

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/filters/circuit"
)

// handle is the life of one exchange, top to bottom. Each step either goes on or has answered the client; a stream goes
// on after handle returns, in the relay, whose Close then finishes the exchange.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	e := s.resume(ctx)
	if e == nil {
		e = s.begin(ctx)
	}
	defer e.leave()
	switch {
	case e.early: // refused on its head; fasthttp reads the body and drops it
	case !e.headDone && !e.head():
	case e.upgrading():
		e.upgrade()
	case e.readBody() && e.judgeBody() && e.send():
		e.answer()
	}
}

// expect judges the head of a request before its body: one who is refused need not send it, and one who is announced and
// sends nothing has an answer all the same. The connection of a client that was refused stays, if its body comes anyway.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	asked := string(ctx.Request.Header.Peek("Expect")) != unasked
	ctx.Request.Header.Del("Expect")
	e, goes, stays := s.begin(ctx), false, false
	func() {
		defer func() {
			if p := recover(); p != nil || !goes && !stays {
				goes, stays = false, false
				e.left(p)
			}
		}()
		if goes = e.head(); !goes {
			e.early = true
			stays = !asked && !ctx.Response.ConnectionClose() && e.conn.front.arrives(graceForBody)
		}
	}()
	if !goes && !stays {
		return ctx.Response.StatusCode()
	}
	e.conn.front.mute.on = !asked
	e.bodySince = time.Now()
	e.conn.front.expected = expected{e: e}
	ctx.SetUserValue(expectedKey{}, &e.conn.front.expected)
	return fasthttp.StatusContinue
}

// graceForBody is how long the body of a request that was refused on its head may be on its way behind it.
const graceForBody = 100 * time.Millisecond

// expected holds an exchange between its head and its body. It belongs to the connection, since exchanges are used again.
type expected struct {
	e    *exchange
	over bool // the body never came; the answer says so
}

type expectedKey struct{}

// Close is called by fasthttp when it gives the request up before the body has begun: it finishes the exchange, while
// the request's head is still there for its record.
func (p *expected) Close() error {
	e := p.take()
	if e == nil {
		return nil
	}
	p.over = true
	e.bodyTime = int64(time.Since(e.bodySince))
	switch err := e.conn.front.err; {
	case e.early:
	case err == nil:
		e.clientGone()
	default:
		e.bodyFailed(err)
	}
	e.finish()
	return nil
}

// take ends the wait for the body.
func (p *expected) take() *exchange {
	e := p.e
	if p.e = nil; e == nil {
		return nil
	}
	if e.early {
		e.bodyTime = int64(time.Since(e.bodySince))
	}
	if !e.conn.front.mute.end() {
		panic("BUG: something else than 100 Continue was held back")
	}
	return e
}

// resume returns the exchange that expect began, or nil.
func (s *Server) resume(ctx *fasthttp.RequestCtx) *exchange {
	if p, ok := ctx.UserValue(expectedKey{}).(*expected); ok {
		return p.take()
	}
	return nil
}

// judgeBody routes again now that the model is known, and asks every filter that looks at the body.
func (e *exchange) judgeBody() bool {
	if v := e.snapshot.Body(&e.Exchange, e.snapshot.Chain); !v.Passed() {
		return e.denied(v)
	}
	if e.Lease == nil && !circuit.Force(&e.Exchange) {
		return e.refuse(filters.Deny(filters.UpstreamUnavailable, "routes"))
	}
	return true
}

// denied answers a filter's refusal, unless it was the client's going that ended a wait.
func (e *exchange) denied(v filters.Verdict) bool {
	if e.cancel.Cancelled() {
		return e.clientGone()
	}
	return e.refuse(v)
}

// leave ends the handler: a panic becomes a 500, and whatever is not streaming is finished.
func (e *exchange) leave() {
	e.left(recover())
}

func (e *exchange) left(p any) {
	if p != nil {
		e.s.log.Error().Str("request_id", e.ID).Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Msg("exchange panicked")
		e.s.panics.Inc()
		e.Abort = "panic"
		e.relay.stop()
		e.ctx.ResetBody()
		e.refuse(filters.Deny(filters.InternalError, "panic"))
	}
	if !e.relay.streaming {
		e.finish()
	}
}

// finish gives back what was taken, records what happened and frees the exchange. It runs once, on every way out.
func (e *exchange) finish() {
	if e.finished {
		return
	}
	e.finished = true
	e.conn.end()
	e.relay.stop()
	e.snapshot.Chain.Settle(&e.Exchange)
	e.s.open.Add(-1)
	e.s.tel.Exchange(e.account())
	e.s.release(e)
}
