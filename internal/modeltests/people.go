package modeltests

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// people are the profiles of one entity after its build.
type people struct {
	in       compile.Input
	entity   *models.Entity
	types    map[string]models.Type // of traits
	profiles []*person              // by profile id
	byID     map[string]*person
	segments map[string]map[string]string // segment, profile id: the arm, or ""
}

// person is one profile.
type person struct {
	id          string
	traits      map[string]any      // as warehouse.Session has them; absent ones are nil
	identifiers map[string][]string // type: normalised values
	records     map[string][]string // source: keys of its rows
}

// read reads everything about an entity's profiles: tests are small.
func (w *world) read(ctx context.Context, in compile.Input) (*people, error) {
	e := in.Model.Entity(in.Entity)
	p := &people{in: in, entity: e, types: map[string]models.Type{}, byID: map[string]*person{}, segments: map[string]map[string]string{}}
	table := func(what string) rel.Relation { return rel.Table{Name: in.Build.Table(in.Entity, what), Alias: "t"} }
	q := rel.Select{Columns: []rel.Column{rel.As("profile_id", rel.C("t", "profile_id"))}, From: table(compile.Profiles),
		OrderBy: []rel.Order{{Expr: rel.C("t", "profile_id")}}}
	for i := range e.Traits {
		t := &e.Traits[i]
		p.types[t.Name] = compile.TraitType(in, t)
		q.Columns = append(q.Columns, rel.As(t.Name, rel.C("t", t.Name)))
	}
	err := w.each(ctx, q, func(row []any) {
		one := &person{id: text(row[0]), traits: map[string]any{}, identifiers: map[string][]string{}, records: map[string][]string{}}
		for i := range e.Traits {
			one.traits[e.Traits[i].Name] = row[i+1]
		}
		p.profiles = append(p.profiles, one)
		p.byID[one.id] = one
	})
	if err != nil {
		return nil, err
	}
	named := func(columns ...string) (out []rel.Column) {
		for _, c := range columns {
			out = append(out, rel.As(c, rel.C("t", c)))
		}
		return out
	}
	err = w.each(ctx, rel.Select{Columns: named("profile_id", "type", "value"), From: table(compile.Identifiers),
		OrderBy: []rel.Order{{Expr: rel.C("t", "type")}, {Expr: rel.C("t", "value")}}}, func(row []any) {
		if one := p.byID[text(row[0])]; one != nil {
			one.identifiers[text(row[1])] = append(one.identifiers[text(row[1])], text(row[2]))
		}
	})
	if err != nil {
		return nil, err
	}
	owners, problems := compile.RowOwners(in)
	if len(problems) > 0 {
		return nil, fmt.Errorf("finding whose rows are whose: %s", problems[0].What)
	}
	err = w.each(ctx, owners, func(row []any) {
		if one := p.byID[text(row[2])]; one != nil {
			one.records[text(row[0])] = append(one.records[text(row[0])], text(row[1]))
		}
	})
	if err != nil {
		return nil, err
	}
	for _, one := range p.profiles {
		for _, keys := range one.records {
			slices.Sort(keys)
		}
	}
	return p, w.each(ctx, rel.Select{Columns: named("profile_id", "segment", "arm"), From: table(compile.Memberships)}, func(row []any) {
		s := text(row[1])
		if p.segments[s] == nil {
			p.segments[s] = map[string]string{}
		}
		p.segments[s][text(row[0])] = text(row[2])
	})
}

// each calls f with every row of a query. The row is reused.
func (w *world) each(ctx context.Context, q rel.Query, f func(row []any)) error {
	sql, err := w.w.Kind().Dialect().Query(q)
	if err != nil {
		return err
	}
	for row, err := range w.s.Query(ctx, sql) {
		if err != nil {
			return err
		}
		f(row)
	}
	return nil
}

// members are those of the profiles that are in a set of ids.
func (p *people) members(in func(id string) bool) []*person {
	var out []*person
	for _, one := range p.profiles {
		if in(one.id) {
			out = append(out, one)
		}
	}
	return out
}

// describe is a person in the words of columns, or by identifiers if there are none.
func (p *people) describe(one *person, columns []string, arm string) string {
	var parts []string
	if len(columns) == 0 {
		for _, id := range p.entity.Identity.Identifiers {
			if len(one.identifiers[id.Type]) > 0 {
				columns = append(columns, id.Type)
			}
		}
	}
	for _, c := range columns {
		parts = append(parts, c+": "+p.shown(one, c, arm))
	}
	if len(parts) == 0 {
		for _, s := range p.entity.Identity.From {
			if keys := one.records[s]; len(keys) > 0 {
				parts = append(parts, s+": "+list(keys))
			}
		}
	}
	return strings.Join(parts, ", ")
}

// shown is what a person has of a column: identifiers, a trait or records of a source.
func (p *people) shown(one *person, column, arm string) string {
	if id, _ := p.entity.Identifier(column); id != nil {
		return list(one.identifiers[column])
	}
	if p.entity.Trait(column) != nil {
		return shownValue(one.traits[column])
	}
	if slices.Contains(p.entity.Identity.From, column) {
		return list(one.records[column])
	}
	if column == "arm" && arm != "" {
		return arm
	}
	return "null"
}

func list(values []string) string {
	switch len(values) {
	case 0:
		return "null"
	case 1:
		return values[0]
	}
	return "[" + strings.Join(values, ", ") + "]"
}

// text is a value as plain text; "" for none.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.999999Z")
	case json.Number:
		return v.String()
	}
	return fmt.Sprint(v)
}

// shownValue is a value for people: a midnight is a date.
func shownValue(v any) string {
	if v == nil {
		return "null"
	}
	return strings.TrimSuffix(text(v), "T00:00:00Z")
}
