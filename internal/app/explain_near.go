package app

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
)

// maxNear is how many values are offered in place of an unknown one.
const maxNear = 5

// near lists identifiers whose value is close to one that was not found. A slip of the pen leaves
// one half of a value as it was, so that only those with an equal half are compared. Numbers are
// also near if they end in the same seven digits: then it is the country that was not understood.
func (l *lookup) near(ctx context.Context, q asked) ([]*Found, error) {
	if q.source {
		return nil, nil
	}
	forms, err := l.forms(ctx, q.value)
	if err != nil {
		return nil, err
	}
	n := func(c string) rel.Expr { return rel.C("n", c) }
	var alike []rel.Expr
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, q.value)
	tail := digits[max(len(digits)-7, 0):]
	for _, t := range identifierTypes(l.e) {
		if q.name != "" && t != q.name || len(forms[t]) == 0 {
			continue
		}
		if len(tail) == 7 && len(digits) > 7 {
			alike = append(alike, rel.F(rel.And, equal(n("type"), rel.T(t)), rel.F(rel.HasPrefix, n("value"), rel.T("+")), rel.F(rel.HasSuffix, n("value"), rel.T(tail))))
		}
		value := []rune(forms[t][0])
		half := len(value) / 2
		if at := strings.IndexRune(string(value), '@'); at > 1 {
			half = len([]rune(string(value)[:at])) / 2
		}
		if half < 2 {
			continue
		}
		alike = append(alike, rel.F(rel.And, equal(n("type"), rel.T(t)),
			rel.F(rel.Ge, rel.F(rel.Length, n("value")), rel.I(int64(len(value)-2))), rel.F(rel.Le, rel.F(rel.Length, n("value")), rel.I(int64(len(value)+2))),
			rel.F(rel.Or, rel.F(rel.HasPrefix, n("value"), rel.T(string(value[:half]))), rel.F(rel.HasSuffix, n("value"), rel.T(string(value[half:]))))))
	}
	if len(alike) == 0 {
		return nil, nil
	}
	type hit struct {
		*Found
		off int
	}
	var hits []hit
	err = l.each(ctx, rel.Select{Columns: columns("n", "type", "value", "profile_id"), From: l.table(compile.Nodes, "n"), Where: anyOf(alike),
		OrderBy: []rel.Order{{Expr: n("value")}}, Limit: 5000},
		func(c cells) error {
			f := &Found{Asked: q.text, Entity: l.in.Entity, Type: c.text(0), Value: c.text(1), ProfileID: c.text(2)}
			off := slips(forms[f.Type][0], f.Value)
			if len(tail) == 7 && strings.HasPrefix(f.Value, "+") && strings.HasSuffix(f.Value, tail) {
				off = min(off, 2)
			}
			if off <= 2 {
				hits = append(hits, hit{f, off})
			}
			return nil
		})
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.off, b.off), strings.Compare(a.Value, b.Value)) })
	var out []*Found
	for _, h := range hits[:min(len(hits), maxNear)] {
		out = append(out, h.Found)
	}
	return out, err
}

// slips is the number of letters to put in, take out, change or swap with the next one (Damerau,
// A technique for computer detection and correction of spelling errors, 1964).
func slips(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := [3][]int{make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(x); i++ {
		before, last, now := rows[0], rows[1], rows[2]
		now[0] = i
		for j := 1; j <= len(y); j++ {
			change := last[j-1]
			if x[i-1] != y[j-1] {
				change++
			}
			now[j] = min(last[j]+1, now[j-1]+1, change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		rows = [3][]int{last, now, before}
	}
	return rows[1][len(y)]
}
