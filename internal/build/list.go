package build

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
)

// Published is a build that was published.
type Published struct {
	ID   string
	AsOf time.Time
}

// List lists the builds of an entity that were published up to the one in force, the oldest
// first. Their tables may be gone.
func List(ctx context.Context, s warehouse.Session, w warehouse.Warehouse, entity string) ([]Published, error) {
	live, ok, err := Live(ctx, s, w, entity)
	if err != nil || !ok {
		return nil, err
	}
	id, err := strconv.ParseInt(live.ID, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", buildsTable, err)
	}
	b := func(c string) rel.Expr { return rel.C("b", c) }
	var out []Published
	for row, err := range warehouse.Rows(ctx, s, w.Kind().Dialect(), rel.Select{
		Columns: []rel.Column{rel.As("build", b("build")), rel.As("as_of", b("as_of"))},
		From:    rel.Table{Name: rel.Name{w.Schema(), buildsTable}, Alias: "b"},
		Where:   rel.F(rel.And, rel.F(rel.Eq, b("entity"), rel.T(entity)), rel.F(rel.Le, b("build"), rel.I(id))),
		OrderBy: []rel.Order{{Expr: b("build")}},
	}) {
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", buildsTable, err)
		}
		n, _ := row[0].(int64)
		at, _ := row[1].(time.Time)
		out = append(out, Published{strconv.FormatInt(n, 10), at.UTC()})
	}
	return out, nil
}
