package engine

import (
	"bytes"
	"math"
	"strconv"
)

// sink says where in the Document a value goes besides its record.
type sink uint8

const (
	toModel sink = iota + 1
	toUser
	toStream
	toIncludeUsage
	toMaxTokens
	toN
	toTokenIDs
)

// sinkString takes a string. The engines coerce: pydantic reads "100" as 100 and "yes" as true, so Blaze does too,
// rather than see no bound where the engine sees one.
func (d *Document) sinkString(s sink, raw []byte, escaped bool) {
	text := raw
	if escaped {
		d.scratch = Unescape(d.scratch[:0], raw)
		text = d.scratch
	}
	switch s {
	case toModel:
		if d.Model = raw; escaped {
			d.model = append(d.model[:0], text...)
			d.Model = d.model
		}
	case toUser:
		if d.User = raw; escaped {
			d.user = append(d.user[:0], text...)
			d.User = d.user
		}
	case toStream, toIncludeUsage:
		d.sinkBool(s, isYes(text))
	default:
		d.sinkLiteral(s, bytes.TrimSpace(text))
	}
}

func isYes(text []byte) bool {
	switch string(bytes.ToLower(text)) {
	case "true", "t", "yes", "y", "on", "1":
		return true
	}
	return false
}

// sinkLiteral takes a number, true, false or null.
func (d *Document) sinkLiteral(s sink, raw []byte) {
	if len(raw) == 0 {
		return
	}
	switch s {
	case toStream, toIncludeUsage:
		if raw[0] != 'n' { // null is as good as absent
			d.sinkBool(s, raw[0] == 't' || raw[0] == '1')
		}
	case toTokenIDs:
		if typeOf(raw[0]) == 0 {
			d.TokenIDs++
		}
	case toMaxTokens:
		if n, ok := ParseCount(raw); ok && n >= 0 {
			d.MaxTokens = max(d.MaxTokens, n)
		}
	case toN:
		if n, ok := ParseCount(raw); ok {
			d.N = max(d.N, n)
		}
	}
}

func (d *Document) sinkBool(s sink, v bool) {
	if s == toStream {
		d.Stream = v
	} else {
		d.IncludeUsage = v
	}
}

// ParseCount reads a JSON number as a whole one: fractions round up, what is beyond int64 is its largest value. It is
// false for what is no number.
func ParseCount(raw []byte) (int64, bool) {
	var n int64
	digits := raw
	negative := len(raw) > 0 && raw[0] == '-'
	if negative {
		digits = raw[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return parseFloat(raw)
	}
	for _, c := range digits {
		if c-'0' >= 10 {
			return parseFloat(raw)
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

func parseFloat(raw []byte) (int64, bool) {
	f, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case err != nil && !math.IsInf(f, 0) || f != f:
		return 0, false
	case f >= math.MaxInt64:
		return math.MaxInt64, true
	case f <= math.MinInt64:
		return math.MinInt64, true
	}
	return int64(math.Ceil(f)), true
}
