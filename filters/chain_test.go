package filters

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"blaze/telemetry"
	"blaze/telemetry/setting"
)

// fake is a filter that answers as told and counts what it took and gave back.
type fake struct {
	head, body  func(*Exchange) Verdict
	took, given int
}

func (f *fake) Request(x *Exchange) Verdict {
	v := f.head(x)
	if v.Passed() {
		f.took++
	}
	return v
}
func (f *fake) Body(x *Exchange) Verdict { return f.body(x) }
func (f *fake) Settle(*Exchange)         { f.given++ }

func passes(*Exchange) Verdict  { return Pass() }
func refuses(*Exchange) Verdict { return Deny(RateLimitExceeded, "rule") }
func breaks(*Exchange) Verdict  { return Fail(errors.New("store is down")) }
func panics(*Exchange) Verdict  { panic("bug") }
func silent(*Exchange) Verdict  { return Verdict{} }

func exchange() *Exchange {
	x := &Exchange{Began: time.Now(), Client: netip.MustParseAddr("192.0.2.1")}
	x.Reset()
	return x
}

func chain(stages ...Stage) *Chain { return NewChain(stages, telemetry.NewMetrics(), zerolog.Nop()) }

func stage(name string, head, body func(*Exchange) Verdict, s Shared) Stage {
	return Stage{Name: name, Filter: &fake{head: head, body: body}, Shared: s}
}

func run(c *Chain, x *Exchange) Verdict {
	v := c.Head(x)
	if v.Passed() {
		v = c.Body(x)
	}
	c.Settle(x)
	c.Settle(x)
	return v
}

// TestVerdicts is what one stage's answer becomes, by mode and on_error.
func TestVerdicts(t *testing.T) {
	f := func(answer func(*Exchange) Verdict, s Shared, code string, shadowed bool) {
		t.Helper()
		for _, inBody := range []bool{false, true} {
			st := stage("auth", answer, passes, s)
			if inBody {
				st = stage("auth", passes, answer, s)
			}
			x := exchange()
			v := run(chain(st), x)
			got := ""
			if v.Denied() {
				got = v.Denial.Code
			} else if !v.Passed() {
				t.Errorf("the chain let a failure out: %v", v)
			}
			if got != code || (len(x.Shadows) > 0) != shadowed {
				t.Errorf("body %v: got %q, noted %v; want %q, noted %v", inBody, got, x.Shadows, code, shadowed)
			}
			if code != "" && (x.DeniedBy != "auth" || !x.Verdict.Denied()) {
				t.Errorf("the exchange does not know who refused: %q", x.DeniedBy)
			}
		}
	}
	shadow, open := Shared{Rollout: Rollout{Mode: Shadow}}, Shared{OnError: Open}
	f(passes, Shared{}, "", false)
	f(refuses, Shared{}, "rate_limit_exceeded", false)
	f(refuses, shadow, "", true)
	f(refuses, open, "rate_limit_exceeded", false)
	f(breaks, Shared{}, "filter_unavailable", false)
	f(breaks, open, "", false)
	f(breaks, shadow, "", true)
	f(silent, Shared{}, "filter_unavailable", false)
	f(panics, Shared{}, "internal_error", false)
	f(panics, open, "internal_error", false) // a bug is not a store that is down
	f(panics, shadow, "internal_error", false)
}

// TestSettle: whatever the stages answer, what each took is given back exactly once, and only what was taken.
func TestSettle(t *testing.T) {
	answers := []func(*Exchange) Verdict{passes, passes, passes, refuses, breaks, panics, silent}
	rapid.Check(t, func(t *rapid.T) {
		var stages []Stage
		for i := range rapid.IntRange(1, 7).Draw(t, "stages") {
			pick := func(what string) func(*Exchange) Verdict {
				return answers[rapid.IntRange(0, len(answers)-1).Draw(t, what)]
			}
			s := Shared{Rollout: Rollout{Mode: Mode(rapid.IntRange(0, 1).Draw(t, "mode"))}, OnError: OnError(rapid.IntRange(0, 1).Draw(t, "on_error"))}
			stages = append(stages, stage(string(rune('a'+i)), pick("head"), pick("body"), s))
		}
		run(chain(stages...), exchange())
		for _, s := range stages {
			// A denial in shadow took nothing, yet the exchange went on: settling it is harmless, and never twice.
			if f := s.Filter.(*fake); f.given < f.took || f.given > 1 {
				t.Fatalf("%s took %d and gave back %d", s.Name, f.took, f.given)
			}
		}
	})
}

// TestSettleOrder: last taken, first given back; one that panics keeps nobody from giving back.
func TestSettleOrder(t *testing.T) {
	var order []string
	mk := func(name string, bad bool) Stage {
		return Stage{Name: name, Filter: &settling{func() {
			order = append(order, name)
			if bad {
				panic("bug")
			}
		}}}
	}
	run(chain(mk("a", false), mk("b", true), mk("c", false)), exchange())
	if got := strings.Join(order, ""); got != "cba" {
		t.Errorf("settled in the order %s", got)
	}
}

type settling struct{ settle func() }

func (*settling) Request(*Exchange) Verdict { return Pass() }
func (s *settling) Settle(*Exchange)        { s.settle() }

// TestRollout: a share of callers is enforced, always the same ones, about as many as the share says.
func TestRollout(t *testing.T) {
	share := setting.Percent(0.1)
	r := Rollout{Share: &share}
	enforced := 0
	for i := range 10000 {
		x := exchange()
		x.Identity = &Identity{Subject: "user-" + string(rune('a'+i%26)) + strings.Repeat("x", i/26%40) + string(rune('a'+i/1040))}
		a, b := r.Enforced(x, "rule"), r.Enforced(x, "rule")
		if a != b {
			t.Fatal("the same caller is enforced once and not again")
		}
		if a {
			enforced++
		}
	}
	if enforced < 800 || enforced > 1200 {
		t.Errorf("%d of 10000 callers are enforced; want about 1000", enforced)
	}
	x := exchange()
	if v := (Rollout{Mode: Shadow}).Decide(x, "scan", Deny(ThreatDetected, "r")); !v.Passed() || len(x.Shadows) != 1 || x.Shadows[0].Code != "threat_detected" {
		t.Errorf("shadow decided %v and noted %v", v, x.Shadows)
	}
	if v := (Rollout{Mode: Off}).Decide(x, "scan", Deny(ThreatDetected, "r")); !v.Passed() || len(x.Shadows) != 1 {
		t.Errorf("a rule that is off decided %v and noted %v", v, x.Shadows)
	}
}

// TestCatalogue: a status and its code are unique and known to SDKs by their status, and every error renders as JSON with four keys.
func TestCatalogue(t *testing.T) {
	var codes []string
	for _, d := range Catalogue() {
		codes = append(codes, d.String())
		body := string(d.AppendJSON(nil, "messages[0].\"x\"\n<\u2028😀>"))
		want := `"param":"messages[0].\"x\"\u000a\u003c\u2028\ud83d\ude00\u003e","code":"` + d.Code + `"}}`
		if !strings.HasSuffix(body, want) || !strings.HasPrefix(body, `{"error":{"message":`) {
			t.Errorf("%s renders as %s", d.Code, body)
		}
		if !strings.Contains(string(d.AppendJSON(nil, "")), `"param":null,`) {
			t.Errorf("%s has no null param", d.Code)
		}
		if (d.Status == 401) != (d.Challenge != "") {
			t.Errorf("%s: status %d with challenge %q", d.Code, d.Status, d.Challenge)
		}
	}
	slices.Sort(codes)
	if n := len(slices.Compact(codes)); n != len(Catalogue()) || n < 28 {
		t.Errorf("%d different codes of %d", n, len(Catalogue()))
	}
}

// curious is a filter that comes before the one that proves who is calling, and wants to know it, and how it ends.
type curious struct {
	answer  func(*Exchange) Verdict
	asked   int
	ended   []string
	settled int
}

func (c *curious) Request(*Exchange) Verdict { return Pass() }
func (c *curious) Settle(*Exchange)          { c.settled++ }
func (c *curious) Identified(x *Exchange) Verdict {
	c.asked++
	return c.answer(x)
}
func (c *curious) Ended(x *Exchange) { c.ended = append(c.ended, x.DeniedBy+" "+x.Identity.Subject) }

// TestIdentified: whoever wants to know who is calling is asked once, when that is known and before anything is taken, by
// the rules of its own stage.
func TestIdentified(t *testing.T) {
	f := func(answer func(*Exchange) Verdict, subject string, s Shared, wantAsked int, wantBy string, shadowed int) {
		t.Helper()
		c, last := &curious{answer: answer}, &fake{head: passes, body: passes}
		proves := func(x *Exchange) Verdict {
			if subject != "" {
				x.Identity = &Identity{Subject: subject}
			}
			return Pass()
		}
		x := exchange()
		v := run(chain(Stage{Name: "scan", Filter: c, Shared: s}, stage("auth", proves, passes, Shared{}), Stage{Name: "limit", Filter: last}), x)
		if c.asked != wantAsked || x.DeniedBy != wantBy || v.Passed() != (wantBy == "") || len(x.Shadows) != shadowed {
			t.Errorf("asked %d times, refused by %q, noted %v; want %d, %q, %d", c.asked, x.DeniedBy, x.Shadows, wantAsked, wantBy, shadowed)
		}
		if c.settled != 1 || len(c.ended) != 1 || c.ended[0] != wantBy+" "+subject || (last.took == 1) != (wantBy == "") || last.took != last.given {
			t.Errorf("settled %d times, told %q, the last took %d and gave %d", c.settled, c.ended, last.took, last.given)
		}
	}
	f(passes, "ada", Shared{}, 1, "", 0)
	f(passes, "", Shared{}, 0, "", 0)
	f(refuses, "", Shared{}, 0, "", 0)
	f(refuses, "ada", Shared{}, 1, "scan", 0)
	f(breaks, "ada", Shared{}, 1, "scan", 0)
	f(breaks, "ada", Shared{OnError: Open}, 1, "", 0)
	f(panics, "ada", Shared{}, 1, "scan", 0)
	f(refuses, "ada", Shared{Rollout: Rollout{Mode: Shadow}}, 1, "", 1)
}

// TestEnded: observers are told of every end once, of their own refusals and of those before any filter too, and one that
// panics harms nobody.
func TestEnded(t *testing.T) {
	c := &curious{answer: passes}
	all := chain(Stage{Name: "scan", Filter: c}, stage("limit", refuses, passes, Shared{}))
	run(all, exchange())
	all.Settle(exchange()) // refused for its form
	run(chain(stage("access", refuses, passes, Shared{}), Stage{Name: "scan", Filter: c}), exchange())
	if want := []string{"limit ", " ", "access "}; !slices.Equal(c.ended, want) {
		t.Errorf("told %q, want %q", c.ended, want)
	}
	late := &curious{answer: passes}
	run(chain(Stage{Name: "scan", Filter: &broken{}}, Stage{Name: "more", Filter: late}), exchange())
	if len(late.ended) != 1 {
		t.Error("not told after another's panic")
	}
}

// broken panics when it is told.
type broken struct{ curious }

func (*broken) Identified(*Exchange) Verdict { return Pass() }
func (*broken) Ended(*Exchange)              { panic("bug") }
