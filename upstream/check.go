package upstream

import (
	"errors"
	"time"

	"blaze/telemetry/setting"
)

func checkTimeout(t Timeout) error {
	var problems []error
	for path, d := range map[string]time.Duration{"timeout.connect": t.Connect, "timeout.first_byte": t.FirstByte, "timeout.stall": t.Stall} {
		if d < 0 {
			problems = append(problems, setting.Wrong(path, "a duration over 0s", d))
		}
	}
	return errors.Join(problems...)
}

func checkPlaces(c *Concurrency, q *Queue) error {
	var problems []error
	switch {
	case c == nil:
	case c.Adaptive != nil && c.Max != 0:
		problems = append(problems, setting.Wrong("concurrency", "max or adaptive, not both", "both"))
	case c.Adaptive != nil:
		problems = append(problems, checkAdaptive(c.Adaptive)...)
	case c.Max < 1 || c.Max > 1_000_000:
		problems = append(problems, setting.Wrong("concurrency.max", "a number from 1 to 1000000", c.Max))
	}
	if q == nil {
		return errors.Join(problems...)
	}
	if c == nil {
		problems = append(problems, setting.Wrong("queue", "a concurrency limit beside it, since without one nobody waits", "none"))
	}
	if q.Depth < 0 || q.Depth > 10_000 {
		problems = append(problems, setting.Wrong("queue.depth", "a number from 0 to 10000", q.Depth))
	}
	if q.MaxWait <= 0 || q.MaxWait > time.Hour {
		problems = append(problems, setting.Wrong("queue.max_wait", "a duration up to 1h", q.MaxWait))
	}
	return errors.Join(problems...)
}

func checkBreaker(b Breaker) error {
	var problems []error
	wrong := func(path, want string, got any) {
		problems = append(problems, setting.Wrong("breaker."+path, want, got))
	}
	if b.FailureRate == 0 {
		return nil
	}
	if b.Over < time.Second || b.Over > time.Hour {
		wrong("over", "a duration from 1s to 1h", b.Over)
	}
	if b.MinRequests < 1 {
		wrong("min_requests", "at least 1", b.MinRequests)
	}
	if b.OpenFor < 0 || b.OpenFor > time.Hour {
		wrong("open_for", "a duration from 0s to 1h", b.OpenFor)
	}
	if b.Probes < 1 || b.Probes > 100 {
		wrong("probes", "a number from 1 to 100", b.Probes)
	}
	if b.SlowFirstByte < 0 {
		wrong("slow_first_byte", "a duration, 0s to switch it off", b.SlowFirstByte)
	}
	return errors.Join(problems...)
}
