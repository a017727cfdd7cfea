package syncs

import (
	"fmt"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Config holds the times and bounds of runs. The zero value is sound for every destination.
type Config struct {
	// TTL is how long a lease lasts without being renewed. Defaults to 2 min, or more where the
	// destination's timeout asks for it.
	TTL time.Duration
	// Margin is kept free at the end of a lease for clocks that run at different speeds.
	// Defaults to 5 s.
	Margin time.Duration
	// Hold is how long a run waits before it sends, if an earlier run may still have requests
	// on their way: the timeout of a call, and what the destination may take to apply a request
	// that nobody waits for any more. Defaults to the timeout of a call.
	Hold time.Duration
	// Grace is how long calls in flight may take to finish after a run was asked to stop.
	// Defaults to 20 s.
	Grace time.Duration
	// Patience is the longest that a run waits because a destination asks it to; beyond that a
	// quota is spent: the run ends and its rows stay due. Defaults to 10 min.
	Patience time.Duration
	// PollFor is how long a run waits for its own asynchronous jobs, before it leaves them to
	// later runs. Defaults to 2 min.
	PollFor time.Duration
	// Retries is how many calls a run may repeat after errors, beside one for every ten calls
	// that went well. After those, one call at a time asks whether the destination is back.
	// Defaults to 10.
	Retries int
	// Splits is the largest number of calls spent on finding the bad rows of one refused batch.
	// Defaults to 200.
	Splits int
	// BatchRows bounds the rows of a batch where the destination allows more. Defaults to 10,000.
	BatchRows int
	// HeldBytes bounds the estimated size of the rows held in memory. Defaults to 64 MiB.
	HeldBytes int
}

// defaultTimeout is the timeout of a call whose object does not say one.
const defaultTimeout = 30 * time.Second

// defaultBatchRows bounds a batch where the destination allows more.
const defaultBatchRows = 10_000

func timeout(l destinations.Limits) time.Duration { return or(l.Timeout, defaultTimeout) }

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// sound fills in the defaults and refuses times with which a run could never send.
func (c Config) sound(l destinations.Limits) (Config, error) {
	call := timeout(l)
	c.Margin = or(c.Margin, 5*time.Second)
	c.Hold = or(c.Hold, call)
	c.TTL = or(c.TTL, max(2*time.Minute, 2*(c.Hold+call)+c.Margin))
	c.Grace = or(c.Grace, 20*time.Second)
	c.Patience = or(c.Patience, 10*time.Minute)
	c.PollFor = or(c.PollFor, 2*time.Minute)
	c.Retries = or(c.Retries, 10)
	c.Splits = or(c.Splits, 200)
	c.BatchRows = or(c.BatchRows, defaultBatchRows)
	c.HeldBytes = or(c.HeldBytes, 64<<20)
	if c.Hold >= c.TTL-call-c.Margin {
		return c, fmt.Errorf("a lease of %s is too short: a run that waits %s for earlier requests could not send one of %s before the lease ends", c.TTL, c.Hold, call)
	}
	return c, nil
}
