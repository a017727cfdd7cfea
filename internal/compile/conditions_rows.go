package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// rowFilter is which rows of a source count: those whose columns pass and whose time lies in
// the window within and between two times. Its parts are sorted, so that the same filter written in another
// order is the same expression. It is nil for all rows; it may be NULL for a row that does not
// count.
func rowFilter(in Input, s *models.Source, path string, where []models.ColumnTest, within *models.Window, between []models.Value) (rel.Expr, []diag.Problem) {
	var parts []rel.Expr
	var problems []diag.Problem
	for _, w := range where {
		at := path + ".where." + w.Column
		e, typ, problem := columnExpr(in, s, w.Column)
		if problem != nil {
			problem.Path, problem.OnKey = at, true
			problems = append(problems, *problem)
			continue
		}
		test, err := compare(in, e, typ, w.Test)
		if err != nil {
			problems = append(problems, mismatch(at, s.Name+"."+w.Column, err))
			continue
		}
		parts = append(parts, test)
	}
	if within != nil {
		window, problem := rowSpan(in, s, path+".within", in.window(within))
		if problem != nil {
			problems = append(problems, *problem)
		}
		parts = append(parts, window...)
	}
	if between != nil {
		bounds, problem := in.bounds(path+".between", between)
		if problem != nil {
			return nil, append(problems, *problem)
		}
		window, problem := rowSpan(in, s, path+".between", bounds)
		if problem != nil {
			problems = append(problems, *problem)
		}
		parts = append(parts, window...)
	}
	slices.SortStableFunc(parts, func(a, b rel.Expr) int {
		return strings.Compare(fmt.Sprintf("%#v", a), fmt.Sprintf("%#v", b))
	})
	if len(parts) == 0 {
		return nil, problems
	}
	return and(parts), problems
}

// mismatch is the finding that an operator or a value does not fit what it is applied to.
func mismatch(path, what string, err error) diag.Problem {
	return unfit(path, what, err, "use an operator and a value of its own type")
}

// unfit is the finding that something cannot be computed from what it is given.
func unfit(path, what string, err error, fix string) diag.Problem {
	return diag.Problem{Path: path, Code: "models.operator_type", What: fmt.Sprintf("%s: %v", what, err), Fix: fix}
}

// measure is one answer about the rows of each profile.
type measure struct {
	expr rel.Expr
	typ  models.Type
}

// aggregate asks for an aggregate over the rows of a source that pass a filter. Counts and sums
// are 0 without rows, all others absent.
func (s *scans) aggregate(source *models.Source, path string, agg models.Aggregate, filter rel.Expr) (measure, []diag.Problem) {
	kind, column := aggregateOf(agg)
	if kind == "count" {
		count := rel.Agg{Fn: rel.CountRows}
		if filter != nil {
			count = rel.Agg{Fn: rel.Count, Arg: when(filter, rel.I(1))}
		}
		return s.answer(source, path, count, models.Integer, rel.I(0))
	}
	path += "." + kind
	e, typ, problem := columnExpr(s.in, source, column)
	if problem != nil {
		problem.Path = path
		return measure{}, []diag.Problem{*problem}
	}
	arg := when(filter, e)
	switch kind {
	case "count_distinct":
		return s.answer(source, path, rel.Agg{Fn: rel.Count, Arg: arg, Distinct: true}, models.Integer, rel.I(0))
	case "sum", "avg":
		if typ != models.Integer && typ != models.Number && typ != models.Unknown {
			return measure{}, []diag.Problem{unfit(path, source.Name+"."+column, fmt.Errorf("%s needs numbers, not %s", kind, typ), "name a column of numbers, or use max")}
		}
		arg := when(filter, rel.Cast{Expr: e, Type: models.Number, Try: true, From: typ})
		if kind == "sum" {
			m, problems := s.answer(source, path, rel.Agg{Fn: rel.Sum, Arg: arg}, models.Number, rel.N("0"))
			if typ == models.Integer { // a sum of whole numbers is one
				m = measure{expr: rel.Cast{Expr: m.expr, Type: models.Integer, Try: true, From: models.Number}, typ: models.Integer}
			}
			return m, problems
		}
		return s.answer(source, path, rel.Agg{Fn: rel.Avg, Arg: arg}, models.Number, nil)
	case "collect":
		if typ == models.List {
			return measure{}, []diag.Problem{unfit(path, source.Name+"."+column, fmt.Errorf("collect takes single values, not lists"), "keep the list of one row: from: "+source.Name+"."+column)}
		}
		arg := when(filter, rel.Cast{Expr: e, Type: models.Text, From: typ})
		return s.answer(source, path, rel.Agg{Fn: rel.Collect, Arg: arg}, models.List, nil)
	case "min", "max":
		if typ == models.List {
			return measure{}, []diag.Problem{unfit(path, source.Name+"."+column, fmt.Errorf("%s needs an order, which lists have not", kind), "name a column with single values")}
		}
		if typ == models.Boolean {
			return measure{}, []diag.Problem{unfit(path, source.Name+"."+column, fmt.Errorf("%s needs an order, which true and false have not", kind), "count the rows where it is true")}
		}
		if typ == models.Text {
			arg = rel.Cast{Expr: arg, Type: models.Text, From: models.Text}
		}
		fn := rel.Min
		if kind == "max" {
			fn = rel.Max
		}
		return s.answer(source, path, rel.Agg{Fn: fn, Arg: arg}, typ, nil)
	case "first", "last":
		return s.outermost(source, path, agg.Last != "", e, typ, filter)
	default: // most_frequent
		q, problem := mostFrequent(s.in, []piece{{source: source, value: arg, typ: typ}})
		if problem != nil {
			problem.Path = path
			return measure{}, []diag.Problem{*problem}
		}
		return measure{expr: s.askQuery(source.Name+"."+column, q), typ: typ}, nil
	}
}

func (s *scans) answer(source *models.Source, path string, agg rel.Agg, typ models.Type, zero rel.Expr) (measure, []diag.Problem) {
	e, problem := s.ask(source, agg)
	if problem != nil {
		problem.Path = path
		return measure{}, []diag.Problem{*problem}
	}
	if zero != nil {
		e = rel.F(rel.Coalesce, e, zero)
	}
	return measure{expr: e, typ: typ}, nil
}

// aggregateOf is the aggregate that is set, and its column; "" if none is.
func aggregateOf(a models.Aggregate) (kind, column string) {
	switch {
	case a.Count:
		return "count", ""
	case a.CountDistinct != "":
		return "count_distinct", a.CountDistinct
	case a.Sum != "":
		return "sum", a.Sum
	case a.Min != "":
		return "min", a.Min
	case a.Max != "":
		return "max", a.Max
	case a.Avg != "":
		return "avg", a.Avg
	case a.MostFrequent != "":
		return "most_frequent", a.MostFrequent
	case a.First != "":
		return "first", a.First
	case a.Last != "":
		return "last", a.Last
	case a.Collect != "":
		return "collect", a.Collect
	}
	return "", ""
}

// when is a value where a filter passes and NULL elsewhere.
func when(filter, e rel.Expr) rel.Expr {
	if filter == nil {
		return e
	}
	return rel.Case{Whens: []rel.When{{If: filter, Then: e}}}
}
