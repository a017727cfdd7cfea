package compile

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// RowQuestion asks for the rows of a profile that count for a leaf.
type RowQuestion struct {
	Path    string // of what asks: a leaf, or a step of a sequence
	Source  string
	Where   []models.ColumnTest
	Within  *models.Window
	Between []models.Value
	Step    int  // of a sequence, from 1; 0 for other leaves
	Failing bool // of every: the rows in the window that do not pass Where
	Ever    bool // the rows that would count without the window, of a leaf that has one
	Columns []string
}

// rowQuestions are the questions of a leaf: one of did and never, with a window
// another one for the rows of any time; the rows that pass and those that
// do not of every, and one for each step of a sequence.
func rowQuestions(path string, w *models.Condition) []RowQuestion {
	q := RowQuestion{Path: path, Where: w.Where, Within: w.Within, Between: w.Between}
	for _, t := range w.Where {
		q.Columns = append(q.Columns, t.Column)
	}
	if column := w.Aggregate.Column(); column != "" {
		q.Columns = append(q.Columns, column)
	}
	switch {
	case w.Did != "", w.Never != "":
		q.Source = w.Did + w.Never
		if w.Within == nil && w.Between == nil {
			return []RowQuestion{q}
		}
		ever := q
		ever.Ever, ever.Within, ever.Between = true, nil, nil
		return []RowQuestion{q, ever}
	case w.Every != "":
		q.Source = w.Every
		failing := q
		failing.Failing = true
		return []RowQuestion{q, failing}
	}
	var out []RowQuestion
	for i, s := range w.Sequence {
		step := RowQuestion{Path: fmt.Sprintf("%s.sequence[%d]", path, i), Source: s.Did + s.Never, Where: s.Where, Within: w.Within, Between: w.Between, Step: i + 1, Columns: w.Same}
		for _, t := range s.Where {
			step.Columns = append(step.Columns[:len(step.Columns):len(step.Columns)], t.Column)
		}
		out = append(out, step)
	}
	return out
}

// MatchingRows is a query of the newest rows of one profile for each of several questions about a
// source: question, its place in the list; n, how many rows there are in all; at and key, NULL
// where the source has none; then the columns that the questions name, each once, which are
// returned too. Columns of a type that models do not have are text.
func MatchingRows(in Input, source, profile string, questions []RowQuestion, limit int64) (rel.Query, []models.Column, []diag.Problem) {
	s := in.Model.Source(source)
	r, problem := rowsOf(in, s)
	if problem != nil {
		return nil, nil, []diag.Problem{*problem}
	}
	at, problem := rowTime(in, s)
	if problem != nil {
		return nil, nil, []diag.Problem{*problem}
	}
	if at == nil {
		at = rel.Null(models.Timestamp)
	}
	key := rel.Expr(rel.Null(models.Text))
	if s.Key != "" {
		if key, problem = rowKey(in, s); problem != nil {
			return nil, nil, []diag.Problem{*problem}
		}
	}
	read := []rel.Column{rel.As("weir_at", at), rel.As("weir_key", key)}
	var columns []models.Column
	for _, q := range questions {
		for _, name := range q.Columns {
			known := false
			for _, c := range columns {
				known = known || c.Name == name
			}
			if known {
				continue
			}
			e, typ, problem := columnExpr(in, s, name)
			if problem != nil {
				problem.Path = q.Path
				return nil, nil, []diag.Problem{*problem}
			}
			if typ == models.Unknown {
				e = rel.Cast{Expr: e, Type: models.Text}
			}
			read = append(read, rel.As(ranked("c", len(columns)), e))
			columns = append(columns, models.Column{Name: name, Type: typ})
		}
	}
	var counts []rel.Expr
	for i, q := range questions {
		test, problems := q.test(in, s)
		if len(problems) > 0 {
			return nil, nil, problems
		}
		counts = append(counts, test)
		read = append(read, rel.As(ranked("m", i), rel.F(rel.IsTrue, test)))
	}
	rows := r.read(func(own rel.Expr) rel.Select {
		return rel.Select{Columns: read, Where: rel.F(rel.And, eq(own, rel.T(profile)), or(counts))}
	})

	w := func(name string) rel.Expr { return rel.C("w", name) }
	var each []rel.Query
	for i := range questions {
		q := rel.Select{
			Columns: []rel.Column{
				rel.As("question", rel.I(int64(i))),
				rel.As("n", rel.Over{Agg: &rel.Agg{Fn: rel.CountRows}}),
				rel.As("place", rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: w("weir_at"), Desc: true}, {Expr: w("weir_key")}}}),
				rel.As("weir_at", w("weir_at")), rel.As("weir_key", w("weir_key")),
			},
			From:  rel.Table{Name: rel.Name{"weir_rows"}, Alias: "w"},
			Where: w(ranked("m", i)),
		}
		for j := range columns {
			q.Columns = append(q.Columns, rel.As(ranked("c", j), w(ranked("c", j))))
		}
		each = append(each, q)
	}
	u := func(name string) rel.Expr { return rel.C("u", name) }
	out := rel.Select{
		With:    []rel.CTE{{Name: "weir_rows", Query: rows}},
		Columns: []rel.Column{rel.As("question", u("question")), rel.As("n", u("n")), rel.As("weir_at", u("weir_at")), rel.As("weir_key", u("weir_key"))},
		From:    rel.Sub{Query: union(each), Alias: "u"},
		Where:   rel.F(rel.Le, u("place"), rel.I(limit)),
		OrderBy: []rel.Order{{Expr: u("question")}, {Expr: u("place")}},
	}
	for j := range columns {
		out.Columns = append(out.Columns, rel.As(ranked("c", j), u(ranked("c", j))))
	}
	return out, columns, nil
}

// test is whether a row counts.
func (q *RowQuestion) test(in Input, s *models.Source) (rel.Expr, []diag.Problem) {
	where := q.Where
	if q.Failing {
		where = nil
	}
	test, problems := rowFilter(in, s, q.Path, where, q.Within, q.Between)
	if test == nil {
		test = rel.B(true)
	}
	if !q.Failing || len(problems) > 0 {
		return test, problems
	}
	passes, problems := rowFilter(in, s, q.Path, q.Where, nil, nil)
	if passes == nil {
		passes = rel.B(true)
	}
	return rel.F(rel.And, test, rel.F(rel.Not, rel.F(rel.IsTrue, passes))), problems
}
