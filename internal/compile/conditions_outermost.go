package compile

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// outermost asks for the value e of the first or the last row of a source that passes a filter: in
// the order of time, then of keys. Rows without a time come after all others. The value is absent
// if the row does not have it.
func (s *scans) outermost(source *models.Source, path string, last bool, e rel.Expr, typ models.Type, filter rel.Expr) (measure, []diag.Problem) {
	at, problem := rowTime(s.in, source)
	if problem == nil && at == nil {
		problem = &diag.Problem{Path: path, Code: "models.no_time",
			What: fmt.Sprintf("source %s has no time, so none of its rows is the first or the last", source.Name),
			Fix:  fmt.Sprintf("give the source %s a time: column, or use min or max", source.Name)}
	}
	if problem != nil {
		return measure{}, []diag.Problem{*problem}
	}
	order := []rel.Order{{Expr: at, Desc: last}}
	if source.Key != "" {
		key, _, problem := keyOf(s.in, source)
		if problem != nil {
			problem.Path = models.Path("sources", source.Name, "key")
			return measure{}, []diag.Problem{*problem}
		}
		order = append(order, rel.Order{Expr: key, Desc: last})
	}
	order = append(order, rel.Order{Expr: rel.Cast{Expr: e, Type: models.Text, From: typ}}) // doubled keys
	if typ == models.Text {
		e = rel.Cast{Expr: e, Type: models.Text, From: models.Text}
	}
	if filter == nil {
		filter = rel.B(true)
	}
	return s.answer(source, path, rel.Agg{Fn: rel.First, Arg: e, OrderBy: order, Where: filter, Is: typ}, typ, nil)
}
