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
		p, err := parseNetwork(s)
		if err != nil {
			problems = append(problems, setting.Wrong(fmt.Sprintf("except[%d]", i), "an address or network such as 10.0.0.0/8", s))
			continue
		}
		networks = append(networks, p)
	}
	return networks, errors.Join(problems...)
}

// parseNetwork reads an address or a network without host bits; addresses inside IPv6 are the IPv4 ones they hold.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, err
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return p, errors.New("host bits are set")
	}
	return p, nil
}
