package proxy

import (
	"fmt"
	"runtime/debug"

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
	case !e.headDone && !e.head():
	case e.upgrading():
		e.upgrade()
	case e.readBody() && e.judgeBody() && e.send():
		e.answer()
	}
}

// expect judges the head of a request whose client waits for 100 Continue, so that one who is refused never sends its
// body.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	e, goes := s.begin(ctx), false
	func() {
		defer func() {
			if p := recover(); p != nil || !goes {
				goes = false
				e.left(p)
			}
		}()
		goes = e.head()
	}()
	if !goes {
		return ctx.Response.StatusCode()
	}
	ctx.SetUserValue(expectedKey{}, &expected{e})
	return fasthttp.StatusContinue
}

// expected holds an exchange between its head and its body. fasthttp closes it with the request's other values, which
// finishes an exchange whose body never came.
type expected struct{ e *exchange }

type expectedKey struct{}

// Close finishes the exchange if nobody has resumed it.
func (p *expected) Close() error {
	if e := p.e; e != nil {
		p.e = nil
		e.Abort = "client_gone"
		e.finish()
	}
	return nil
}

// resume returns the exchange that expect began, or nil.
func (s *Server) resume(ctx *fasthttp.RequestCtx) *exchange {
	p, ok := ctx.UserValue(expectedKey{}).(*expected)
	if !ok {
		return nil
	}
	e := p.e
	p.e = nil
	return e
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
