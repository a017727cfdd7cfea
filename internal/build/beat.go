package build

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-data/weir/internal/rel"
)

// leaseTime is how long a lease holds without being renewed, and so how long a machine that died
// in a build holds others up. It is renewed beside the steps, five times as often.
const leaseTime = 5 * time.Minute

// hold renews the lease beside the build, on sessions of its own, until stop is called. The context
// ends if the lease is lost, and stop puts ErrLost in the place of the error that follows from that.
// A beat that fails is no loss: the next one may not, and publish looks for itself.
func (r *run) hold(ctx context.Context) (held context.Context, stop func(error) error) {
	held, cancel := context.WithCancelCause(ctx)
	every := r.builder.beat
	if every == 0 {
		every = leaseTime / 5
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		next := time.NewTicker(every)
		defer next.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-next.C:
			}
			if errors.Is(r.beat(held), ErrLost) {
				cancel(ErrLost)
				return
			}
		}
	}()
	return held, func(err error) error {
		cancel(nil)
		<-over
		if err != nil && errors.Is(context.Cause(held), ErrLost) {
			return ErrLost
		}
		return err
	}
}

// beat renews the lease on a session of its own.
func (r *run) beat(ctx context.Context) (err error) {
	s, err := r.builder.W.Session(ctx)
	if err != nil {
		return fmt.Errorf("renewing the lease: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	own := &run{builder: r.builder, s: s, d: r.d, schema: r.schema, entity: r.entity, epoch: r.epoch, token: r.token}
	return own.renew(ctx)
}

// renew lengthens the lease, or says that it is lost.
func (r *run) renew(ctx context.Context) error {
	now, err := r.s.Now(ctx)
	if err != nil {
		return fmt.Errorf("asking for the time: %w", err)
	}
	if _, err := r.exec(ctx, rel.Update{Table: r.name(leasesTable),
		Set: []rel.Assign{{Column: "expires", Value: rel.At(now.Add(leaseTime))}}, Where: r.ours()}); err != nil {
		return fmt.Errorf("renewing the lease: %w", err)
	}
	epoch, holder, _, err := r.lease(ctx)
	if err != nil {
		return err
	}
	if epoch != r.epoch || holder != r.token {
		return ErrLost
	}
	return nil
}
