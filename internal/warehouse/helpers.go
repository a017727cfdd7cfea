package warehouse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models/diag"
)

// Exec renders and runs statements in order, up to the first that fails.
func Exec(ctx context.Context, s Session, d dialect.Dialect, stmts ...rel.Statement) error {
	for _, st := range stmts {
		text, err := d.Statement(st)
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		if _, err := s.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// Rows renders and runs a query.
func Rows(ctx context.Context, s Session, d dialect.Dialect, q rel.Query) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		text, err := d.Query(q)
		if err != nil {
			yield(nil, err)
			return
		}
		for row, err := range s.Query(ctx, text) {
			if !yield(row, err) {
				return
			}
		}
	}
}

// Int runs a query of one integer. No row and NULL are 0.
func Int(ctx context.Context, s Session, d dialect.Dialect, q rel.Query) (int64, error) {
	var out int64
	for row, err := range Rows(ctx, s, d, q) {
		if err != nil {
			return 0, err
		}
		if len(row) != 1 {
			return 0, fmt.Errorf("a query of one integer gave %d columns", len(row))
		}
		switch v := row[0].(type) {
		case nil:
			out = 0
		case int64:
			out = v
		case json.Number:
			if out, err = v.Int64(); err != nil {
				return 0, fmt.Errorf("a query of one integer gave a number with a fraction")
			}
		default:
			return 0, fmt.Errorf("a query of one integer gave a %T", v)
		}
	}
	return out, nil
}

// Nearest returns up to three of the names that may have been meant, best first. A name without
// a schema is compared with the last parts of the names, and one in another schema is meant too.
func Nearest(name string, names []string) []string {
	pool := slices.Clone(names)
	var out []string
	for len(out) < 3 {
		best := diag.Nearest(name, pool)
		if best == "" && !strings.Contains(name, ".") {
			best = byLastPart(name, pool)
		}
		if best == "" {
			best = elsewhere(name, pool)
		}
		if best == "" {
			return out
		}
		out = append(out, best)
		pool = slices.DeleteFunc(pool, func(s string) bool { return s == best })
	}
	return out
}

// elsewhere finds a name whose last part is that of name, or "".
func elsewhere(name string, pool []string) string {
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, p := range pool {
		if strings.EqualFold(p[strings.LastIndexByte(p, '.')+1:], last) {
			return p
		}
	}
	return ""
}

func byLastPart(name string, pool []string) string {
	last := make([]string, len(pool))
	for i, p := range pool {
		last[i] = p[strings.LastIndexByte(p, '.')+1:]
	}
	best := diag.Nearest(name, last)
	if best == "" {
		return ""
	}
	return pool[slices.Index(last, best)]
}

// JSON is the text of a nested value as a Session gives it.
func JSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
