package storytest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/rogpeppe/go-internal/testscript"
)

// browser is a real Chromium that shows the dashboard. It says yes to every question.
type browser struct {
	ctx  context.Context
	stop []context.CancelFunc // last first
}

func (b *browser) close() {
	for i := len(b.stop) - 1; i >= 0; i-- {
		b.stop[i]()
	}
}

// browse shows the dashboard. A story that does is skipped where there is no Chromium; CI has one, which the dashboard's own
// test sees to.
func (s *story) browse(*testscript.TestScript, bool, []string) error {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return err
	}
	b := &browser{}
	parent, cancel := context.WithTimeout(context.Background(), 4*patience)
	alloc, stop := chromedp.NewExecAllocator(parent, chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true))
	ctx, end := chromedp.NewContext(alloc)
	b.ctx, b.stop = ctx, []context.CancelFunc{cancel, stop, end}
	s.browser = b
	err = chromedp.Listen(ctx, func(ev any) {
		if _, ok := ev.(*page.EventJavascriptDialogOpening); ok {
			go func() {
				_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
			}()
		}
	})
	return errors.Join(err, chromedp.Do(ctx, chromedp.Navigate("http://"+s.running.admin+"/")))
}

// page waits until what it is given is true of the dashboard.
func (s *story) page(_ *testscript.TestScript, _ bool, args []string) error {
	if s.browser == nil {
		return errors.New("nobody looks at the dashboard: browse first")
	}
	deadline := time.Now().Add(patience)
	for {
		ok, err := chromedp.Run(s.browser.ctx, chromedp.Evaluate[bool]("Boolean("+args[0]+")"))
		if err != nil || ok {
			return err
		}
		if time.Now().After(deadline) {
			text, _ := chromedp.Run(s.browser.ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 3000)`))
			return fmt.Errorf("never true; the page says:\n%s", text)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// click clicks the button with a text in the first row, under the element with an id, that holds another text.
func (s *story) click(ts *testscript.TestScript, neg bool, args []string) error {
	row := fmt.Sprintf(`[...document.querySelectorAll('#%s tr')].find(r => r.innerText.includes(%q))`, args[0], args[1])
	button := fmt.Sprintf(`[...(%s?.querySelectorAll('button') || [])].find(b => b.innerText === %q)`, row, args[2])
	if err := s.page(ts, neg, []string{button}); err != nil {
		return err
	}
	_, err := chromedp.Run(s.browser.ctx, chromedp.Evaluate[bool]("("+button+".click(), true)"))
	return err
}
