package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-data/weir/internal/warehouse"
)

// Ready reports whether a run could begin now: the store opens, and the warehouse tells the time. The
// error says in one line what is away and names nobody. It opens what it needs and closes it; while a
// run of this process is under way it uses what that holds.
func (a *App) Ready(ctx context.Context) (err error) {
	g := &App{o: a.o, p: a.p, buckets: a.buckets}
	defer func() { err = errors.Join(err, g.Close()) }()
	st, err := g.journal(ctx)
	if err != nil {
		return unready("the store", err)
	}
	if _, err := st.Told(ctx); err != nil {
		return unready("the store", g.worldly(err))
	}
	err = g.session(ctx, func(s warehouse.Session) error {
		at, err := s.Now(ctx)
		if err == nil && at.IsZero() {
			err = errors.New("it does not tell the time")
		}
		return err
	})
	if err != nil {
		return unready("the warehouse", err)
	}
	return nil
}

func unready(what string, err error) error {
	code := "weir.failed"
	var ae *Error
	if errors.As(err, &ae) {
		code = ae.Code
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s did not answer in time", what)
	}
	return fmt.Errorf("%s is away (%s): %s", what, code, Unnamed(err.Error()))
}
