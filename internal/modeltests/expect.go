package modeltests

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// candidate is one thing that came out: what it is called for people, and what it has of a column.
type candidate struct {
	name string
	fits func(cell project.TestCell) (bool, error)
	has  func(column string) string
	id   func(column string) bool // tells who it is, rather than what it has
}

// check compares an expectation with what came out; nil if they agree.
func (w *world) check(ctx context.Context, x project.TestRows) (*Failure, error) {
	kind, name := x.Expected()
	some := false
	var got []candidate
	what := "people"
	switch kind {
	case project.ExpectSegment:
		p := w.built[w.r.model.Segment(name).Entity]
		in := p.segments[name]
		got = w.persons(ctx, p, p.members(func(id string) bool { _, ok := in[id]; return ok }), x, in)
	case project.ExpectEntity, project.ExpectProfile, project.ExpectIdentity:
		some = kind == project.ExpectProfile
		p := w.built[name]
		got = w.persons(ctx, p, p.profiles, x, nil)
	case project.ExpectPolicy:
		i := slices.IndexFunc(w.r.model.Policies, func(p models.Policy) bool { return p.Name == name })
		policy := &w.r.model.Policies[i]
		p := w.built[policy.Entity]
		q, problems := compile.Allowed(p.in, policy)
		if len(problems) > 0 {
			return nil, &build.ProblemsError{Problems: problems}
		}
		in := map[string]bool{}
		if err := w.each(ctx, q, func(row []any) { in[text(row[0])] = true }); err != nil {
			return nil, err
		}
		got = w.persons(ctx, p, p.members(func(id string) bool { return in[id] }), x, nil)
	case project.ExpectSync:
		what = "rows"
		var err error
		if got, err = w.rows(ctx, name, x); err != nil {
			return nil, err
		}
	}
	f, err := compareRows(x, got, some, what)
	if f != nil && kind == project.ExpectSegment {
		err = w.why(ctx, w.built[w.r.model.Segment(name).Entity], name, x, f)
	}
	return f, err
}

// compareRows pairs expected rows with what came out. With some, what is left over does not
// matter.
func compareRows(x project.TestRows, got []candidate, some bool, what string) (*Failure, error) {
	var failed error
	fit := func(i, j int) int { // how well row i fits candidate j
		n := 0
		for _, cell := range x.Rows[i] {
			ok, _ := got[j].fits(cell)
			if ok && got[j].id(cell.Column) {
				n += len(x.Rows[i]) // who it is says more than all the rest
			} else if ok {
				n++
			}
		}
		return n
	}
	all := func(i, j int) bool {
		for _, cell := range x.Rows[i] {
			ok, err := got[j].fits(cell)
			if err != nil && failed == nil {
				failed = err
			}
			if !ok {
				return false
			}
		}
		return true
	}
	of := pair(len(x.Rows), len(got), all)
	if failed != nil {
		return nil, failed
	}
	f := &Failure{}
	spoken := map[int]bool{} // candidates that a difference tells of
	for i, j := range of {
		if j >= 0 {
			continue
		}
		d := Difference{Row: rowText(x.Rows[i]), Line: i}
		best, most := -1, 0
		for j := range got {
			if n := fit(i, j); n > most && !slices.Contains(of, j) && !spoken[j] {
				best, most = j, n
			}
		}
		if best >= 0 {
			spoken[best] = true
			var parts []string
			for _, cell := range x.Rows[i] {
				if ok, _ := got[best].fits(cell); !ok {
					parts = append(parts, fmt.Sprintf("%s is %s, not %s", cell.Column, got[best].has(cell.Column), written(cell)))
				}
			}
			d.Nearest = strings.Join(parts, "; ")
		}
		f.Missing = append(f.Missing, d)
	}
	if !some {
		for j := range got {
			if !slices.Contains(of, j) && !spoken[j] {
				f.Unexpected = append(f.Unexpected, got[j].name)
			}
		}
	}
	if len(f.Missing)+len(f.Unexpected) == 0 {
		return nil, nil
	}
	slices.Sort(f.Unexpected)
	if some {
		f.Message = fmt.Sprintf("%d of %d expected %s are not there", len(f.Missing), len(x.Rows), what)
	} else {
		f.Message = fmt.Sprintf("expected %s, got %s", amount(len(x.Rows), what), amount(len(got), what))
	}
	return f, nil
}

func amount(n int, what string) string {
	if n == 1 {
		return "1 " + map[string]string{"people": "person", "rows": "row"}[what]
	}
	return fmt.Sprintf("%d %s", n, what)
}

func rowText(row []project.TestCell) string {
	var parts []string
	for _, c := range row {
		parts = append(parts, c.Column+": "+written(c))
	}
	return strings.Join(parts, ", ")
}

// columnsIn are the columns that the rows of an expectation name, in order of first use.
func columnsIn(x project.TestRows) []string {
	var out []string
	for _, row := range x.Rows {
		for _, c := range row {
			if !slices.Contains(out, c.Column) {
				out = append(out, c.Column)
			}
		}
	}
	return out
}

// persons are profiles as candidates. arms, by profile id, are those of a segment.
func (w *world) persons(ctx context.Context, p *people, list []*person, x project.TestRows, arms map[string]string) []candidate {
	columns := columnsIn(x)
	var out []candidate
	for _, one := range list {
		arm := arms[one.id]
		out = append(out, candidate{
			name: p.describe(one, columns, arm),
			has:  func(column string) string { return p.shown(one, column, arm) },
			id:   func(column string) bool { id, _ := p.entity.Identifier(column); return id != nil },
			fits: func(cell project.TestCell) (bool, error) { return w.fits(ctx, p, one, arm, x, cell) },
		})
	}
	return out
}

// fits reports whether a person has what a cell says. Of the records of identity.ENTITY all are
// named; of identifiers those that are named must be there.
func (w *world) fits(ctx context.Context, p *people, one *person, arm string, x project.TestRows, cell project.TestCell) (bool, error) {
	values := cell.Values
	if values == nil {
		values = []*models.Value{cell.Value}
	}
	if kind, _ := x.Expected(); kind == project.ExpectIdentity {
		var want []string
		for _, v := range values {
			if v != nil {
				want = append(want, v.Text)
			}
		}
		have := slices.Clone(one.records[cell.Column])
		slices.Sort(want)
		slices.Sort(have)
		return slices.Equal(want, have), nil
	}
	if t := p.entity.Trait(cell.Column); t != nil {
		if sameValue(p.types[t.Name], p.in.Timezone, one.traits[t.Name], cell) {
			return true, nil
		}
	}
	id, rank := p.entity.Identifier(cell.Column)
	if id == nil {
		return cell.Column == "arm" && cell.Values == nil && (cell.Value == nil && arm == "" || cell.Value != nil && cell.Value.Text == arm), nil
	}
	have := one.identifiers[id.Type]
	for _, v := range values {
		if v == nil {
			if len(have) > 0 {
				return false, nil
			}
			continue
		}
		if slices.Contains(have, v.Text) {
			continue
		}
		normal, err := w.normal(ctx, p, rank, v.Text)
		if err != nil || !slices.Contains(have, normal) {
			return false, err
		}
	}
	return true, nil
}

// normal is a value in the normal form of an identifier type; "" if it has none.
func (w *world) normal(ctx context.Context, p *people, rank int, value string) (string, error) {
	var out string
	err := w.each(ctx, compile.NormalForms(p.in, value), func(row []any) { out = text(row[rank]) })
	return out, err
}

// sameValue reports whether a value that came out is the one that a cell says.
func sameValue(typ models.Type, zone *time.Location, got any, cell project.TestCell) bool {
	if cell.Values != nil {
		var want []string
		for _, v := range cell.Values {
			if v != nil {
				want = append(want, v.Text)
			}
		}
		return text(got) == jsonList(want)
	}
	if cell.Value == nil || got == nil {
		return cell.Value == nil && got == nil
	}
	want := cell.Value.Text
	switch v := got.(type) {
	case time.Time:
		if typ == models.Date {
			zone = time.UTC
		}
		t, ok := instant(want, zone)
		return ok && t.Equal(v)
	case bool:
		return want == fmt.Sprint(v)
	case string:
		if typ == models.Date {
			t, ok := instant(want, time.UTC)
			return ok && t.Format(time.DateOnly) == v
		}
		return want == v
	}
	a, ok1 := new(big.Rat).SetString(text(got))
	b, ok2 := new(big.Rat).SetString(want)
	return ok1 && ok2 && a.Cmp(b) == 0
}

// rows are what a sync wants at its destination as candidates.
func (w *world) rows(ctx context.Context, name string, x project.TestRows) ([]candidate, error) {
	s := w.r.p.Sync(name)
	d := w.r.p.Destination(s.Destination)
	dest, ok := destinations.Lookup(d.Type)
	if !ok {
		return nil, fmt.Errorf("sync %s: this weir has no destination of type %s", s.Name, d.Type)
	}
	spec := dest.Spec()
	obj, ok := spec.Object(s.Object)
	if !ok {
		return nil, fmt.Errorf("sync %s: %s has no object %s", s.Name, d.Type, s.Object)
	}
	in := w.in
	if e := compile.EntityOf(w.r.model, *s, w.r.p.Purpose(s)); e != "" {
		in = w.built[e].in
	}
	rows, problems := compile.Desired(in, *s, obj, spec.Kind, w.r.p.Purpose(s))
	if len(problems) > 0 {
		return nil, &build.ProblemsError{Problems: problems}
	}
	columns := slices.Concat(rows.IDs, rows.Fields)
	q := rel.Select{From: rel.Sub{Query: rows.Query, Alias: "d"}, Where: rel.F(rel.And, rel.F(rel.IsNull, rel.C("d", "barred")), rel.F(rel.IsNull, rel.C("d", "invalid")))}
	for i := range rows.IDs {
		q.Columns = append(q.Columns, rel.As(fmt.Sprintf("c%d", len(q.Columns)), rel.C("d", fmt.Sprintf("id_%d", i+1))))
	}
	for i := range rows.Fields {
		q.Columns = append(q.Columns, rel.As(fmt.Sprintf("c%d", len(q.Columns)), rel.C("d", fmt.Sprintf("field_%d", i+1))))
	}
	shown := columnsIn(x)
	if len(shown) == 0 {
		for _, c := range columns {
			shown = append(shown, c.Name)
		}
	}
	var out []candidate
	err := w.each(ctx, q, func(row []any) {
		row = slices.Clone(row)
		at := func(column string) int {
			return slices.IndexFunc(columns, func(c compile.RowColumn) bool { return c.Name == column })
		}
		c := candidate{
			has: func(column string) string { return shownValue(row[at(column)]) },
			id:  func(column string) bool { return at(column) < len(rows.IDs) },
			fits: func(cell project.TestCell) (bool, error) {
				i := at(cell.Column)
				return sameValue(columns[i].Type, in.Timezone, row[i], cell), nil
			},
		}
		var parts []string
		for _, col := range shown {
			parts = append(parts, col+": "+c.has(col))
		}
		c.name = strings.Join(parts, ", ")
		out = append(out, c)
	})
	return out, err
}
