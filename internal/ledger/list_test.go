//go:build cgo && !noduckdb

package ledger

import (
	"testing"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// TestListsAreSentAsLists follows a list from the warehouse to the change, and sends it again only
// where an item changes.
func TestListsAreSentAsLists(t *testing.T) {
	w := newWorld(t, list, func(b *Binding) {
		q := peopleQuery(2).(rel.Select)
		for i := range q.Columns {
			if q.Columns[i].As == "field_1" {
				q.Columns[i].Expr = rel.RawExpr{SQL: "string_to_array(p.name, ',')"}
			}
		}
		b.Rows.Query = q
		b.Rows.Fields = []compile.RowColumn{{Name: "tags", Type: models.List}}
	})
	w.want(ann.named("vip,it's \"x\"")).sends("add p1 email=ann@example.com tags=[vip it's \"x\"]")
	w.want(ann.named("vip,it's \"x\"")).sends()
	w.want(ann.named("vip,it's,\"x\"")).sends("~add p1 email=ann@example.com tags=[vip it's \"x\"]")
	w.want(ann.named("")).sends("~add p1 email=ann@example.com")
}
