package cli

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// ended tells everybody how a group of syncs ended: the board, the log and, when they can be
// reached, people. It returns which of them ended well.
func (v *serving) ended(ctx context.Context, a *app.App, names []string, res *app.RunResult, err error) map[string]bool {
	well, told := map[string]bool{}, map[string]bool{}
	if res != nil {
		for _, b := range res.Builds {
			v.board.Built(b)
		}
		for _, r := range res.Runs {
			well[r.Sync], told[r.Sync] = app.EndedWell(r.Status), true
			v.board.Ran(r)
			logRun(ctx, v.log, r)
		}
		for _, p := range res.Paused {
			told[p.Sync] = true
			v.log.Info("paused", "sync", p.Sync, "by", p.By)
		}
	}
	if err != nil && ctx.Err() == nil {
		for _, name := range names {
			if !told[name] {
				v.failed(res, name, err)
			}
		}
	}
	if ctx.Err() != nil { // it was asked to stop: that is nobody's fault
		err = nil
		if res != nil {
			res.Failures = nil
		}
	}
	if a.Alerting() {
		v.teller.tell(func(ctx context.Context) { v.alert(ctx, a, names, res, err) })
	}
	return well
}

// failed tells that a sync did not begin.
func (v *serving) failed(res *app.RunResult, name string, err error) {
	if res != nil && len(res.Failures) > 0 {
		if err = res.Failures[name]; err == nil {
			return // it was not begun because others failed to
		}
	}
	var held *syncs.HeldError
	if errors.As(err, &held) {
		v.log.Info("busy", "sync", name, "host", held.Holder.Host, "pid", held.Holder.PID, "until", held.Until.UTC())
		return
	}
	code, fix := "weir.failed", ""
	var ae *app.Error
	if errors.As(err, &ae) {
		code, fix = ae.Code, ae.Fix
	}
	v.board.Failed(name)
	v.log.Error("failed", "sync", name, "status", string(syncs.Failed), "code", code, "error", app.Unnamed(err.Error()), "fix", fix)
}

// logRun writes the line about a run. Its names are part of what weir promises: docs/operations.md.
func logRun(ctx context.Context, log *slog.Logger, r syncs.Report) {
	level := slog.LevelInfo
	switch r.Status {
	case syncs.Failed:
		level = slog.LevelError
	case syncs.Degraded, syncs.Held, syncs.Stopped:
		level = slog.LevelWarn
	}
	c := r.Counts
	attrs := []slog.Attr{
		slog.String("sync", r.Sync), slog.String("run", r.Run), slog.String("status", string(r.Status)),
		slog.Int64("added", c.Added), slog.Int64("updated", c.Updated), slog.Int64("removed", c.Removed), slog.Int64("unchanged", c.Unchanged),
		slog.Int64("delivered", c.Delivered), slog.Int64("accepted", c.Accepted), slog.Int64("rejected", c.Rejected), slog.Int64("invalid", c.Invalid),
		slog.Int64("suppressed", c.Suppressed), slog.Int64("due", c.Due), slog.Int64("in_doubt", c.InDoubt), slog.Int64("quarantined", c.Quarantined),
		slog.Int64("requests", r.Requests), slog.Float64("seconds", r.Ended.Sub(r.Started).Seconds()),
	}
	if r.Code != "" {
		attrs = append(attrs, slog.String("code", r.Code))
	}
	if r.Error != "" {
		text := r.Error
		if r.Status != syncs.Held { // what a guard says is weir's own words, with numbers in them
			text = app.Unnamed(text)
		}
		attrs = append(attrs, slog.String("error", text))
	}
	if r.Fix != "" {
		attrs = append(attrs, slog.String("fix", r.Fix))
	}
	log.LogAttrs(ctx, level, "ran", attrs...)
}

// alert tells people, and the log of those who could not be told.
func (v *serving) alert(ctx context.Context, a *app.App, names []string, res *app.RunResult, err error) {
	told, err := a.Tell(ctx, names, res, err)
	v.alerted(told, err)
}

// alertReading tells people in the background what came of reading the project: a is the one in use.
func (v *serving) alertReading(a *app.App, findings []diag.Finding, err error) {
	if !a.Alerting() {
		return
	}
	v.teller.tell(func(ctx context.Context) {
		told, err := a.TellReading(ctx, findings, err)
		v.alerted(told, err)
	})
}

// alerted notes who was told, and who could not be.
func (v *serving) alerted(told []app.Alerted, err error) {
	for _, t := range told {
		v.board.Told(t.Alert, t.Event, t.Error == "")
		if t.Error != "" {
			v.log.Error("alert not sent", "alert", t.Alert, "event", t.Event, "syncs", t.Syncs, "error", t.Error)
			continue
		}
		v.log.Info("alert sent", "alert", t.Alert, "event", t.Event, "syncs", t.Syncs)
	}
	if err != nil {
		v.log.Error("alerts", "error", app.Unnamed(err.Error()))
	}
}

// teller tells people in the background, one thing after the other, so that a receiver that is away
// keeps no sync waiting.
type teller struct {
	mu     sync.Mutex
	closed bool
	jobs   chan func(context.Context)
	done   chan struct{}
	stop   context.CancelFunc
}

// tellLonger is how long people are still told when it ends.
const tellLonger = 10 * time.Second

// waiting is how many groups may wait to be told; past that, runs wait.
const waiting = 100

// tell does a job after those before it; none after close.
func (t *teller) tell(job func(context.Context)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	if t.jobs == nil {
		ctx, stop := context.WithCancel(context.Background())
		t.jobs, t.done, t.stop = make(chan func(context.Context), waiting), make(chan struct{}), stop
		go func() {
			defer close(t.done)
			for job := range t.jobs {
				job(ctx)
			}
		}()
	}
	t.jobs <- job
}

// close waits for what is to be told, for a while.
func (t *teller) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	if t.jobs == nil {
		return
	}
	close(t.jobs)
	late := time.AfterFunc(tellLonger, t.stop)
	defer late.Stop()
	<-t.done
	t.stop()
}

// event takes from progress what the board shows.
func (v *serving) event(e app.Event) {
	if e.Sync != nil && e.Kind == "run.waiting" {
		v.board.Waits(e.Sync.Sync, e.Sync.Wait)
	}
}

// known tells the board of the project that is served now.
func (v *serving) known(a *app.App) {
	var names []string
	for _, t := range a.Timings() {
		names = append(names, t.Sync)
	}
	v.board.Keep(names)
	v.board.Ready(v.ready)
}
