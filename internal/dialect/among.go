package dialect

import (
	"strconv"

	"github.com/weir-data/weir/internal/rel"
)

// among renders "there are rows with the value of this row, and a condition of their own" as "the
// value of this row is among those of the rows". DuckDB 1.5 answers the first by looking for each
// different value that the outer query has, which takes five times as long for ten million rows and
// keeps all these values in memory; the second is one join.
//
// Where met, the text is a condition that must hold, and may be NULL in place of false. ok is false
// for queries that are not of that form: these stay as they are.
func (w *writer) among(q rel.Query, met bool, level int) (text string, ok bool) {
	s, ok := q.(rel.Select)
	if !ok || len(s.With) > 0 || len(s.GroupBy) > 0 || s.Having != nil || s.Distinct || s.Limit > 0 || s.Offset > 0 {
		return "", false
	}
	own := map[string]bool{}
	for _, r := range append([]rel.Relation{s.From}, joined(s.Joins)...) {
		name := aliasOf(r)
		if name == "" {
			return "", false
		}
		own[name] = true
	}
	for _, j := range s.Joins {
		if inner, outer, plain := uses(j.On, own); !plain || !inner || outer {
			return "", false
		}
	}
	var ours, theirs, rest []rel.Expr
	for _, term := range terms(s.Where) {
		if mine, its, ok := matched(term, own); ok {
			ours, theirs = append(ours, mine), append(theirs, its)
			continue
		}
		if _, outer, plain := uses(term, own); !plain || outer {
			return "", false
		}
		rest = append(rest, term)
	}
	if len(ours) == 0 || len(rest) == 0 && len(s.Joins) == 0 {
		return "", false
	}
	in := rel.Select{Comment: s.Comment, From: s.From, Joins: s.Joins}
	for i, e := range theirs {
		in.Columns = append(in.Columns, rel.As("v"+strconv.Itoa(i+1), e))
		rest = append(rest, rel.F(rel.NotNull, e))
	}
	in.Where = rel.F(rel.And, rest...)
	value := w.arg(ours[0], level)
	if len(ours) > 1 {
		value = "(" + w.list(ours, level) + ")"
	}
	text = value + " IN " + w.inner(in, level)
	if !met {
		text = "COALESCE(" + text + ", FALSE)"
	}
	return text, true
}

func joined(js []rel.Join) (rs []rel.Relation) {
	for _, j := range js {
		rs = append(rs, j.Rel)
	}
	return rs
}

// aliasOf is the name that columns of a relation go by; "" where it has none.
func aliasOf(r rel.Relation) string {
	switch r := r.(type) {
	case rel.Table:
		return r.Alias
	case rel.Sub:
		return r.Alias
	}
	return ""
}

// terms are the conditions that all must hold.
func terms(e rel.Expr) (out []rel.Expr) {
	if e == nil {
		return nil
	}
	if c, ok := e.(rel.Call); ok && c.Fn == rel.And {
		for _, a := range c.Args {
			out = append(out, terms(a)...)
		}
		return out
	}
	return []rel.Expr{e}
}

// matched takes apart an equation between an outer value and one of the query's own relations.
func matched(e rel.Expr, own map[string]bool) (ours, theirs rel.Expr, ok bool) {
	c, is := e.(rel.Call)
	if !is || c.Fn != rel.Eq {
		return nil, nil, false
	}
	for i, a := range c.Args {
		b := c.Args[1-i]
		inA, outA, plainA := uses(a, own)
		inB, outB, plainB := uses(b, own)
		if plainA && plainB && inA && !outA && outB && !inB {
			return b, a, true
		}
	}
	return nil, nil, false
}

// uses reports whether an expression has columns of these relations, and of others. plain is false
// if that cannot be told.
func uses(e rel.Expr, own map[string]bool) (inner, outer, plain bool) {
	plain = true
	var look func(e rel.Expr) rel.Expr
	look = func(e rel.Expr) rel.Expr {
		switch e := e.(type) {
		case rel.Col:
			switch {
			case e.Table == "":
				plain = false
			case own[e.Table]:
				inner = true
			default:
				outer = true
			}
			return e
		case rel.Lit:
			return e
		case rel.Call, rel.Case, rel.Cast, rel.InList:
			return mapped(e, look)
		case rel.Exists:
			of, ok := asked(e.Query)
			for _, x := range of {
				i, o, p := uses(x, own)
				inner, outer, plain = inner || i, outer || o, plain && p
			}
			plain = plain && ok
			return e
		}
		plain = false
		return e
	}
	if e != nil {
		look(e)
	}
	return inner, outer, plain
}

// asked are the conditions of a query of rows, without the columns of its own relations, that tell
// which other columns it uses. ok is false for queries of another form.
func asked(q rel.Query) (of []rel.Expr, ok bool) {
	s, ok := q.(rel.Select)
	if !ok || len(s.With) > 0 || len(s.GroupBy) > 0 || s.Having != nil || s.Limit > 0 {
		return nil, false
	}
	own := map[string]bool{}
	for _, r := range append([]rel.Relation{s.From}, joined(s.Joins)...) {
		name := aliasOf(r)
		if name == "" {
			return nil, false
		}
		own[name] = true
	}
	// A column of its own is put for by a literal, which says nothing of other relations.
	var blank func(e rel.Expr) rel.Expr
	blank = func(e rel.Expr) rel.Expr {
		switch e := e.(type) {
		case rel.Col:
			if own[e.Table] {
				return rel.B(true)
			}
			return e
		case rel.Exists:
			ok = false // one within another
			return e
		}
		return mapped(e, blank)
	}
	for _, j := range s.Joins {
		if j.On != nil {
			of = append(of, blank(j.On))
		}
	}
	if s.Where != nil {
		of = append(of, blank(s.Where))
	}
	return of, ok
}
