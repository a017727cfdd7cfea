package schedule

import (
	"context"
	"sync"
	"time"
)

// Work is what a Loop needs from outside. Its functions are called from the goroutine of Run,
// apart from Group.
type Work struct {
	// Take records durably that slots are taken, before anything of them begins: what a crash
	// leaves of them is gone on with at the next start. With an error none is.
	Take func(ctx context.Context, due []Due) error
	// Group runs syncs together, and tells ended of each as soon as it is through. Groups run at
	// the same time; no sync is in two of them. It returns a function, so that what it runs with
	// is chosen in the goroutine of Run.
	Group func(due []Due) func(ctx context.Context, ended func(sync string, well bool))
	// Skip records slots that fell while their sync still ran.
	Skip func(ctx context.Context, skipped []Skip) error
	// Reload returns new entries, or false to keep those in place. What runs goes on as it began.
	Reload func() ([]Entry, bool)
	// Looked is told of the book after each look; it must not keep it. May be nil.
	Looked func(*Book)
	// Broken is told that Take or Skip failed, so that nothing begins until a later look, and with
	// nil that they work again. May be nil.
	Broken func(err error)
}

// How long a look that failed waits for the next, doubled each time, and how long any look waits at
// most: the clock may be set, or the machine sleep, and timers notice neither.
const (
	backoff    = time.Second
	backoffMax = time.Minute
	lookEvery  = 2 * time.Minute
)

// loop is one Run.
type loop struct {
	b      *Book
	w      Work
	ends   chan end
	groups int           // that run
	pause  time.Duration // of the last look that failed; 0 if it went well
	again  time.Time     // no look before
}

// end says that a sync is through; one without a sync, that a group is.
type end struct {
	sync string
	well bool
}

// Run runs what is due until ctx ends; then it waits for the groups that run, whose context has
// ended too. A value on reload makes it ask for new entries.
func Run(ctx context.Context, b *Book, w Work, reload <-chan struct{}) {
	l := &loop{b: b, w: w, ends: make(chan end)}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for stop := ctx.Done(); ; {
		if ctx.Err() == nil {
			l.look(ctx)
		}
		if w.Looked != nil {
			w.Looked(b)
		}
		if ctx.Err() != nil && l.groups == 0 {
			return
		}
		var tick <-chan time.Time
		if ctx.Err() == nil { // while it drains nothing begins, and what falls due is not waited for
			timer.Reset(l.wait())
			tick = timer.C
		}
		select {
		case <-stop:
			stop = nil
		case <-reload:
			if ctx.Err() != nil {
				continue // nothing begins any more
			}
			if entries, ok := w.Reload(); ok {
				b.Replace(entries, time.Now())
			}
		case e := <-l.ends:
			if e.sync == "" {
				l.groups--
				continue
			}
			b.Done(e.sync, time.Now(), e.well)
		case <-tick:
		}
	}
}

// wait is how long until the next look.
func (l *loop) wait() time.Duration {
	long := lookEvery
	if at := l.b.Wake(); !at.IsZero() {
		long = min(long, time.Until(at))
	}
	return max(long, time.Until(l.again))
}

// look skips what still runs and begins what is due.
func (l *loop) look(ctx context.Context) {
	now := time.Now()
	if now.Before(l.again) && l.again.Sub(now) <= backoffMax { // a clock that was set back waits no longer
		return
	}
	err := l.begin(ctx, now)
	switch {
	case err != nil && ctx.Err() != nil:
		return
	case err != nil:
		l.pause = min(max(2*l.pause, backoff), backoffMax)
		l.again = now.Add(l.pause)
	case l.pause == 0:
		return
	default:
		l.pause, l.again = 0, time.Time{}
	}
	if l.w.Broken != nil {
		l.w.Broken(err)
	}
}

func (l *loop) begin(ctx context.Context, now time.Time) error {
	if late := l.b.Late(now); len(late) > 0 {
		if err := l.w.Skip(ctx, late); err != nil {
			return err
		}
		l.b.Drop(late)
	}
	due := l.b.Due(now)
	if len(due) == 0 {
		return nil
	}
	if err := l.w.Take(ctx, due); err != nil {
		return err
	}
	l.b.Begin(due)
	l.groups++
	go l.group(ctx, due, l.w.Group(due))
	return nil
}

// group runs a group. Each of its syncs ends once, also if it was not told of.
func (l *loop) group(ctx context.Context, due []Due, run func(context.Context, func(string, bool))) {
	var mu sync.Mutex
	open := map[string]bool{}
	for _, d := range due {
		open[d.Sync] = true
	}
	ended := func(sync string, well bool) {
		mu.Lock()
		is := open[sync]
		delete(open, sync)
		mu.Unlock()
		if is {
			l.ends <- end{sync, well}
		}
	}
	run(ctx, ended)
	for _, d := range due {
		ended(d.Sync, false)
	}
	l.ends <- end{}
}
