package ratelimit

import "blaze/filters"

// Settle settles what was taken, each once. Who was refused here after all gets everything back. Requests that were
// refused or failed elsewhere stay counted: they were made. Tokens are corrected to what was really used; what is beyond
// the reservation becomes the account's debt.
func (f *Filter) Settle(x *filters.Exchange) {
	if len(x.Taken) == 0 {
		return
	}
	now := f.clock.micros()
	for i := range x.Taken {
		t := &x.Taken[i]
		l := f.limits[t.Limit]
		switch {
		case x.DeniedBy == filterName:
			f.settle(l, t, 0, now)
		case l.count != Requests:
			f.settle(l, t, l.spent(x), now)
			l.learn(x, t.Key)
		case l.ledger.rule.kind == Adaptive:
			f.observe(l, x, now)
		}
	}
	x.Taken = x.Taken[:0]
}

func (f *Filter) settle(l *limit, t *filters.Taking, actual, now int64) {
	ledger := l.ledger.live()
	ledger.settle(t, actual, now)
	if actual < t.Amount {
		ledger.lines.poke(t.Key)
	}
}

// observe tells an adaptive limit how the upstream answered.
func (f *Filter) observe(l *limit, x *filters.Exchange, now int64) {
	if x.DeniedBy != "" || x.Status == 0 || x.Abort == "client_gone" && x.FirstByte == 0 {
		return
	}
	latency := int64(0)
	if x.FirstByte > 0 {
		latency = max((x.FirstByte - x.Waited).Microseconds(), 1)
	}
	failed := x.Status >= 500 || x.Status == 429
	l.ledger.live().rule.control.observe(latency, failed, now)
}
