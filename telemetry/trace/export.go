package trace

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Bounds: finished exchanges that wait for their spans to be made, and spans that wait to be sent.
const (
	maxWaiting = 1024
	maxSpans   = 8192
	exportTime = 10 * time.Second
)

// Options say where spans go.
type Options struct {
	Endpoint string // http://host:4318; /v1/traces is added when it has no path
	Headers  map[string]string
	Service  string
	Version  string
	Instance string
	// Lost counts spans, or exchanges, that could not be kept or sent.
	Lost func(n int)
}

// Span is one finished piece of work. Children lie within it.
type Span struct {
	Name       string
	Kind       trace.SpanKind
	Start, End time.Time
	Attributes []attribute.KeyValue
	Error      string // empty when it went well
	Children   []Span
	Events     []Event
}

// Event is a moment within a span.
type Event struct {
	Name string
	At   time.Time
}

// Exporter makes spans and sends them.
type Exporter struct {
	o        Options
	waiting  chan finished
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

type finished struct {
	at   Context
	root Span
}

// New makes an exporter; nothing is sent before Run.
func New(o Options) (*Exporter, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("cannot trace: %q is not an OTLP endpoint", o.Endpoint)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	out, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithHeaders(o.Headers), otlptracehttp.WithTimeout(exportTime))
	if err != nil {
		return nil, fmt.Errorf("cannot trace: %w", err)
	}
	e := &Exporter{o: o, waiting: make(chan finished, maxWaiting)}
	e.provider = sdk.NewTracerProvider(
		sdk.WithBatcher(quiet{out, o.Lost}, sdk.WithMaxQueueSize(maxSpans)), // drops when full, never blocks
		sdk.WithSampler(sdk.AlwaysSample()),
		sdk.WithIDGenerator(ids{}),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", o.Service), attribute.String("service.version", o.Version), attribute.String("service.instance.id", o.Instance))),
	)
	e.tracer = e.provider.Tracer("blaze")
	return e, nil
}

// Finished takes an exchange's spans. It never waits: when too many wait already, they are lost and counted.
func (e *Exporter) Finished(at Context, root Span) {
	select {
	case e.waiting <- finished{at, root}:
	default:
		e.o.Lost(1)
	}
}

// Run makes spans until ctx ends, then sends what is left, within five seconds.
func (e *Exporter) Run(ctx context.Context) {
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = e.provider.Shutdown(end)
	}()
	for {
		select {
		case f := <-e.waiting:
			e.make(f)
		case <-ctx.Done():
			for {
				select {
				case f := <-e.waiting:
					e.make(f)
				default:
					return
				}
			}
		}
	}
}

func (e *Exporter) make(f finished) {
	ctx := context.WithValue(context.Background(), idKey{}, f.at)
	if f.at.Parent != [8]byte{} {
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: f.at.TraceID, SpanID: f.at.Parent, TraceFlags: trace.TraceFlags(f.at.Flags), Remote: true}))
	}
	e.span(ctx, f.root)
}

func (e *Exporter) span(ctx context.Context, s Span) {
	ctx, span := e.tracer.Start(ctx, s.Name, trace.WithTimestamp(s.Start), trace.WithSpanKind(s.Kind), trace.WithAttributes(s.Attributes...))
	ctx = context.WithValue(ctx, idKey{}, nil) // the exchange's own id is the root's
	for _, ev := range s.Events {
		span.AddEvent(ev.Name, trace.WithTimestamp(ev.At))
	}
	for _, child := range s.Children {
		e.span(ctx, child)
	}
	if s.Error != "" {
		span.SetStatus(codes.Error, s.Error)
	}
	span.End(trace.WithTimestamp(s.End))
}

// ids gives the root span the id that went to the upstream while the exchange ran.
type ids struct{}

type idKey struct{}

// NewIDs is asked for a trace that begins here.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if c, ok := ctx.Value(idKey{}).(Context); ok {
		return c.TraceID, c.SpanID
	}
	c := Start(nil, 1)
	return c.TraceID, c.SpanID
}

// NewSpanID is asked for a span in a trace.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if c, ok := ctx.Value(idKey{}).(Context); ok {
		return c.SpanID
	}
	return Start(nil, 1).SpanID
}

// quiet keeps the SDK from writing a receiver's failures to standard error by its global handler.
type quiet struct {
	sdk.SpanExporter
	lost func(int)
}

// ExportSpans sends spans and counts those that did not arrive.
func (q quiet) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := q.SpanExporter.ExportSpans(ctx, spans); err != nil {
		q.lost(len(spans))
	}
	return nil
}
