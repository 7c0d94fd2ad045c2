package ratelimit

import (
	"math/big"
)

// model is what an account must do, written for clearness instead of speed: on events and fractions.
type model interface {
	// used is what is in use at now, rounded up.
	used(now int64) int64
	// add returns what giveBack wants as id.
	add(amount, now int64) (id int)
	giveBack(amount int64, id int, now int64)
}

// modelOf makes the reference of a rule.
func referenceOf(r *rule) model {
	switch r.kind {
	case FixedWindow:
		return &fixedModel{limit: r.limit, per: r.per}
	case SlidingWindow:
		return &slidingModel{slot: r.slot}
	default:
		return &bucketModel{rate: big.NewRat(r.p, r.q)}
	}
}

// bucketModel keeps the load as a fraction.
type bucketModel struct {
	rate *big.Rat // units each µs
	load *big.Rat
	at   int64
	adds []bucketAdd
}

type bucketAdd struct {
	at   int64
	load *big.Rat // after it
}

func (m *bucketModel) settleTo(now int64) {
	if m.load == nil {
		m.load = new(big.Rat)
	}
	if now > m.at {
		m.load.Sub(m.load, new(big.Rat).Mul(m.rate, big.NewRat(now-m.at, 1)))
		if m.load.Sign() < 0 {
			m.load.SetInt64(0)
		}
		m.at = now
	}
}

func (m *bucketModel) used(now int64) int64 {
	m.settleTo(now)
	n := new(big.Int).Add(m.load.Num(), m.load.Denom())
	n.Sub(n, big.NewInt(1))
	return n.Div(n, m.load.Denom()).Int64()
}

func (m *bucketModel) add(amount, now int64) (id int) {
	m.settleTo(now)
	m.load.Add(m.load, big.NewRat(amount, 1))
	m.adds = append(m.adds, bucketAdd{now, new(big.Rat).Set(m.load)})
	return len(m.adds) - 1
}

// giveBack gives no more than what the load of that time, drained until now, still is (rounded up to a µs of draining).
func (m *bucketModel) giveBack(amount int64, id int, now int64) {
	m.settleTo(now)
	micros := new(big.Rat).Quo(m.adds[id].load, m.rate)
	whole := new(big.Int).Add(micros.Num(), micros.Denom())
	whole.Sub(whole, big.NewInt(1))
	whole.Div(whole, micros.Denom())
	still := new(big.Rat).Mul(m.rate, big.NewRat(max(whole.Int64()-(now-m.adds[id].at), 0), 1))
	back := big.NewRat(amount, 1)
	if back.Cmp(still) > 0 {
		back = still
	}
	if m.load.Sub(m.load, back); m.load.Sign() < 0 {
		m.load.SetInt64(0)
	}
}

// fixedModel counts by window and carries debt on.
type fixedModel struct {
	limit, per int64
	window, n  int64
}

func (m *fixedModel) used(now int64) int64 {
	for m.window < now/m.per {
		if m.n == 0 {
			m.window = now / m.per
			return 0
		}
		m.window, m.n = m.window+1, max(m.n-m.limit, 0)
	}
	return m.n
}

func (m *fixedModel) add(amount, now int64) (id int) {
	m.n = m.used(now) + amount
	return int(m.window)
}

func (m *fixedModel) giveBack(amount int64, id int, now int64) {
	if m.used(now); int64(id) == m.window {
		m.n = max(m.n-amount, 0)
	}
}

// slidingModel remembers every event.
type slidingModel struct {
	slot   int64
	events []event
}

type event struct{ at, amount int64 }

func (m *slidingModel) used(now int64) (n int64) {
	for _, e := range m.events {
		if e.at/m.slot > now/m.slot-slotCount {
			n += e.amount
		}
	}
	return n
}

func (m *slidingModel) add(amount, now int64) (id int) {
	m.events = append(m.events, event{now, amount})
	return len(m.events) - 1
}

func (m *slidingModel) giveBack(amount int64, id int, _ int64) { m.events[id].amount -= amount }
