package compile

import (
	"fmt"
	"math"
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// settle chooses the column by which the conditions of a source become rows, and gives each that
// tests it a bit. It reports whether that is worth a reading.
func (s *hitSource) settle(in Input) bool {
	r, problem := rowsOf(in, s.source)
	if problem != nil {
		return false // reported where the rows are read
	}
	s.rows = r
	if at, problem := rowTime(in, s.source); problem == nil && rowAlone(at) {
		s.at = at
	}
	if !s.choose(in) {
		return false
	}
	var counted []*hit
	for _, one := range s.asked {
		if one.values == nil {
			continue
		}
		if one.lo == 1 && one.hi == math.MaxInt {
			s.place(one)
		} else {
			counted = append(counted, one)
		}
	}
	s.shared = s.words
	s.words, counted = s.count(counted)
	s.placed = append(s.placed, counted...)
	return true
}

// place gives a condition that is true from the first row on the next bit.
func (s *hitSource) place(one *hit) {
	one.word, one.bit = 1+len(s.placed)/wordBits, len(s.placed)%wordBits
	one.group = one.word
	s.words = one.word
	s.placed = append(s.placed, one)
}

// count gives conditions that count further bits in words of their own, and those that count the
// same rows one group.
func (s *hitSource) count(counted []*hit) (words int, out []*hit) {
	groups := map[string]int{}
	words = s.shared
	for i, one := range counted {
		one.word, one.bit = s.shared+1+i/wordBits, i%wordBits
		key := fmt.Sprintf("%#v", one.filter)
		if groups[key] == 0 {
			groups[key] = s.shared + 1 + len(groups)
		}
		one.group = groups[key]
		words = one.word
	}
	return words, counted
}

// choose finds the column that most conditions test for equality, and takes their filters apart.
func (s *hitSource) choose(in Input) bool {
	var names []string
	tests := map[string]int{}
	for _, one := range s.asked {
		for _, name := range s.tested(in, one) {
			if tests[name]++; tests[name] == 1 {
				names = append(names, name)
			}
		}
	}
	best := ""
	for _, name := range names {
		if tests[name] > tests[best] {
			best = name
		}
	}
	if tests[best] < fewest {
		return false
	}
	s.column = rel.C(rowAlias, best)
	values := map[string]bool{}
	for _, one := range s.asked {
		for _, v := range s.split(in, one) {
			values[fmt.Sprintf("%#v", v)] = true
		}
	}
	if len(values) >= fewestValues {
		return true
	}
	for _, one := range s.asked {
		one.values = nil
	}
	return false
}

// tested lists the columns of a row that a condition tests for equality.
func (s *hitSource) tested(in Input, one *hit) []string {
	var out []string
	for _, part := range conjuncts(one.filter) {
		if column, _, _ := s.equality(in, part); column.Name != "" {
			out = withName(out, column.Name)
		}
	}
	return out
}

// equality takes apart a test that a column of a row is one of some values of its own type.
func (s *hitSource) equality(in Input, e rel.Expr) (column rel.Col, values []rel.Expr, typ models.Type) {
	switch e := e.(type) {
	case rel.Call:
		if e.Fn != rel.Eq {
			return column, nil, typ
		}
		column, _ = e.Args[0].(rel.Col)
		values = e.Args[1:]
	case rel.InList:
		column, _ = e.Expr.(rel.Col)
		values = e.List
	}
	if column.Table != rowAlias {
		return rel.Col{}, nil, typ
	}
	c, problem := sourceColumn(in, s.source, column.Name)
	if problem != nil || c.Type != models.Text && c.Type != models.Integer {
		return rel.Col{}, nil, typ
	}
	for _, v := range values {
		if l, ok := v.(rel.Lit); !ok || l.Type != c.Type || l.Value == nil {
			return rel.Col{}, nil, typ
		}
	}
	return column, values, c.Type
}

// split takes a filter apart into the values of the column, a span of time, and a rest that other
// conditions may share. The values are returned; there are none if it does not test the column.
func (s *hitSource) split(in Input, one *hit) []rel.Expr {
	var rest []rel.Expr
	for _, part := range conjuncts(one.filter) {
		column, values, typ := s.equality(in, part)
		since, until := s.bounds(part)
		switch {
		case one.values == nil && column == s.column:
			s.typ = typ
			for _, v := range values {
				if !slices.Contains(one.values, v) { // a row is counted once
					one.values = append(one.values, v)
				}
			}
		case since != nil && one.since == nil:
			one.since = since
		case until != nil && one.until == nil:
			one.until = until
		default:
			rest = append(rest, part)
		}
	}
	if len(rest) == 0 || one.values == nil {
		return one.values
	}
	canon := func(e rel.Expr) string { return fmt.Sprintf("%#v", e) }
	filter := and(rest)
	one.number = 1 + slices.IndexFunc(s.filters, func(e rel.Expr) bool { return canon(e) == canon(filter) })
	if one.number == 0 {
		s.filters = append(s.filters, filter)
		one.number = len(s.filters)
	}
	return one.values
}

// bounds is the instant from which, or before which, a part of a filter wants the time of a row.
func (s *hitSource) bounds(part rel.Expr) (since, until rel.Expr) {
	call, ok := part.(rel.Call)
	if !ok || s.at == nil || call.Fn != rel.Ge && call.Fn != rel.Lt || fmt.Sprintf("%#v", call.Args[0]) != fmt.Sprintf("%#v", s.at) {
		return nil, nil
	}
	l, ok := call.Args[1].(rel.Lit)
	switch {
	case !ok || l.Type != models.Timestamp || l.Value == nil:
		return nil, nil
	case call.Fn == rel.Ge:
		return l, nil
	}
	return nil, l
}

// conjuncts are the parts of a filter that must all pass.
func conjuncts(e rel.Expr) []rel.Expr {
	if e == nil {
		return nil
	}
	call, ok := e.(rel.Call)
	if !ok || call.Fn != rel.And {
		return []rel.Expr{e}
	}
	var out []rel.Expr
	for _, a := range call.Args {
		out = append(out, conjuncts(a)...)
	}
	return out
}

// rowAlone is whether an expression looks at a source's own row alone.
func rowAlone(e rel.Expr) bool {
	if e == nil {
		return false
	}
	own := true
	walk(e, func(e rel.Expr) {
		if c, ok := e.(rel.Col); ok && c.Table != rowAlias {
			own = false
		}
	})
	return own
}
