package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"blaze/telemetry"
)

// browser is a real Chromium, or a skipped test where there is none; CI has one.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	switch {
	case path == "" && os.Getenv("CI") == "true":
		t.Fatal("CI must have Chromium (apt-get install chromium)")
	case path == "":
		t.Skip("no Chromium here: the dashboard is not looked at (apt-get install chromium)")
	case testing.Short():
		t.Skip("a browser takes a while")
	}
	parent, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	alloc, cancel := chromedp.NewExecAllocator(parent, chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true))
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	return ctx
}

// watched collects what a page must not do: complain, open dialogs but those it should, or ask other hosts.
type watched struct {
	mu      sync.Mutex
	faults  []string
	asked   int
	dialogs []string
}

func watch(t *testing.T, ctx context.Context, base string) *watched {
	t.Helper()
	w := &watched{}
	fault := func(format string, args ...any) { w.faults = append(w.faults, fmt.Sprintf(format, args...)) }
	err := chromedp.Listen(ctx, func(ev any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			fault("exception: %s", e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			fault("console.%s", e.Type)
		case *log.EventEntryAdded:
			fault("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		case *network.EventRequestWillBeSent:
			w.asked++
			if !strings.HasPrefix(e.Request.URL, base+"/") {
				fault("asked %s", e.Request.URL)
			}
		case *page.EventJavascriptDialogOpening:
			w.dialogs = append(w.dialogs, e.Message)
			go func() {
				_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
			}()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, enable := range []func() error{
		func() error { _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); return err },
		func() error { _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); return err },
		func() error { _, err := chromedp.Call(ctx, runtime.Enable, cdp.Empty{}); return err },
	} {
		if err := enable(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *watched) check(t *testing.T, wantDialogs int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.faults {
		t.Error(f)
	}
	if w.asked < 20 || len(w.dialogs) != wantDialogs {
		t.Errorf("%d requests, dialogs %q; want many, %d", w.asked, w.dialogs, wantDialogs)
	}
}

// bans stands for the scan filter's, on the admin port.
type bans struct {
	mu   sync.Mutex
	list map[string]string
}

func (b *bans) handlers() map[string]http.Handler {
	locked := func(f func(w http.ResponseWriter, r *http.Request)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b.mu.Lock()
			defer b.mu.Unlock()
			f(w, r)
		})
	}
	return map[string]http.Handler{
		"GET /bans": locked(func(w http.ResponseWriter, _ *http.Request) {
			out := []map[string]string{}
			for address, why := range b.list {
				out = append(out, map[string]string{"id": address, "address": address, "reason": why})
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"bans": out})
		}),
		"POST /bans": locked(func(w http.ResponseWriter, r *http.Request) {
			var in struct{ Address, Reason string }
			_ = json.NewDecoder(r.Body).Decode(&in)
			b.list[in.Address] = in.Reason
			w.WriteHeader(http.StatusNoContent)
		}),
		"DELETE /bans/{address}": locked(func(w http.ResponseWriter, r *http.Request) {
			delete(b.list, r.PathValue("address"))
			w.WriteHeader(http.StatusNoContent)
		}),
		"GET /policy": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{
				"hash": "12d46e0958b1c65f598e0c74c25ba701b1202d76", "loaded": time.Now().Add(-3 * time.Hour), "files": []string{"policy.yaml"},
				"changes":  []map[string]string{{"path": "filters.ratelimit.limits[per-user].limit", "change": "changed", "old": "100", "new": "50"}},
				"warnings": []string{}, "policy": map[string]any{"version": 1, "upstreams": map[string]any{"model": map[string]string{"engine": "vllm"}}},
			})
		}),
	}
}

func (b *bans) has(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, banned := b.list[address]
	return banned
}

const xss = `<img src=x onerror=alert(1)><script>alert(2)</script>`

// servers are the parts of the floors above: a server that fails, and a policy that was refused.
func servers() []telemetry.Check {
	target := func(url, breaker string, inflight int) map[string]any {
		return map[string]any{"url": url, "healthy": true, "breaker": breaker, "cause": "failures", "in_flight": inflight, "connections": inflight + 1}
	}
	return []telemetry.Check{
		{Name: "policy", Status: "degraded", Detail: map[string]any{
			"hash": "12d46e0958b1c65f598e0c74c25ba701b1202d76", "last_error": `policy.yaml:3:11: upstreams.model.engine: want vllm; got "vlm"`,
			"failed": time.Now().Add(-3 * time.Minute),
		}},
		{Name: "upstream model", Status: "degraded", Detail: []any{target("http://10.0.0.1:8000", "closed", 7), target("http://10.0.0.2:8000", "open", 0)}},
	}
}

// traffic makes an hour and a quarter of it, in steps of ten seconds up to now; a model server fails in the last quarter.
func traffic(tel *telemetry.Telemetry) {
	const steps = 450
	for i := range steps {
		for j := range 12 + int(5*math.Sin(float64(i)/30)) + i%3 {
			r := served()
			r.RequestID = fmt.Sprintf("req-%d-%d", i, j)
			r.FirstByte = time.Duration(40+i/6+9*j+max(0, i-360)) * time.Millisecond
			r.Total = r.FirstByte + time.Duration(200+40*j)*time.Millisecond
			r.TokensIn, r.TokensOut = 50, int64(90+i%70)
			tel.Exchange(r)
		}
		if i%4 == 0 {
			tel.Exchange(denied("203.0.113.66", "scan", "sqli", "threat_detected"))
		}
		if i > 360 && i%9 == 0 {
			r := served()
			r.RequestID, r.Status, r.Code, r.Abort = fmt.Sprintf("failed-%d", i), 504, "upstream_timeout", "stall"
			tel.Exchange(r)
		}
		telemetry.Tick(tel, time.Now().Add(time.Duration(i-steps)*10*time.Second))
	}
	hostile := denied("198.51.100.9", "scan", xss, "threat_detected")
	hostile.RequestID, hostile.Path, hostile.Subject, hostile.Model = "hostile-1", "/"+xss, xss, xss
	tel.Exchange(hostile)
	tel.Event(telemetry.Event{Kind: "login_failed", Client: "198.51.100.9", Subject: xss, Note: xss})
	tel.Flush()
}

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

// pageOf is the page under test. Its own polling asks from outside, since the page's policy lets no string be run.
type pageOf struct {
	t   *testing.T
	ctx context.Context
}

// do runs a statement.
func (p pageOf) do(js string) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("{"+js+"}; true")); err != nil {
		p.t.Fatalf("%s: %v", js, err)
	}
}

// holds waits until js is true.
func (p pageOf) holds(what, js string) {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](js))
		if err != nil {
			p.t.Fatalf("%s: %v", what, err)
		}
		if ok {
			return
		}
		if time.Now().After(deadline) {
			text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 3000)`))
			p.t.Fatalf("%s: not after 30 s; the page says:\n%s", what, text)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p pageOf) says(id, text string) {
	p.t.Helper()
	p.holds(id+" says "+text, fmt.Sprintf(`document.getElementById(%q).innerText.includes(%q)`, id, text))
}

// show sets width and scheme, and goes to url unless it is empty.
func (p pageOf) show(url string, width int64, scheme string) {
	p.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media)
	if err == nil {
		err = chromedp.Do(p.ctx, chromedp.EmulateViewport(width, 900))
	}
	if err == nil && url != "" {
		err = chromedp.Do(p.ctx, chromedp.Navigate(url+"/"))
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// shoot looks at the page in a width and a scheme, and keeps the picture where BLAZE_SCREENSHOTS says.
func (p pageOf) shoot(name string, width int64, scheme string) {
	p.t.Helper()
	p.show("", width, scheme)
	p.do(`refresh()`)
	p.holds("drawn anew", fmt.Sprintf(`document.querySelector('svg.chart').viewBox.baseVal.width <= %d`, width))
	shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if dir := os.Getenv("BLAZE_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "dashboard-"+name+".png"), p.paletted(shot), 0o644); err != nil {
			p.t.Error(err)
		}
	}
}

// paletted is a picture in its 256 most frequent colors, which a page with few of them hardly shows: a third of the bytes.
func (p pageOf) paletted(shot []byte) []byte {
	p.t.Helper()
	full, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		p.t.Fatal(err)
	}
	count := map[color.Color]int{}
	each := func(f func(x, y int)) {
		for y := full.Bounds().Min.Y; y < full.Bounds().Max.Y; y++ {
			for x := full.Bounds().Min.X; x < full.Bounds().Max.X; x++ {
				f(x, y)
			}
		}
	}
	each(func(x, y int) { count[full.At(x, y)]++ })
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	small := image.NewPaletted(full.Bounds(), colors[:min(256, len(colors))])
	index := map[color.Color]uint8{}
	each(func(x, y int) {
		c := full.At(x, y)
		if _, ok := index[c]; !ok {
			index[c] = uint8(small.Palette.Index(c))
		}
		small.SetColorIndex(x, y, index[c])
	})
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		p.t.Fatal(err)
	}
	return out.Bytes()
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
