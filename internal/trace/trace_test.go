package trace

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// kept keeps the spans after a shutdown, which empties the exporter of the SDK.
type kept struct {
	*tracetest.InMemoryExporter
}

func (kept) Shutdown(context.Context) error { return nil }

func TestTree(t *testing.T) {
	to := kept{tracetest.NewInMemoryExporter()}
	stop, err := Start(t.Context(), to, "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := Begin(t.Context(), "build")
	in, steps := InSteps(ctx)
	_, early := Begin(in, "before the steps")
	early("ok")
	steps.Next("one")
	below, first := Begin(in, "first of one", Int("weir.rows", 3))
	_, deeper := Begin(below, "below first")
	deeper("")
	first("ok")
	steps.Next("two")
	_, second := Begin(in, "first of two")
	second("failed")
	steps.Done("failed")
	end("build.busy")
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if On() {
		t.Error("spans are recorded after the end")
	}
	spans := to.GetSpans()
	names := map[string]string{}
	for _, s := range spans {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	got := map[string]string{}
	for _, s := range spans {
		got[s.Name] = names[s.Parent.SpanID().String()] + " " + s.Status.Description
	}
	if d := cmp.Diff(map[string]string{
		"build": " build.busy", "before the steps": "build ", "one": "build ", "first of one": "one ", "below first": "first of one ",
		"two": "build failed", "first of two": "two failed",
	}, got); d != "" {
		t.Errorf("span: parent and status (-want +got):\n%s", d)
	}
}

// unset takes the variables of the standard away for a test.
func unset(t *testing.T) {
	for _, v := range []string{"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "TRACEPARENT"} {
		t.Setenv(v, "")
	}
}

func TestNothingUnlessAsked(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, false},
		{map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, true},
		{map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true},
	} {
		t.Run("", func(t *testing.T) {
			unset(t)
			for k, v := range c.set {
				t.Setenv(k, v)
			}
			_, stop, err := Setup(t.Context(), "test", func(error) {})
			if err != nil || On() != c.want {
				t.Errorf("%v: recording %v, %v", c.set, On(), err)
			}
			if err := stop(t.Context()); err != nil {
				t.Error(err)
			}
			if On() {
				t.Error("spans are recorded after the end")
			}
		})
	}
	unset(t)
	t.Setenv("OTEL_TRACES_EXPORTER", "carrier_pigeon")
	if _, _, err := Setup(t.Context(), "test", func(error) {}); err == nil || On() {
		t.Error("an unknown exporter was taken")
	}
}

// TestCollector sends spans to a collector on this machine, below the trace that it was started by;
// one that is away is told once and stops nothing.
func TestCollector(t *testing.T) {
	unset(t)
	var mu sync.Mutex
	var got []string
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.URL.Path+" "+r.Header.Get("Content-Type"))
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	ctx, stop, err := Setup(t.Context(), "test", func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := Begin(ctx, "weir run")
	if got := TraceID(ctx); got != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the trace is %q", got)
	}
	end("ok")
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"/v1/traces application/x-protobuf"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody is there now
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String())
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "200")
	var told []error
	ctx, stop, err = Setup(t.Context(), "test", func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	_, end = Begin(ctx, "weir run")
	end("ok")
	_ = stop(t.Context()) // it may say so too
	if len(told) > 1 {
		t.Errorf("told %d times", len(told))
	}
}
