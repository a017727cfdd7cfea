package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/syncs"
)

// Ledger is weir's memory in one warehouse. It is safe for concurrent use. It holds no
// connection: each operation takes a session and gives it back.
type Ledger struct {
	w   warehouse.Warehouse
	d   dialect.Dialect
	key []byte
	log *slog.Logger

	// Of how plans are made; see inKeyOrder.
	ordered int64
	cut     func(ctx context.Context, s warehouse.Session, rows int64) (int, error)

	mu       sync.Mutex
	prepared bool
}

// Options are what a ledger needs beside the warehouse.
type Options struct {
	// Key is the project's secret, of any length. Without one nothing can be erased or
	// suppressed, and a sync that keeps hashes in place of identifiers is refused.
	Key []byte
	// Log takes events that no person has to act on. Defaults to none.
	Log *slog.Logger
}

// New returns the ledger of a warehouse. It does not connect.
func New(w warehouse.Warehouse, o Options) *Ledger {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Ledger{w: w, d: w.Kind().Dialect(), key: o.Key, log: o.Log, ordered: inKeyOrder, cut: warehouse.Slices}
}

// Binding is what a Source is about.
type Binding struct {
	Sync   syncs.Sync // with its defaults filled in
	Object destinations.Object
	Rows   compile.Rows
	// Account names the destination's account, and whether it is the vendor's or a sandbox.
	// Together with the object and the sync's Into it is what the ledger is bound to.
	Account string
	// Channel is the destination's kind: suppressions of that channel, and of all, apply.
	Channel destinations.Kind
	AsOf    time.Time
	// Caps bound the messages of a sync that appends.
	Caps []Cap
	// Kinds are, for each of Rows.IDs, the kinds as which it is compared with erasures and
	// suppressions; none for what names nobody, such as a country. Defaults to the names of
	// the identifiers.
	Kinds [][]string
	// Columns describes the columns of a source or sql sync as the warehouse has them, so that a
	// change of them is seen. Defaults to those that Rows gives.
	Columns []string
	// Known gives profile_id of every profile that a plan may name, where rows are those of
	// profiles. A plan that is to be sent later names only profiles of a build in force, whose ids
	// stay; whoever is no profile any more when it is sent is kept back. nil means everybody.
	Known rel.Query
	// Members reads who is at the destination before the first run, for one that replaces them. nil
	// where nobody can be asked: then nobody is taken out.
	Members Members
	// Definition says what the sync is, and Filled which sources of its policies have rows; both are
	// kept with the ledger when a run is settled. See Definition.
	Definition string
	Filled     []string
	// Epoch is the newest epoch that this machine's store has seen of the sync.
	Epoch int64
}

// Members reads a destination back, as destinations.Lister does.
type Members func(ctx context.Context, columns destinations.Columns, yield func(ids []any) bool) error

// Source returns the side of a sync in the warehouse.
func (l *Ledger) Source(b Binding) syncs.Source { return newSource(l, b) }

// place says in words what a ledger is bound to.
func (b Binding) place() string {
	p := b.Object.Name + " of " + b.Account
	if b.Sync.Into != "" {
		p = fmt.Sprintf("%s %q of %s", b.Object.Name, b.Sync.Into, b.Account)
	}
	return p
}

func (l *Ledger) table(name string) rel.Name { return rel.Name{l.w.Schema(), name} }

// session is a session of the warehouse that takes statements of the algebra.
type session struct {
	warehouse.Session
	d dialect.Dialect
}

func (l *Ledger) session(ctx context.Context) (*session, error) {
	s, err := l.w.Session(ctx)
	if err != nil {
		return nil, err
	}
	return &session{Session: s, d: l.d}, nil
}

// with runs f on a session of its own, after the tables are there.
func (l *Ledger) with(ctx context.Context, what string, f func(*session) error) error {
	s, err := l.session(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	err = l.prepareOn(ctx, s)
	if err == nil {
		err = f(s)
	}
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// do runs statements in order.
func (s *session) do(ctx context.Context, sts ...rel.Statement) error {
	for _, st := range sts {
		if _, err := s.change(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// change runs one statement and returns the number of rows that it changed.
func (s *session) change(ctx context.Context, st rel.Statement) (int64, error) {
	text, err := s.d.Statement(st)
	if err != nil || text == "" {
		return 0, err
	}
	return s.Exec(ctx, text)
}

// each calls f for each row. The slice is reused.
func (s *session) each(ctx context.Context, q rel.Query, f func([]any) error) error {
	text, err := s.d.Query(q)
	if err != nil {
		return err
	}
	for row, err := range s.Query(ctx, text) {
		if err != nil {
			return err
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return nil
}

// number reads one integer; 0 if it is NULL or there is no row.
func (s *session) number(ctx context.Context, q rel.Query) (n int64, err error) {
	err = s.each(ctx, q, func(row []any) error { n = asInt(row[0]); return nil })
	return n, err
}

// some reports whether a query has rows.
func (s *session) some(ctx context.Context, t rel.Name, where rel.Expr) (bool, error) {
	n, err := s.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.I(1))}, From: rel.Table{Name: t, Alias: "t"}, Where: where, Limit: 1})
	return n == 1, err
}
