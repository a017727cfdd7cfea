package modeltests

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// givenSchema is where the sources of a test lie.
const givenSchema = "given"

// model is the project's model with every source a table of givenSchema, also those that are a
// query: a test gives the rows that the query would.
func model(m *models.Model) *models.Model {
	out := *m
	out.Sources = slices.Clone(m.Sources)
	for i := range out.Sources {
		s := &out.Sources[i]
		s.Table, s.SQL = givenSchema+"."+s.Name, ""
	}
	return &out
}

// cellError says that a value of a given row cannot be used; it has the path below the test.
type cellError struct{ path, what, fix string }

func (e *cellError) Error() string { return e.what }

// fill makes a table of each source and puts the rows of a test in.
func fill(ctx context.Context, s warehouse.Session, d dialect.Dialect, known *columns, zone *time.Location, t *project.Test) error {
	rows := map[string][][]project.TestCell{}
	for _, g := range t.Given {
		rows[g.Of] = g.Rows
	}
	do := func(st rel.Statement) error {
		text, err := d.Statement(st)
		if err == nil {
			_, err = s.Exec(ctx, text)
		}
		return err
	}
	if err := do(rel.CreateSchema{Name: rel.Name{givenSchema}}); err != nil {
		return err
	}
	for i := range known.m.Sources {
		source := &known.m.Sources[i]
		fields, err := tableOf(known, source, rows[source.Name])
		if err != nil {
			return err
		}
		name := rel.Name{givenSchema, source.Name}
		if err := do(rel.CreateTable{Name: name, Columns: fields}); err != nil {
			return fmt.Errorf("making the source %s: %w", source.Name, err)
		}
		if len(rows[source.Name]) == 0 {
			continue
		}
		values, err := literals(source.Name, zone, fields, rows[source.Name])
		if err != nil {
			return err
		}
		var names []string
		for _, f := range fields {
			names = append(names, f.Name)
		}
		if err := do(rel.Insert{Into: name, Columns: names, From: rel.Values{Columns: fields, Rows: values}}); err != nil {
			return fmt.Errorf("filling the source %s: %w", source.Name, err)
		}
	}
	return nil
}

// tableOf is the columns of a source's table: all that are known of it, and all that the rows
// have. What the rows hold tells a type that is not known.
func tableOf(known *columns, source *models.Source, rows [][]project.TestCell) ([]rel.Field, error) {
	var out []rel.Field
	for _, c := range known.of[source.Name] {
		out = append(out, rel.Field{Name: c.Name, Type: c.Type})
	}
	for _, row := range rows {
		for _, cell := range row {
			if indexOf(out, cell.Column) < 0 {
				out = append(out, rel.Field{Name: cell.Column})
			}
		}
	}
	for i := range out {
		f := &out[i]
		told := f.Type != models.Unknown
		if told && f.Type != models.Integer { // a use of a whole number may be a use of any
			continue
		}
		for _, row := range rows {
			for _, cell := range row {
				if !strings.EqualFold(cell.Column, f.Name) {
					continue
				}
				switch {
				case cell.Values != nil && !told:
					f.Type = wider(f.Type, models.List)
				case cell.Value != nil && (!told || cell.Value.Type == models.Number):
					f.Type = wider(f.Type, cell.Value.Type)
				}
			}
		}
		if f.Type == models.Unknown {
			f.Type = models.Text
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("nothing is known of the columns of source %s", source.Name)
	}
	return out, nil
}

func indexOf(fields []rel.Field, name string) int {
	return slices.IndexFunc(fields, func(f rel.Field) bool { return strings.EqualFold(f.Name, name) })
}

// literals are the rows as literals of the columns' types.
func literals(source string, zone *time.Location, fields []rel.Field, rows [][]project.TestCell) ([][]rel.Expr, error) {
	out := make([][]rel.Expr, 0, len(rows))
	for j, row := range rows {
		line := make([]rel.Expr, len(fields))
		for i, f := range fields {
			line[i] = rel.Null(f.Type)
		}
		for _, cell := range row {
			i := indexOf(fields, cell.Column)
			e, ok := literal(fields[i].Type, zone, cell)
			if !ok {
				return nil, &cellError{
					path: fmt.Sprintf("given.%s[%d].%s", source, j, cell.Column),
					what: fmt.Sprintf("%s.%s holds %s, and %s is none", source, cell.Column, plural(fields[i].Type), written(cell)),
					fix:  "write a value of that type; or declare the column's type: sources." + source + ".columns",
				}
			}
			line[i] = e
		}
		out = append(out, line)
	}
	return out, nil
}

// literal is a cell as a literal of a type; false if it is none.
func literal(typ models.Type, zone *time.Location, cell project.TestCell) (rel.Expr, bool) {
	v := cell.Value
	if typ == models.List {
		var texts []string
		switch {
		case cell.Values != nil:
			for _, one := range cell.Values {
				if one != nil {
					texts = append(texts, one.Text)
				}
			}
		case v != nil:
			texts = []string{v.Text}
		default:
			return rel.Null(typ), true
		}
		return rel.Lit{Type: models.List, Value: texts}, true
	}
	if cell.Values != nil {
		return nil, false
	}
	if v == nil {
		return rel.Null(typ), true
	}
	switch typ {
	case models.Text:
		return rel.T(v.Text), true
	case models.Integer:
		if v.Type == models.Integer {
			return rel.Of(*v), true
		}
	case models.Number:
		if v.Type == models.Integer || v.Type == models.Number {
			return rel.Cast{Expr: rel.T(v.Text), Type: models.Number, From: models.Text}, true
		}
	case models.Boolean:
		if v.Type == models.Boolean {
			return rel.Of(*v), true
		}
	case models.Date:
		if t, ok := instant(v.Text, time.UTC); ok {
			return rel.D(t.Format(time.DateOnly)), true
		}
	case models.Timestamp:
		if t, ok := instant(v.Text, zone); ok {
			return rel.At(t), true
		}
	}
	return nil, false
}

// instant reads a date, which is its midnight in a zone, or a time, which is in UTC if it says no
// other.
func instant(text string, zone *time.Location) (time.Time, bool) {
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t.UTC(), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Microsecond), true
		}
	}
	return time.Time{}, false
}

func plural(t models.Type) string {
	switch t {
	case models.Text:
		return "text"
	case models.Integer:
		return "whole numbers"
	case models.Boolean:
		return "true and false"
	}
	return string(t) + "s"
}

// written is a cell as it was written.
func written(cell project.TestCell) string {
	if cell.Values != nil {
		var texts []string
		for _, v := range cell.Values {
			if v == nil {
				texts = append(texts, "null")
			} else {
				texts = append(texts, v.Text)
			}
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	if cell.Value == nil {
		return "null"
	}
	if b, err := json.Marshal(cell.Value.Text); err == nil && cell.Value.Type == models.Text && cell.Value.Text != strings.TrimSpace(cell.Value.Text) {
		return string(b)
	}
	return cell.Value.Text
}
