package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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

func TestEndpoints(t *testing.T) {
	b := NewBoard()
	h := b.Handler()
	if code, _ := get(t, h, "/healthz"); code != 200 {
		t.Errorf("healthz before it is ready: %d", code)
	}
	if code, _ := get(t, h, "/readyz"); code != 503 {
		t.Errorf("readyz before it is ready: %d", code)
	}
	b.Ready(true)
	if code, _ := get(t, h, "/readyz"); code != 200 {
		t.Errorf("readyz: %d", code)
	}
	t0 := time.Unix(1_800_000_000, 0)
	b.Ran(syncs.Report{Sync: "mail", Status: syncs.OK, Started: t0, Ended: t0.Add(1500 * time.Millisecond), Counts: syncs.Counts{Delivered: 7}})
	b.Ran(syncs.Report{Sync: "mail", Status: syncs.Held, Started: t0.Add(time.Hour), Ended: t0.Add(time.Hour)})
	b.Next(map[string]time.Time{"mail": t0.Add(time.Minute)})
	b.Skipped("mail")
	b.Reloaded(false)
	_, text := get(t, h, "/metrics")
	for _, line := range []string{
		`weir_runs_total{sync="mail",status="ok"} 1`, `weir_runs_total{sync="mail",status="held"} 1`,
		`weir_rows_total{sync="mail",result="delivered"} 7`, `weir_run_duration_seconds{sync="mail"} 0`,
		`weir_last_success_timestamp_seconds{sync="mail"} 1800000001`, `weir_next_due_timestamp_seconds{sync="mail"} 1800000060`,
		`weir_held{sync="mail"} 1`, `weir_skipped_total{sync="mail"} 1`, `weir_reloads_total{result="kept"} 1`, `weir_failures_total 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}
