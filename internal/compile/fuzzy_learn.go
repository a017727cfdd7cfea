package compile

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"

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

// solve turns counts into weights.
func (x *fuzzy) solve(read []iter.Seq2[[]any, error]) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		ev, err := x.evidence(read)
		if err != nil {
			yield(nil, err)
			return
		}
		all, prior := learn(ev)
		bits := math.Log2(prior / (1 - prior))
		declaration := x.declaration()
		if !yield([]any{"", int64(0), "any two records", fuzzyNumber(prior), fuzzyNumber(1 - prior), fuzzyNumber(bits), "data", "any two records " + signed(bits), declaration}, nil) {
			return
		}
		for _, c := range x.cmps {
			l := all[c.n]
			for i, w := range l.weight {
				label := levelName(c, i+1)
				row := []any{c.Field, int64(i + 1), label, fuzzyNumber(l.m[i]), fuzzyNumber(l.u[i]), fuzzyNumber(w), l.origin, fuzzyWords(c.Field) + " " + label + " " + signed(w), declaration}
				if l.origin == "given" {
					row[3], row[4] = nil, nil
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// evidence reads the counts.
func (x *fuzzy) evidence(read []iter.Seq2[[]any, error]) (evidence, error) {
	ev := evidence{rules: len(x.blocks), learns: x.learns()}
	for _, c := range x.cmps {
		ev.compared = append(ev.compared, measured{levels: len(c.Levels) + 1, exact: exactLevel(c), given: c.given})
	}
	counted := func(rows iter.Seq2[[]any, error], rules int) ([]pattern, error) {
		var out []pattern
		for row, err := range rows {
			if err != nil {
				return nil, err
			}
			p := pattern{n: numberIn(row[len(row)-1])}
			for i, v := range row[:len(row)-1] {
				if i < rules {
					p.rules = append(p.rules, numberIn(v) == 1)
				} else {
					p.levels = append(p.levels, int(numberIn(v)))
				}
			}
			out = append(out, p)
		}
		// Sums of floating-point numbers depend on their order.
		slices.SortFunc(out, func(a, b pattern) int {
			if c := slices.Compare(a.levels, b.levels); c != 0 {
				return c
			}
			return slices.CompareFunc(a.rules, b.rules, func(p, q bool) int { return boolInt(p) - boolInt(q) })
		})
		return out, nil
	}
	var err error
	if ev.patterns, err = counted(read[0], len(x.blocks)); err != nil {
		return ev, err
	}
	if ev.random, err = counted(read[1], 0); err != nil {
		return ev, err
	}
	for row, err := range read[2] {
		if err != nil {
			return ev, err
		}
		which, present, equal := int(numberIn(row[0])), numberIn(row[1]), numberIn(row[2])
		if which < 0 {
			ev.records = present
			continue
		}
		ev.compared[which].present, ev.compared[which].equal = present*(present-1)/2, equal/2
	}
	return ev, nil
}

// learns says of each block which comparisons its pairs may teach: those of no column that the
// block asks agreement on.
func (x *fuzzy) learns() [][]bool {
	out := make([][]bool, len(x.blocks))
	for j, b := range x.blocks {
		out[j] = make([]bool, len(x.cmps))
		for i, c := range x.cmps {
			out[j][i] = c.given == nil
			for _, at := range b.fields {
				if x.overlap(x.fields[at], c.field) {
					out[j][i] = false
				}
			}
		}
	}
	return out
}

// overlap reports whether two fields have a column in common.
func (x *fuzzy) overlap(a, b fuzzyField) bool {
	return slices.ContainsFunc(a.From, func(from string) bool { return slices.Contains(b.From, from) })
}

// adjust says what agreeing on a value adds, by how many records have it: log2 of the chance of
// agreeing on any value over that of agreeing on this one.
func adjust(read []iter.Seq2[[]any, error]) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		u := map[string]float64{}
		for row, err := range read[0] {
			if err != nil {
				yield(nil, err)
				return
			}
			if row[1] != nil {
				u[fmt.Sprint(row[0])] = numberIn(row[1])
			}
		}
		for row, err := range read[1] {
			if err != nil {
				yield(nil, err)
				return
			}
			field, records, present := fmt.Sprint(row[0]), numberIn(row[1]), numberIn(row[2])
			share := (records - 1) / max(present-1, 1)
			if u[field] <= 0 || share <= u[field] {
				continue
			}
			bits := math.Log2(u[field] / share)
			if !yield([]any{field, int64(records), fuzzyNumber(bits), "a common value " + signed(bits)}, nil) {
				return
			}
		}
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// numberIn is a number of a row as the warehouse gives it; absent is 0.
func numberIn(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	case json.Number:
		f, _ := v.Float64()
		return f
	}
	return 0
}

// fuzzyNumber is a number as a table takes it.
func fuzzyNumber(f float64) json.Number { return json.Number(strconv.FormatFloat(f, 'f', 9, 64)) }

// signed is a weight as reasons have it.
func signed(bits float64) string { return fmt.Sprintf("%+.1f", bits) }
