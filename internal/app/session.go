package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
)

// session runs f on a session of the target's warehouse.
func (a *App) session(ctx context.Context, f func(warehouse.Session) error) error {
	w, err := a.warehouse()
	if err != nil {
		return err
	}
	s, err := w.Session(ctx)
	if err != nil {
		return a.worldly(err)
	}
	return a.worldly(errors.Join(f(s), s.Close()))
}

// now is the warehouse's clock.
func (a *App) now(ctx context.Context) (t time.Time, err error) {
	err = a.session(ctx, func(s warehouse.Session) error { t, err = s.Now(ctx); return err })
	return t, err
}

// row reads the one row of integers that a query gives.
func (a *App) row(ctx context.Context, s warehouse.Session, q rel.Query, into ...*int64) error {
	text, err := a.w.Kind().Dialect().Query(q)
	if err != nil {
		return err
	}
	found := false
	for row, err := range s.Query(ctx, text) {
		if err != nil {
			return err
		}
		found = true
		for i, p := range into {
			n, ok := row[i].(int64)
			if !ok && row[i] != nil {
				return fmt.Errorf("a count came as %T", row[i])
			}
			*p = n
		}
	}
	if !found {
		return errors.New("a count came without a row")
	}
	return nil
}

// knownSegment reports whether anybody has ever been in a segment, by a build.
func (a *App) knownSegment(ctx context.Context, s warehouse.Session, entity string, b compile.Build, segment string) (bool, error) {
	var n int64
	err := a.row(ctx, s, rel.Select{
		Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})},
		From:    rel.Table{Name: b.Table(entity, compile.History), Alias: "h"},
		Where:   rel.F(rel.Eq, rel.C("h", "segment"), rel.T(segment)),
	}, &n)
	return n > 0, err
}

// release gives the warehouse's file back while a process waits for a person.
func (a *App) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.w != nil {
		_ = a.w.Close() // opened again when needed; every operation has ended
		a.w, a.led = nil, nil
	}
	if a.st != nil {
		_ = a.st.Close()
		a.st = nil
	}
}
