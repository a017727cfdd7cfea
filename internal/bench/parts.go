package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weir-data/weir/syncs"
)

// setup makes the people, and lets the ledger settle a plan of all of them as sent.
func setup(ctx context.Context, w *world) (any, error) {
	if err := w.everybody(ctx); err != nil {
		return nil, fmt.Errorf("making people: %w", err)
	}
	if err := w.people(ctx, 0); err != nil {
		return nil, fmt.Errorf("making people: %w", err)
	}
	t, err := w.task("to_sink", 0)
	if err != nil {
		return nil, err
	}
	st, err := w.journal(ctx)
	if err != nil {
		return nil, err
	}
	g, err := t.Source.Acquire(ctx, syncs.Holder{Store: st.ID(), Host: "bench"}, time.Hour)
	if err != nil {
		return nil, err
	}
	ref, err := t.Source.Freeze(ctx, g, syncs.NewRun(time.Now()))
	if err != nil {
		return nil, err
	}
	if ref.Rows != w.Rows {
		return nil, fmt.Errorf("the first plan has %d rows, not %d", ref.Rows, w.Rows)
	}
	sent := syncs.Verdicts{Ranges: []syncs.VerdictRange{{Lo: 0, Hi: ref.Rows, Verdict: syncs.Applied}}, Exceptions: func(func(syncs.Exception, error) bool) {}}
	if _, err := t.Source.Settle(ctx, g, ref, sent); err != nil {
		return nil, err
	}
	if err := t.Source.Release(ctx, g, true); err != nil {
		return nil, err
	}
	return struct{}{}, w.byHandLedger(ctx)
}

// Spent is what a stage used.
type Spent struct {
	CPU     float64 `json:"cpu_seconds"`
	Seconds float64 `json:"seconds"`
}

// meter adds up what is used between its marks.
type meter struct {
	cpu time.Duration
	at  time.Time
}

func start() meter { return meter{cpu(), time.Now()} }

func (m meter) spent() Spent {
	return Spent{CPU: (cpu() - m.cpu).Seconds(), Seconds: time.Since(m.at).Seconds()}
}

// Whole is a sync from its beginning to its end.
type Whole struct {
	All     Spent `json:"all"`
	Plan    Spent `json:"plan"`
	Deliver Spent `json:"deliver"` // from the plan to the last answer
	Settle  Spent `json:"settle"`
	Rows    int64 `json:"rows"`
	// Requests is how many the endpoint got.
	Requests int64 `json:"requests"`
	Peak     int64 `json:"peak_bytes"`

	idle float64 // share of the processors' time while it delivered
}

// run runs a sync that must send rows, and holds that the endpoint got each once.
func (w *world) run(ctx context.Context, t *syncs.Task, rows int64) (*Whole, error) {
	r, err := w.runner(ctx)
	if err != nil {
		return nil, err
	}
	before, err := has(ctx, w.Sink)
	if err != nil {
		return nil, err
	}
	out := &Whole{Rows: rows}
	all := start()
	var mu sync.Mutex
	var sending meter
	var unused, ticks float64
	stop, profiled := func() error { return nil }, error(nil)
	r.Watch = func(ctx context.Context, s syncs.Step) (context.Context, func(syncs.Done)) {
		mu.Lock()
		defer mu.Unlock()
		m := start()
		if s.Kind == "settle" {
			out.Deliver = sending.spent()
			out.idle = -1
			if u, all := idle(); all > ticks {
				out.idle = (u - unused) / (all - ticks)
			}
			profiled = errors.Join(profiled, stop())
			stop = func() error { return nil }
		}
		return ctx, func(syncs.Done) {
			mu.Lock()
			defer mu.Unlock()
			switch s.Kind {
			case "plan":
				out.Plan = m.spent()
				stop, profiled = profile(t.Sync.Name)
				sending = start()
				unused, ticks = idle()
			case "settle":
				out.Settle = m.spent()
			}
		}
	}
	rep, err := r.Run(ctx, t, syncs.RunOptions{Asked: "bench", Approved: []string{syncs.HoldMaxAdded, syncs.HoldMaxRemoved}})
	if err = errors.Join(err, profiled); err != nil {
		return nil, err
	}
	out.All = all.spent()
	out.Peak = peak()
	after, err := has(ctx, w.Sink)
	if err != nil {
		return nil, err
	}
	out.Requests = after.Requests - before.Requests
	switch {
	case rep.Status != syncs.OK:
		return nil, fmt.Errorf("the sync ended %s: %s", rep.Status, rep.Error)
	case rep.Counts.Delivered != rows || after.Rows-before.Rows != rows:
		return nil, fmt.Errorf("%d rows were to be sent, %d count as delivered and the endpoint got %d", rows, rep.Counts.Delivered, after.Rows-before.Rows)
	}
	return out, nil
}

// whole is the sync of the changes.
func whole(ctx context.Context, w *world) (any, error) {
	t, err := w.task("to_sink", 0)
	if err != nil {
		return nil, err
	}
	return w.run(ctx, t, w.Changes)
}

// nothing is the sync after it.
func nothing(ctx context.Context, w *world) (any, error) {
	t, err := w.task("to_sink", 0)
	if err != nil {
		return nil, err
	}
	out, err := w.run(ctx, t, 0)
	if err == nil && out.Requests != 0 {
		return nil, fmt.Errorf("%d requests were made though nothing had changed", out.Requests)
	}
	return out, err
}

// Waiting is a sync to a slow endpoint.
type Waiting struct {
	Rows    int64   `json:"rows"`
	Seconds float64 `json:"seconds"` // from the first request to the last answer
	Share   float64 `json:"share"`   // of workers × batch / latency
	// CPU is what this process used of that time, in seconds of a processor. Idle is the share of all
	// processors' time that nothing on this machine used: where there is none, what a call waits for
	// is a processor. -1 if the machine does not tell.
	CPU  float64 `json:"cpu_seconds"`
	Idle float64 `json:"idle"`
	// Stopped is how long a run took to end after it was asked to, in seconds.
	Stopped float64 `json:"stopped_seconds"`
	// Silent is how long the last request took to end; then the ledger learned what was sent.
	Silent float64 `json:"silent_seconds"`
}

// rounds is how often every worker waits for the slow endpoint: 16 of them send a million rows.
const rounds = 125

// waiting sends a first plan to the slow endpoint, and another one that is stopped on its way.
func waiting(ctx context.Context, w *world) (any, error) {
	out := &Waiting{Rows: int64(w.Workers) * batch * rounds}
	w.Rows = out.Rows
	if err := w.everybody(ctx); err != nil {
		return nil, err
	}
	if err := w.people(ctx, 0); err != nil {
		return nil, err
	}
	t, err := w.task("to_slow", w.Latency)
	if err != nil {
		return nil, err
	}
	whole, err := w.run(ctx, t, out.Rows)
	if err != nil {
		return nil, err
	}
	out.Seconds, out.CPU, out.Idle = whole.Deliver.Seconds, whole.Deliver.CPU, whole.idle
	ideal := float64(w.Workers) * batch / w.Latency.Seconds()
	out.Share = float64(out.Rows) / out.Seconds / ideal

	if t, err = w.task("to_stop", w.Latency); err != nil {
		return nil, err
	}
	r, err := w.runner(ctx)
	if err != nil {
		return nil, err
	}
	stopping, stop := context.WithCancel(ctx)
	defer stop()
	var once sync.Once
	asked := make(chan time.Time, 1)
	var sent int
	var last time.Time
	var mu sync.Mutex
	r.Watch = func(ctx context.Context, s syncs.Step) (context.Context, func(syncs.Done)) {
		return ctx, func(syncs.Done) {
			mu.Lock()
			defer mu.Unlock()
			if s.Kind == "send" {
				sent, last = sent+1, time.Now()
			}
			if sent == 5*w.Workers {
				once.Do(func() { asked <- time.Now(); stop() })
			}
		}
	}
	rep, err := r.Run(stopping, t, syncs.RunOptions{Asked: "bench"})
	if err != nil {
		return nil, err
	}
	select {
	case at := <-asked:
		out.Stopped, out.Silent = time.Since(at).Seconds(), max(0, last.Sub(at).Seconds())
	default:
		return nil, fmt.Errorf("the sync that was to be stopped ended before: %s %s", rep.Status, rep.Error)
	}
	if rep.Status != syncs.Stopped || rep.Counts.InDoubt != 0 || rep.Counts.Delivered == 0 {
		return nil, fmt.Errorf("the sync that was stopped ended %s with %d rows delivered and %d in doubt", rep.Status, rep.Counts.Delivered, rep.Counts.InDoubt)
	}
	return out, nil
}
