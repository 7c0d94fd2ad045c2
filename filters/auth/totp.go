package auth

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default, and all that authenticator apps know; HMAC does not suffer from its collisions
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// One-time codes (RFC 6238) as authenticator apps make them: six digits of HMAC-SHA-1, a new one every thirty seconds.
const (
	otpField    = "X-Blaze-Otp"
	otpPeriod   = 30 // seconds
	otpDrift    = 1  // periods that the clocks may differ
	otpDigits   = 6
	otpModulus  = 1_000_000
	minSecret   = 16 // bytes of secret (RFC 4226, R6)
	maxTries    = 5  // wrong codes in one window; then none is looked at until it ends
	tryWindow   = 5 * time.Minute
	maxProved   = 4096 // addresses that a key's code is remembered for
	provedLasts = 24 * time.Hour
)

// decodeSecret reads base32 (RFC 4648), as authenticators show it: in any case, with blanks, padded or not.
func decodeSecret(s string) ([]byte, error) {
	text := strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(strings.TrimRight(s, "=")))
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil || len(secret) < minSecret {
		return nil, errors.New("not a secret")
	}
	return secret, nil
}

// codes is a key's second factor: its secret, which codes were used, and who has proved to have it. It passes on over
// reloads that keep the secret.
type codes struct {
	secret []byte

	mu     sync.Mutex
	used   int64                // the last period a code of which was used; guarded by mu
	tries  int                  // wrong codes since since; guarded by mu
	since  time.Time            // guarded by mu
	proved map[netip.Addr]proof // by address; guarded by mu
}

// codeAt is the code of a period (RFC 4226, 5.3).
func codeAt(secret []byte, period int64) int {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, period)
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return int(binary.BigEndian.Uint32(sum[at:])&0x7fffffff) % otpModulus
}

// proof is an identity with the code that was given for it. base is what it was made of: a reload makes another.
type proof struct {
	base, identity *filters.Identity
}

func newProof(id *filters.Identity, at time.Time) proof {
	proved := *id
	proved.AuthTime, proved.AMR = at, []string{"otp", "mfa"}
	return proof{id, &proved}
}

// prove takes a code given with id from client and returns id with the proof, or why not. A code is good once: the next
// one must be of a later period (RFC 6238, 5.2), and claim, unless nil, has to say that no other replica had this one. A
// dry run uses none up.
func (c *codes) prove(id *filters.Identity, code []byte, client netip.Addr, now time.Time, dry bool, claim func(keyID string, period int64) *refusal) (*filters.Identity, *refusal) {
	period, no := c.use(code, now, dry)
	if no != nil {
		return nil, no
	}
	p := newProof(id, now)
	if dry {
		return p.identity, nil
	}
	if claim != nil {
		if no := claim(id.KeyID, period); no != nil {
			return nil, no
		}
	}
	c.remember(setting.Subscriber(client), p)
	return p.identity, nil
}

// use finds the period of a code and uses it up.
func (c *codes) use(code []byte, now time.Time, dry bool) (period int64, no *refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.since) >= tryWindow {
		c.tries, c.since = 0, now
	}
	if c.tries >= maxTries {
		return 0, &tooManyCodes
	}
	period, ok := c.match(code, now.Unix()/otpPeriod)
	switch {
	case dry && ok:
		return period, nil
	case dry:
		return 0, &wrongCode
	case !ok:
		c.tries++
		return 0, &wrongCode
	}
	c.used, c.tries = period, 0
	return period, nil
}

// match finds the unused period that code is of. Every period is compared, whichever matches.
func (c *codes) match(code []byte, now int64) (period int64, ok bool) {
	for p := now - otpDrift; p <= now+otpDrift; p++ {
		var want [otpDigits]byte
		for i, n := otpDigits-1, codeAt(c.secret, p); i >= 0; i, n = i-1, n/10 {
			want[i] = byte('0' + n%10)
		}
		if subtle.ConstantTimeCompare(want[:], code) == 1 && p > c.used {
			period, ok = p, true
		}
	}
	return period, ok
}

// remember keeps a proof. When there are too many, the oldest goes: it has to be given again.
func (c *codes) remember(from netip.Addr, p proof) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proved == nil {
		c.proved = map[netip.Addr]proof{}
	}
	if len(c.proved) >= maxProved {
		oldest, at := netip.Addr{}, p.identity.AuthTime
		for a, q := range c.proved {
			if q.identity.AuthTime.Before(at) {
				oldest, at = a, q.identity.AuthTime
			}
		}
		delete(c.proved, oldest)
	}
	c.proved[from] = p
}

// lately returns id with the proof that client gave before, or id itself. Allocates nothing but after a reload.
func (c *codes) lately(id *filters.Identity, client netip.Addr, now time.Time) *filters.Identity {
	from := setting.Subscriber(client)
	c.mu.Lock()
	defer c.mu.Unlock()
	p, there := c.proved[from]
	switch {
	case !there:
		return id
	case now.Sub(p.identity.AuthTime) > provedLasts:
		delete(c.proved, from)
		return id
	case p.base != id:
		p = newProof(id, p.identity.AuthTime)
		c.proved[from] = p
	}
	return p.identity
}
