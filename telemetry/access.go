package telemetry

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// maxField bounds what a client can put into one field of a line.
const maxField = 512

// accessLog writes one line per exchange, as it is sampled. Denials, errors and aborted exchanges always get theirs.
type accessLog struct {
	log   Logger
	share atomic.Uint64 // bits of a float64 between 0 and 1
}

func (a *accessLog) init(l Logger) {
	a.log = l.Level(zerolog.TraceLevel)
	a.sample(1)
}

func (a *accessLog) sample(share float64) { a.share.Store(math.Float64bits(share)) }

// wants reports whether r gets a line.
func (a *accessLog) wants(r *Record) bool {
	if r.Status == 0 || r.Status >= 400 || r.Filter != "" || r.Abort != "" || len(r.Shadow) > 0 {
		return true
	}
	share := math.Float64frombits(a.share.Load())
	return share >= 1 || rand.Float64() < share
}

func (a *accessLog) write(r *Record) {
	if !a.wants(r) {
		return
	}
	e := a.log.WithLevel(levelOf(r))
	who(e, r)
	str(e, "route", r.Route)
	str(e, "engine", r.Engine)
	str(e, "upstream", r.Upstream)
	str(e, "target", r.Target)
	str(e, "cache", r.Cache)
	str(e, "idempotency", r.Idempotency)
	e.Int("status", r.Status)
	denial(e, r)
	amounts(e, r)
	e.Msg("exchange")
}

// who writes what was asked, and by whom.
func who(e *zerolog.Event, r *Record) {
	str(e, "request_id", r.RequestID)
	str(e, "trace_id", r.TraceID)
	addr(e, "client", r.Client)
	str(e, "subject", r.Subject)
	str(e, "tenant", r.Tenant)
	str(e, "tier", r.Tier)
	str(e, "key_id", r.KeyID)
	str(e, "method", r.Method)
	str(e, "path", r.Path)
	str(e, "endpoint", r.Endpoint)
	str(e, "model", r.Model)
}

func levelOf(r *Record) zerolog.Level {
	switch {
	case r.Status >= 500 || r.Abort == "panic":
		return zerolog.ErrorLevel
	case r.Filter != "" || r.Abort != "":
		return zerolog.WarnLevel
	}
	return zerolog.InfoLevel
}

// denial writes who refused and what would have been refused.
func denial(e *zerolog.Event, r *Record) {
	str(e, "filter", r.Filter)
	str(e, "rule", r.Rule)
	str(e, "code", r.Code)
	str(e, "field", r.Field)
	str(e, "excerpt", r.Excerpt)
	str(e, "abort", r.Abort)
	if len(r.Shadow) == 0 {
		return
	}
	hits := zerolog.Arr()
	for _, s := range r.Shadow {
		hit := zerolog.Dict().Str("filter", s.Filter).Str("rule", clip(s.Rule)).Str("code", s.Code)
		str(hit, "field", s.Field)
		str(hit, "excerpt", s.Excerpt)
		hits.Dict(hit)
	}
	e.Array("shadow", hits)
}

// amounts writes sizes and times; times are milliseconds.
func amounts(e *zerolog.Event, r *Record) {
	e.Int64("bytes_in", r.BytesIn).Int64("bytes_out", r.BytesOut)
	e.Int64("tokens_in", r.TokensIn).Int64("tokens_out", r.TokensOut).Bool("usage_reported", r.UsageReported)
	if r.Stream {
		e.Bool("stream", true).Int64("frames", r.Frames)
	}
	if r.FirstByte > 0 {
		millis(e, "first_byte_ms", r.FirstByte)
	}
	millis(e, "overhead_ms", r.Overhead)
	if r.Waited > 0 {
		millis(e, "waited_ms", r.Waited)
	}
	millis(e, "total_ms", r.Total)
	if r.Retries > 0 {
		e.Int("retries", r.Retries)
	}
}

func str(e *zerolog.Event, key, v string) {
	if v != "" {
		e.Str(key, clip(v))
	}
}

func clip(v string) string { return v[:min(len(v), maxField)] }

func addr(e *zerolog.Event, key string, a netip.Addr) {
	if a.IsValid() {
		var buf [64]byte
		e.Bytes(key, a.AppendTo(buf[:0]))
	}
}

// millis writes d with microseconds as decimals. A float would cost four times as much.
func millis(e *zerolog.Event, key string, d time.Duration) {
	var buf [24]byte
	e.RawJSON(key, appendMillis(buf[:0], max(d, 0).Microseconds()))
}

// appendMillis writes us, which is not negative, divided by a thousand: 0, 1.5, 20.007.
func appendMillis(b []byte, us int64) []byte {
	b = strconv.AppendInt(b, us/1000, 10)
	rest := us % 1000
	if rest == 0 {
		return b
	}
	b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}
