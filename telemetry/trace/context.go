// Package trace carries W3C trace contexts through Blaze and turns finished exchanges into OpenTelemetry spans. The
// header is parsed and written without the SDK; only sampled exchanges reach it, and never from a request's goroutine.
package trace

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// Context is one exchange's place in a trace. The zero Context is in none.
type Context struct {
	TraceID [16]byte
	SpanID  [8]byte // of the exchange's own span; the caller's when the exchange has none
	Parent  [8]byte // the caller's span; zero when the trace begins here
	Flags   byte    // as they came, or 1 when the trace begins here and is sampled
	Sampled bool    // a span of the exchange's own is recorded
}

// Valid reports whether there is a trace.
func (c Context) Valid() bool { return c.TraceID != [16]byte{} }

// headerLen is the length of a version 00 traceparent.
const headerLen = 55

// Parse reads a traceparent field's value (https://www.w3.org/TR/trace-context/). A later version is read as far as 00
// goes; whatever is malformed is no trace.
func Parse(b []byte) (c Context, ok bool) {
	if len(b) < headerLen || b[2] != '-' || b[35] != '-' || b[52] != '-' {
		return Context{}, false
	}
	var version, flags [1]byte
	if !unhex(version[:], b[:2]) || !unhex(c.TraceID[:], b[3:35]) || !unhex(c.Parent[:], b[36:52]) || !unhex(flags[:], b[53:55]) {
		return Context{}, false
	}
	later := version[0] != 0
	if version[0] == 0xff || !later && len(b) != headerLen || later && len(b) > headerLen && b[headerLen] != '-' {
		return Context{}, false
	}
	if !c.Valid() || c.Parent == [8]byte{} {
		return Context{}, false
	}
	c.SpanID, c.Flags = c.Parent, flags[0]
	return c, true
}

// unhex reads lower-case hex, the only case the field may have.
func unhex(dst, src []byte) bool {
	for _, c := range src {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(dst, src)
	return err == nil
}

// Append appends the traceparent that goes to the upstream.
func (c Context) Append(dst []byte) []byte {
	dst = append(dst, "00-"...)
	dst = hex.AppendEncode(dst, c.TraceID[:])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, c.SpanID[:])
	dst = append(dst, '-')
	return hex.AppendEncode(dst, []byte{c.Flags})
}

// Start places an exchange in the caller's trace, or begins one. share is how many traces are recorded, by their ids,
// so that every service that records the same share records the same traces; a trace that the caller did not sample is
// not recorded, and one that it did is only as share says: callers do not decide what Blaze spends.
func Start(traceparent []byte, share float64) Context {
	c, ok := Parse(traceparent)
	if !ok {
		binary.BigEndian.PutUint64(c.TraceID[:8], rand.Uint64())
		binary.BigEndian.PutUint64(c.TraceID[8:], rand.Uint64()|1)
		c = Context{TraceID: c.TraceID, Flags: 1}
	}
	low := binary.BigEndian.Uint64(c.TraceID[8:]) >> 1
	c.Sampled = c.Flags&1 == 1 && (share >= 1 || float64(low) < share*(1<<63))
	if !ok && !c.Sampled {
		c.Flags = 0
	}
	if c.Sampled || !ok {
		binary.BigEndian.PutUint64(c.SpanID[:], rand.Uint64()|1)
	}
	return c
}
