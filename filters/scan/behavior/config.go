package behavior

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// Config is the policy's filters.scan.behavior section. The zero Config stands for the defaults.
type Config struct {
	filters.Rollout `yaml:",inline"`
	Window          time.Duration `yaml:"window" doc:"how long what a client did counts: its points halve every half window" default:"5m"`
	Score           int           `yaml:"score" doc:"points at which a client is banned; the README of scan has what each refusal weighs" default:"100"`
	Ban             time.Duration `yaml:"ban" doc:"how long a first ban is; each further one is twice the last, and a quiet day takes one step back" default:"15m"`
	MaxBan          time.Duration `yaml:"max_ban" doc:"where the doubling ends" default:"24h"`
	Except          []string      `yaml:"except" doc:"networks that are never banned but by hand, such as a local proxy's that proxy.trusted_proxies cannot name" example:"[127.0.0.0/8]"`
}

// The bounds of the section's durations, and of a ban by hand.
const (
	minTime = time.Second
	maxTime = 30 * 24 * time.Hour
	maxHand = 3650 * 24 * time.Hour
	maxGoal = 1 << 20
)

// defaults are what an absent section stands for.
func defaults() Config {
	return Config{Window: 5 * time.Minute, Score: 100, Ban: 15 * time.Minute, MaxBan: 24 * time.Hour}
}

// complete fills in the defaults and says what is wrong; the networks are Except, compiled.
func (c *Config) complete() (networks []netip.Prefix, err error) {
	if c.Window == 0 && c.Score == 0 && c.Ban == 0 && c.MaxBan == 0 { // made by a program, not read from a policy
		d := defaults()
		c.Window, c.Score, c.Ban, c.MaxBan = d.Window, d.Score, d.Ban, d.MaxBan
	}
	var problems []error
	for _, d := range []struct {
		path  string
		value time.Duration
	}{{"window", c.Window}, {"ban", c.Ban}, {"max_ban", c.MaxBan}} {
		if d.value < minTime || d.value > maxTime {
			problems = append(problems, setting.Wrong(d.path, "a duration from 1s to 720h", d.value))
		}
	}
	if c.Score < 1 || c.Score > maxGoal {
		problems = append(problems, setting.Wrong("score", fmt.Sprintf("a number of points from 1 to %d", maxGoal), c.Score))
	}
	c.MaxBan = max(c.MaxBan, c.Ban)
	for i, s := range c.Except {
		p, err := setting.ParseNetwork(s)
		if err != nil {
			problems = append(problems, setting.Wrong(fmt.Sprintf("except[%d]", i), setting.WantNetwork, s))
			continue
		}
		networks = append(networks, p)
	}
	return networks, errors.Join(problems...)
}
