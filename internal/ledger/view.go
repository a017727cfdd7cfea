package ledger

import (
	"context"
	"strings"

	"github.com/weir-data/weir/internal/rel"
)

// Standing counts the rows of a sync's ledger by state, with "rows" for those that the
// destination holds as far as is known, "in_doubt" for those that may have changed there and
// "merged" for those that stayed there although their profile is part of another one now. It is
// empty for a sync that never ran, and makes nothing.
func (l *Ledger) Standing(ctx context.Context, sync string) (map[string]int64, error) {
	out := map[string]int64{}
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	there, err := l.has(ctx, s, ledgerTable(sync))
	if err != nil || !there {
		return out, err
	}
	closed := rel.F(rel.Same, rel.C("t", "code"), rel.T(CodeMerged))
	err = s.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("state", rel.C("t", "state")), rel.As("doubt", rel.F(rel.IsTrue, rel.C("t", "doubt"))), rel.As("merged", closed), rel.As("n", rel.Agg{Fn: rel.CountRows})},
		From:    rel.Table{Name: l.table(ledgerTable(sync)), Alias: "t"},
		GroupBy: []rel.Expr{rel.C("t", "state"), rel.F(rel.IsTrue, rel.C("t", "doubt")), closed},
	}, func(row []any) error {
		state, _ := row[0].(string)
		doubt, _ := row[1].(bool)
		n := asInt(row[3])
		out[state] += n
		if asBool(row[2]) {
			out["merged"] += n
		}
		if doubt {
			out["in_doubt"] += n
		}
		if state == stSent || state == stAccepted || state == stLeaving {
			out["rows"] += n
		}
		return nil
	})
	return out, err
}

// InDoubt lists the keys of rows that a run left in doubt and nobody has settled since, in order,
// at most limit of them.
func (l *Ledger) InDoubt(ctx context.Context, sync, run string, limit int64) ([]string, error) {
	out := []string{}
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	there, err := l.has(ctx, s, ledgerTable(sync))
	if err != nil || !there {
		return out, err
	}
	err = s.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("key", rel.C("t", "key"))},
		From:    rel.Table{Name: l.table(ledgerTable(sync)), Alias: "t"},
		Where:   rel.F(rel.And, rel.F(rel.IsTrue, rel.C("t", "doubt")), rel.F(rel.Eq, rel.C("t", "run"), rel.T(run))),
		OrderBy: []rel.Order{{Expr: rel.C("t", "key")}}, Limit: limit,
	}, func(row []any) error {
		if key, ok := row[0].(string); ok {
			out = append(out, key)
		}
		return nil
	})
	return out, err
}

// has reports whether one of weir's tables is there.
func (l *Ledger) has(ctx context.Context, s *session, table string) (bool, error) {
	tables, err := s.Tables(ctx, l.w.Schema())
	if err != nil {
		return false, err
	}
	for _, t := range tables {
		if t == table || strings.HasSuffix(t, "."+table) {
			return true, nil
		}
	}
	return false, nil
}
