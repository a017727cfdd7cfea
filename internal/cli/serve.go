package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/internal/schedule"
	"github.com/weir-data/weir/internal/server"
)

// serving is one weir serve.
type serving struct {
	s      *session
	svc    *app.Service
	mu     sync.Mutex
	a      *app.App // as last read; what runs goes on with its own
	log    *slog.Logger
	board  *server.Board
	limit  int
	listen string
	drain  time.Duration
	jitter time.Duration
	format string
	teller teller
	stamp  uint64 // of the project's files as they were first read
	broken error  // why nothing is begun at present, or nil
}

func (s *session) serveCmd() *cobra.Command {
	v := &serving{s: s, board: server.NewBoard(version())}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the schedules of syncs until told to stop",
		Long:  "Runs every sync at its schedule:, every: or after:. Syncs that are due together share a build.\nSlots that were missed while it was down are one run at its start. SIGTERM drains what runs, a\nsecond one ends it at once; SIGHUP or a changed file reads the project again, dbt's\nmanifest and profiles too, and the old one stays if the new one has findings.",
		Example: `  weir serve
  weir serve --target prod --log json
  weir serve --listen 0.0.0.0:8080 --drain 1m`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return v.run(c.Context()) },
	}
	f := c.Flags()
	f.StringVar(&v.listen, "listen", "127.0.0.1:8080", "address of /healthz, /readyz and /metrics")
	f.DurationVar(&v.drain, "drain", 30*time.Second, "how long a run may take to stop in order")
	f.DurationVar(&v.jitter, "jitter", 0, "spread syncs over this time, each by its name, in place of sharing builds")
	f.IntVar(&v.limit, "parallel", 4, "how many syncs run at once")
	f.StringVar(&v.format, "log", "text", "text or json, on stderr")
	return c
}

func (v *serving) run(ctx context.Context) error {
	switch {
	case v.format != "text" && v.format != "json":
		return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: "--log is text or json", Fix: "see: weir serve --help"}
	case v.limit < 1 || v.drain < 0 || v.jitter < 0:
		return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: "--parallel is at least 1, and --drain and --jitter are not negative", Fix: "see: weir serve --help"}
	}
	v.s.ui.quiet = true // the log says what happens
	v.log = slog.New(slog.NewTextHandler(v.s.stderr, nil))
	if v.format == "json" {
		v.log = slog.New(slog.NewJSONHandler(v.s.stderr, nil))
	}
	v.s.calls = v.board.Called
	v.s.also = v.event
	v.stamp = stamp(v.s.dir) // before they are read: a change from now on is noticed
	a, err := v.s.load(ctx)
	if err != nil {
		return err
	}
	v.a = a
	entries, err := entriesOf(a)
	if err != nil {
		return err
	}
	if v.svc, err = a.Serve(ctx, app.ServiceOptions{Parallel: v.limit, Work: v.handed, Log: v.log}); err != nil {
		return err
	}
	memory, err := v.svc.Memory(ctx, a, time.Now())
	if err != nil {
		return errors.Join(err, v.svc.Close())
	}
	l, err := net.Listen("tcp", v.listen) //nolint:noctx // it binds and returns
	if err != nil {
		return &app.Error{Kind: app.Unavailable, Code: "serve.listen", Message: err.Error(), Fix: "choose another address: --listen 127.0.0.1:0", Err: err}
	}
	defer v.board.Serve(l)()
	defer v.teller.close()
	v.log.Info("serving", "listen", l.Addr().String(), "syncs", len(entries), "shared", v.svc.Shared())
	for sync, at := range memory.Well {
		v.board.Succeeded(sync, at)
	}
	v.board.Ready(v.ready)
	v.alertReading(a, nil, nil) // it may have been refused before this start
	ended := make(chan error, 1)
	go func() { ended <- v.schedule(ctx, entries, memory) }()
	select {
	case err := <-ended:
		return errors.Join(err, v.svc.Close())
	case <-ctx.Done():
	}
	v.board.Draining()
	v.log.Info("draining", "for_at_most", v.drain.String())
	late := time.NewTimer(v.drain)
	defer late.Stop()
	select {
	case err := <-ended:
		v.log.Info("stopped")
		return errors.Join(err, v.svc.Close())
	case <-late.C: // what still runs has the store: the end of the process closes it
		return &app.Error{Kind: app.Failed, Code: "serve.drain", Message: "a run did not stop within " + v.drain.String(), Fix: "give it longer: --drain; the next start goes on with what it left"}
	}
}

// schedule runs what is due until ctx ends and everything has stopped.
func (v *serving) schedule(ctx context.Context, entries []schedule.Entry, m app.Memory) error {
	if v.svc.Shared() {
		worked := make(chan error, 1)
		go func() { worked <- v.svc.Work(ctx) }()
		schedule.Share(ctx, entries, v.shared(), v.changes(ctx))
		return <-worked
	}
	book := schedule.NewBook(entries, m.Fired, v.jitter, time.Now())
	for sync, at := range m.Well {
		book.Done(sync, at, true)
	}
	var owed []schedule.Due
	for _, o := range m.Open {
		owed = append(owed, schedule.Due{Sync: o.Sync, Slot: o.At})
	}
	book.Owe(owed)
	schedule.Run(ctx, book, v.work(), v.changes(ctx))
	return nil
}

// ready is what /readyz asks: whether the schedules get on, and a run could begin.
func (v *serving) ready(ctx context.Context) error {
	v.mu.Lock()
	a, broken := v.a, v.broken
	v.mu.Unlock()
	if broken != nil {
		return broken
	}
	return a.Ready(ctx)
}

// changes tells of SIGHUP and of changed files until ctx ends.
func (v *serving) changes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{})
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hup)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		seen := [2]uint64{v.stamp, stampOf(v.app().Beside())}
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
			case <-tick.C:
				now := [2]uint64{stamp(v.s.dir), stampOf(v.app().Beside())}
				if now == seen {
					continue
				}
				seen = now
			}
			select {
			case out <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
