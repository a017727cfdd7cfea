package server

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-data/weir/syncs"
)

// Board holds what the endpoints show. It is used by several goroutines.
type Board struct {
	mu       sync.Mutex
	ready    bool
	runs     map[[2]string]int64 // sync, status
	rows     map[[2]string]int64 // sync, outcome
	seconds  map[string]float64  // of the last run
	last     map[string]time.Time
	held     map[string]bool
	next     map[string]time.Time
	skipped  map[string]int64
	reloads  map[[2]string]int64 // "", result
	failures int64
}

// NewBoard returns an empty board that is not ready.
func NewBoard() *Board {
	return &Board{
		runs: map[[2]string]int64{}, rows: map[[2]string]int64{}, seconds: map[string]float64{}, last: map[string]time.Time{},
		held: map[string]bool{}, next: map[string]time.Time{}, skipped: map[string]int64{}, reloads: map[[2]string]int64{},
	}
}

// Ready says whether schedules are being run; it is false again while draining.
func (b *Board) Ready(yes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = yes
}

// Ran counts a run.
func (b *Board) Ran(r syncs.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs[[2]string{r.Sync, string(r.Status)}]++
	for _, o := range []struct {
		name string
		n    int64
	}{
		{"delivered", r.Counts.Delivered}, {"accepted", r.Counts.Accepted}, {"rejected", r.Counts.Rejected},
		{"invalid", r.Counts.Invalid}, {"due", r.Counts.Due}, {"in_doubt", r.Counts.InDoubt},
	} {
		b.rows[[2]string{r.Sync, o.name}] += o.n
	}
	b.seconds[r.Sync] = r.Ended.Sub(r.Started).Seconds()
	b.held[r.Sync] = r.Status == syncs.Held
	if r.Status == syncs.OK || r.Status == syncs.Degraded {
		b.last[r.Sync] = r.Ended
	}
}

// Failed counts a group of syncs whose build failed, so that none of them ran.
func (b *Board) Failed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
}

// Skipped counts a slot that fell while its sync still ran.
func (b *Board) Skipped(sync string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.skipped[sync]++
}

// Reloaded counts a reload; ok is false if the old project was kept.
func (b *Board) Reloaded(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	result := "kept"
	if ok {
		result = "ok"
	}
	b.reloads[[2]string{"", result}]++
}

// Next sets when syncs are due next.
func (b *Board) Next(at map[string]time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = at
}

// Handler serves the endpoints.
func (b *Board) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	m.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		ready := b.ready
		b.mu.Unlock()
		if !ready {
			http.Error(w, "starting or draining", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	m.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = io.WriteString(w, b.metrics()) // whoever asked has gone if it fails
	})
	return m
}

// metrics writes the board in Prometheus' text format, in a stable order.
func (b *Board) metrics() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var s strings.Builder
	pairs(&s, "weir_runs_total", "Runs by sync and how they ended.", "status", b.runs)
	pairs(&s, "weir_rows_total", "Rows by sync and outcome.", "result", b.rows)
	pairs(&s, "weir_reloads_total", "Reloads of the project; kept: the new one had findings.", "result", b.reloads)
	single(&s, "weir_skipped_total", "counter", "Slots that fell while the sync still ran.", b.skipped, func(n int64) float64 { return float64(n) })
	single(&s, "weir_run_duration_seconds", "gauge", "How long the last run took.", b.seconds, func(f float64) float64 { return f })
	single(&s, "weir_last_success_timestamp_seconds", "gauge", "When the last run ended that was ok or degraded.", b.last, unix)
	single(&s, "weir_next_due_timestamp_seconds", "gauge", "When the sync is due next.", b.next, unix)
	single(&s, "weir_held", "gauge", "1 if a guard held the last run.", b.held, func(h bool) float64 {
		if h {
			return 1
		}
		return 0
	})
	fmt.Fprintf(&s, "# HELP weir_failures_total Groups of syncs that failed as a whole.\n# TYPE weir_failures_total counter\nweir_failures_total %d\n", b.failures)
	return s.String()
}

func unix(t time.Time) float64 { return float64(t.Unix()) }

func pairs(s *strings.Builder, name, help, label string, m map[[2]string]int64) {
	fmt.Fprintf(s, "# HELP %s %s\n# TYPE %s counter\n", name, help, name)
	for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		if k[0] == "" {
			fmt.Fprintf(s, "%s{%s=%q} %d\n", name, label, k[1], m[k])
			continue
		}
		fmt.Fprintf(s, "%s{sync=%q,%s=%q} %d\n", name, k[0], label, k[1], m[k])
	}
}

func single[V any](s *strings.Builder, name, kind, help string, m map[string]V, value func(V) float64) {
	fmt.Fprintf(s, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(s, "%s{sync=%q} %.16g\n", name, k, value(m[k]))
	}
}
