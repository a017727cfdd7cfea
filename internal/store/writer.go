package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// request is one caller's change and where the caller waits for it.
type request struct {
	do   func(*writing) error
	done chan error
}

// groupUpTo bounds how many requests share a commit.
const groupUpTo = 256

// writing is the writer's connection inside a transaction. Statements are prepared once.
type writing struct {
	eng   engine
	conn  *sql.Conn // nil until it is needed, and after it was lost
	stmts map[string]*sql.Stmt
	ctx   context.Context //nolint:containedctx // of the transaction, never a caller's
}

// open takes a connection if there is none.
func (w *writing) open(db *sql.DB) (err error) {
	if w.conn == nil {
		w.conn, err = db.Conn(w.ctx)
	}
	return err
}

// drop gives the connection up.
func (w *writing) drop() {
	for _, st := range w.stmts {
		_ = st.Close() // it goes with its connection
	}
	clear(w.stmts)
	if w.conn != nil {
		_ = w.conn.Close() // what was written is known to be
		w.conn = nil
	}
}

func (w *writing) stmt(q string) (*sql.Stmt, error) {
	if st, ok := w.stmts[q]; ok {
		return st, nil
	}
	st, err := w.conn.PrepareContext(w.ctx, w.eng.bind(q))
	if err != nil {
		return nil, err
	}
	w.stmts[q] = st
	return st, nil
}

// exec runs a statement that changes rows. No caller's context is used: a caller that gives up
// must not undo what others asked in the same transaction.
func (w *writing) exec(q string, args ...any) (sql.Result, error) {
	st, err := w.stmt(q) //nolint:sqlclosecheck // closed with the writer
	if err != nil {
		return nil, err
	}
	return st.ExecContext(w.ctx, w.eng.args(args)...)
}

// row reads one row into dest; sql.ErrNoRows if there is none.
func (w *writing) row(q string, args []any, dest ...any) error {
	st, err := w.stmt(q) //nolint:sqlclosecheck // closed with the writer
	if err != nil {
		return err
	}
	return st.QueryRowContext(w.ctx, w.eng.args(args)...).Scan(dest...)
}

// change hands do to the writer and waits until it is on disk.
func (s *Store) change(ctx context.Context, what string, do func(*writing) error) error {
	r := request{do: do, done: make(chan error, 1)}
	select {
	case <-s.stop:
		return fmt.Errorf("%s: %w", what, ErrClosed)
	default:
	}
	select {
	case s.requests <- r:
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case <-s.stop:
		return fmt.Errorf("%s: %w", what, ErrClosed)
	}
	// The caller stays until the outcome is known, whatever its context says: a commit takes
	// milliseconds, and "unknown" would cost rows in doubt.
	select {
	case err := <-r.done:
		return wrap(what, err)
	case <-s.stopped:
		select {
		case err := <-r.done:
			return wrap(what, err)
		default:
			return fmt.Errorf("%s: %w", what, ErrClosed)
		}
	}
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// writer is the one goroutine of this process that changes the store.
func (s *Store) writer() {
	defer close(s.stopped)
	w := &writing{eng: s.eng, stmts: map[string]*sql.Stmt{}}
	defer w.drop()
	var broken error
	for {
		var group []request
		select {
		case r := <-s.requests:
			group = append(group, r)
		case <-s.stop:
			select {
			case r := <-s.requests:
				group = append(group, r)
			default:
				return
			}
		}
	more:
		for len(group) < groupUpTo {
			select {
			case r := <-s.requests:
				group = append(group, r)
			default:
				break more
			}
		}
		if broken == nil {
			broken = s.commit(w, group)
			continue
		}
		for _, r := range group {
			r.done <- broken
		}
	}
}

// commit carries a group out in one transaction and answers every caller. It returns an error
// after which nothing may be written any more.
func (s *Store) commit(w *writing, group []request) error {
	errs := make([]error, len(group))
	var cancel context.CancelFunc
	if w.ctx, cancel = context.Background(), func() {}; s.eng.within() > 0 {
		w.ctx, cancel = context.WithTimeout(w.ctx, s.eng.within())
	}
	defer cancel()
	err := w.open(s.write)
	if err == nil {
		err = s.together(w, group, errs)
	}
	dropped := err
	if err != nil {
		err = s.typed(err)
	}
	for i, r := range group {
		if err != nil {
			errs[i] = err
		}
		r.done <- errs[i]
	}
	if dropped == nil {
		return nil
	}
	if s.eng.final(dropped) {
		return err
	}
	w.drop() // whatever state it is in: the next change takes another
	return nil
}

// together fills errs with each request's own error, which undoes that request alone, and
// returns an error that undid all of them.
func (s *Store) together(w *writing, group []request, errs []error) (err error) {
	if err := s.eng.begin(w); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = w.conn.ExecContext(context.Background(), "ROLLBACK") // SQLite may have done it already
		}
	}()
	for i, r := range group {
		if _, err := w.exec("SAVEPOINT one"); err != nil {
			return err
		}
		if errs[i] = r.do(w); errs[i] != nil {
			errs[i] = s.typed(errs[i])
			if _, err := w.exec("ROLLBACK TO one"); err != nil {
				return errors.Join(errs[i], err)
			}
		}
		if _, err := w.exec("RELEASE one"); err != nil {
			return err
		}
	}
	_, err = w.exec("COMMIT")
	return err
}
