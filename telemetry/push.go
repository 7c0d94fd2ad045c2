package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/template"
	"time"

	"blaze/telemetry/setting"
)

// Export is one entry of exports: a form of the metrics that the policy makes by a template.
type Export struct {
	Name     string `yaml:"name" doc:"served at /metrics/NAME" example:"influx"`
	Template string `yaml:"template" doc:"file with a Go text template over .Metrics, the JSON form's metrics by name" example:"influx.tmpl"`

	parsed *template.Template
}

// Push says where metrics are sent, for a Blaze that nobody can scrape.
type Push struct {
	URL   string        `yaml:"url" doc:"takes Prometheus text by POST" example:"http://127.0.0.1:8428/api/v1/import/prometheus"`
	Every time.Duration `yaml:"every" doc:"how often" default:"15s" example:"15s"`
}

// Bounds of an export and of a push.
const (
	exportMax   = 32 << 20
	pushTimeout = 10 * time.Second
	pushMin     = time.Second
)

// loadExports reads and parses the templates.
func (c *Config) loadExports(read func(string) ([]byte, error)) error {
	var errs []error
	exports := append([]Export(nil), c.Exports...)
	taken := map[string]bool{"": true, "prometheus": true, "history": true}
	for i := range exports {
		e, path := &exports[i], fmt.Sprintf("exports[%d]", i)
		if taken[e.Name] || !plainName(e.Name) {
			errs = append(errs, setting.Wrong(path+".name", "a name of letters, digits, - and _ that no other export has", e.Name))
		}
		taken[e.Name] = true
		text, err := read(e.Template)
		if err == nil {
			e.parsed, err = template.New(e.Name).Option("missingkey=zero").Parse(string(text))
		}
		if err != nil {
			errs = append(errs, &setting.Problem{Path: path + ".template", Want: "a readable Go text template", Got: err.Error()})
		}
	}
	c.Exports = exports
	return errors.Join(errs...)
}

func plainName(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return false
		}
	}
	return len(s) <= 64
}

// export answers /metrics/NAME.
func (a *Admin) export(w http.ResponseWriter, r *http.Request) {
	list := a.t.exports.Load()
	if list != nil {
		for _, e := range *list {
			if e.Name == r.PathValue("name") && e.parsed != nil {
				a.t.writeExport(w, e)
				return
			}
		}
	}
	writeError(w, http.StatusNotFound, "There is no such export in the policy.")
}

func (t *Telemetry) writeExport(w http.ResponseWriter, e Export) {
	var b bounded
	if err := e.parsed.Execute(&b, map[string]any{"Metrics": t.Metrics.Snapshot(), "Time": t.now().UTC(), "Instance": t.instance}); err != nil {
		t.Log.Error().Err(err).Str("export", e.Name).Msg("export failed")
		writeError(w, http.StatusInternalServerError, "The export's template failed; the log says how.")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

// bounded is a buffer that a template cannot fill without end.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > exportMax {
		return 0, errors.New("the export is larger than 32 MiB")
	}
	return b.Buffer.Write(p)
}

// configurePush starts, changes or ends pushing. Caller holds mu.
func (t *Telemetry) configurePush(c *Push) {
	same := c == nil && t.push == nil || c != nil && t.push != nil && *c == *t.push
	if same {
		return
	}
	if t.pushStop != nil {
		t.pushStop()
		t.pushStop = nil
	}
	t.push = nil
	if c != nil {
		own := *c
		t.push = &own
		t.pushStop = t.parts.add(func(ctx context.Context) { t.runPush(ctx, own) })
	}
}

func (t *Telemetry) runPush(ctx context.Context, c Push) {
	client := &http.Client{Timeout: pushTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	sent, failed := t.Metrics.Counter("blaze_pushes_total", "sent"), t.Metrics.Counter("blaze_pushes_total", "failed")
	once := func(ctx context.Context) {
		if err := t.pushOnce(ctx, client, c.URL); err != nil {
			failed.Inc()
			return
		}
		sent.Inc()
	}
	every(ctx, max(c.Every, pushMin), func(time.Time) { once(ctx) })
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	once(end) // the last state is worth most
}

func (t *Telemetry) pushOnce(ctx context.Context, client *http.Client, url string) error {
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if err := errors.Join(t.WritePrometheus(z), z.Close()); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, &body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/plain; version=0.0.4")
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("push answered %s", resp.Status)
	}
	return nil
}
