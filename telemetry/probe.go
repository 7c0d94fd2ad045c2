package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"blaze/telemetry/setting"
)

// HealthProbe is one entry of health_checks: something that Blaze's users depend on beside the upstreams.
type HealthProbe struct {
	Name     string        `yaml:"name" doc:"name in /health/detailed" example:"vector-db"`
	URL      string        `yaml:"url" doc:"http or https, healthy when the answer is 2xx; or tcp://host:port, healthy when it connects" example:"http://127.0.0.1:6333/healthz"`
	Every    time.Duration `yaml:"every" doc:"how often" default:"10s" example:"10s"`
	Timeout  time.Duration `yaml:"timeout" doc:"how long one check may take" default:"2s" example:"2s"`
	Critical bool          `yaml:"critical" doc:"whether Blaze is not ready while it is down" default:"false" example:"true"`
}

// probe is a health check that runs.
type probe struct {
	HealthProbe
	stop func()

	mu    sync.Mutex
	state probeState // guarded by mu
}

type probeState struct {
	Checked   bool    `json:"-"`
	Up        bool    `json:"-"`
	Critical  bool    `json:"critical"`
	LatencyMS float64 `json:"latency_ms"`
	Error     string  `json:"error,omitempty"`
	Since     string  `json:"since,omitempty"` // when it came to be as it is
}

func validateProbes(list []HealthProbe) error {
	var errs []error
	seen := map[string]bool{"": true}
	for i, p := range list {
		path := fmt.Sprintf("health_checks[%d].", i)
		if seen[p.Name] {
			errs = append(errs, setting.Wrong(path+"name", "a name that no other check has", p.Name))
		}
		seen[p.Name] = true
		u, err := url.Parse(p.URL)
		if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "tcp"}, u.Scheme) || u.Scheme == "tcp" && u.Port() == "" {
			errs = append(errs, &setting.Problem{Path: path + "url", Want: "http://…, https://… or tcp://host:port", Got: "something else"})
		}
		if p.Every < 0 || p.Timeout < 0 {
			errs = append(errs, setting.Wrong(path+"every", "a duration of 1s or more, as is timeout", min(p.Every, p.Timeout)))
		}
	}
	return errors.Join(errs...)
}

// configureProbes starts checks that are new and ends those that are gone. Caller holds mu.
func (t *Telemetry) configureProbes(list []HealthProbe) {
	old := t.probes.Load()
	if old == nil {
		old = new([]*probe)
	}
	var next []*probe
	for _, c := range list {
		i := slices.IndexFunc(*old, func(p *probe) bool { return p.HealthProbe == c })
		if i >= 0 {
			next = append(next, (*old)[i])
			continue
		}
		p := &probe{HealthProbe: c, state: probeState{Critical: c.Critical}}
		p.stop = t.parts.add(p.run)
		next = append(next, p)
	}
	t.probes.Store(&next)
	for _, p := range *old {
		if !slices.Contains(next, p) {
			p.stop()
		}
	}
}

func (p *probe) run(ctx context.Context) {
	timeout, pause := p.Timeout, p.Every
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	if pause == 0 {
		pause = 10 * time.Second
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableKeepAlives: true}}
	check := func(time.Time) {
		if ctx.Err() != nil {
			return
		}
		one, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		began := time.Now()
		err := p.check(one, client)
		if ctx.Err() == nil {
			p.note(err, time.Since(began), time.Now())
		}
	}
	check(time.Now())
	every(ctx, max(pause, time.Second), check)
}

func (p *probe) check(ctx context.Context, client *http.Client) error {
	u, err := url.Parse(p.URL)
	if err != nil {
		return errors.New("not a URL")
	}
	if u.Scheme == "tcp" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		return errors.New("not a URL")
	}
	resp, err := client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the URL, which may hold a password
		}
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s", resp.Status)
	}
	return nil
}

func (p *probe) note(err error, took time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	up := err == nil
	if !p.state.Checked || p.state.Up != up {
		p.state.Since = now.UTC().Format(time.RFC3339)
	}
	p.state.Checked, p.state.Up, p.state.LatencyMS, p.state.Error = true, up, float64(took.Microseconds())/1000, ""
	if err != nil {
		p.state.Error = err.Error()
	}
}

// part is the probe's part of /health/detailed. Before its first answer it is neither up nor down.
func (p *probe) part() Check {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := Check{Name: p.Name, Status: StatusOK, Detail: p.state}
	switch {
	case !p.state.Checked:
		c.Status = StatusDegraded
	case !p.state.Up:
		c.Status = StatusDown
	}
	return c
}

// criticalDown names a critical check that is down; nil when there is none.
func (t *Telemetry) criticalDown() error {
	if list := t.probes.Load(); list != nil {
		for _, p := range *list {
			if p.Critical && p.part().Status == StatusDown {
				return fmt.Errorf("critical check %q is down", p.Name)
			}
		}
	}
	return nil
}
