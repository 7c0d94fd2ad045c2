package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Behavior is how the server misbehaves. The zero Behavior is a healthy, fast model. Each field can be set for one
// request by the header field named x-demo- and its JSON name with dashes: x-demo-frame-delay: 20ms. A frame is one
// event of a stream; a plain answer counts as two, its halves.
type Behavior struct {
	// Delay is waited before the answer's head.
	Delay Duration `json:"delay,omitempty"`
	// FrameDelay is waited before each frame but the first.
	FrameDelay Duration `json:"frame_delay,omitempty"`
	// Tokens is how many tokens a text has, within max_tokens; 0 is as many as the prompt gives.
	Tokens int `json:"tokens,omitempty"`
	// Overrun is an engine that does not stop at max_tokens.
	Overrun bool `json:"overrun,omitempty"`
	// FailRate is the share of generations, spread evenly, that get FailStatus (0: 500) instead of an answer.
	FailRate   float64 `json:"fail_rate,omitempty"`
	FailStatus int     `json:"fail_status,omitempty"`
	// RetryAfter is the retry-after field of a failure, as it is sent.
	RetryAfter string `json:"retry_after,omitempty"`
	// StallAfter sends that many frames, then nothing more, and keeps the connection.
	StallAfter *int `json:"stall_after,omitempty"`
	// CutAfter sends that many frames, then closes the connection.
	CutAfter *int `json:"cut_after,omitempty"`
	// ErrorAfter sends that many frames, then an error event inside the 200, as engines do.
	ErrorAfter *int `json:"error_after,omitempty"`
	// MalformedAt replaces the frame with that number (from 1) by one that is not JSON.
	MalformedAt int `json:"malformed_at,omitempty"`
	// WrongLength promises that many bytes more than are sent, in a plain answer's content-length.
	WrongLength int `json:"wrong_length,omitempty"`
	// Hold waits for Server.Step: before the "head", or before each of the "frames" but the first.
	Hold string `json:"hold,omitempty"`
}

// Duration is a time.Duration that JSON and header fields write as text: "200ms".
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration does.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return errors.New("want a duration such as 200ms")
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

const fieldPrefix = "X-Demo-"

// forRequest is b changed by the x-demo- fields of one request. A field that it does not know is an error: a test whose
// switch is misspelt must not pass.
func (b Behavior) forRequest(h http.Header) (Behavior, error) {
	for name, values := range h {
		key, ok := strings.CutPrefix(name, fieldPrefix)
		if !ok {
			continue
		}
		key = strings.ToLower(strings.ReplaceAll(key, "-", "_"))
		if key == "status" { // the short form: this request fails with that status
			key = "fail_status"
			b.FailRate = 1
		}
		if err := b.set(key, values[0]); err != nil {
			return b, fmt.Errorf("header %s: %w", strings.ToLower(name), err)
		}
	}
	return b, b.check()
}

// set sets one field by its JSON name.
func (b *Behavior) set(key, value string) error {
	if _, err := strconv.ParseFloat(value, 64); err != nil && value != "true" || key == "retry_after" {
		value = strconv.Quote(value)
	}
	return b.read(strings.NewReader(`{` + strconv.Quote(key) + `:` + value + `}`))
}

// read sets the fields that a JSON object names and leaves the others.
func (b *Behavior) read(r interface{ Read([]byte) (int, error) }) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	return dec.Decode(b)
}

func (b Behavior) check() error {
	switch {
	case b.Hold != "" && b.Hold != "head" && b.Hold != "frames":
		return errors.New("hold: want head or frames")
	case b.FailStatus != 0 && (b.FailStatus < 400 || b.FailStatus > 599):
		return errors.New("fail_status: want a status from 400 to 599")
	case b.FailRate < 0 || b.FailRate > 1:
		return errors.New("fail_rate: want a share from 0 to 1")
	case b.Tokens < 0 || b.Tokens > 1<<20:
		return errors.New("tokens: want a number from 0 to 1048576")
	}
	return nil
}

// fails says whether the nth generation (from 1) is one of the failing share.
func (b Behavior) fails(n int64) bool {
	return int64(float64(n)*b.FailRate) > int64(float64(n-1)*b.FailRate)
}
