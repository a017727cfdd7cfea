package trace

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// Attr is a name and a value that a span holds.
type Attr = attribute.KeyValue

// String is an attribute with a text.
func String(name, value string) Attr { return attribute.String(name, value) }

// Int is an attribute with a number.
func Int(name string, value int64) Attr { return attribute.Int64(name, value) }

// tracer is nil while nothing is recorded.
var tracer atomic.Pointer[api.Tracer]

// On reports whether spans are recorded.
func On() bool { return tracer.Load() != nil }

// Setup begins to record if the environment asks for it, for a weir of that version. failed is told
// of the first error of an exporter, and of nothing after it: traces that cannot be delivered stop
// nobody. stop sends what is left; it does nothing where nothing was set up.
func Setup(ctx context.Context, version string, failed func(error)) (_ context.Context, stop func(context.Context) error, err error) {
	none := func(context.Context) error { return nil }
	if !asked() {
		return ctx, none, nil
	}
	var exporter sdk.SpanExporter
	if os.Getenv("OTEL_TRACES_EXPORTER") == "console" {
		exporter, err = stdouttrace.New(stdouttrace.WithWriter(os.Stderr)) // stdout is for results
	} else {
		exporter, err = autoexport.NewSpanExporter(ctx)
	}
	if err != nil {
		return ctx, none, fmt.Errorf("setting up traces: %w", err)
	}
	if autoexport.IsNoneSpanExporter(exporter) {
		return ctx, none, nil
	}
	var once sync.Once
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { once.Do(func() { failed(err) }) }))
	stop, err = Start(ctx, exporter, version)
	// What weir was started by may be traced too.
	carrier := propagation.MapCarrier{"traceparent": os.Getenv("TRACEPARENT"), "tracestate": os.Getenv("TRACESTATE")}
	return propagation.TraceContext{}.Extract(ctx, carrier), stop, err
}

// asked reports whether the environment asks for traces.
func asked() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if by := os.Getenv("OTEL_TRACES_EXPORTER"); by != "" {
		return by != "none"
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Start records to an exporter until stop is called.
func Start(ctx context.Context, exporter sdk.SpanExporter, version string) (stop func(context.Context) error, err error) {
	// The variables OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over what weir says of itself.
	r, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", cmp.Or(os.Getenv("OTEL_SERVICE_NAME"), "weir")), attribute.String("service.version", version),
	), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return func(context.Context) error { return nil }, fmt.Errorf("setting up traces: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(r))
	t := provider.Tracer("github.com/weir-data/weir", api.WithInstrumentationVersion(version))
	tracer.Store(&t)
	return func(ctx context.Context) error {
		tracer.Store(nil)
		return provider.Shutdown(ctx)
	}, nil
}

// End ends a span: "" or "ok" for well, else the code or class of what went wrong.
type End func(code string, attrs ...Attr)

// Begin begins a span below that of ctx. While nothing is recorded it does nothing.
func Begin(ctx context.Context, name string, attrs ...Attr) (context.Context, End) {
	t := tracer.Load()
	if t == nil {
		return ctx, func(string, ...Attr) {}
	}
	parent := ctx
	if s, ok := ctx.Value(stepsKey{}).(*Steps); ok {
		parent = s.under(ctx)
	}
	_, span := (*t).Start(parent, name, api.WithAttributes(attrs...))
	return api.ContextWithSpan(ctx, span), func(code string, attrs ...Attr) { finish(span, code, attrs) }
}

func finish(span api.Span, code string, attrs []Attr) {
	span.SetAttributes(attrs...)
	if code != "" && code != "ok" {
		span.SetStatus(codes.Error, code)
		span.SetAttributes(attribute.String("error.type", code))
	}
	span.End()
}

// Steps are the spans of something whose steps follow each other, and which says only where each
// one begins. What is begun in its context stands below the step of that moment.
type Steps struct {
	owner api.Span

	mu      sync.Mutex
	current api.Span
}

type stepsKey struct{}

// InSteps returns a context for what has steps: below the span of ctx.
func InSteps(ctx context.Context) (context.Context, *Steps) {
	s := &Steps{owner: api.SpanFromContext(ctx)}
	return context.WithValue(ctx, stepsKey{}, s), s
}

// Next ends the step before and begins one.
func (s *Steps) Next(name string, attrs ...Attr) {
	t := tracer.Load()
	if t == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.End()
	}
	_, s.current = (*t).Start(api.ContextWithSpan(context.Background(), s.owner), name, api.WithAttributes(attrs...))
}

// Done ends the last step.
func (s *Steps) Done(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		finish(s.current, code, nil)
		s.current = nil
	}
}

// under is the context below the current step, unless a span was begun in between.
func (s *Steps) under(ctx context.Context) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || api.SpanFromContext(ctx) != s.owner {
		return ctx
	}
	return api.ContextWithSpan(ctx, s.current)
}

// TraceID is the trace that ctx is part of, or "".
func TraceID(ctx context.Context) string {
	if s := api.SpanContextFromContext(ctx); s.HasTraceID() {
		return s.TraceID().String()
	}
	return ""
}
