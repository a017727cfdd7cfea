package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// lookup reads the build in force of one entity, for people who ask about one person.
type lookup struct {
	a    *App
	s    warehouse.Session
	in   compile.Input // with the entity, its build and its time
	e    *models.Entity
	have map[string]bool // weir's tables and views
}

// lookups calls f with each entity that was picked and has a build.
func (a *App) lookups(ctx context.Context, f func([]*lookup) error) error {
	in, err := a.input(ctx)
	// Models that no longer fit the tables still have people to ask about.
	if e := (*Error)(nil); err != nil && (!errors.As(err, &e) || e.Code != mismatched) {
		return err
	}
	return a.session(ctx, func(s warehouse.Session) error {
		have := map[string]bool{}
		tables, err := s.Tables(ctx, a.w.Schema())
		if missing := (*warehouse.MissingError)(nil); err != nil && !errors.As(err, &missing) {
			return fmt.Errorf("listing tables: %w", err)
		}
		for _, t := range tables {
			have[t[strings.LastIndexByte(t, '.')+1:]] = true
		}
		var out []*lookup
		for _, name := range a.chosenEntities() {
			b, ok, err := build.Live(ctx, s, a.w, name)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			l := &lookup{a: a, s: s, in: in, e: a.p.Model.Entity(name), have: have}
			l.in.Entity, l.in.Build = name, b
			if l.in.AsOf, err = build.AsOf(ctx, s, a.w, name); err != nil {
				return err
			}
			out = append(out, l)
		}
		if len(out) == 0 {
			return &Error{Kind: Refused, Code: "build.none", Message: "there is no build to ask", Fix: "make one: weir build"}
		}
		return f(out)
	})
}

// table is a table of the build under an alias.
func (l *lookup) table(what, alias string) rel.Table {
	return rel.Table{Name: l.in.Build.Table(l.in.Entity, what), Alias: alias}
}

// has reports whether the build has a table: builds of before lack those that came later.
func (l *lookup) has(what string) bool {
	name := l.in.Build.Table(l.in.Entity, what)
	return l.have[name[len(name)-1]]
}

// each calls f for each row. The slice is reused.
func (l *lookup) each(ctx context.Context, q rel.Query, f func(cells) error) error {
	for row, err := range warehouse.Rows(ctx, l.s, l.a.w.Kind().Dialect(), q) {
		if err != nil {
			return err
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return nil
}

// cells is a row as the warehouse gives it.
type cells []any

func (c cells) text(i int) string {
	if s, ok := c[i].(string); ok {
		return s
	}
	if c[i] == nil {
		return ""
	}
	return fmt.Sprint(c[i])
}

func (c cells) int(i int) int64 {
	if n, ok := c[i].(int64); ok {
		return n
	}
	return int64(c.float(i))
}

func (c cells) float(i int) float64 {
	switch v := c[i].(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	case json.Number:
		n, _ := v.Float64() // a number that the warehouse wrote
		return n
	}
	return 0
}

func (c cells) bool(i int) bool { b, _ := c[i].(bool); return b }

// time is nil where there is none.
func (c cells) time(i int) *time.Time {
	if t, ok := c[i].(time.Time); ok {
		t = t.UTC()
		return &t
	}
	return nil
}

// columns names columns of one table.
func columns(alias string, names ...string) []rel.Column {
	var out []rel.Column
	for _, n := range names {
		out = append(out, rel.As(n, rel.C(alias, n)))
	}
	return out
}

func equal(a, b rel.Expr) rel.Expr { return rel.F(rel.Eq, a, b) }

// oneOf is whether a text is in a list, which is not empty.
func oneOf(e rel.Expr, list []string) rel.Expr {
	in := rel.InList{Expr: e}
	for _, v := range list {
		in.List = append(in.List, rel.T(v))
	}
	return in
}

// among is whether an integer is in a list, which is not empty.
func among(e rel.Expr, list []int64) rel.Expr {
	in := rel.InList{Expr: e}
	for _, v := range list {
		in.List = append(in.List, rel.I(v))
	}
	return in
}

// anyOf is whether one of several conditions is true.
func anyOf(es []rel.Expr) rel.Expr {
	if len(es) == 1 {
		return es[0]
	}
	return rel.F(rel.Or, es...)
}

// events reads lines of the history of profiles, the oldest first.
func (l *lookup) events(ctx context.Context, where rel.Expr) ([]IdentityEvent, error) {
	out := []IdentityEvent{}
	m := func(c string) rel.Expr { return rel.C("m", c) }
	err := l.each(ctx, rel.Select{
		Columns: columns("m", "at", "kind", "from_id", "to_id", "type", "value"),
		From:    l.table(compile.Merges, "m"), Where: where, Limit: maxHistory,
		OrderBy: []rel.Order{{Expr: m("at")}, {Expr: m("kind")}, {Expr: m("from_id")}, {Expr: m("to_id")}},
	}, func(c cells) error {
		e := IdentityEvent{Kind: c.text(1), From: c.text(2), To: c.text(3), Type: c.text(4), Value: c.text(5)}
		if t := c.time(0); t != nil {
			e.At = *t
		}
		out = append(out, e)
		return nil
	})
	return out, err
}

// maxHistory bounds how many lines of history are read of one profile.
const maxHistory = 10_000

// dropped reads what was kept from joining people.
func (l *lookup) dropped(ctx context.Context, where rel.Expr, limit int64) ([]Dropped, error) {
	var out []Dropped
	d := func(c string) rel.Expr { return rel.C("d", c) }
	err := l.each(ctx, rel.Select{
		Columns: columns("d", "type", "value", "rule", "detail", "node", "other"),
		From:    l.table(compile.DroppedLinks, "d"), Where: where, Limit: limit,
		OrderBy: []rel.Order{{Expr: d("type")}, {Expr: d("value")}, {Expr: d("rule")}, {Expr: d("detail")}},
	}, func(c cells) error {
		x := Dropped{Type: c.text(0), Value: c.text(1), Rule: c.text(2), Detail: c.text(3), node: c.int(4), other: c.int(5)}
		x.Text = x.words()
		out = append(out, x)
		return nil
	})
	return out, err
}

// words says what was dropped, and why.
func (d *Dropped) words() string {
	who := d.Type + " " + d.Value
	switch d.Rule {
	case "junk":
		return who + " is a value that people and systems write where they have none (junk): it joins nobody"
	case "ignore":
		return who + " is on the ignore list (ignore): it joins nobody"
	case "invalid":
		return who + " has no normal form (invalid): it joins nobody"
	case "max_links":
		return who + " was " + d.Detail + " (max_links): it joins nobody"
	case "contested":
		return who + " only finds profiles, and was " + d.Detail + " (contested): it finds nobody"
	case "limit":
		return who + " was " + d.Detail + " (limit)"
	}
	if d.Detail != "" {
		return who + ": " + d.Detail + " (" + d.Rule + ")"
	}
	return who + " (" + d.Rule + ")"
}
