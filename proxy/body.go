package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"blaze/filters"
	"blaze/upstream/engine"
)

// readBody reads the request body, bounded, after every head verdict, and parses it once for everybody. What is judged
// is what runs: a body that two parsers could read differently is refused here. It reports whether the exchange goes on.
func (e *exchange) readBody() bool {
	limit := int64(e.snapshot.Proxy.MaxBody)
	size := e.Request.ContentLength() // -1 when chunked, -2 when there is none
	if int64(size) > limit {
		return e.tooLarge()
	}
	if e.bodySince.IsZero() {
		e.bodySince = time.Now()
	}
	ok := e.receive(size, limit)
	e.bodyTime = int64(time.Since(e.bodySince))
	return ok && e.decodeBody() && e.parseBody()
}

// receive reads the body into e.Body. fasthttp bounds nothing here: with StreamRequestBody its limit does not hold.
func (e *exchange) receive(size int, limit int64) bool {
	src := e.ctx.RequestBodyStream()
	if src == nil {
		e.Body = append(e.Body[:0], e.ctx.Request.Body()...)
		e.BytesIn = int64(len(e.Body))
		return true
	}
	upload := mediaType(e.Request.ContentType()) == formBody && len(e.Request.Peek("Content-Encoding")) == 0
	for {
		if len(e.Body) == cap(e.Body) {
			e.growBody(size)
		}
		n, err := src.Read(e.Body[len(e.Body):cap(e.Body)])
		e.Body = e.Body[:len(e.Body)+n]
		e.BytesIn = int64(len(e.Body))
		switch {
		case int64(len(e.Body)) > limit:
			return e.tooLarge()
		case err == io.EOF && int64(len(e.Body)) < int64(size):
			return e.bodyFailed(io.ErrUnexpectedEOF) // which fasthttp does not mind
		case err == io.EOF:
			return true
		case err != nil:
			return e.bodyFailed(err)
		case upload && len(e.Body) >= spoolOver:
			return e.spool(src, limit)
		}
	}
}

// growBody makes room for more. Memory follows what has arrived, not what was announced: a client that announces much
// and sends little costs little.
func (e *exchange) growBody(size int) {
	room := max(4*cap(e.Body), 16<<10)
	if size >= 0 {
		room = min(room, size+1) // one more than announced, to see the end
	}
	e.Body = append(make([]byte, 0, max(room, len(e.Body)+1)), e.Body...)
}

func (e *exchange) tooLarge() bool {
	e.ctx.SetConnectionClose()
	return e.refuse(filters.Deny(filters.RequestTooLarge, "max_body"))
}

func (e *exchange) bodyFailed(err error) bool {
	e.ctx.SetConnectionClose()
	var ne net.Error
	switch {
	case e.conn != nil && e.conn.gone.Load():
		return e.clientGone()
	case errors.As(err, &ne) && ne.Timeout():
		return e.refuse(filters.Deny(filters.RequestTimeout, "body_timeout"))
	}
	return e.refuse(filters.Deny(filters.InvalidRequest, "http").At("body", err.Error()))
}

func (e *exchange) parseBody() bool {
	if v := parse(&e.Exchange, e.snapshot.JSON); !v.Passed() {
		return e.refuse(v)
	}
	return true
}

// parse reads the body as its endpoint's shape demands. On an endpoint that takes JSON everything is JSON: a model server
// parses the body whatever the content type says, so what the header says decides only whether it is a 415.
func parse(x *filters.Exchange, limits engine.Limits) filters.Verdict {
	if len(x.Body) == 0 && x.Large == nil {
		return filters.Pass()
	}
	kind := mediaType(x.Request.ContentType())
	switch shape := x.Endpoint.Shape; {
	case shape == engine.Opaque && kind != jsonBody, shape == engine.Transcription, shape == engine.Images && kind == formBody:
		return filters.Pass() // scanned as it is
	case kind != jsonBody:
		return filters.Deny(filters.UnsupportedMediaType, "content_type").At("content-type", "")
	}
	if err := x.Document.Parse(x.Endpoint.Shape, x.Body, limits); err != nil {
		return badJSON(x, err)
	}
	x.HasDocument = true
	return filters.Pass()
}

// badJSON says what is wrong with the body, and where. A bound that was reached is not a fault of the grammar.
func badJSON(x *filters.Exchange, err error) filters.Verdict {
	var syntax *engine.SyntaxError
	if !errors.As(err, &syntax) {
		return filters.Fail(err)
	}
	d := filters.InvalidJSON
	if syntax.Limit {
		d = filters.InvalidRequest
	}
	return filters.Deny(d.With(strings.TrimSuffix(d.Message, ".")+": "+syntax.What+"."), "json").At(x.Document.PathAt(uint32(syntax.Off)), syntax.What)
}

type bodyKind uint8

const (
	otherBody bodyKind = iota
	jsonBody
	formBody
)

// mediaType sorts a content type. Only UTF-8 JSON is JSON: another charset is another text to another parser.
func mediaType(ct []byte) bodyKind {
	kind, params, _ := bytes.Cut(ct, []byte{';'})
	kind = bytes.TrimSpace(kind)
	switch {
	case bytes.EqualFold(kind, []byte("application/json")):
		params = bytes.TrimSpace(params)
		if len(params) == 0 || bytes.EqualFold(params, []byte("charset=utf-8")) || bytes.EqualFold(params, []byte(`charset="utf-8"`)) {
			return jsonBody
		}
	case bytes.EqualFold(kind, []byte("multipart/form-data")), bytes.EqualFold(kind, []byte("application/x-www-form-urlencoded")):
		return formBody
	}
	return otherBody
}
