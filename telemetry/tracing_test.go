package telemetry_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"blaze/telemetry"
)

// receiver is an OTLP/HTTP receiver.
func receiver(t *testing.T) (url string, spans chan *tracev1.Span) {
	t.Helper()
	spans = make(chan *tracev1.Span, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var in v1.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &in); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("authorization") != "Bearer t" {
			t.Errorf("%s: %v, %v", r.URL.Path, err, r.Header)
		}
		for _, rs := range in.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					spans <- s
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(srv.Close)
	return srv.URL, spans
}

func tracing(url string, sample float64) telemetry.Config {
	c := telemetry.Config{Tracing: &telemetry.Tracing{OTLP: url, Headers: map[string]string{"authorization": "Bearer t"}}}
	c.Tracing.Sample.UnmarshalText([]byte("100%"))
	if sample == 0 {
		c.Tracing.Sample = 0
	}
	return c
}

// The spans form one trace, from the client's span through Blaze's to what the upstream is told.
func TestSpansFormOneTrace(t *testing.T) {
	url, spans := receiver(t)
	tel, _ := newTelemetry(t)
	tel.Configure(tracing(url, 1))
	stop := runReal(t, tel)
	c, own := tel.StartTrace([]byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
	if !own || !c.Sampled {
		t.Fatalf("got %+v, %v", c, own)
	}
	r := served()
	r.Trace = c
	r.Spans = []telemetry.Span{
		{Name: "auth", Start: 10 * time.Microsecond, End: 30 * time.Microsecond},
		{Name: "upstream", Start: time.Millisecond, End: 139 * time.Millisecond, Target: "http://127.0.0.1:8080", Status: 200},
	}
	tel.Exchange(r)
	stop()
	byName := map[string]*tracev1.Span{}
	if len(spans) != 3 {
		t.Fatalf("got %d spans, want 3", len(spans))
	}
	for range 3 {
		s := <-spans
		byName[s.Name] = s
		if got := hex.EncodeToString(s.TraceId); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("%s is in trace %s", s.Name, got)
		}
	}
	root := byName["POST chat.completions"]
	if root == nil || hex.EncodeToString(root.ParentSpanId) != "00f067aa0ba902b7" || [8]byte(root.SpanId) != c.SpanID || root.Kind != tracev1.Span_SPAN_KIND_SERVER {
		t.Fatalf("root: %v", root)
	}
	if d := root.EndTimeUnixNano - root.StartTimeUnixNano; d != uint64(140*time.Millisecond) || len(root.Events) != 1 || root.Events[0].Name != "first_token" {
		t.Errorf("took %d, events %v", d, root.Events)
	}
	for _, name := range []string{"auth", "upstream"} {
		if s := byName[name]; s == nil || string(s.ParentSpanId) != string(root.SpanId) || string(s.SpanId) == string(root.SpanId) {
			t.Errorf("%s: %v", name, s)
		}
	}
	got := map[string]string{}
	for _, a := range root.Attributes {
		got[a.Key] = a.Value.String()
	}
	for key, want := range map[string]string{
		"gen_ai.operation.name": `string_value:"chat"`, "gen_ai.request.model": `string_value:"llama-3"`, "gen_ai.provider.name": `string_value:"vllm"`,
		"gen_ai.usage.input_tokens": "int_value:10", "gen_ai.usage.output_tokens": "int_value:20", "http.response.status_code": "int_value:200",
	} {
		if got[key] != want {
			t.Errorf("%s: got %s, want %s", key, got[key], want)
		}
	}
}

func TestUnsampledIsPassedOnAndNotSent(t *testing.T) {
	url, spans := receiver(t)
	tel, _ := newTelemetry(t)
	const in = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	f := func(what string, wantOwn, wantValid bool, header string) {
		t.Helper()
		c, own := tel.StartTrace([]byte(header))
		if own != wantOwn || c.Valid() != wantValid || c.Sampled {
			t.Errorf("%s: got %+v, %v", what, c, own)
		}
		r := served()
		r.Trace = c
		tel.Exchange(r)
	}
	f("no tracing", false, true, in)
	f("no tracing, no trace", false, false, "")
	tel.Configure(tracing(url, 0))
	stop := runReal(t, tel)
	f("share 0", false, true, in)
	f("share 0, no trace", true, true, "")
	stop()
	if len(spans) != 0 {
		t.Errorf("%d spans were sent", len(spans))
	}
}

// A receiver that does not answer costs spans, which are counted, and nothing else.
func TestReceiverThatIsGone(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer srv.Close()
	tel, _ := newTelemetry(t)
	tel.Configure(tracing(srv.URL, 1))
	stop := runReal(t, tel)
	r := served()
	r.Trace, _ = tel.StartTrace(nil)
	tel.Exchange(r)
	stop()
	if got := text(t, tel)["blaze_spans_lost_total"]; got != 1 {
		t.Errorf("lost %v, want 1", got)
	}
}
