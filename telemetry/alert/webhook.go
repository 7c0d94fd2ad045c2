package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of what is sent.
const (
	sendTimeout = 10 * time.Second
	sendTries   = 6
	firstWait   = time.Second
	maxWait     = 30 * time.Second
	queued      = 64
)

// Webhook tells one address about alerts, from its own goroutine.
type Webhook struct {
	url    string
	format func([]Alert, string) any
	source string // how this Blaze is called in a message
	queue  chan []Alert
	sent   func(result string) // counts: sent, failed, dropped
	client *http.Client
}

// NewWebhook sends to rawURL: Slack's form where its host is Slack's, Alertmanager's API v2 otherwise.
func NewWebhook(rawURL, source string, sent func(result string)) *Webhook {
	w := &Webhook{url: rawURL, format: alertmanager, source: source, queue: make(chan []Alert, queued), sent: sent}
	if u, err := url.Parse(rawURL); err == nil && u.Hostname() == "hooks.slack.com" {
		w.format = slack
	}
	w.client = &http.Client{Timeout: sendTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return w
}

// Resends reports whether the receiver must be told again and again that an alert fires, as Alertmanager must.
func (w *Webhook) Resends() bool { return !strings.Contains(w.url, "://hooks.slack.com/") }

// Tell queues alerts; when the receiver is that far behind, they are dropped and counted.
func (w *Webhook) Tell(alerts []Alert) {
	if len(alerts) == 0 {
		return
	}
	select {
	case w.queue <- alerts:
	default:
		w.sent("dropped")
	}
}

// Run sends until ctx ends.
func (w *Webhook) Run(ctx context.Context) {
	defer w.client.CloseIdleConnections()
	for {
		select {
		case <-ctx.Done():
			return
		case alerts := <-w.queue:
			w.send(ctx, alerts)
		}
	}
}

// send tries until it is through, the answer says that trying is no use, or the tries are used up.
func (w *Webhook) send(ctx context.Context, alerts []Alert) {
	body, err := json.Marshal(w.format(alerts, w.source))
	if err != nil {
		w.sent("failed")
		return
	}
	wait := firstWait
	for try := 1; ; try++ {
		again, err := w.post(ctx, body)
		if err == nil {
			w.sent("sent")
			return
		}
		if !again || try == sendTries {
			w.sent("failed")
			return
		}
		select {
		case <-ctx.Done():
			w.sent("failed")
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, maxWait)
	}
}

func (w *Webhook) post(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "blaze")
	resp, err := w.client.Do(req)
	if err != nil {
		return true, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 == 2 {
		return false, nil
	}
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500, fmt.Errorf("webhook answered %s", resp.Status)
}

// postable is an alert as POST /api/v2/alerts of Alertmanager takes it.
type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       *time.Time        `json:"endsAt,omitempty"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

func alertmanager(alerts []Alert, source string) any {
	out := make([]postable, len(alerts))
	for i, a := range alerts {
		out[i] = postable{
			Labels:      map[string]string{"alertname": a.Name, "severity": a.Severity, "job": "blaze", "instance": source},
			Annotations: map[string]string{"summary": summary(a), "condition": a.When},
			StartsAt:    a.Since.UTC(),
			EndsAt:      a.Resolved,
		}
	}
	return out
}

func summary(a Alert) string {
	return fmt.Sprintf("%s is %s: %s (now %.4g)", a.Name, a.State, a.When, a.Value)
}

// slack is an incoming webhook's message; &, < and > are its markup.
func slack(alerts []Alert, source string) any {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	lines := make([]string, len(alerts))
	for i, a := range alerts {
		mark := ":rotating_light:"
		if a.State == "resolved" {
			mark = ":white_check_mark:"
		}
		lines[i] = fmt.Sprintf("%s *[%s] %s*", mark, escape.Replace(a.Severity), escape.Replace(summary(a)))
	}
	return map[string]string{"text": "Blaze " + escape.Replace(source) + "\n" + strings.Join(lines, "\n")}
}

// SetTransport makes the messages go another way; for a test, before Run.
func (w *Webhook) SetTransport(rt http.RoundTripper) { w.client.Transport = rt }
