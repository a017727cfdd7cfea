package compile

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
)

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
