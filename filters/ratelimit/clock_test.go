package ratelimit

import (
	"testing"
	"time"
)

// TestClock: the running program's clock is the monotonic one, so that setting the wall clock moves no limit.
func TestClock(t *testing.T) {
	c := newClock(time.Now)
	if !c.real || c.base == c.base.Round(0) {
		t.Error("the clock has no monotonic half")
	}
	c.epoch += time.Hour.Microseconds() // as if the wall clock had been an hour ahead when the first filter began
	before := c.micros()
	if ahead := before - time.Now().UnixMicro(); ahead < 59*time.Minute.Microseconds() {
		t.Errorf("%d µs ahead: it follows the wall clock", ahead)
	}
	if after := c.micros(); after < before {
		t.Errorf("it goes back by %d µs", before-after)
	}
}
