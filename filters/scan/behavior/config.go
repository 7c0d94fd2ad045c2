// Package behavior bans addresses that behave like an attack: their refusals add up to a score, which decays.
package behavior

import (
	"errors"
	"net/netip"
	"time"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// Config is the policy's filters.scan.behavior section.
type Config struct {
	filters.Rollout `yaml:",inline"`
	Window          time.Duration  `yaml:"window" doc:"a score halves every half window" default:"5m"`
	Score           int            `yaml:"score" doc:"points at which an address is banned" default:"100"`
	Ban             time.Duration  `yaml:"ban" doc:"how long a first ban is; it doubles with each further one within a day of the last" default:"15m"`
	MaxBan          time.Duration  `yaml:"max_ban" doc:"longest ban that is given without an operator" default:"24h"`
	MaxClients      int            `yaml:"max_clients" doc:"how many addresses are remembered; the longest quiet is forgotten first" default:"65536"`
	Except          []netip.Prefix `yaml:"except" doc:"networks that are never banned" example:"[10.0.0.0/8]"`
}

func (c *Config) complete() error {
	var problems []error
	for _, d := range []struct {
		path  string
		value *time.Duration
		usual time.Duration
	}{{"window", &c.Window, 5 * time.Minute}, {"ban", &c.Ban, 15 * time.Minute}, {"max_ban", &c.MaxBan, 24 * time.Hour}} {
		if *d.value == 0 {
			*d.value = d.usual
		}
		if *d.value < time.Second || *d.value > 30*24*time.Hour {
			problems = append(problems, setting.Wrong(d.path, "a duration from 1s to 720h", d.value.String()))
		}
	}
	for _, n := range []struct {
		path              string
		value             *int
		usual, least, max int
	}{{"score", &c.Score, 100, 1, 1 << 20}, {"max_clients", &c.MaxClients, 65536, shards, 1 << 22}} {
		if *n.value == 0 {
			*n.value = n.usual
		}
		if *n.value < n.least || *n.value > n.max {
			problems = append(problems, setting.Wrong(n.path, "a number in bounds", *n.value))
		}
	}
	return errors.Join(problems...)
}
