package compile

import (
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// The sample that tells how often different people agree: records in the order of a hash, each with
// so many after it.
const (
	sampleRecords = 10000
	sampleShifts  = 10
)

// minCommon is how many records must share a value for it to be common: fewer may be one person.
const minCommon = 10

// weights makes the tables of weights: as they were, or learned from counts of levels, which is all
// that leaves the warehouse.
func (x *fuzzy) weights() {
	do := []rel.Statement{
		rel.CreateTable{Name: x.table(Weights), Columns: fuzzyTables[Weights]},
		rel.CreateTable{Name: x.table(Frequencies), Columns: fuzzyTables[Frequencies]},
	}
	if x.keepsWeights() {
		mine := eq(rel.C("w", "declaration"), rel.T(x.declaration()))
		copied := func(what string, where rel.Expr) rel.Statement {
			q := rel.Select{From: from(x.was(what), "w"), Where: where}
			for _, c := range fuzzyColumns(what) {
				q.Columns = append(q.Columns, same("w", c))
			}
			return rel.Insert{Into: x.table(what), Columns: fuzzyColumns(what), From: q}
		}
		known := rel.Exists{Query: rel.Select{Columns: []rel.Column{same("k", "field")}, From: from(x.was(Weights), "k"), Where: eq(rel.C("k", "declaration"), rel.T(x.declaration()))}}
		do = append(do, copied(Weights, mine), copied(Frequencies, known))
	}
	x.step("weights of before", do...)
	x.steps = append(x.steps, Step{Name: "matching: learning weights", If: &If{
		Query: rel.Select{Columns: []rel.Column{rel.As("n", oneIf(eq(count(), rel.I(0))))}, From: from(x.table(Weights), "w")},
		Then:  x.learning(),
	}})
}

// learning learns weights and frequencies.
func (x *fuzzy) learning() []Step {
	var do []rel.Statement
	ranked := rel.Select{From: from(x.work("rows"), "r"), Columns: []rel.Column{rel.As("k", rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{
		{Expr: text(rel.F(rel.SHA256, rel.F(rel.Concat, rel.C("r", "source"), rel.T(":"), rel.C("r", "key"))))}, {Expr: rel.C("r", "n")}}})}}
	sample := rel.Select{From: rel.Sub{Query: ranked, Alias: "r"}, Columns: []rel.Column{same("r", "k")}, Where: rel.F(rel.Le, rel.C("r", "k"), rel.I(sampleRecords))}
	for _, f := range x.fields {
		ranked.Columns = append(ranked.Columns, same("r", nthOf("f", f.n)))
		sample.Columns = append(sample.Columns, same("r", nthOf("f", f.n)))
	}
	sample.From = rel.Sub{Query: ranked, Alias: "r"}
	do = append(do, temp(x.work("sample"), sample)...)
	shifts := rel.Values{Columns: []rel.Field{{Name: "s", Type: models.Integer}}}
	for i := range sampleShifts {
		shifts.Rows = append(shifts.Rows, []rel.Expr{rel.I(int64(i + 1))})
	}
	// Numbers of records and of those after them, in a table: a join on a sum may be a nested loop.
	do = append(do, temp(x.work("shift"), rel.Select{
		Columns: []rel.Column{rel.As("a", rel.C("a", "k")), rel.As("b", rel.F(rel.Add, rel.C("a", "k"), rel.C("s", "s")))},
		From:    from(x.work("sample"), "a"), Joins: []rel.Join{{Kind: rel.Cross, Rel: rel.Sub{Query: shifts, Alias: "s"}}}})...)
	do = append(do, temp(x.work("rand"), x.compared(rel.Select{
		Columns: []rel.Column{same("p", "a"), same("p", "b")}, From: from(x.work("shift"), "p"), Joins: []rel.Join{
			join(rel.Inner, from(x.work("sample"), "a"), eq(rel.C("a", "k"), rel.C("p", "a"))),
			join(rel.Inner, from(x.work("sample"), "b"), eq(rel.C("b", "k"), rel.C("p", "b")))}},
		nil))...)
	do = append(do, temp(x.work("vals"), x.values())...)
	steps := []Step{
		{Name: "matching: sample", Do: do},
		{Name: "matching: expectation maximisation", Solve: &Solve{
			Read: []rel.Query{x.patterns("vect", true), x.patterns("rand", false), x.totals()},
			Into: rel.CreateTable{Name: x.work("learn"), Temp: true, Columns: fuzzyTables[Weights]},
			Run:  x.solve,
		}},
		{Name: "matching: frequencies", Do: []rel.Statement{x.insert(Weights, "learn")}, Solve: &Solve{
			Read: []rel.Query{
				rel.Select{Columns: []rel.Column{same("w", "field"), same("w", "u")}, From: from(x.table(Weights), "w"), Where: eq(rel.C("w", "level"), rel.I(1))},
				rel.Select{Columns: []rel.Column{same("v", "field"), same("v", "records"), same("v", "present")}, Distinct: true, From: from(x.work("vals"), "v")},
			},
			Into: rel.CreateTable{Name: x.work("common"), Temp: true, Columns: []rel.Field{{Name: "field", Type: models.Text}, {Name: "records", Type: models.Integer},
				{Name: "weight", Type: models.Number}, {Name: "reason", Type: models.Text}}},
			Run: adjust,
		}},
		{Name: "matching: frequencies", Do: append([]rel.Statement{rel.Insert{Into: x.table(Frequencies), Columns: fuzzyColumns(Frequencies), From: rel.Select{
			Columns: []rel.Column{same("v", "field"), same("v", "value"), same("v", "records"), same("c", "weight"), same("c", "reason")},
			From:    from(x.work("vals"), "v"),
			Joins:   []rel.Join{join(rel.Inner, from(x.work("common"), "c"), eq(rel.C("c", "field"), rel.C("v", "field")), eq(rel.C("c", "records"), rel.C("v", "records")))},
		}}}, drop(x.work("sample"), x.work("shift"), x.work("rand"), x.work("vals"), x.work("learn"), x.work("common"))...)},
	}
	return steps
}

// insert adds the rows of a temporary table to one that stays.
func (x *fuzzy) insert(into, work string) rel.Statement {
	q := rel.Select{From: from(x.work(work), "t")}
	for _, c := range fuzzyColumns(into) {
		q.Columns = append(q.Columns, same("t", c))
	}
	return rel.Insert{Into: x.table(into), Columns: fuzzyColumns(into), From: q}
}

// values are those of fields whose frequency matters that many records have: field, value,
// records, present (records with any value).
func (x *fuzzy) values() rel.Query {
	var all []rel.Query
	for _, c := range x.frequent() {
		v, present := rel.C("r", nthOf("f", c.field.n)), rel.C("p", "present")
		all = append(all, rel.Select{
			Columns: []rel.Column{rel.As("field", rel.T(c.Field)), rel.As("value", v), rel.As("records", count()), rel.As("present", present)},
			From:    from(x.work("rows"), "r"), Joins: []rel.Join{{Kind: rel.Cross, Rel: rel.Sub{Alias: "p", Query: rel.Select{
				Columns: []rel.Column{rel.As("present", rel.Agg{Fn: rel.Count, Arg: v})}, From: from(x.work("rows"), "r")}}}},
			Where: notNull(v), GroupBy: []rel.Expr{v, present}, Having: rel.F(rel.Ge, count(), rel.I(minCommon)),
		})
	}
	if len(all) == 0 {
		return rel.Select{Columns: []rel.Column{rel.As("field", rel.T("")), rel.As("value", rel.T("")), rel.As("records", rel.I(0)), rel.As("present", rel.I(0))}, Where: rel.B(false)}
	}
	return union(all)
}

// frequent are the comparisons in which agreeing on a common value says less.
func (x *fuzzy) frequent() []fuzzyCompare {
	return slices.DeleteFunc(slices.Clone(x.cmps), func(c fuzzyCompare) bool { return !c.Frequency || exactLevel(c) == 0 })
}

// patterns counts pairs with the same levels: r_ of every block if they have them, l_ of every
// comparison, n.
func (x *fuzzy) patterns(work string, blocks bool) rel.Query {
	q := rel.Select{From: from(x.work(work), "v")}
	add := func(name string) {
		q.Columns = append(q.Columns, same("v", name))
		q.GroupBy = append(q.GroupBy, rel.C("v", name))
	}
	if blocks {
		for _, b := range x.blocks {
			add(nthOf("r", b.n))
		}
	}
	for _, c := range x.cmps {
		add(nthOf("l", c.n))
	}
	q.Columns = append(q.Columns, rel.As("n", count()))
	return q
}

// totals has a row for each comparison, and one for the records: which (-1 for the records), how
// many records have a value, and how many ordered pairs of them have the same.
func (x *fuzzy) totals() rel.Query {
	all := []rel.Query{rel.Select{Columns: []rel.Column{rel.As("which", rel.I(-1)), rel.As("present", count()), rel.As("equal", rel.Cast{Expr: rel.I(0), Type: models.Number})}, From: from(x.work("rows"), "r")}}
	for _, c := range x.cmps {
		v := rel.C("r", nthOf("f", c.field.n))
		each := rel.Select{Columns: []rel.Column{rel.As("c", count())}, From: from(x.work("rows"), "r"), Where: notNull(v), GroupBy: []rel.Expr{v}}
		n := rel.C("g", "c")
		all = append(all, rel.Select{Columns: []rel.Column{rel.As("which", rel.I(int64(c.n))), rel.As("present", sum(n)),
			rel.As("equal", rel.Agg{Fn: rel.Sum, Arg: rel.Cast{Expr: rel.F(rel.Multiply, n, rel.F(rel.Subtract, n, rel.I(1))), Type: models.Number, From: models.Integer}})},
			From: rel.Sub{Query: each, Alias: "g"}})
	}
	return union(all)
}
