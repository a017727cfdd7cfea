package compile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// sources reads the records of every source that has a field: source, key, at, f_0 ….
func (x *fuzzy) sources() ([]rel.Query, []diag.Problem) {
	var out []rel.Query
	var problems []diag.Problem
	for _, name := range x.f.Sources() {
		q, found := x.source(x.in.Model.Source(name))
		problems = append(problems, found...)
		out = append(out, q)
	}
	return out, problems
}

func (x *fuzzy) source(s *models.Source) (rel.Query, []diag.Problem) {
	var problems []diag.Problem
	fail := func(p *diag.Problem, path string) {
		p.Path = path
		problems = append(problems, *p)
	}
	key, p := rowKey(x.in, s)
	if p != nil {
		fail(p, models.Path("sources", s.Name, "key"))
	}
	at, p := rowTime(x.in, s)
	if p != nil {
		fail(p, models.Path("sources", s.Name, "updated_at"))
	}
	q := rel.Select{From: sourceRelation(s, rowAlias), Columns: []rel.Column{rel.As("key", key), rel.As("at", at)}}
	if key != nil {
		q.Where = notNull(key)
	}
	var forms []form
	for _, field := range x.fields {
		raw, typ, found := x.raw(s, field)
		problems = append(problems, found...)
		name := nthOf("f", field.n)
		switch kind := fuzzyKind(field.Normalize, typ); {
		case raw == nil:
			q.Columns = append(q.Columns, rel.As(name, rel.Null(models.Text)))
		case kind == "none":
			q.Columns = append(q.Columns, rel.As(name, raw))
		default:
			country := field.Country
			if country == "" {
				country = likeIdentifiers(x.in.Model.Entity(x.in.Entity), "phone").Country
			}
			forms = append(forms, form{name: name, id: models.Identifier{Type: kind, Normalize: kind, Country: country, DateOrder: field.DateOrder}, raw: raw})
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	last := rel.Select{From: rel.Sub{Query: normalForms(q, "q", forms), Alias: "q"},
		Columns: []rel.Column{rel.As("source", rel.T(s.Name)), same("q", "key"), same("q", "at")}}
	for _, field := range x.fields {
		last.Columns = append(last.Columns, rel.As(nthOf("f", field.n), fuzzyValue(rel.C("q", nthOf("f", field.n)), field)))
	}
	return last, nil
}

// fuzzyKind is how a field is made comparable: as declared, or in lower case if it is text.
func fuzzyKind(normalize string, typ models.Type) string {
	switch {
	case normalize != "":
		return normalize
	case typ == models.Text || typ == models.Unknown:
		return "lower"
	}
	return "none"
}

// junkNames are words of the junk list that are names of people too.
var junkNames = []string{"na", "nan", "guest", "test"}

// fuzzyValue is a value worth comparing: not empty, and not what people and systems write where
// they have none.
func fuzzyValue(v rel.Expr, field fuzzyField) rel.Expr {
	words := slices.DeleteFunc(slices.Clone(junk), func(w string) bool { return slices.Contains(junkNames, w) })
	if field.Normalize == "date" {
		words = append(words, placeholders...)
	}
	for _, w := range words { // as normalisers of names and addresses leave them
		if plain := strings.Join(strings.FieldsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) }), " "); plain != w && len(plain) > 2 && !slices.Contains(words, plain) {
			words = append(words, plain)
		}
	}
	nothing := []rel.Expr{rel.T("")}
	for _, w := range words {
		nothing = append(nothing, rel.T(w))
	}
	kept := v
	if field.First > 0 {
		kept = rel.F(rel.Substr, v, rel.I(1), rel.I(int64(field.First)))
	}
	return rel.Case{Whens: []rel.When{{If: rel.F(rel.Not, rel.InList{Expr: rel.F(rel.Lower, v), List: nothing}), Then: kept}}}
}

// raw is a field of a source's row as text, nil if the source does not have it, and the type that
// its columns have. Of several columns the first that is not empty counts.
func (x *fuzzy) raw(s *models.Source, field fuzzyField) (rel.Expr, models.Type, []diag.Problem) {
	var values []rel.Expr
	var problems []diag.Problem
	typ := models.Unknown
	for i, c := range field.Columns() {
		if c.Source != s.Name {
			continue
		}
		path := models.Path("entities", x.in.Entity, "identity", "fuzzy", "fields", field.Name, "from")
		if len(field.From) > 1 {
			path += fmt.Sprintf("[%d]", i)
		}
		e, t, p := ownColumn(x.in, s, c.Column)
		if p != nil {
			p.Path = path
			problems = append(problems, *p)
			continue
		}
		if t == models.Timestamp && field.Normalize == "date" {
			e, t = rel.Cast{Expr: e, Type: models.Date, From: t}, models.Date
		}
		if problem := x.dates(field, t); problem != nil {
			problem.Path = path
			problems = append(problems, *problem)
		}
		if t != models.Text {
			e = rel.Cast{Expr: e, Type: models.Text, From: t}
		}
		typ = t
		values = append(values, rel.F(rel.NullIf, e, rel.T("")))
	}
	if len(values) == 0 {
		return nil, typ, problems
	}
	return either(values...), typ, problems
}

// dates reports a field compared by days whose column has no dates.
func (x *fuzzy) dates(field fuzzyField, typ models.Type) *diag.Problem {
	if field.Normalize == "date" || typ == models.Date || typ == models.Unknown {
		return nil
	}
	for _, c := range x.cmps {
		for _, l := range c.Levels {
			if c.field.n == field.n && l.Days > 0 {
				return &diag.Problem{Code: "models.fuzzy_dates", What: fmt.Sprintf("%s is compared by days, and this column has %s", field.Name, typ),
					Fix: fmt.Sprintf("add normalize: date to the field %s", field.Name)}
			}
		}
	}
	return nil
}

// rows puts the records of all sources together, each key once, and finds their blocks:
// n, source, key, print, f_0 …, b_0 … (the value of a block, NULL if it has none or too many
// records share it), x_0 … (1 if what agrees on that block is to be compared).
func (x *fuzzy) rows(sources []rel.Query) {
	order := []rel.Order{{Expr: rel.C("s", "at"), Desc: true}}
	one := rel.Select{From: rel.Sub{Query: union(sources), Alias: "s"}, Columns: []rel.Column{same("s", "source"), same("s", "key")}}
	for _, f := range x.fields {
		one.Columns = append(one.Columns, same("s", nthOf("f", f.n)))
		order = append(order, rel.Order{Expr: text(rel.C("s", nthOf("f", f.n)))})
	}
	one.Columns = append(one.Columns, rel.As("place", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{rel.C("s", "source"), rel.C("s", "key")}, OrderBy: order}))
	read := rel.Select{From: rel.Sub{Query: one, Alias: "s"}, Where: eq(rel.C("s", "place"), rel.I(1)), Columns: []rel.Column{
		rel.As("n", rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: text(rel.C("s", "source"))}, {Expr: text(rel.C("s", "key"))}}}),
		same("s", "source"), same("s", "key"), rel.As("print", rel.F(rel.Hash64, x.content("s")))}}
	for _, f := range x.fields {
		read.Columns = append(read.Columns, same("s", nthOf("f", f.n)))
	}
	for _, b := range x.blocks {
		var parts []rel.Expr
		for i, at := range b.fields {
			if i > 0 {
				parts = append(parts, rel.T(" / "))
			}
			parts = append(parts, rel.C("s", nthOf("f", at)))
		}
		read.Columns = append(read.Columns, rel.As(nthOf("b", b.n), rel.F(rel.Concat, parts...)))
	}
	do := temp(x.work("read"), read)
	do = append(do, keep(x.table(Compared), rel.Select{
		Columns: []rel.Column{same("r", "source"), same("r", "key"), same("r", "print")}, From: from(x.work("read"), "r")})...)
	var big []rel.Query
	for _, b := range x.blocks {
		value := rel.C("r", nthOf("b", b.n))
		big = append(big, rel.Select{
			Columns: []rel.Column{rel.As("block", rel.T(x.blockName(b))), rel.As("value", value), rel.As("records", count())},
			From:    from(x.work("read"), "r"), Where: notNull(value), GroupBy: []rel.Expr{value},
			Having: rel.F(rel.Gt, count(), rel.I(int64(x.f.BlockLimit()))),
		})
	}
	do = append(do, keep(x.table(BigBlocks), union(big))...)
	x.step("records", append(do, temp(x.work("rows"), x.blocked())...)...)
}

// content is all that is compared of a record, and how, in one text.
func (x *fuzzy) content(alias string) rel.Expr {
	parts := []rel.Expr{rel.T(x.judgement())}
	for _, f := range x.fields {
		v := rel.C(alias, nthOf("f", f.n))
		parts = append(parts, rel.F(rel.Coalesce, digits(rel.F(rel.Length, v)), rel.T("-")), rel.T(":"), rel.F(rel.Coalesce, v, rel.T("")))
	}
	return rel.F(rel.Concat, parts...)
}

// blockName is a block as people write it.
func (x *fuzzy) blockName(b fuzzyBlock) string {
	var out []string
	for _, at := range b.fields {
		out = append(out, x.fields[at].Name)
	}
	return strings.Join(out, ", ")
}

// blocked takes away the blocks that are too big, and marks those whose pairs are to be compared.
func (x *fuzzy) blocked() rel.Query {
	q := rel.Select{From: from(x.work("read"), "r"), Columns: []rel.Column{same("r", "n"), same("r", "source"), same("r", "key")}}
	for _, f := range x.fields {
		q.Columns = append(q.Columns, same("r", nthOf("f", f.n)))
	}
	var changed rel.Expr = rel.B(true)
	if x.follows() {
		q.Joins = append(q.Joins, join(rel.Left, from(x.was(Compared), "p"), eq(rel.C("p", "source"), rel.C("r", "source")), eq(rel.C("p", "key"), rel.C("r", "key"))))
		changed = rel.F(rel.Distinct, rel.C("p", "print"), rel.C("r", "print"))
	}
	q.Columns = append(q.Columns, rel.As("changed", oneIf(changed)))
	for _, b := range x.blocks {
		value, name := rel.C("r", nthOf("b", b.n)), rel.T(x.blockName(b))
		now := nthOf("now", b.n)
		q.Joins = append(q.Joins, join(rel.Left, from(x.table(BigBlocks), now), eq(rel.C(now, "value"), value), eq(rel.C(now, "block"), name)))
		q.Columns = append(q.Columns, rel.As(nthOf("b", b.n), rel.Case{Whens: []rel.When{{If: isNull(rel.C(now, "value")), Then: value}}}))
		fresh := changed
		if x.follows() {
			was := nthOf("was", b.n)
			q.Joins = append(q.Joins, join(rel.Left, from(x.was(BigBlocks), was), eq(rel.C(was, "value"), value), eq(rel.C(was, "block"), name)))
			fresh = rel.F(rel.Or, changed, notNull(rel.C(was, "value")))
		}
		q.Columns = append(q.Columns, rel.As(nthOf("x", b.n), oneIf(fresh)))
	}
	return q
}

// candidates are the pairs to be compared: a, b, with a before b.
func (x *fuzzy) candidates() {
	var all []rel.Query
	for _, b := range x.blocks {
		block, fresh := nthOf("b", b.n), nthOf("x", b.n)
		on := []rel.Expr{eq(rel.C("a", block), rel.C("b", block)), eq(rel.C("a", fresh), rel.I(1)), rel.F(rel.Ne, rel.C("a", "n"), rel.C("b", "n"))}
		// Both ways round only where one side alone is new.
		on = append(on, rel.F(rel.Or, rel.F(rel.Lt, rel.C("a", "n"), rel.C("b", "n")), eq(rel.C("b", fresh), rel.I(0))))
		all = append(all, rel.Select{Columns: ordered("a", "b"), From: from(x.work("rows"), "a"),
			Joins: []rel.Join{join(rel.Inner, from(x.work("rows"), "b"), on...)}})
	}
	all = append(all, rel.Select{Columns: ordered("a", "b"), From: from(x.reviews(), "v"), Joins: []rel.Join{
		join(rel.Inner, from(x.work("rows"), "a"), eq(rel.C("a", "source"), rel.C("v", "source_a")), eq(rel.C("a", "key"), rel.C("v", "key_a"))),
		join(rel.Inner, from(x.work("rows"), "b"), eq(rel.C("b", "source"), rel.C("v", "source_b")), eq(rel.C("b", "key"), rel.C("v", "key_b")),
			rel.F(rel.Ne, rel.C("a", "n"), rel.C("b", "n"))),
	}})
	x.step("candidates", temp(x.work("cand"), rel.Union{Queries: all})...)
}

// ordered are the numbers of two records, the lower first.
func ordered(a, b string) []rel.Column {
	return []rel.Column{rel.As("a", rel.F(rel.Least, rel.C(a, "n"), rel.C(b, "n"))), rel.As("b", rel.F(rel.Greatest, rel.C(a, "n"), rel.C(b, "n")))}
}
