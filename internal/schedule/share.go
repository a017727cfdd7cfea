package schedule

import (
	"context"
	"time"
)

// Known is what all processes that share their slots know, by sync.
type Known struct {
	Fired map[string]time.Time // last slot
	Well  map[string]time.Time // end of the last run that ended well
}

// Shared is what Share needs from outside. Its functions are called from its goroutine.
type Shared struct {
	Jitter time.Duration
	// Known reads what all processes know.
	Known func(ctx context.Context) (Known, error)
	// Offer offers what is due to all processes. Each slot is taken once, whoever offers it first,
	// and skipped if its sync still runs anywhere.
	Offer func(ctx context.Context, due []Due) error
	// Reload returns new entries, or false to keep those in place.
	Reload func() ([]Entry, bool)
	// Looked is told of the book after each look; it must not keep it. May be nil.
	Looked func(*Book)
	// Broken is told that Known or Offer failed, and with nil that they work again. May be nil.
	Broken func(err error)
}

// glance is how often a process looks for what others did: a sync that ended elsewhere may have
// others wait for it.
const glance = 2 * time.Second

// Share offers what is due until ctx ends. What runs is no matter of it: the slots that it offers
// are worked by any of the processes.
func Share(ctx context.Context, entries []Entry, s Shared, reload <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var pause time.Duration
	for ctx.Err() == nil {
		b, err := s.look(ctx, entries)
		wait := glance
		switch {
		case err != nil && ctx.Err() != nil:
			return
		case err != nil:
			pause = min(max(2*pause, backoff), backoffMax)
			if wait = pause; s.Broken != nil {
				s.Broken(err)
			}
		case pause > 0:
			if pause = 0; s.Broken != nil {
				s.Broken(nil)
			}
		}
		if b != nil {
			if s.Looked != nil {
				s.Looked(b)
			}
			if at := b.Wake(); err == nil && !at.IsZero() {
				wait = max(min(wait, time.Until(at)), 0)
			}
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-reload:
			if now, ok := s.Reload(); ok {
				entries = now
			}
		case <-timer.C:
		}
	}
}

// look offers what is due by what everybody knows now.
func (s Shared) look(ctx context.Context, entries []Entry) (*Book, error) {
	known, err := s.Known(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	b := NewBook(entries, known.Fired, s.Jitter, now)
	for name, at := range known.Well {
		b.Done(name, at, true)
	}
	due := b.Due(now)
	if len(due) == 0 {
		return b, nil
	}
	if err := s.Offer(ctx, due); err != nil {
		return b, err
	}
	b.Begin(due)
	return b, nil
}
