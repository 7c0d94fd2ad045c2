package telemetry_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
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
