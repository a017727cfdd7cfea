package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/syncs"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

// TestReadiness walks through starting, serving with a warehouse that comes and goes, and draining.
func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBoard("test")
		h := b.Handler()
		var away error
		asked := 0
		ready := func(want int, why string) {
			t.Helper()
			if code, body := get(t, h, "/readyz"); code != want || !strings.Contains(body, why) {
				t.Errorf("readyz: %d %q, want %d %q", code, body, want, why)
			}
			if code, _ := get(t, h, "/healthz"); code != 200 {
				t.Errorf("healthz: %d", code)
			}
		}
		ready(503, "starting")
		b.Ready(func(ctx context.Context) error { asked++; return away })
		if asked != 0 {
			t.Error("the warehouse was asked though nobody wanted to know")
		}
		ready(200, "ok")
		away = errors.New("the warehouse is away (warehouse.unreachable)")
		ready(200, "ok") // as of a moment ago
		time.Sleep(checkEvery)
		ready(503, "the warehouse is away")
		away = nil
		ready(503, "the warehouse is away")
		time.Sleep(checkEvery)
		ready(200, "ok")
		if asked != 3 {
			t.Errorf("asked %d times, want 3", asked)
		}
		b.Ready(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		time.Sleep(checkEvery)
		ready(503, errSlow.Error())
		b.Draining()
		ready(503, "draining")
	})
}

// filled is a board that everything was told.
func filled() *Board {
	b := NewBoard("v1.2.3")
	t0 := time.Unix(1_800_000_000, 0)
	b.Ready(nil)
	b.Ran(syncs.Report{Sync: "mail", Status: syncs.OK, Started: t0, Ended: t0.Add(1500 * time.Millisecond), Counts: syncs.Counts{Added: 5, Updated: 2, Delivered: 7},
		Tally: &syncs.Tally{Ledger: 40, Desired: 45, Quarantined: 3, InDoubt: 2, Waiting: 1}})
	b.Ran(syncs.Report{Sync: "mail", Status: syncs.Held, Started: t0.Add(time.Hour), Ended: t0.Add(time.Hour)})
	b.Ran(syncs.Report{Sync: "ads", Status: syncs.Failed, Started: t0, Ended: t0})
	b.Succeeded("ads", t0.Add(-time.Hour))
	b.Next(map[string]time.Time{"mail": t0.Add(time.Minute)})
	b.Skipped("mail")
	b.Failed("ads")
	b.Reloaded(false)
	b.Told("team", "failed", true)
	b.Told("team", "held", false)
	b.Called(app.Call{Sync: "mail", Destination: "klaviyo", Rows: 50, Class: "ok", Took: 30 * time.Millisecond})
	b.Called(app.Call{Sync: "mail", Destination: "klaviyo", Rows: 50, Class: "throttled", Took: 10 * time.Millisecond})
	b.Waits("mail", 1500*time.Millisecond)
	b.Built(app.BuildResult{Entity: "customer", Profiles: 9, Segments: map[string]int64{"gone": 1}, Seconds: map[string]float64{"identity": 1}})
	b.Built(app.BuildResult{Entity: "customer", Profiles: 10, Segments: map[string]int64{"vip": 4}, Seconds: map[string]float64{"identity": 1.5, "segments": 0.5}})
	return b
}

func TestMetrics(t *testing.T) {
	b := filled()
	_, text := get(t, b.Handler(), "/metrics")
	for _, line := range []string{
		`weir_runs_total{status="ok",sync="mail"} 1`, `weir_runs_total{status="held",sync="mail"} 1`, `weir_runs_total{status="failed",sync="ads"} 1`,
		`weir_rows_total{outcome="delivered",sync="mail"} 7`, `weir_changes_total{change="added",sync="mail"} 5`,
		`weir_run_duration_seconds_bucket{sync="mail",le="2.5"} 2`, `weir_run_duration_seconds_sum{sync="mail"} 1.5`,
		`weir_last_success_timestamp_seconds{sync="mail"} 1.8000000015e+09`, `weir_last_success_timestamp_seconds{sync="ads"} 1.7999964e+09`,
		`weir_last_run_timestamp_seconds{sync="mail"} 1.8000036e+09`, `weir_next_due_timestamp_seconds{sync="mail"} 1.80000006e+09`,
		`weir_held{sync="mail"} 1`, `weir_held{sync="ads"} 0`, `weir_sync_desired_rows{sync="mail"} 45`, `weir_ledger_rows{sync="mail"} 40`,
		`weir_ledger_kept_rows{reason="in_doubt",sync="mail"} 2`, `weir_ledger_kept_rows{reason="quarantined",sync="mail"} 3`, `weir_ledger_kept_rows{reason="waiting",sync="mail"} 1`,
		`weir_skipped_total{sync="mail"} 1`, `weir_not_begun_total{sync="ads"} 1`, `weir_reloads_total{result="kept"} 1`,
		`weir_alerts_total{alert="team",event="failed",result="sent"} 1`, `weir_alerts_total{alert="team",event="held",result="failed"} 1`,
		`weir_requests_total{class="ok",destination="klaviyo"} 1`, `weir_requests_total{class="throttled",destination="klaviyo"} 1`, `weir_requested_rows_total{destination="klaviyo"} 100`,
		`weir_request_duration_seconds_count{destination="klaviyo"} 2`, `weir_throttles_total{destination="klaviyo"} 1`, `weir_wait_seconds_total{sync="mail"} 1.5`,
		`weir_build_duration_seconds_sum{entity="customer"} 3`, `weir_profiles{entity="customer"} 10`, `weir_segment_members{entity="customer",segment="vip"} 4`,
		`weir_ready 1`, `weir_build_info{version="v1.2.3"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	if !strings.Contains(text, "\ngo_goroutines ") {
		t.Error("nothing of the Go runtime")
	}
	if strings.Contains(text, `segment="gone"`) {
		t.Error("a segment that is not there any more")
	}
	b.Keep([]string{"mail"})
	if _, text = get(t, b.Handler(), "/metrics"); strings.Contains(text, `sync="ads"`) || !strings.Contains(text, `sync="mail"`) {
		t.Error("a sync that the project does not have any more is shown, or one that it has is not")
	}
}

// TestMetricsAreWellFormed holds names, helps and labels to the conventions of Prometheus, and the
// labels to those of the table in docs/operations.md.
func TestMetricsAreWellFormed(t *testing.T) {
	b := filled()
	families, err := b.m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	known := map[string]bool{"sync": true, "status": true, "outcome": true, "change": true, "reason": true, "destination": true, "class": true, "entity": true, "segment": true, "result": true, "alert": true, "event": true, "version": true}
	docs := readDocs(t)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "weir_") {
			continue
		}
		if !strings.Contains(docs, "`"+f.GetName()+"`") {
			t.Errorf("docs/operations.md does not tell of %s", f.GetName())
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if !known[l.GetName()] {
					t.Errorf("%s has a label %s", f.GetName(), l.GetName())
				}
			}
		}
	}
}

// TestServe answers on a port, and closes.
func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	end := NewBoard("test").Serve(l)
	r, err := http.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil || r.StatusCode != 200 {
		t.Fatalf("%v, %v", r, err)
	}
	r.Body.Close()
	r, err = http.Post("http://"+l.Addr().String()+"/metrics", "text/plain", nil)
	if err != nil || r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a POST is answered by %v, %v", r, err)
	}
	r.Body.Close()
	end()
	if _, err := http.Get("http://" + l.Addr().String() + "/healthz"); err == nil {
		t.Error("it answers after it was closed")
	}
}
