package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"github.com/weir-data/weir/internal/store"
)

// Run works on jobs until ctx ends. Then it takes no more, tells those at work to stop and waits
// for them; what they did not end is free for others at once.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("starting to work on jobs: %w", err)
	}
	beat := time.NewTicker(aliveEvery)
	defer beat.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-beat.C:
			if err := e.alive(ctx); err != nil && ctx.Err() == nil {
				e.o.Log.Warn("the store does not answer: other processes may take over what runs here", "error", err.Error())
			}
		}
	}
	stopped := make(chan error, 1)
	go func() { stopped <- e.client.StopAndCancel(context.WithoutCancel(ctx)) }()
	for {
		select {
		case err := <-stopped:
			return err
		case <-beat.C: // runs that drain are alive
			_ = e.alive(context.WithoutCancel(ctx)) // others take over what it cannot keep
		}
	}
}

// alive says which jobs this process works on, stops those that are somebody else's by now, and
// frees those of which nobody has said so for a while.
func (e *Engine) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deadAfter/2)
	defer cancel()
	e.mu.Lock()
	mine := slices.Collect(maps.Keys(e.mine))
	e.mu.Unlock()
	rows, err := e.pool.Query(ctx, `UPDATE river_job SET attempted_at = now()
		WHERE id = ANY($1) AND state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = $2 RETURNING id`, mine, e.client.ID())
	if err != nil {
		return err
	}
	kept := map[int64]bool{}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		kept[id] = true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	e.mu.Lock()
	for _, id := range mine {
		if stop := e.mine[id]; stop != nil && !kept[id] {
			stop()
		}
	}
	e.mu.Unlock()
	tag, err := e.pool.Exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = now(), errors = array_append(errors,
			jsonb_build_object('at', now(), 'attempt', attempt, 'error', 'its process gave no sign of life', 'trace', ''))
		WHERE kind = $1 AND state = 'running' AND attempted_at < now() - $2 * interval '1 microsecond'`, kind, deadAfter.Microseconds())
	if err == nil && tag.RowsAffected() > 0 {
		e.o.Log.Warn("took over from a process that gives no sign of life", "jobs", tag.RowsAffected())
	}
	return err
}

// worker is what River calls.
type worker struct {
	river.WorkerDefaults[args]
	e *Engine
}

// Timeout implements river.Worker: none.
func (*worker) Timeout(*river.Job[args]) time.Duration { return -1 }

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, j *river.Job[args]) error {
	e := w.e
	left, err := e.left(ctx, j.ID)
	if err != nil {
		return river.JobSnooze(aliveEvery)
	}
	if len(left) == 0 {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	e.mu.Lock()
	e.mine[j.ID] = stop
	e.mu.Unlock()
	again := e.o.Work(ctx, Job{ID: j.ID, Attempt: j.Attempt, Slots: left}, func(sync string) { e.ended(ctx, j.ID, sync) })
	e.mu.Lock()
	delete(e.mine, j.ID)
	e.mu.Unlock()
	if left, err = e.left(context.WithoutCancel(ctx), j.ID); err == nil && len(left) == 0 {
		return nil
	}
	return river.JobSnooze(again)
}

// left lists the slots of a job that have not ended.
func (e *Engine) left(ctx context.Context, job int64) ([]store.Slot, error) {
	ctx, cancel := context.WithTimeout(ctx, deadAfter)
	defer cancel()
	rows, err := e.pool.Query(ctx, "SELECT sync, slot FROM turns WHERE job = $1 ORDER BY sync", job)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []store.Slot
	for rows.Next() {
		var s store.Slot
		var at int64
		if err := rows.Scan(&s.Sync, &at); err != nil {
			return nil, err
		}
		s.At = time.UnixMicro(at).UTC()
		out = append(out, s)
	}
	return out, rows.Err()
}

// ended takes a sync out of a job. Where the store does not answer the sync is worked once more,
// and finds nothing to do.
func (e *Engine) ended(ctx context.Context, job int64, sync string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadAfter)
	defer cancel()
	if _, err := e.pool.Exec(ctx, "DELETE FROM turns WHERE sync = $1 AND job = $2", sync, job); err != nil {
		e.o.Log.Warn("the end of a slot could not be recorded: its sync is run once more", "sync", sync, "error", err.Error())
	}
}
