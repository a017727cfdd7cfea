package compile

import (
	"fmt"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// query reads the rows of all steps once, in one order, and follows the sequences through them
// without joining them with each other. A row reaches the k-th step if it is one for it and some
// row before it reached the step before, no longer ago than the window; of these it is enough to
// know the latest. So each step is a layer with one window function over the layer below:
//
//	rows: profile, same, at, source, key, m<source>_<test> …   one row for each key and time
//	layer 1: + the latest time of a row before that reached step 1
//	layer 2: + the latest time of a row before that reached step 2 …
//	per profile: whether some row reached the last step
//
// A step that must not be needs the time of the next such row after each one.
func (g *sequences) query() rel.Query {
	f := &followed{g: g, columns: map[string]string{}}
	f.layers = [][]rel.Column{nil}
	var answers []rel.Column
	for i, c := range g.chains {
		reached := f.follow(c)
		v := rel.As(fmt.Sprintf("v%d", i), rel.Agg{Fn: rel.Max, Arg: rel.F(rel.IsTrue, reached[len(reached)-1])})
		answers = append(answers, v)
		if c.told {
			answers = append(answers, told(i, reached)...)
		}
	}
	q := g.rows()
	for _, layer := range f.layers {
		if len(layer) == 0 {
			continue
		}
		next := rel.Select{From: rel.Sub{Query: q, Alias: "q"}}
		for _, c := range q.Columns {
			next.Columns = append(next.Columns, rel.As(c.As, rel.C("q", c.As)))
		}
		next.Columns = append(next.Columns, layer...)
		q = next
	}
	return rel.Select{
		Columns: append([]rel.Column{rel.As("profile_id", rel.C("q", "profile_id"))}, answers...),
		From:    rel.Sub{Query: q, Alias: "q"},
		GroupBy: []rel.Expr{rel.C("q", "profile_id")},
	}
}

// told is how many steps were reached, and when the last of them was.
func told(i int, reached []rel.Expr) []rel.Column {
	var n rel.Case
	var at []rel.Expr
	for k := len(reached) - 1; k >= 0; k-- {
		n.Whens = append(n.Whens, rel.When{If: reached[k], Then: rel.I(int64(k + 1))})
		at = append(at, rel.Agg{Fn: rel.Max, Arg: when(reached[k], rel.C("q", "at"))})
	}
	return []rel.Column{
		rel.As(fmt.Sprintf("n%d", i), rel.Agg{Fn: rel.Max, Arg: n}),
		rel.As(fmt.Sprintf("at%d", i), rel.F(rel.Coalesce, at...)),
	}
}

// followed gathers the window functions that sequences need, each once, in layers.
type followed struct {
	g       *sequences
	layers  [][]rel.Column
	columns map[string]string // window function: the column that has it
}

// follow has for each step whether a row reaches it.
func (f *followed) follow(c chain) []rel.Expr {
	at := rel.C("q", "at")
	is := func(k int) rel.Expr { return rel.C("q", markColumn(c.rows[k])) }
	later := func(from rel.Expr, seconds int64) rel.Expr { return rel.F(rel.AddSecs, from, rel.I(seconds)) }
	reached := []rel.Expr{is(0)}
	last := len(c.rows) - 1
	for k := 1; k <= last; k++ {
		before := reached[k-1]
		if k == last && c.never {
			next := f.window(0, rel.Min, is(k), rel.After)
			end := later(at, c.within[k])
			clear := rel.F(rel.Or, rel.F(rel.IsNull, next), rel.F(rel.Gt, next, end))
			closed := rel.F(rel.Le, at, rel.At(f.g.in.AsOf.UTC().Add(-time.Duration(c.within[k])*time.Second)))
			reached = append(reached, rel.F(rel.And, before, clear, closed))
			break
		}
		from := f.window(k-1, rel.Max, before, rel.Before)
		follows := rel.Expr(rel.F(rel.NotNull, from))
		if c.within[k] >= 0 {
			follows = rel.F(rel.Ge, later(from, c.within[k]), at)
		}
		reached = append(reached, rel.F(rel.And, is(k), follows))
	}
	return reached
}

// window is the latest or earliest time of the rows before or after each row that are something.
func (f *followed) window(layer int, fn rel.AggFn, is rel.Expr, frame rel.Frame) rel.Expr {
	over := rel.Over{Agg: &rel.Agg{Fn: fn, Arg: when(is, rel.C("q", "at"))}, PartitionBy: f.g.partition(), OrderBy: f.g.order(), Frame: frame}
	canon := fmt.Sprintf("%#v", []any{fn, is, frame})
	name, ok := f.columns[canon]
	if !ok {
		name = fmt.Sprintf("w%d", len(f.columns)+1)
		f.columns[canon] = name
		for len(f.layers) <= layer {
			f.layers = append(f.layers, nil)
		}
		f.layers[layer] = append(f.layers[layer], rel.As(name, over))
	}
	return rel.C("q", name)
}

func markColumn(r stepRow) string { return fmt.Sprintf("m%d_%d", r.source, r.step) }

// partition is whose rows are looked at together.
func (g *sequences) partition() []rel.Expr {
	out := []rel.Expr{rel.C("q", "profile_id")}
	for i := range g.same {
		out = append(out, rel.C("q", fmt.Sprintf("g%d", i)))
	}
	return out
}

// order is the order of the rows. No two of one partition are equal in it.
func (g *sequences) order() []rel.Order {
	out := []rel.Order{{Expr: rel.C("q", "at")}}
	if len(g.sources) > 1 {
		out = append(out, rel.Order{Expr: rel.C("q", "source")})
	}
	if g.key == models.Unknown {
		out = append(out, rel.Order{Expr: rel.C("q", "number")})
	}
	return append(out, rel.Order{Expr: rel.C("q", "key")})
}

// rows is a query of the rows of all steps, in one form. Keys that are numbers stand in number
// where others are none.
func (g *sequences) rows() rel.Select {
	var each []rel.Query
	for n := range g.sources {
		each = append(each, g.sources[n].rows.read(func(profile rel.Expr) rel.Select { return g.rowsOf(n, profile) }))
	}
	first := each[0].(rel.Select)
	if len(each) == 1 {
		return first
	}
	q := rel.Select{From: rel.Sub{Query: rel.Union{All: true, Queries: each}, Alias: "q"}}
	for _, c := range first.Columns {
		q.Columns = append(q.Columns, rel.As(c.As, rel.C("q", c.As)))
	}
	return q
}

// rowsOf selects the rows of a source that are a step, those with one key and time as one.
func (g *sequences) rowsOf(n int, profile rel.Expr) rel.Select {
	s := &g.sources[n]
	q := rel.Select{GroupBy: []rel.Expr{profile}}
	add := func(name string, e rel.Expr) {
		q.Columns = append(q.Columns, rel.As(name, e))
		q.GroupBy = append(q.GroupBy, e)
	}
	q.Columns = append(q.Columns, rel.As("profile_id", profile))
	where := []rel.Expr{rel.F(rel.Lt, s.at, rel.At(g.in.AsOf.UTC()))}
	for i, e := range s.same {
		add(fmt.Sprintf("g%d", i), e)
		where = append(where, rel.F(rel.NotNull, e))
	}
	add("at", s.at)
	if len(g.sources) > 1 {
		q.Columns = append(q.Columns, rel.As("source", rel.I(int64(n))))
	}
	none := func(name string, typ models.Type) { q.Columns = append(q.Columns, rel.As(name, rel.Null(typ))) }
	switch {
	case g.key != models.Unknown:
		add("key", s.key)
	case s.key == nil:
		none("number", models.Integer)
		none("key", models.Text)
	case s.typ == models.Integer:
		add("number", s.key)
		none("key", models.Text)
	default:
		key, typ := s.key, s.typ
		if typ != models.Text {
			key = rel.Cast{Expr: key, Type: models.Text, From: typ}
		}
		none("number", models.Integer)
		add("key", key)
	}
	var some []rel.Expr
	all := false
	for m, from := range g.sources {
		for i, test := range from.steps {
			name := markColumn(stepRow{m, i})
			switch {
			case m != n:
				q.Columns = append(q.Columns, rel.As(name, rel.B(false)))
				continue
			case test == nil:
				test, all = rel.B(true), true
			default:
				some = append(some, test)
			}
			q.Columns = append(q.Columns, rel.As(name, rel.Agg{Fn: rel.Max, Arg: rel.F(rel.IsTrue, test)}))
		}
	}
	if !all {
		where = append(where, rel.F(rel.Or, some...))
	}
	q.Where = and(where)
	return q
}
