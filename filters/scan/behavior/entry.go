package behavior

import (
	"encoding/json"
	"errors"
	"time"
)

// entry is a ban as Redis keeps it; times are Unix milliseconds.
type entry struct {
	Address  string `json:"address,omitempty"`
	Identity string `json:"identity,omitempty"`
	Issuer   string `json:"issuer,omitempty"`
	Since    int64  `json:"since"`
	Until    int64  `json:"until"`
	By       string `json:"by"`
	Reason   string `json:"reason"`
	Count    int    `json:"count"`
	Lifted   bool   `json:"lifted,omitempty"`
}

// encode is the ban as Redis keeps it.
func (b *Ban) encode() ([]byte, error) {
	e := entry{
		Identity: b.Subject, Issuer: b.Issuer, Since: b.Since.UnixMilli(), Until: b.Until.UnixMilli(),
		By: b.By, Reason: b.Reason, Count: b.Count, Lifted: b.Lifted,
	}
	if b.Net.IsValid() {
		e.Address = b.Target.String()
	}
	return json.Marshal(e)
}

// entryName is the name of a target's entry.
func entryName(t Target) string {
	if t.Net.IsValid() {
		return t.String()
	}
	return t.String() + "\x00" + t.Issuer
}

var errEntry = errors.New("an entry of the list of bans cannot be read")

// decode reads an entry. Redis is trusted to keep what it is given, not to be the only one who writes there: what this
// program would not have written is refused.
func decode(text string, now time.Time) (Ban, error) {
	var e entry
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return Ban{}, errEntry
	}
	b := Ban{Since: time.UnixMilli(e.Since), Until: time.UnixMilli(e.Until), By: e.By, Reason: e.Reason, Count: e.Count, Lifted: e.Lifted}
	var err error
	if e.Identity != "" {
		b.Target = Target{Subject: e.Identity, Issuer: e.Issuer}
		if !fit(e.Identity) || !fit(e.Issuer) || e.Address != "" {
			err = errTarget
		}
	} else {
		b.Target, err = newTarget(e.Address, "", e.Issuer)
	}
	switch {
	case err != nil, e.By != byScore && e.By != byHand, !fit(e.Reason), e.Count < 1,
		b.Until.Sub(now) > maxHand+time.Hour, !b.Lifted && b.Until.Before(b.Since):
		return Ban{}, errEntry
	}
	return b, nil
}
