package app

import (
	"context"
	"iter"
	"strings"
	"unicode"

	"github.com/weir-data/weir/internal/trace"
	"github.com/weir-data/weir/internal/warehouse"
)

// traced records what is asked of a warehouse, if spans are recorded.
func traced(w warehouse.Warehouse) warehouse.Warehouse {
	if !trace.On() {
		return w
	}
	return tracedWarehouse{w}
}

type tracedWarehouse struct{ warehouse.Warehouse }

// Session implements warehouse.Warehouse.
func (w tracedWarehouse) Session(ctx context.Context) (warehouse.Session, error) {
	_, end := trace.Begin(ctx, "connect", trace.String("db.system.name", w.Kind().Name()))
	s, err := w.Warehouse.Session(ctx)
	end(spanCode(err))
	if err != nil {
		return nil, err
	}
	return tracedSession{s, w.Kind().Name()}, nil
}

type tracedSession struct {
	warehouse.Session
	system string
}

// Inner is the session in this one, for what only some sessions can.
func (s tracedSession) Inner() warehouse.Session { return s.Session }

func (s tracedSession) begin(ctx context.Context, operation string) (context.Context, trace.End) {
	return trace.Begin(ctx, operation, trace.String("db.system.name", s.system), trace.String("db.operation.name", operation))
}

// Exec implements warehouse.Session.
func (s tracedSession) Exec(ctx context.Context, sql string) (int64, error) {
	ctx, end := s.begin(ctx, operationOf(sql))
	n, err := s.Session.Exec(ctx, sql)
	end(spanCode(err), trace.Int("weir.rows", max(0, n)))
	return n, err
}

// Query implements warehouse.Session. Its span ends when the rows were read.
func (s tracedSession) Query(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		ctx, end := s.begin(ctx, operationOf(sql))
		var n int64
		var failed error
		defer func() { end(spanCode(failed), trace.Int("weir.rows", n)) }()
		for row, err := range s.Session.Query(ctx, sql) {
			if err != nil {
				failed = err
			} else {
				n++
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// Load implements warehouse.Session.
func (s tracedSession) Load(ctx context.Context, table, columns []string, rows iter.Seq2[[]any, error]) (int64, error) {
	ctx, end := s.begin(ctx, "LOAD")
	n, err := s.Session.Load(ctx, table, columns, rows)
	end(spanCode(err), trace.Int("weir.rows", max(0, n)))
	return n, err
}

// Tx implements warehouse.Session.
func (s tracedSession) Tx(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, end := s.begin(ctx, "TRANSACTION")
	err := s.Session.Tx(ctx, f)
	end(spanCode(err))
	return err
}

// operations are the first words of statements that a span may be called by.
var operations = map[string]bool{
	"SELECT": true, "WITH": true, "INSERT": true, "UPDATE": true, "DELETE": true, "TRUNCATE": true, "CREATE": true, "DROP": true, "ALTER": true,
	"ANALYZE": true, "EXPLAIN": true, "SET": true, "CHECKPOINT": true, "COPY": true,
}

// operationOf is the first word of a statement, and nothing else of it.
func operationOf(sql string) string {
	sql = strings.TrimLeftFunc(sql, func(r rune) bool { return unicode.IsSpace(r) || r == '(' })
	end := strings.IndexFunc(sql, func(r rune) bool { return !unicode.IsLetter(r) })
	if end < 0 {
		end = len(sql)
	}
	if word := strings.ToUpper(sql[:end]); operations[word] {
		return word
	}
	return "STATEMENT"
}
