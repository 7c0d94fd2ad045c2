package telemetry

import (
	"maps"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"blaze/telemetry/setting"
	"blaze/telemetry/trace"
)

// Tracing says where spans go. The trace context of a request is passed on in any case.
type Tracing struct {
	OTLP    string            `yaml:"otlp" doc:"OTLP/HTTP receiver" example:"http://127.0.0.1:4318"`
	Sample  setting.Percent   `yaml:"sample" doc:"share of traces that are recorded, of those the caller has not ruled out" default:"10%" example:"10%"`
	Headers map[string]string `yaml:"headers" doc:"header fields for the receiver" example:"{authorization: \"Bearer ${env:OTLP_TOKEN}\"}"`
	Service string            `yaml:"service" doc:"service.name of the spans" default:"blaze" example:"blaze"`
}

// tracer is what serves while the policy has tracing.
type tracer struct {
	config   Tracing
	exporter *trace.Exporter
	stop     func()
}

func (a *Tracing) same(b *Tracing) bool {
	return a.OTLP == b.OTLP && a.Service == b.Service && a.Sample == b.Sample && maps.Equal(a.Headers, b.Headers)
}

// configureTracing starts, changes or ends tracing. Caller holds mu.
func (t *Telemetry) configureTracing(c *Tracing) {
	old := t.tracer.Load()
	if old == nil && c == nil || old != nil && c != nil && old.config.same(c) {
		return
	}
	var next *tracer
	if c != nil {
		lost := t.Metrics.Counter("blaze_spans_lost_total")
		service := c.Service
		if service == "" {
			service = "blaze"
		}
		e, err := trace.New(trace.Options{
			Endpoint: c.OTLP, Headers: c.Headers, Service: service, Version: t.version, Instance: t.instance,
			Lost: func(n int) { lost.Add(int64(n)) },
		})
		if err != nil {
			t.Log.Error().Err(err).Msg("exchanges are not traced")
		} else {
			next = &tracer{config: *c, exporter: e, stop: t.parts.add(e.Run)}
		}
	}
	t.tracer.Store(next)
	if old != nil {
		go old.stop() // sends what is left, which may take a while
	}
}

// StartTrace places an exchange in the trace that traceparent says, or begins one; the zero Context when the policy has
// no tracing and none came. Where own is true, AppendTraceparent's value goes to the upstream in place of the caller's.
// Allocates nothing.
func (t *Telemetry) StartTrace(traceparent []byte) (c trace.Context, own bool) {
	tr := t.tracer.Load()
	if tr == nil {
		c, _ = trace.Parse(traceparent)
		return c, false
	}
	c = trace.Start(traceparent, float64(tr.config.Sample))
	return c, c.SpanID != c.Parent
}

// Span is one part of an exchange, in time since its begin: a filter, a wait, an attempt at an upstream.
type Span struct {
	Name       string // a filter's name, queue, or upstream
	Start, End time.Duration
	Target     string // of an attempt at an upstream
	Status     int    // of its answer; 0 is none
	Error      string
}

// traced hands a sampled exchange to the exporter. Strings are copied: the record is pooled.
func (t *Telemetry) traced(r *Record) {
	tr := t.tracer.Load()
	if tr == nil || !r.Trace.Sampled {
		return
	}
	tr.exporter.Finished(r.Trace, spanOf(r))
}

func spanOf(r *Record) trace.Span {
	s := trace.Span{
		Name: strings.Clone(clip(r.Method) + " " + clip(r.Endpoint)), Kind: oteltrace.SpanKindServer,
		Start: r.Began, End: r.Began.Add(r.Total), Attributes: attributes(r),
	}
	if r.Status >= 500 || r.Abort != "" {
		s.Error = strings.Clone(clip(r.Code + r.Abort))
	}
	if r.FirstByte > 0 {
		s.Events = append(s.Events, trace.Event{Name: "first_token", At: r.Began.Add(r.FirstByte)})
	}
	for _, part := range r.Spans {
		child := trace.Span{
			Name: strings.Clone(part.Name), Kind: oteltrace.SpanKindInternal, Error: strings.Clone(part.Error),
			Start: r.Began.Add(part.Start), End: r.Began.Add(part.End),
		}
		if part.Target != "" {
			child.Kind = oteltrace.SpanKindClient
			child.Attributes = append(child.Attributes, attribute.String("server.address", strings.Clone(part.Target)), attribute.Int("http.response.status_code", part.Status))
		}
		s.Children = append(s.Children, child)
	}
	return s
}

// attributes are those of OpenTelemetry's conventions for HTTP servers and generative AI, and a few of Blaze's own.
func attributes(r *Record) []attribute.KeyValue {
	out := []attribute.KeyValue{attribute.Int("http.response.status_code", r.Status)}
	add := func(key, v string) {
		if v != "" {
			out = append(out, attribute.String(key, strings.ToValidUTF8(strings.Clone(clip(v)), "\ufffd")))
		}
	}
	add("http.request.method", r.Method)
	add("url.path", r.Path)
	add("http.route", r.Route)
	add("gen_ai.operation.name", operation(r.Endpoint))
	add("gen_ai.provider.name", r.Engine)
	add("gen_ai.request.model", r.Model)
	add("blaze.request_id", r.RequestID)
	add("blaze.upstream", r.Upstream)
	add("blaze.filter", r.Filter)
	add("blaze.rule", r.Rule)
	add("error.type", r.Code)
	add("blaze.abort", r.Abort)
	if r.TokensIn > 0 {
		out = append(out, attribute.Int64("gen_ai.usage.input_tokens", r.TokensIn))
	}
	if r.TokensOut > 0 {
		out = append(out, attribute.Int64("gen_ai.usage.output_tokens", r.TokensOut))
	}
	return append(out, attribute.Float64("blaze.overhead_ms", float64(r.Overhead.Microseconds())/1000), attribute.Int("blaze.retries", r.Retries))
}

// operation is the conventions' word for what an endpoint does.
func operation(endpoint string) string {
	switch {
	case strings.Contains(endpoint, "embed"):
		return "embeddings"
	case strings.Contains(endpoint, "chat"), strings.Contains(endpoint, "messages"), strings.Contains(endpoint, "responses"):
		return "chat"
	case strings.Contains(endpoint, "complet"), strings.Contains(endpoint, "generate"):
		return "text_completion"
	}
	return ""
}
