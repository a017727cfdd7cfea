package app

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/models"
)

// node is a condition with the person's answers.
func (x *segmentExplainer) node(t *compile.Tree, row cells) *ConditionNode {
	n := &ConditionNode{Kind: t.Kind, Path: t.Path, Text: conditionWords(t.Kind, t.Condition), Holds: row.bool(t.Column)}
	n.File, n.Line = x.a.place(t.Path)
	tags := x.tags(t)
	values := map[string]any{}
	for _, f := range t.Facts {
		value, hid := plain(row[f.Column], f.Type), false
		switch name, ok := strings.CutPrefix(f.Name, compile.FactTrait); {
		case ok:
			value, hid = x.veil.over(x.a.p.Model.Tags(x.seg.Entity, name), value)
		case personal(f.Name):
			value, hid = x.veil.over(tags, value)
		}
		values[f.Name] = value
		n.Facts = append(n.Facts, ConditionFact{Name: f.Name, Type: string(f.Type), Value: value, Masked: hid})
	}
	for _, i := range t.Questions {
		m := x.rows[i]
		if !x.questions[i].Ever {
			n.Rows = append(n.Rows, *m)
		} else if before := &n.Rows[len(n.Rows)-1]; before.Count == 0 && len(m.Latest) > 0 {
			before.Ever = m.Latest[0].At
		}
	}
	n.Has = x.has(t, values, n.Rows)
	if t.Kind == "segment" {
		n.Segment = t.Condition.Segment
		n.Again = len(t.Children) == 0
	}
	for _, c := range t.Children {
		n.Children = append(n.Children, x.node(c, row))
	}
	return n
}

// personal reports whether a fact is a value of the person's, and no count or place in an order.
func personal(fact string) bool {
	switch fact {
	case compile.FactRows, compile.FactFailing, compile.FactDays, compile.FactPosition, compile.FactRanked, compile.FactStep:
		return false
	}
	return true
}

// tags are the kinds of personal data that a leaf looks at.
func (x *segmentExplainer) tags(t *compile.Tree) []string {
	m, w := &x.a.p.Model, t.Condition
	var out []string
	traits := []string{w.Trait, w.By}
	if w.Near != nil {
		traits = append(traits, w.Near.At...)
	}
	for _, name := range traits {
		if name != "" {
			out = append(out, m.Tags(x.seg.Entity, name)...)
		}
	}
	if column := w.Aggregate.Column(); column != "" {
		out = append(out, compile.ColumnTags(m, x.seg.Entity, w.Did+w.Every, column)...)
	}
	return out
}

// sqlTraits lists the traits that an expression names.
func sqlTraits(e *models.Entity, sql string) []string {
	if sql == "" {
		return nil
	}
	return e.SQLTraits(&models.Trait{SQL: sql})
}

// has says in words what the person has of what a leaf looks at.
func (x *segmentExplainer) has(t *compile.Tree, values map[string]any, rows []MatchedRows) string {
	typ := map[string]models.Type{}
	for _, f := range t.Facts {
		typ[f.Name] = f.Type
	}
	say := func(name string) string { return x.words(values[name], typ[name]) }
	told := func(name string) bool { _, ok := values[name]; return ok }
	switch t.Kind {
	case "trait":
		return say(compile.FactValue)
	case "did", "never", "every":
		var out []string
		if told(compile.FactValue) {
			out = append(out, say(compile.FactValue))
		}
		if told(compile.FactDays) {
			out = append(out, "on "+plural(values[compile.FactDays], "day"))
		}
		n := any(int64(0))
		switch {
		case told(compile.FactRows):
			n = values[compile.FactRows]
		case len(rows) > 0:
			n = rows[0].Count
		}
		text := plural(n, "row")
		if told(compile.FactFailing) {
			text += ", " + plural(values[compile.FactFailing], "row") + " that " + map[bool]string{true: "does", false: "do"}[fmt.Sprint(values[compile.FactFailing]) == "1"] + " not pass"
		}
		if at := newest(rows); at != nil {
			text += ", the latest on " + x.words(at.Format(time.RFC3339Nano), models.Timestamp)
		} else if len(rows) > 0 && rows[0].Ever != nil {
			text += ", the latest of any time on " + x.words(rows[0].Ever.Format(time.RFC3339Nano), models.Timestamp)
		}
		return strings.Join(append(out, text), ", ")
	case "sequence":
		return x.stepWords(t.Condition, values)
	case "top", "bottom":
		return x.rankWords(values, say)
	case "near":
		if values[compile.FactDistance] == nil {
			return "no place is known"
		}
		if metres, err := strconv.ParseFloat(fmt.Sprint(values[compile.FactDistance]), 64); err == nil {
			return distanceWords(metres) + " away"
		}
		return say(compile.FactDistance)
	case "sql":
		var out []string
		for _, f := range t.Facts {
			if name, ok := strings.CutPrefix(f.Name, compile.FactTrait); ok {
				out = append(out, name+" "+say(f.Name))
			}
		}
		return strings.Join(out, ", ")
	}
	return ""
}

func (x *segmentExplainer) stepWords(w *models.Condition, values map[string]any) string {
	n, _ := values[compile.FactStep].(int64)
	if n == 0 {
		return "no step was reached"
	}
	out := fmt.Sprintf("reached step %d of %d", n, len(w.Sequence))
	if at, ok := values[compile.FactAt].(string); ok {
		out += " on " + x.words(at, models.Timestamp)
	}
	return out
}

func (x *segmentExplainer) rankWords(values map[string]any, say func(string) string) string {
	var out []string
	if values[compile.FactPosition] == nil {
		out = append(out, "is not ranked")
	} else {
		place := "place " + say(compile.FactPosition)
		if values[compile.FactRanked] != nil {
			place += " of " + say(compile.FactRanked)
		}
		out = append(out, place)
	}
	if values[compile.FactValue] != nil {
		out = append(out, "with "+say(compile.FactValue))
	}
	if values[compile.FactThreshold] != nil {
		out = append(out, "the last in has "+say(compile.FactThreshold))
	}
	return strings.Join(out, ", ")
}

// words writes a value for people, times in the project's zone.
func (x *segmentExplainer) words(v any, typ models.Type) string { return x.a.valueText(v, typ) }

// valueText writes a value for people, times in the project's zone; "–" for none.
func (a *App) valueText(v any, typ models.Type) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v]
	case string:
		if typ == models.Timestamp {
			if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
				return t.In(a.p.Timezone).Format("2006-01-02 15:04")
			}
		}
		return strings.Join(strings.Fields(v), " ")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		return v.String()
	case []any:
		var each []string
		for _, e := range v {
			each = append(each, a.valueText(e, ""))
		}
		return strings.Join(each, ", ")
	}
	return fmt.Sprint(v)
}

// newest is the time of the newest of rows that pass.
func newest(rows []MatchedRows) *time.Time {
	if len(rows) == 0 || len(rows[0].Latest) == 0 {
		return nil
	}
	return rows[0].Latest[0].At
}

// plural writes 1 row, 2 rows.
func plural(n any, what string) string {
	text := fmt.Sprint(n)
	if text == "1" {
		return "1 " + what
	}
	return text + " " + what + "s"
}
