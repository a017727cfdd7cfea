package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/weir-data/weir/internal/store"
)

// How processes know of each other. A process that is frozen for deadAfter loses its jobs, which
// the leases of the warehouse make harmless; the longer it is, the later others go on.
const (
	aliveEvery = 3 * time.Second
	deadAfter  = 15 * time.Second
)

// Job is a group of slots that one process works on.
type Job struct {
	ID      int64
	Attempt int          // from 1; more if another process had it before
	Slots   []store.Slot // that have not ended
}

// Options say how an Engine works.
type Options struct {
	// Work runs the syncs of a job and calls ended for each that came to an end. What it does not
	// end is worked again, by any process, after the time that it returns. It stops in order when
	// ctx ends.
	Work func(ctx context.Context, j Job, ended func(sync string)) (again time.Duration)
	// Parallel is how many jobs this process works on at once.
	Parallel int
	// Log takes warnings.
	Log *slog.Logger
}

// Engine offers slots and works on jobs. It is safe for concurrent use.
type Engine struct {
	o      Options
	st     *store.Store
	pool   *pgxpool.Pool
	schema string
	client *river.Client[pgx.Tx]

	mu   sync.Mutex
	mine map[int64]context.CancelFunc // jobs at work here
}

// args are what River keeps of a job.
type args struct {
	Slots []slotArg `json:"slots"`
}

type slotArg struct {
	Sync string `json:"sync"`
	At   int64  `json:"at"` // microseconds since 1970
}

// Kind implements river.JobArgs.
func (args) Kind() string { return kind }

const kind = "weir_group"

// New makes an engine on a store that lies on a server, and brings River's tables, in the store's
// schema, up to date. It works on nothing until Run.
func New(ctx context.Context, st *store.Store, o Options) (*Engine, error) {
	pool, schema, ok := st.Pool()
	if !ok {
		return nil, errors.New("jobs need a store on a server")
	}
	e := &Engine{o: o, st: st, pool: pool, schema: schema, mine: map[int64]context.CancelFunc{}}
	log := slog.New(warnings{o.Log.Handler()})
	driver := riverpgxv5.New(pool)
	if err := e.migrate(ctx, driver, log); err != nil {
		return nil, fmt.Errorf("preparing the jobs in %s: %w", st.Path(), err)
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{e: e}); err != nil {
		return nil, err
	}
	var err error
	e.client, err = river.NewClient(driver, &river.Config{
		Schema: schema, Logger: log, Workers: workers,
		Queues:      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: o.Parallel}},
		JobTimeout:  -1, // a sync takes as long as it takes
		RetryPolicy: soon{},
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the jobs: %w", err)
	}
	return e, nil
}

// migrate brings River's tables up to date. It cannot do so in one transaction, so that another
// process waits for a lock of the session.
func (e *Engine) migrate(ctx context.Context, driver *riverpgxv5.Driver, log *slog.Logger) error {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	name := "weir jobs " + e.schema
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", name); err != nil {
		return err
	}
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Schema: e.schema, Logger: log})
	if err == nil {
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	_, free := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(hashtextextended($1, 0))", name)
	return errors.Join(err, free)
}

// Offer makes one job of the slots that nobody has offered before. taken are those; skipped are
// slots that fell while their sync is still at work, anywhere: they are dropped. Slots that are in
// neither were somebody else's.
func (e *Engine) Offer(ctx context.Context, slots []store.Slot) (taken, skipped []store.Slot, err error) {
	var names []string
	var at []int64
	for _, s := range slots {
		names, at = append(names, s.Sync), append(at, s.At.UnixMicro())
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		taken, skipped = nil, nil
		if err := e.st.Turn(ctx, tx); err != nil {
			return err
		}
		moved, err := texts(ctx, tx, `INSERT INTO syncs AS s (sync, fired) SELECT * FROM unnest($1::text[], $2::bigint[])
			ON CONFLICT (sync) DO UPDATE SET fired = excluded.fired WHERE s.fired IS NULL OR s.fired < excluded.fired OR s.fired > excluded.fired + 86400000000 RETURNING sync`, names, at)
		if err != nil {
			return err
		}
		busy, err := texts(ctx, tx, `SELECT t.sync FROM turns t JOIN river_job j ON j.id = t.job
			WHERE t.sync = ANY($1) AND j.state NOT IN ('completed', 'cancelled', 'discarded')`, moved)
		if err != nil {
			return err
		}
		var a args
		for _, s := range slots {
			switch {
			case !slices.Contains(moved, s.Sync):
			case slices.Contains(busy, s.Sync):
				skipped = append(skipped, s)
			default:
				taken = append(taken, s)
				a.Slots = append(a.Slots, slotArg{s.Sync, s.At.UnixMicro()})
			}
		}
		if len(taken) == 0 {
			return nil
		}
		res, err := e.client.InsertTx(ctx, tx, a, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}})
		if err != nil {
			return err
		}
		for _, s := range a.Slots {
			if _, err := tx.Exec(ctx, "INSERT INTO turns VALUES ($1, $2, $3) ON CONFLICT (sync) DO UPDATE SET slot = excluded.slot, job = excluded.job", s.Sync, s.At, res.Job.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("offering slots: %w", err)
	}
	return taken, skipped, nil
}

// texts reads a query of one column of text.
func texts(ctx context.Context, tx pgx.Tx, q string, args ...any) ([]string, error) {
	rows, err := tx.Query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// soon has a job that panicked tried again after a while, not after ever longer ones: the next
// slot comes anyway.
type soon struct{}

// NextRetry implements river.ClientRetryPolicy.
func (soon) NextRetry(*rivertype.JobRow) time.Time { return time.Now().Add(30 * time.Second) }

// warnings passes on warnings and errors.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}
