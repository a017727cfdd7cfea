package app

import (
	"context"
	"fmt"
	"time"
)

// looksBack ends what ran: it tells the warehouse of earlier runs that it does not know of, and drops
// history that is too old.
func (a *App) looksBack(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	if err := a.tellLate(ctx); err != nil {
		a.emit(Event{Kind: "history.untold", Step: "history", Text: fmt.Sprintf("earlier runs could not be recorded in the warehouse: %s", firstLine(a.worldly(err)))})
	}
	a.forgetOld(ctx)
}

// forgetOld drops history that is older than the project keeps it, in the warehouse and on disk. What
// could not be dropped is told and tried again after the next run: no run is the worse for it.
func (a *App) forgetOld(ctx context.Context) {
	k := a.p.Keep
	if k.Deliveries <= 0 && k.Runs <= 0 || ctx.Err() != nil {
		return
	}
	err := func() error {
		now, err := a.now(ctx)
		if err != nil {
			return err
		}
		before := func(d time.Duration) (t time.Time) {
			if d > 0 {
				t = now.Add(-d)
			}
			return t
		}
		if _, err := a.led.Forget(ctx, before(time.Duration(k.Deliveries)), before(time.Duration(k.Runs))); err != nil {
			return err
		}
		if k.Runs <= 0 {
			return nil
		}
		st, err := a.journal(ctx)
		if err != nil {
			return err
		}
		return st.Forget(ctx, before(time.Duration(k.Runs)))
	}()
	if err != nil {
		a.emit(Event{Kind: "history.kept", Step: "history", Text: fmt.Sprintf("old deliveries and runs could not be dropped: %s", firstLine(a.worldly(err)))})
	}
}
