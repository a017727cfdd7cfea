package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
)

// thereTable is the members of a destination that is read back: a temporary table.
var thereTable = rel.Name{"weir_there"}

// reading is a destination that is read back on one session, by the identifiers that name a person.
type reading struct {
	se  *session
	ids []destinations.Identifier
}

// naming are the identifiers of an object that name a person, of those that are in use.
func naming(o destinations.Object, in []string) (out []destinations.Identifier) {
	for _, name := range in {
		at := slices.IndexFunc(o.Identifiers, func(id destinations.Identifier) bool { return id.Name == name })
		if at >= 0 && (o.Identifiers[at].Required || o.Identifiers[at].AnyOf != "") {
			out = append(out, o.Identifiers[at])
		}
	}
	return out
}

func value(i int) string { return fmt.Sprintf("value_%d", i+1) }

// values are the columns of the values that are compared.
func (r *reading) values() string {
	var out []string
	for i := range r.ids {
		out = append(out, value(i))
	}
	return strings.Join(out, " ")
}

// there loads the members.
func (r *reading) there(ctx context.Context, members Members) error {
	if err := r.se.do(ctx, rel.DropTable{Name: thereTable}, rel.CreateTable{Name: thereTable, Temp: true, Columns: fields(r.values())}); err != nil {
		return err
	}
	columns, page := destinations.Columns{}, [][]any{}
	for _, id := range r.ids {
		columns.IDs = append(columns.IDs, id.Name)
	}
	var failed error
	load := func() bool {
		_, failed = r.se.Load(ctx, thereTable, strings.Fields(r.values()), one(page...))
		page = page[:0]
		return failed == nil
	}
	err := members(ctx, columns, func(ids []any) bool {
		row := make([]any, len(ids))
		for i, v := range ids {
			if text, ok := v.(string); ok {
				row[i] = text
			}
		}
		page = append(page, row)
		return len(page) < verifyPage || load()
	})
	if err == nil && failed == nil && len(page) > 0 {
		load()
	}
	return errors.Join(err, failed)
}

// in is true if a row of one table has a value that a row of the other has too.
func (r *reading) in(alias string, other rel.Name) rel.Expr {
	var any []rel.Expr
	for i := range r.ids {
		any = append(any, rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: other, Alias: "o"},
			Where: eq(rel.C("o", value(i)), rel.C(alias, value(i)))}})
	}
	return or(any...)
}
