package server

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/syncs"
)

// metrics are what /metrics shows. Their names and labels are promised: docs/operations.md has the
// same table.
type metrics struct {
	registry *prometheus.Registry

	runs     *prometheus.CounterVec   // sync, status
	rows     *prometheus.CounterVec   // sync, outcome
	changes  *prometheus.CounterVec   // sync, change
	duration *prometheus.HistogramVec // sync
	last     *prometheus.GaugeVec     // sync
	ended    *prometheus.GaugeVec     // sync
	next     *prometheus.GaugeVec     // sync
	held     *prometheus.GaugeVec     // sync
	people   *prometheus.GaugeVec     // sync
	ledger   *prometheus.GaugeVec     // sync
	kept     *prometheus.GaugeVec     // sync, reason
	failures *prometheus.CounterVec   // sync
	skipped  *prometheus.CounterVec   // sync

	requests  *prometheus.CounterVec   // destination, class
	sent      *prometheus.CounterVec   // destination
	latency   *prometheus.HistogramVec // destination
	throttles *prometheus.CounterVec   // destination
	waited    *prometheus.CounterVec   // sync

	builds   *prometheus.HistogramVec // entity
	profiles *prometheus.GaugeVec     // entity
	segments *prometheus.GaugeVec     // entity, segment

	reloads *prometheus.CounterVec // result
	alerts  *prometheus.CounterVec // alert, event, result
	ready   prometheus.Gauge
}

// seconds are the buckets of what takes from a second to hours.
var seconds = []float64{1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200}

func newMetrics(version string) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_" + name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "weir_" + name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weir_" + name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(v)
		return v
	}
	m.runs = counter("runs_total", "Runs by sync and how they ended.", "sync", "status")
	m.rows = counter("rows_total", "Rows of runs by sync and what became of them.", "sync", "outcome")
	m.changes = counter("changes_total", "Changes that runs planned, by sync and kind.", "sync", "change")
	m.duration = histogram("run_duration_seconds", "How long runs took.", seconds, "sync")
	m.last = gauge("last_success_timestamp_seconds", "When the last run ended that was ok or degraded.", "sync")
	m.ended = gauge("last_run_timestamp_seconds", "When the last run ended, however it did.", "sync")
	m.next = gauge("next_due_timestamp_seconds", "When the sync is due next.", "sync")
	m.held = gauge("held", "1 if a guard held the last run.", "sync")
	m.people = gauge("sync_desired_rows", "Rows that should be at the destination, by the last plan.", "sync")
	m.ledger = gauge("ledger_rows", "Rows that the destination last accepted, before the last run.", "sync")
	m.kept = gauge("ledger_kept_rows", "Rows that the last plan left out: in doubt and waiting for a person, quarantined, or refused and not yet due.", "sync", "reason")
	m.failures = counter("not_begun_total", "Runs that could not begin, as when a build fails.", "sync")
	m.skipped = counter("skipped_total", "Slots that fell while the sync still ran.", "sync")

	m.requests = counter("requests_total", "Calls to destinations by how they ended: ok, or the class of the fault.", "destination", "class")
	m.sent = counter("requested_rows_total", "Rows in calls to destinations, those of calls that failed included.", "destination")
	m.latency = histogram("request_duration_seconds", "How long calls to destinations took.", []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "destination")
	m.throttles = counter("throttles_total", "Calls that a destination asked to send later.", "destination")
	m.waited = counter("wait_seconds_total", "Time that runs were told to wait for rate limits, repeats and leases.", "sync")

	m.builds = histogram("build_duration_seconds", "How long builds took.", seconds, "entity")
	m.profiles = gauge("profiles", "Profiles of the last build.", "entity")
	m.segments = gauge("segment_members", "Members of a segment in the last build.", "entity", "segment")

	m.reloads = counter("reloads_total", "Reloads of the project; kept: the new one had findings.", "result")
	m.alerts = counter("alerts_total", "Alerts by what they told; failed: the receiver could not be reached.", "alert", "event", "result")
	m.ready = gauge("ready", "1 if schedules run.").WithLabelValues()
	info := gauge("build_info", "1, with the version of weir.", "version")
	info.WithLabelValues(version).Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Ran counts a run.
func (b *Board) Ran(r syncs.Report) {
	m, c := b.m, r.Counts
	b.saw(r.Sync)
	m.runs.WithLabelValues(r.Sync, string(r.Status)).Inc()
	for outcome, n := range map[string]int64{
		"delivered": c.Delivered, "accepted": c.Accepted, "rejected": c.Rejected, "invalid": c.Invalid,
		"suppressed": c.Suppressed, "due": c.Due, "in_doubt": c.InDoubt,
	} {
		m.rows.WithLabelValues(r.Sync, outcome).Add(float64(max(0, n)))
	}
	for change, n := range map[string]int64{"added": c.Added, "updated": c.Updated, "removed": c.Removed} {
		m.changes.WithLabelValues(r.Sync, change).Add(float64(max(0, n)))
	}
	m.duration.WithLabelValues(r.Sync).Observe(r.Ended.Sub(r.Started).Seconds())
	m.ended.WithLabelValues(r.Sync).Set(unix(r.Ended))
	m.held.WithLabelValues(r.Sync).Set(0)
	if r.Status == syncs.Held {
		m.held.WithLabelValues(r.Sync).Set(1)
	}
	if app.EndedWell(r.Status) {
		m.last.WithLabelValues(r.Sync).Set(unix(r.Ended))
	}
	if t := r.Tally; t != nil {
		m.people.WithLabelValues(r.Sync).Set(float64(t.Desired))
		m.ledger.WithLabelValues(r.Sync).Set(float64(t.Ledger))
		m.kept.WithLabelValues(r.Sync, "in_doubt").Set(float64(t.InDoubt + c.InDoubt))
		m.kept.WithLabelValues(r.Sync, "quarantined").Set(float64(t.Quarantined))
		m.kept.WithLabelValues(r.Sync, "waiting").Set(float64(t.Waiting))
	}
}

// Succeeded sets when a sync last ended well, as known from before the start.
func (b *Board) Succeeded(sync string, at time.Time) {
	b.saw(sync)
	b.m.last.WithLabelValues(sync).Set(unix(at))
}

// Built takes the figures of a build.
func (b *Board) Built(r app.BuildResult) {
	total := 0.0
	for _, s := range r.Seconds {
		total += s
	}
	b.m.builds.WithLabelValues(r.Entity).Observe(total)
	b.m.profiles.WithLabelValues(r.Entity).Set(float64(r.Profiles))
	b.m.segments.DeletePartialMatch(prometheus.Labels{"entity": r.Entity}) // one that was taken out of the project
	for segment, n := range r.Segments {
		b.m.segments.WithLabelValues(r.Entity, segment).Set(float64(n))
	}
}

// Failed counts a run that could not begin.
func (b *Board) Failed(sync string) {
	b.saw(sync)
	b.m.failures.WithLabelValues(sync).Inc()
}

// Skipped counts a slot that fell while its sync still ran.
func (b *Board) Skipped(sync string) { b.m.skipped.WithLabelValues(sync).Inc() }

// Reloaded counts a reload; ok is false if the old project was kept.
func (b *Board) Reloaded(ok bool) {
	result := "kept"
	if ok {
		result = "ok"
	}
	b.m.reloads.WithLabelValues(result).Inc()
}

// Told counts a message of an alert.
func (b *Board) Told(alert, event string, ok bool) {
	result := "failed"
	if ok {
		result = "sent"
	}
	b.m.alerts.WithLabelValues(alert, event, result).Inc()
}

// Called counts a call to a destination.
func (b *Board) Called(c app.Call) {
	b.m.requests.WithLabelValues(c.Destination, c.Class).Inc()
	b.m.sent.WithLabelValues(c.Destination).Add(float64(c.Rows))
	b.m.latency.WithLabelValues(c.Destination).Observe(c.Took.Seconds())
	if c.Class == "throttled" {
		b.m.throttles.WithLabelValues(c.Destination).Inc()
	}
}

// Waits counts the time that a run is told to wait.
func (b *Board) Waits(sync string, d time.Duration) {
	b.m.waited.WithLabelValues(sync).Add(max(0, d.Seconds()))
}

// Next sets when syncs are due next; those that are not among them are not due.
func (b *Board) Next(at map[string]time.Time) {
	b.m.next.Reset()
	for sync, t := range at {
		b.m.next.WithLabelValues(sync).Set(unix(t))
	}
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// Keep forgets the syncs that the project does not have any more, so that nobody is alarmed by a
// success that grows old.
func (b *Board) Keep(names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.m
	for sync := range b.seen {
		if slices.Contains(names, sync) {
			continue
		}
		gone := prometheus.Labels{"sync": sync}
		for _, v := range []interface{ DeletePartialMatch(prometheus.Labels) int }{
			m.runs, m.rows, m.changes, m.duration, m.last, m.ended, m.next, m.held, m.people, m.ledger, m.kept, m.failures, m.skipped, m.waited,
		} {
			v.DeletePartialMatch(gone)
		}
		delete(b.seen, sync)
	}
}

// saw remembers a sync that has metrics.
func (b *Board) saw(sync string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[sync] = true
}
