package app

import (
	"context"
	"errors"
	"time"

	"github.com/weir-data/weir/internal/trace"
	"github.com/weir-data/weir/syncs"
)

// Call is one call to a destination, for metrics.
type Call struct {
	Sync        string
	Destination string
	Rows        int64
	Class       string // ok, or the class of the fault, or unsent
	Took        time.Duration
}

// watch records what runs do in the world as spans, and tells of calls.
func (a *App) watch(ctx context.Context, s syncs.Step) (context.Context, func(syncs.Done)) {
	began := time.Now()
	attrs := []trace.Attr{trace.String("weir.sync", s.Sync), trace.String("weir.run", s.Run), trace.String("weir.destination", s.Destination)}
	name := s.Kind
	if s.Kind == "run" {
		name += " " + s.Sync
	} else {
		attrs = append(attrs, trace.String("weir.object", s.Object))
	}
	ctx, end := trace.Begin(ctx, name, attrs...)
	return ctx, func(d syncs.Done) {
		rows := max(s.Rows, d.Rows)
		code := d.Class
		if s.Kind == "run" && (code == string(syncs.Degraded) || code == string(syncs.Stopped)) {
			code = "ok" // it did what it was asked, and says what is left
		}
		end(code, trace.Int("weir.rows", rows), trace.String("weir.class", d.Class))
		if s.Kind == "send" && a.o.Calls != nil && d.Class != "unsent" {
			a.o.Calls(Call{Sync: s.Sync, Destination: s.Destination, Rows: rows, Class: d.Class, Took: time.Since(began)})
		}
	}
}

// spanCode is how a span ends by an error: its code, where it has one.
func spanCode(err error) string {
	var ae *Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &ae):
		return ae.Code
	case errors.Is(err, context.Canceled):
		return "stopped"
	}
	return "failed"
}

// StartTracing begins to record spans if the environment asks for it, as OpenTelemetry's standard
// variables say; see package trace. failed is told once if they cannot be delivered. stop sends what
// is left and waits for it as long as its context lets it.
func StartTracing(ctx context.Context, version string, failed func(error)) (_ context.Context, stop func(context.Context) error, err error) {
	ctx, stop, err = trace.Setup(ctx, version, failed)
	if err != nil {
		return ctx, stop, &Error{Kind: Refused, Code: "traces.settings", Message: err.Error(), Fix: "set OTEL_TRACES_EXPORTER to otlp, console or none", Err: err}
	}
	return ctx, stop, nil
}

// Span records a piece of work of whoever asks, such as a command; end is given the code of what
// went wrong, or "".
func Span(ctx context.Context, name string, attrs map[string]string) (context.Context, func(code string)) {
	var list []trace.Attr
	for k, v := range attrs {
		list = append(list, trace.String(k, v))
	}
	ctx, end := trace.Begin(ctx, name, list...)
	return ctx, func(code string) { end(code) }
}

// TraceID is the trace that ctx is part of, for the log; "" if none is recorded.
func TraceID(ctx context.Context) string { return trace.TraceID(ctx) }
