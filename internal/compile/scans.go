package compile

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Scan is one reading of a source by a statement.
type Scan struct {
	Source string
	// Query reads the columns that the statement reads of the source, of the rows that it asks for. It
	// names nothing but the source, so that a warehouse can tell what it costs before there are any of
	// the tables that the statement reads beside it.
	Query rel.Query
}

// Scans lists every reading of a source that the program's statements say, in their order. A step
// that has a choice counts with the arm that reads more; a loop counts with one round: sources are
// read before it.
func (p *Program) Scans(in Input) []Scan {
	out := stepScans(in, p.Steps)
	for _, st := range p.Stats {
		out = append(out, ScansOf(in, st.Query)...)
	}
	return out
}

func stepScans(in Input, steps []Step) []Scan {
	var out []Scan
	for _, st := range steps {
		for _, one := range st.Do {
			out = append(out, ScansOf(in, one)...)
		}
		if st.Solve != nil {
			for _, q := range st.Solve.Read {
				out = append(out, ScansOf(in, q)...)
			}
		}
		if st.If != nil {
			out = append(out, ScansOf(in, st.If.Query)...)
			then, other := stepScans(in, st.If.Then), stepScans(in, st.If.Else)
			if len(other) > len(then) {
				then = other
			}
			out = append(out, then...)
		}
		if st.Loop != nil {
			out = append(out, stepScans(in, append(slices.Clone(st.Loop.Body(1)), st.Loop.After(1)...))...)
		}
	}
	return out
}

// ScansOf lists the readings of sources in a statement or a query.
func ScansOf(in Input, tree any) []Scan {
	w := scanner{in: in, tables: map[string]*models.Source{}, queries: map[string]*models.Source{}}
	for i := range in.Model.Sources {
		s := &in.Model.Sources[i]
		if s.SQL != "" {
			w.queries[s.SQL] = s
		} else {
			w.tables[s.Table] = s
		}
	}
	w.walk(reflect.ValueOf(tree))
	return w.found
}

type scanner struct {
	in      Input
	tables  map[string]*models.Source // by name
	queries map[string]*models.Source // by SQL
	found   []Scan
}

// walk visits every SELECT of a tree, however deep. The algebra is plain data, so that one walk does
// for all of it, and for what is added to it.
func (w *scanner) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			w.walk(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.walk(v.Index(i))
		}
	case reflect.Struct:
		if s, ok := v.Interface().(rel.Select); ok {
			w.selects(s)
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				w.walk(v.Field(i))
			}
		}
	default:
	}
}

// selects adds the sources that stand in a SELECT's own FROM and joins.
func (w *scanner) selects(s rel.Select) {
	relations := []rel.Relation{s.From}
	for _, j := range s.Joins {
		relations = append(relations, j.Rel)
	}
	for _, r := range relations {
		if src, alias := w.source(r); src != nil {
			w.found = append(w.found, Scan{Source: src.Name, Query: w.reading(s, r, alias, src, len(relations) == 1)})
		}
	}
}

func (w *scanner) source(r rel.Relation) (*models.Source, string) {
	switch r := r.(type) {
	case rel.Table:
		if r.Alias == "" && len(r.Name) > 0 {
			r.Alias = r.Name[len(r.Name)-1]
		}
		return w.tables[strings.Join(r.Name, ".")], r.Alias
	case rel.Sub:
		if raw, ok := r.Query.(rel.RawQuery); ok {
			return w.queries[raw.SQL], r.Alias
		}
	}
	return nil, ""
}

// reading is a SELECT of what s uses of a source under an alias. If s has SQL of the user's own,
// which may name any column, that is all of them.
func (w *scanner) reading(s rel.Select, r rel.Relation, alias string, src *models.Source, alone bool) rel.Query {
	used := usage{alias: alias, alone: alone, columns: map[string]bool{}}
	used.fields(reflect.ValueOf(s))
	if known := w.in.Columns[src.Name]; used.raw {
		for _, c := range known {
			used.columns[c.Name] = true
		}
	}
	q := rel.Select{From: r}
	for _, name := range slices.Sorted(maps.Keys(used.columns)) {
		q.Columns = append(q.Columns, rel.As(name, rel.C(alias, name)))
	}
	if len(q.Columns) == 0 {
		q.Columns = []rel.Column{rel.As("one", rel.I(1))}
	}
	q.Where = ownConditions(s.Where, alias, alone)
	return q
}

// usage collects the columns of one relation that a tree names.
type usage struct {
	alias   string
	alone   bool // names without an alias are of this relation
	columns map[string]bool
	raw     bool // SQL of the user's own
}

func (u *usage) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			u.walk(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			u.walk(v.Index(i))
		}
	case reflect.Struct:
		switch x := v.Interface().(type) {
		case rel.Col:
			if x.Table == u.alias || x.Table == "" && u.alone {
				u.columns[x.Name] = true
			}
			return
		case rel.RawExpr:
			u.raw = true
			return
		case rel.Select: // further in, where names without an alias are its own, and the alias may be
			if names(x, u.alias) {
				return
			}
			alone := u.alone
			u.alone = false
			u.fields(v)
			u.alone = alone
			return
		}
		u.fields(v)
	default:
	}
}

func (u *usage) fields(v reflect.Value) {
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			u.walk(v.Field(i))
		}
	}
}

// names reports whether a SELECT gives an alias to a relation of its own.
func names(s rel.Select, alias string) bool {
	is := func(r rel.Relation) bool {
		switch r := r.(type) {
		case rel.Table:
			return r.Alias == alias || r.Alias == "" && len(r.Name) > 0 && r.Name[len(r.Name)-1] == alias
		case rel.Sub:
			return r.Alias == alias
		}
		return false
	}
	return is(s.From) || slices.ContainsFunc(s.Joins, func(j rel.Join) bool { return is(j.Rel) })
}

// ownConditions are those of a condition's conjuncts that are about one relation's columns alone, or
// nil.
func ownConditions(e rel.Expr, alias string, alone bool) rel.Expr {
	var kept []rel.Expr
	var split func(rel.Expr)
	split = func(e rel.Expr) {
		if c, ok := e.(rel.Call); ok && c.Fn == rel.And {
			for _, a := range c.Args {
				split(a)
			}
			return
		}
		if e != nil && about(reflect.ValueOf(e), alias, alone) {
			kept = append(kept, e)
		}
	}
	split(e)
	switch len(kept) {
	case 0:
		return nil
	case 1:
		return kept[0]
	}
	return rel.F(rel.And, kept...)
}

// about reports whether an expression names columns of one relation only, and holds no query.
func about(v reflect.Value, alias string, alone bool) bool {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return v.IsNil() || about(v.Elem(), alias, alone)
	case reflect.Slice:
		for i := range v.Len() {
			if !about(v.Index(i), alias, alone) {
				return false
			}
		}
	case reflect.Struct:
		switch x := v.Interface().(type) {
		case rel.Col:
			return x.Table == alias || x.Table == "" && alone
		case rel.RawExpr, rel.Exists, rel.Agg, rel.Over:
			return false
		case rel.Lit:
			return true
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && !about(v.Field(i), alias, alone) {
				return false
			}
		}
	default:
	}
	return true
}
