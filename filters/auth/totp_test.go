package auth

import (
	"encoding/base32"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// rfcSecret is the secret of RFC 6238, appendix B.
const rfcSecret = "12345678901234567890"

func TestCodeAt(t *testing.T) {
	f := func(seconds int64, want string) { // the RFC's eight digits, of which six are used
		t.Helper()
		if got := fmt.Sprintf("%06d", codeAt([]byte(rfcSecret), seconds/otpPeriod)); got != want[2:] {
			t.Errorf("%d: want %s; got %s", seconds, want[2:], got)
		}
	}
	f(59, "94287082")
	f(1111111109, "07081804")
	f(1111111111, "14050471")
	f(1234567890, "89005924")
	f(2000000000, "69279037")
	f(20000000000, "65353130")
}

// otpFilter has one key with a second factor, and a clock.
func otpFilter(t testing.TB, prev *Filter, roles ...string) (*Filter, *time.Time) {
	cfg := testConfig()
	cfg.APIKeys[0].TOTP = base32.StdEncoding.EncodeToString([]byte(rfcSecret))
	cfg.APIKeys[0].Roles = roles
	now := noon
	e := env(t, nil, nil)
	e.Now = func() time.Time { return now }
	f, err := New(cfg, prev, e)
	if err != nil {
		t.Fatal(err)
	}
	return f, &now
}

func code(now time.Time) string {
	return fmt.Sprintf("%06d", codeAt([]byte(rfcSecret), now.Unix()/otpPeriod))
}

func withCode(client string, codes ...string) *filters.Exchange {
	x := exchange("x-api-key: " + userKey)
	for _, c := range codes {
		x.Request.Add("x-blaze-otp", c)
	}
	x.Client = netip.MustParseAddr(client)
	return x
}

func TestOTP(t *testing.T) {
	filter, now := otpFilter(t, nil)
	f := func(x *filters.Exchange, want string, proved bool) {
		t.Helper()
		got := verdict(filter, x)
		if got != want || proved == x.Identity.AuthTime.IsZero() {
			t.Errorf("want %s, proved %v; got %s, %s", want, proved, got, x.Identity.AuthTime)
		}
		if len(x.Request.PeekAll("x-blaze-otp")) > 0 != x.Credentials.OTP {
			t.Error("the field is to be taken out, whatever came of it")
		}
	}
	const a, b, ok, wrong = "192.0.2.1", "192.0.2.2", "pass ci-bot", "insufficient_user_authentication otp.wrong"
	f(withCode(a), ok, false)
	good := code(*now)
	f(withCode(a, good), ok, true)
	f(withCode(a), ok, true)  // remembered, for this address
	f(withCode(b), ok, false) // and for no other
	f(withCode(a, good), wrong, false)
	f(withCode(b, good), wrong, false)                                  // once, wherever
	f(withCode(b, code(now.Add(-otpPeriod*time.Second))), wrong, false) // and none before it
	f(withCode(b, code(now.Add(otpPeriod*time.Second))), ok, true)      // a clock that is fast
	*now = now.Add(time.Hour)
	f(withCode(b, code(now.Add(-otpPeriod*time.Second))), ok, true) // a clock that is slow
	f(withCode(b, code(now.Add(-2*otpPeriod*time.Second))), wrong, false)
	f(withCode(b, code(now.Add(2*otpPeriod*time.Second))), wrong, false)
	f(withCode(b, good, good), "insufficient_user_authentication otp.two", false)
	f(withCode(b, ""), wrong, false)
	*now = now.Add(provedLasts + time.Hour)
	f(withCode(a), ok, false) // not for ever
}

func TestOTPGuessing(t *testing.T) {
	filter, now := otpFilter(t, nil)
	for range maxTries {
		verdict(filter, withCode("192.0.2.1", "000000"))
	}
	const throttled = "insufficient_user_authentication otp.throttled"
	if got := verdict(filter, withCode("192.0.2.9", code(*now))); got != throttled {
		t.Errorf("after wrong codes: got %s", got)
	}
	if got := verdict(filter, withCode("192.0.2.9")); got != "pass ci-bot" {
		t.Errorf("the key alone: got %s", got)
	}
	*now = now.Add(tryWindow)
	if got := verdict(filter, withCode("192.0.2.9", code(*now))); got != "pass ci-bot" {
		t.Errorf("later: got %s", got)
	}
}

func TestOTPReload(t *testing.T) {
	filter, now := otpFilter(t, nil, "user")
	used := code(*now)
	verdict(filter, withCode("192.0.2.1", used))
	again, _ := otpFilter(t, filter, "operator")
	x := withCode("192.0.2.1")
	if verdict(again, x); x.Identity.AuthTime.IsZero() || x.Identity.Roles[0] != "operator" {
		t.Errorf("after a reload: got %+v", x.Identity)
	}
	if got := verdict(again, withCode("192.0.2.1", used)); !strings.HasSuffix(got, "otp.wrong") {
		t.Errorf("a used code after a reload: got %s", got)
	}
}

func TestOTPDry(t *testing.T) {
	filter, now := otpFilter(t, nil)
	for range 2 * maxTries {
		x := withCode("192.0.2.1", "000000")
		x.Dry = true
		verdict(filter, x)
	}
	for range 2 {
		x := withCode("192.0.2.1", code(*now))
		x.Dry = true
		if got := verdict(filter, x); got != "pass ci-bot" || x.Identity.AuthTime.IsZero() {
			t.Errorf("dry: got %s", got)
		}
	}
	if got := verdict(filter, withCode("192.0.2.1", code(*now))); got != "pass ci-bot" {
		t.Errorf("a dry run used the code up: got %s", got)
	}
}

func TestOTPMemory(t *testing.T) {
	c := &codes{secret: []byte(rfcSecret)}
	id := &filters.Identity{Subject: "s"}
	for i := range maxProved + 100 {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		c.remember(a, newProof(id, noon.Add(time.Duration(i))))
	}
	if n := len(c.proved); n != maxProved {
		t.Errorf("want %d addresses; got %d", maxProved, n)
	}
	last := netip.AddrFrom4([4]byte{10, 0, byte((maxProved + 99) >> 8), byte((maxProved + 99) & 255)})
	if c.lately(id, last, noon) == id || c.lately(id, netip.MustParseAddr("10.0.0.0"), noon) != id {
		t.Error("the oldest goes, the newest stays")
	}
	if n := testing.AllocsPerRun(100, func() { c.lately(id, last, noon) }); n != 0 {
		t.Errorf("want no allocation; got %v", n)
	}
}

func TestOTPSecret(t *testing.T) {
	f := func(s string, ok bool) {
		t.Helper()
		_, err := decodeSecret(s)
		if (err == nil) != ok {
			t.Errorf("%s: got %v", s, err)
		}
	}
	f("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", true)
	f("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", true)
	f("GEZDGNBVGY3TQOJQGEZDGNBVGY======", true)
	f("GEZDGNBV", false) // 40 bits
	f("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", false)
	f("", false)
	cfg := testConfig()
	cfg.APIKeys[0].TOTP = "canary"
	_, err := New(cfg, nil, env(t, nil, nil))
	if ps := setting.Problems(err); len(ps) != 1 || ps[0].Path != "api_keys[0].totp" || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}
