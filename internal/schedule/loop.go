package schedule

import (
	"context"
	"time"
)

// Work is what a Loop needs from outside. Its functions are called from the goroutine of Run,
// apart from Group.
type Work struct {
	// Fire records durably that slots are taken, before the group begins: a crash in between
	// loses the slot's run to the next slot, and never doubles it.
	Fire func(ctx context.Context, due []Due) error
	// Group runs syncs together and returns which of them ended well.
	Group func(ctx context.Context, due []Due) map[string]bool
	// Skipped is told of slots that fell while their sync still ran.
	Skipped func([]Skip)
	// Reload returns new entries, or false to keep those in place; asked between groups.
	Reload func() ([]Entry, bool)
	// Looked is told of the book after each look; it must not keep it. May be nil.
	Looked func(*Book)
}

// Run runs what is due, one group after the other, until ctx ends; then it waits for the group
// that is running, whose context has ended too. A value on reload makes it ask for new entries.
func Run(ctx context.Context, b *Book, w Work, reload <-chan struct{}) error {
	var done chan map[string]bool
	var group []Due
	var waiting bool // a reload, until the group is done
	finish := func(well map[string]bool) {
		for _, d := range group {
			b.Done(d.Sync, time.Now(), well[d.Sync])
		}
		group, done = nil, nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if done == nil && waiting {
			waiting = false
			if entries, ok := w.Reload(); ok {
				b.Replace(entries, time.Now())
			}
		}
		if done == nil && ctx.Err() == nil {
			due := b.Take(time.Now())
			if len(due) > 0 {
				if err := w.Fire(ctx, due); err != nil {
					return err
				}
				group, done = due, make(chan map[string]bool, 1)
				go func(done chan<- map[string]bool) { done <- w.Group(ctx, due) }(done)
			}
		}
		if done != nil {
			skip(b, group, w)
		}
		if w.Looked != nil {
			w.Looked(b)
		}
		if ctx.Err() != nil {
			if done != nil {
				finish(<-done)
			}
			return nil
		}
		var tick <-chan time.Time
		if at := wakeFor(b, group); !at.IsZero() {
			timer.Reset(time.Until(at))
			tick = timer.C
		}
		select {
		case <-ctx.Done():
		case <-reload:
			waiting = true
		case well := <-done:
			finish(well)
		case <-tick:
		}
	}
}

// skip drops the slots of what runs, and says so.
func skip(b *Book, group []Due, w Work) {
	if skipped := b.Skip(group, time.Now()); len(skipped) > 0 {
		w.Skipped(skipped)
	}
}

// wakeFor is when to look next: while a group runs, only its own syncs can be skipped; the others
// wait for its end.
func wakeFor(b *Book, group []Due) time.Time {
	if group == nil {
		return b.Wake()
	}
	var wake time.Time
	for _, d := range group {
		if at := b.Next(d.Sync); !at.IsZero() && (wake.IsZero() || at.Before(wake)) {
			wake = at
		}
	}
	return wake
}
