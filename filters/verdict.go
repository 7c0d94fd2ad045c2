package filters

import "time"

type outcome uint8

const (
	failed outcome = iota // the zero Verdict: no answer is not a pass
	passed
	denied
)

// Verdict is a filter's answer: Pass, Deny or Fail. The zero Verdict is Fail(nil).
type Verdict struct {
	outcome outcome
	// Denial is what the client is told; nil unless denied.
	Denial *Denial
	// Err is why the filter could not decide; for the log, never for the client.
	Err error
	// Rule names the policy's rule or the scan's rule that decided; bounded, fit for a label.
	Rule string
	// Field is where the cause was found (query.q, messages[0].name); told to the client as the error's param.
	Field string
	// Excerpt is what was seen there, masked, for the log only.
	Excerpt string
	// Retry is when asking again can work; zero when waiting does not help.
	Retry time.Duration
}

// Pass lets the exchange go on.
func Pass() Verdict { return Verdict{outcome: passed} }

// Deny refuses the exchange.
func Deny(d *Denial, rule string) Verdict { return Verdict{outcome: denied, Denial: d, Rule: rule} }

// Fail says that the filter could not decide; its stage's on_error says what follows.
func Fail(err error) Verdict { return Verdict{Err: err} }

// At names the place the cause was found and what was seen there (masked).
func (v Verdict) At(field, excerpt string) Verdict {
	v.Field, v.Excerpt = field, excerpt
	return v
}

// After says when asking again can work.
func (v Verdict) After(d time.Duration) Verdict {
	v.Retry = d
	return v
}

// Passed, Denied and Failed tell the outcomes apart.
func (v Verdict) Passed() bool { return v.outcome == passed }
func (v Verdict) Denied() bool { return v.outcome == denied }
func (v Verdict) Failed() bool { return v.outcome == failed }
