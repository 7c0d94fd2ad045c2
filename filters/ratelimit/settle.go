package ratelimit

import "blaze/filters"

// Settle settles what was taken, each once. Who was refused here after all gets everything back. Requests that were
// refused or failed elsewhere stay counted: they were made. Tokens are corrected to what was really used; what is beyond
// the reservation becomes the account's debt.
func (f *Filter) Settle(x *filters.Exchange) {
	if x.LimitsDue {
		f.charge(x)
	}
	if len(x.Taken) == 0 {
		return
	}
	now := f.clock.micros()
	f.settleAll(x, now)
	for i := range x.Taken {
		t := &x.Taken[i]
		switch l := f.limits[t.Limit]; {
		case x.DeniedBy == filterName:
		case l.count != Requests:
			l.learn(x, t.Key)
		case l.ledger.rule.kind == Adaptive:
			f.observe(l, x, now)
		}
	}
	x.Taken = x.Taken[:0]
}

// actual is what x used of l, or -1 where what was taken stands.
func (l *limit) actual(x *filters.Exchange) int64 {
	switch {
	case x.DeniedBy == filterName:
		return 0
	case l.count == Requests:
		return -1
	}
	return l.spent(x)
}

// observe tells an adaptive limit how the upstream answered.
func (f *Filter) observe(l *limit, x *filters.Exchange, now int64) {
	if x.DeniedBy != "" || x.Status == 0 || x.Remembered() || x.Abort == "client_gone" && x.FirstByte == 0 {
		return
	}
	latency := int64(0)
	if x.FirstByte > 0 {
		latency = max((x.FirstByte - x.Waited).Microseconds(), 1)
	}
	failed := x.Status >= 500 || x.Status == 429
	l.ledger.live().rule.control.observe(latency, failed, now)
}
