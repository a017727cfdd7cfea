package compile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// The aliases of a reading for hits: a condition, what is counted, and a test of what was counted.
const (
	condAlias  = "v"
	countAlias = "c"
	testAlias  = "t"
)

func (h *hits) table(s *hitSource) rel.Name { return workTable(h.in, "hits_"+s.alias) }

// steps makes a temporary table for each source: profile_id, m1, m2, …, the masks of its conditions.
func (h *hits) steps() []Step {
	var out []Step
	for _, s := range h.sources {
		out = append(out, Step{Name: "hits: " + s.source.Name, Do: []rel.Statement{
			rel.CreateTable{Name: h.table(s), Temp: true, As: s.query(h.in), Comment: s.comment()},
			rel.Analyze{Name: h.table(s)},
		}})
	}
	return out
}

func (h *hits) drops() []rel.Statement {
	var out []rel.Statement
	for _, s := range h.sources {
		out = append(out, rel.DropTable{Name: h.table(s)})
	}
	return out
}

func (h *hits) joins(profile rel.Expr) []rel.Join {
	var out []rel.Join
	for _, s := range h.sources {
		out = append(out, join(rel.Left, from(h.table(s), s.alias), eq(rel.C(s.alias, "profile_id"), profile)))
	}
	return out
}

// answers lists the masks under the names that tests know; 0 for people without a hit.
func (h *hits) answers() []rel.Column {
	var out []rel.Column
	for _, s := range h.sources {
		for n := 1; n <= s.words; n++ {
			name := wordName(n)
			out = append(out, rel.As(s.alias+"_"+name, rel.F(rel.Coalesce, rel.C(s.alias, name), rel.I(0))))
		}
	}
	return out
}

// query has a row for each profile with a row that meets a condition: profile_id and the masks.
func (s *hitSource) query(in Input) rel.Query {
	c := func(name string) rel.Expr { return rel.C(countAlias, name) }
	q := rel.Select{
		Columns: []rel.Column{same(countAlias, "profile_id")},
		From:    rel.Sub{Query: s.counts(in), Alias: countAlias},
		GroupBy: []rel.Expr{c("profile_id")},
	}
	for n := 1; n <= s.words; n++ {
		mask, is := c("mask"), eq(c("grp"), rel.I(int64(n)))
		if n > s.shared {
			mask, is = rel.C(testAlias, "mask"), rel.F(rel.And, append([]rel.Expr{eq(rel.C(testAlias, "word"), rel.I(int64(n)))}, s.passes()...)...)
		}
		q.Columns = append(q.Columns, rel.As(wordName(n), rel.Agg{Fn: rel.BitOr, Arg: rel.Case{Whens: []rel.When{{If: is, Then: mask}}, Else: rel.I(0)}}))
	}
	if s.words > s.shared {
		q.Joins = []rel.Join{join(rel.Left, rel.Sub{Query: s.tests(), Alias: testAlias}, eq(rel.C(testAlias, "grp"), c("grp")))}
	}
	return q
}

// passes is whether the number of rows lies in the bounds of a test.
func (s *hitSource) passes() []rel.Expr {
	n, most := rel.C(countAlias, "n"), rel.C(testAlias, "at_most")
	out := []rel.Expr{rel.F(rel.Ge, n, rel.C(testAlias, "at_least"))}
	if s.bounded() {
		out = append(out, rel.F(rel.Or, rel.F(rel.IsNull, most), rel.F(rel.Le, n, most)))
	}
	return out
}

func (s *hitSource) bounded() bool {
	for _, one := range s.placed {
		if one.hi != math.MaxInt {
			return true
		}
	}
	return false
}

// tests is the table of the conditions that count further than the first row: grp, word, mask,
// at_least, and at_most if one has it.
func (s *hitSource) tests() rel.Query {
	v := rel.Values{Columns: []rel.Field{{Name: "grp", Type: models.Integer}, {Name: "word", Type: models.Integer},
		{Name: "mask", Type: models.Integer}, {Name: "at_least", Type: models.Integer}}}
	if s.bounded() {
		v.Columns = append(v.Columns, rel.Field{Name: "at_most", Type: models.Integer})
	}
	for _, one := range s.placed {
		if one.word <= s.shared {
			continue
		}
		row := []rel.Expr{rel.I(int64(one.group)), rel.I(int64(one.word)), rel.I(1 << one.bit), rel.I(int64(one.lo))}
		if s.bounded() {
			most := rel.Expr(rel.Null(models.Integer))
			if one.hi != math.MaxInt {
				most = rel.I(int64(one.hi))
			}
			row = append(row, most)
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// counts has a row for each profile and group of conditions that one of its rows meets: profile_id,
// grp, n, the number of these rows, and mask, the bits of a shared group.
//
// The rows of an event source are put together by their identifiers first: these are few to a
// person, so that owners are found for groups and not for rows.
func (s *hitSource) counts(in Input) rel.Select {
	v := rel.C(condAlias, "grp")
	met := func(profile ...rel.Expr) rel.Select {
		q := rel.Select{Columns: []rel.Column{rel.As("grp", v), rel.As("n", rel.Agg{Fn: rel.CountRows}), rel.As("mask", rel.Agg{Fn: rel.BitOr, Arg: rel.C(condAlias, "mask")})},
			Joins: []rel.Join{s.join()}, Where: s.where(), GroupBy: append(profile, v)}
		return q
	}
	owner, keys := s.owner(in)
	if len(keys) == 0 {
		return s.rows.read(func(profile rel.Expr) rel.Select {
			q := met(profile)
			q.Columns = append([]rel.Column{rel.As("profile_id", profile)}, q.Columns...)
			return q
		})
	}
	q := met(keys...)
	q.From = sourceRelation(s.source, rowAlias)
	for _, way := range wayJoins(in, s.source, q) {
		if way.On != nil {
			q.Joins = append(q.Joins, way)
		}
	}
	on := []rel.Expr{notNull(rel.C(ownAlias, "profile_id"))}
	for i, k := range keys {
		name := "i" + strconv.Itoa(i+1)
		q.Columns = append(q.Columns, rel.As(name, k))
		on = append(on, eq(rel.C("k", name), rel.C(ownAlias, owner[i])))
	}
	return rel.Select{
		Columns: []rel.Column{same(ownAlias, "profile_id"), same("k", "grp"),
			rel.As("n", rel.Agg{Fn: rel.SumInt, Arg: rel.C("k", "n")}), rel.As("mask", rel.Agg{Fn: rel.BitOr, Arg: rel.C("k", "mask")})},
		From:    rel.Sub{Query: q, Alias: "k"},
		Joins:   []rel.Join{join(rel.Inner, from(in.Build.Table(in.Entity, Owners(s.source.Name)), ownAlias), on...)},
		GroupBy: []rel.Expr{rel.C(ownAlias, "profile_id"), rel.C("k", "grp")},
	}
}

// owner lists the identifiers of a row by which its owner is found, with the columns of owners
// that they are held against. There are none for rows whose owner is found otherwise.
func (s *hitSource) owner(in Input) (columns []string, raw []rel.Expr) {
	routes := in.Model.OwnerRoutes(in.Model.Entity(in.Entity), s.source.Name)
	if len(routes) != 1 || len(routes[0]) > 0 || s.source.UpdatedAt != "" {
		return nil, nil
	}
	for _, id := range identifiersOf(in.Model.Entity(in.Entity), s.source) {
		e, problem := rawIdentifier(in, s.source, id.in)
		if problem != nil || !rowAlone(e) {
			return nil, nil
		}
		columns, raw = append(columns, id.Type), append(raw, e)
	}
	return columns, raw
}

// join meets each row with the conditions that name its value and its time.
func (s *hitSource) join() rel.Join {
	v := rel.Values{Columns: []rel.Field{{Name: "value", Type: s.typ}}}
	on := []rel.Expr{eq(rel.Expr(s.column), rel.C(condAlias, "value"))}
	var cells []func(*hit) rel.Expr
	add := func(name string, typ models.Type, cell func(*hit) rel.Expr) rel.Expr {
		v.Columns, cells = append(v.Columns, rel.Field{Name: name, Type: typ}), append(cells, cell)
		return rel.C(condAlias, name)
	}
	end := func(name string, fn rel.Fn, of func(*hit) rel.Expr) {
		if !s.any(of) {
			return
		}
		all := s.all(of)
		bound := add(name, models.Timestamp, func(one *hit) rel.Expr {
			if e := of(one); e != nil {
				return e
			}
			return rel.Null(models.Timestamp)
		})
		test := rel.Expr(rel.F(fn, s.at, bound))
		if !all {
			test = rel.F(rel.Or, rel.F(rel.IsNull, bound), test)
		}
		on = append(on, test)
	}
	end("since", rel.Ge, (*hit).from)
	if lo, hi := s.ends((*hit).to); lo == nil || !lo.Equal(*hi) { // otherwise where holds it
		end("until", rel.Lt, (*hit).to)
	}
	if len(s.filters) > 0 {
		add("filter", models.Integer, func(one *hit) rel.Expr { return rel.I(int64(one.number)) })
	}
	add("grp", models.Integer, func(one *hit) rel.Expr { return rel.I(int64(one.group)) })
	add("mask", models.Integer, func(one *hit) rel.Expr {
		if one.word > s.shared {
			return rel.I(0)
		}
		return rel.I(1 << one.bit)
	})
	met := map[string]bool{} // a group that counts stands once
	for _, one := range s.placed {
		for _, value := range one.values {
			row := []rel.Expr{value}
			for _, cell := range cells {
				row = append(row, cell(one))
			}
			if key := fmt.Sprintf("%#v", row); !met[key] {
				met[key] = true
				v.Rows = append(v.Rows, row)
			}
		}
	}
	return join(rel.Inner, rel.Sub{Query: v, Alias: condAlias}, on...)
}

func (one *hit) from() rel.Expr { return one.since }
func (one *hit) to() rel.Expr   { return one.until }

func (s *hitSource) any(of func(*hit) rel.Expr) bool {
	for _, one := range s.placed {
		if of(one) != nil {
			return true
		}
	}
	return false
}

func (s *hitSource) all(of func(*hit) rel.Expr) bool {
	for _, one := range s.placed {
		if of(one) == nil {
			return false
		}
	}
	return true
}

// ends are the earliest and the latest of some bounds; nil if a condition has none.
func (s *hitSource) ends(of func(*hit) rel.Expr) (lo, hi *time.Time) {
	for _, one := range s.placed {
		l, ok := of(one).(rel.Lit)
		t, isTime := l.Value.(time.Time)
		if !ok || !isTime {
			return nil, nil
		}
		if lo == nil || t.Before(*lo) {
			lo = &t
		}
		if hi == nil || t.After(*hi) {
			hi = &t
		}
	}
	return lo, hi
}

// where keeps the rows in the span of all conditions together, and of those that met a condition
// the ones that pass the rest of its filter.
func (s *hitSource) where() rel.Expr {
	var out []rel.Expr
	if lo, _ := s.ends((*hit).from); lo != nil {
		out = append(out, rel.F(rel.Ge, s.at, rel.At(*lo)))
	}
	if _, hi := s.ends((*hit).to); hi != nil {
		out = append(out, rel.F(rel.Lt, s.at, rel.At(*hi)))
	}
	if len(s.filters) > 0 {
		is := func(n int) rel.Expr { return eq(rel.C(condAlias, "filter"), rel.I(int64(n))) }
		pass := rel.Case{Whens: []rel.When{{If: is(0), Then: rel.B(true)}}}
		for i, f := range s.filters {
			pass.Whens = append(pass.Whens, rel.When{If: is(i + 1), Then: f})
		}
		out = append(out, pass)
	}
	if len(out) == 0 {
		return nil
	}
	return and(out)
}

// comment says which bit of which mask is which condition, and who asks for it.
func (s *hitSource) comment() string {
	lines := []string{"conditions on the rows of " + s.source.Name + ": a bit of a mask for each"}
	for _, one := range s.placed {
		lines = append(lines, fmt.Sprintf("%s bit %d: %s: %s", wordName(one.word), one.bit, one.title, strings.Join(one.askers, "; ")))
	}
	return strings.Join(lines, "\n")
}
