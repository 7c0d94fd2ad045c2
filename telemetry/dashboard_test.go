package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"blaze/telemetry"
)

func TestDashboard(t *testing.T) {
	ctx := browser(t)
	tel, _ := newTelemetry(t)
	queue := 0.0
	var mu sync.Mutex
	tel.Metrics.Gauge("blaze_queue_depth", func() float64 { mu.Lock(); defer mu.Unlock(); return queue }, "model")
	setQueue := func(v float64) {
		mu.Lock()
		queue = v
		mu.Unlock()
		telemetry.Tick(tel, time.Now())
	}
	tel.Configure(telemetry.Config{Alerts: []telemetry.AlertRule{{Name: "queue-long", When: "queue_depth > 100", Severity: "page"}}})
	traffic(tel)
	b := &bans{list: map[string]string{}}
	base := admin(t, tel, telemetry.AdminOptions{Handlers: b.handlers(), Checks: servers})
	w := watch(t, ctx, base)
	p := pageOf{t, ctx}

	p.show(base, 1280, "light")
	p.holds("the page draws", `document.body.dataset.drawn >= 1`)
	p.holds("charts show traffic", `[...document.querySelectorAll('svg.chart path')].filter(p => p.getAttribute('d').length > 200).length >= 6`)
	for id, text := range map[string]string{"offenders": "203.0.113.66", "errors": "upstream_timeout", "denials": "sqli", "policy": "100 → 50", "upstreams": "10.0.0.2:8000", "checks": "disk", "failures": "upstream_timeout"} {
		p.says(id, text)
	}
	p.says("denials", "<img src=x") // a stored XSS is text
	p.says("events", "<script>alert(2)</script>")
	p.holds("no markup from outside", `document.querySelectorAll('main img, main script').length === 0`)
	p.do(`document.getElementById('query').value = 'hostile-1'; document.querySelector('#search button').click()`)
	p.says("found", "198.51.100.9")
	p.says("found", "refused by scan/<img src=x")

	p.says("state", "1 of 2 servers of upstream model cannot be asked: http://10.0.0.2:8000, its breaker is open (failures).")
	p.says("state", "The policy was changed 3 min ago, and refused: the one before goes on serving.")
	setQueue(500)
	p.do(`refresh()`)
	p.says("state", "queue-long")
	p.holds("what is wrong is in the title", `document.title.startsWith('✖')`)
	p.do(`document.querySelector('#found > button').click(); document.getElementById('query').value = ''`)
	p.shoot("light", 1280, "light")
	p.shoot("dark", 1280, "dark")
	p.shoot("phone", 390, "light")
	p.holds("nothing is wider than a phone", `document.documentElement.scrollWidth <= 390`)
	p.show("", 1280, "light")
	p.do(`document.getElementById('compare').value = '1h'; document.getElementById('compare').dispatchEvent(new Event('change'))`)
	p.holds("the hour before is drawn beside", `[...document.querySelectorAll('path.before')].some(p => p.getAttribute('d').length > 20)`)
	setQueue(0)
	p.do(`refresh()`)
	p.says("alerts", "resolved")
	p.holds("the alert is over", `!document.getElementById('state').innerText.includes('queue-long')`)

	p.do(`[...document.querySelectorAll('#offenders tr')].find(r => r.innerText.includes('203.0.113.66')).querySelector('button').click()`)
	p.says("bans", "203.0.113.66")
	if !b.has("203.0.113.66") {
		t.Error("the ban did not take effect")
	}
	p.do(`document.querySelector('#bans button').click()`)
	p.says("bans", "Nobody is banned.")
	if b.has("203.0.113.66") {
		t.Error("the ban was not lifted")
	}
	w.check(t, 1)
}

// With a token the page asks for it, and shows nothing before.
func TestDashboardAsksForTheToken(t *testing.T) {
	ctx := browser(t)
	tel, _ := newTelemetry(t)
	base := admin(t, tel, telemetry.AdminOptions{Token: "a-long-admin-token"})
	p := pageOf{t, ctx}
	p.show(base, 1280, "light")
	p.holds("asks", `!document.getElementById('login').hidden && document.getElementById('main').hidden`)
	p.do(`document.getElementById('token').value = 'wrong'; document.querySelector('#login button').click()`)
	p.says("about", "admin token")
	p.do(`document.getElementById('token').value = 'a-long-admin-token'; document.querySelector('#login button').click()`)
	p.says("quiet", "Charts begin up to twenty seconds after the first request.")
	p.holds("shows", `document.getElementById('login').hidden && !document.getElementById('main').hidden`)
}

// The page and its files are open and bound by a strict policy; nothing in them names another host.
func TestDashboardFiles(t *testing.T) {
	tel, _ := newTelemetry(t)
	base := admin(t, tel, telemetry.AdminOptions{Token: "a-long-admin-token"})
	for _, path := range []string{"/", "/dashboard/app.js", "/dashboard/lists.js", "/dashboard/words.js", "/dashboard/chart.js", "/dashboard/style.css", "/dashboard/icon.svg"} {
		status, body, h := ask(t, "GET", base+path)
		csp := h.Get("Content-Security-Policy")
		if status != 200 || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %d, %s", path, status, csp)
		}
		body = strings.ReplaceAll(body, "http://www.w3.org/2000/svg", "")
		for _, bad := range []string{"http://", "https://", "innerHTML", "eval(", " style=", "onclick=\""} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %q", path, bad)
			}
		}
	}
}

// TestDashboardProfiles: the page's buttons download profiles that are such, and say what goes on meanwhile.
func TestDashboardProfiles(t *testing.T) {
	ctx := browser(t)
	tel, _ := newTelemetry(t)
	base := admin(t, tel, telemetry.AdminOptions{Token: "a-long-admin-token"})
	p, dir := pageOf{t, ctx}, t.TempDir()
	allow := cdpbrowser.SetDownloadBehaviorParams{Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir}
	if _, err := chromedp.Call(ctx, cdpbrowser.SetDownloadBehavior, allow); err != nil {
		t.Fatal(err)
	}
	p.show(base, 1280, "light")
	p.do(`document.getElementById('token').value = 'a-long-admin-token'; document.querySelector('#login button').click()`)
	f := func(button, file, holds string) {
		t.Helper()
		p.holds(button, fmt.Sprintf(`[...document.querySelectorAll('#profile button')].some(b => b.innerText === %q && !b.disabled)`, button))
		p.do(fmt.Sprintf(`[...document.querySelectorAll('#profile button')].find(b => b.innerText === %q).click()`, button))
		p.holds("it says that it works", `[...document.querySelectorAll('#profile button')].some(b => b.disabled && b.innerText.endsWith('…')) || document.body.innerText.includes('Saved')`)
		p.says("profile", "Saved as "+file)
		path := filepath.Join(dir, file)
		var text []byte
		for began := time.Now(); len(text) == 0 && time.Since(began) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
			text, _ = os.ReadFile(path) // its name is there once it is whole
		}
		unpacked, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %d bytes: %v", file, len(text), err)
		}
		profile, err := io.ReadAll(unpacked)
		if err != nil || !bytes.Contains(profile, []byte(holds)) {
			t.Errorf("%s: %v, and no %q in %d bytes", file, err, holds, len(profile))
		}
	}
	f("CPU, 10 s", "cpu.pprof", "nanoseconds")
	f("Heap", "heap.pprof", "inuse_space")
	f("Goroutines", "goroutine.pprof", "goroutine")
}
