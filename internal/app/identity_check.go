package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/warehouse"
)

// IdentityCheck is how the build in force compares with one from nothing, at the same time.
type IdentityCheck struct {
	Entity  string    `json:"entity"`
	Build   string    `json:"build"`
	AsOf    time.Time `json:"as_of"`
	Equal   bool      `json:"equal"`
	Members int64     `json:"members"` // identifiers and rows of records that both have
	// Profiles that do not consist of the same members in the other build; members that the other
	// does not have; profiles with the same members under another id.
	LiveDiffer  int64             `json:"live_profiles_that_differ"`
	FullDiffer  int64             `json:"full_profiles_that_differ"`
	LiveMembers int64             `json:"members_only_live"`
	FullMembers int64             `json:"members_only_full"`
	Renamed     int64             `json:"ids_not_kept"`
	Apart       []ApartProfiles   `json:"examples"`
	Tables      []TableDifference `json:"tables"`
	Moved       []SourceMoved     `json:"sources_moved"`
	Rules       bool              `json:"rules_changed"`   // in the YAML, since the build in force
	Decided     int64             `json:"decisions_since"` // pairs of which people said otherwise since the build in force
	// Seconds of identity: "full" beside, "live" if it was built by this command.
	Seconds map[string]float64 `json:"seconds"`
	How     string             `json:"live_build,omitempty"` // incremental or full, if it was built by this command
}

// ApartProfiles are a profile of the build in force and one from nothing that share members but do
// not agree; one of the ids is empty where the other build does not have the members at all.
type ApartProfiles struct {
	Live    string `json:"live"`
	Full    string `json:"full"`
	Members int64  `json:"members"` // in common
	Type    string `json:"type"`    // of one of them
	Value   string `json:"value,omitempty"`
}

// TableDifference counts the rows of a table that only one of the builds has.
type TableDifference struct {
	Table    string              `json:"table"`
	Live     int64               `json:"only_live"`
	Full     int64               `json:"only_full"`
	Examples []map[string]string `json:"examples,omitempty"` // by column, and "only": live or full
}

// SourceMoved is a source whose rows are not those that the build in force has read.
type SourceMoved struct {
	Source string    `json:"source"`
	Rows   int64     `json:"rows"` // with an identifier, as the build in force knows them
	Now    int64     `json:"rows_now"`
	Last   time.Time `json:"last"` // newest of them
	Newest time.Time `json:"last_now"`
}

// compared are the columns by which tables of two builds are compared, as far as they have them.
// Numbers of nodes, and what follows from them, are each build's own.
var compared = []struct {
	what    string
	columns []string
}{
	{compile.Clusters, []string{"profile_id", "anonymous"}},
	{compile.Nodes, []string{"type", "value", "source", "status", "first_seen", "last_seen", "seen", "profile_id"}},
	{compile.DroppedLinks, []string{"type", "value", "rule", "profile_id", "detail"}},
}

// CheckIdentity builds the identity of each entity that was picked from nothing, beside the build
// in force and at its time, and compares the two. With first, it builds before, so that both see
// the same rows.
func (a *App) CheckIdentity(ctx context.Context, first bool, o IdentityOptions) ([]IdentityCheck, error) {
	in, names, err := a.identityInput(ctx)
	if err != nil {
		return nil, err
	}
	made := map[string]built{}
	if first {
		if _, made, err = a.build(ctx, "", false); err != nil {
			return nil, err
		}
	}
	out := []IdentityCheck{}
	for _, name := range names {
		in := in
		in.Entity = name
		c := IdentityCheck{Entity: name, Apart: []ApartProfiles{}, Tables: []TableDifference{}, Moved: []SourceMoved{}, Seconds: map[string]float64{}}
		if m, ok := made[name]; ok {
			c.Seconds["live"], c.How = m.result.Seconds["identity"], m.result.Identity
		}
		err := a.session(ctx, func(s warehouse.Session) (err error) {
			_, c.AsOf, err = a.liveBuild(ctx, s, name)
			return err
		})
		if err != nil {
			return out, err
		}
		done := a.step(name, "building identity from nothing")
		err = a.beside(ctx, in, build.Options{AsOf: c.AsOf, Full: true, Only: "identity"}, func(s warehouse.Session, live compile.Build, res *build.Result) error {
			c.Build, c.Seconds["full"] = live.ID, res.Seconds["identity"]
			return a.compare(ctx, s, &c, live, res.Build, o)
		})
		if err != nil {
			return out, err
		}
		done("compared")
		out = append(out, c)
	}
	return out, nil
}

// Differing turns checks that found a difference into an error, or nil. Built says that they were
// made right after a build.
func Differing(checks []IdentityCheck, built bool) error {
	for _, c := range checks {
		if c.Equal {
			continue
		}
		e := &Error{Kind: Failed, Code: "identity.differs", Message: fmt.Sprintf("build %s of %s is not what a build from nothing makes", c.Build, c.Entity)}
		switch {
		case c.Rules:
			e.Fix = "its rules changed since; see what they do: weir identity plan; then build: weir build"
		case c.Decided > 0 && !built:
			e.Fix = "people decided on pairs since; build first, so that both see the same: weir identity check --build"
		case len(c.Moved) == 0:
			e.Fix = "its sources have as many rows as then, but some may have changed where they were, without a newer time; mend it with: weir build --full"
		case built:
			e.Fix = "rows came in between; check again, and if it stays so build from nothing: weir build --full"
		default:
			e.Fix = "its sources moved since; build first, so that both see the same: weir identity check --build"
		}
		return e
	}
	return nil
}

// compare fills a check from the tables of two builds.
func (a *App) compare(ctx context.Context, s warehouse.Session, c *IdentityCheck, live, full compile.Build, o IdentityOptions) error {
	if err := a.row(ctx, s, compile.Partition(c.Entity, live, full), &c.LiveMembers, &c.FullMembers, &c.Members, &c.LiveDiffer, &c.FullDiffer, &c.Renamed); err != nil {
		return err
	}
	c.Equal = c.LiveMembers+c.FullMembers+c.LiveDiffer+c.FullDiffer+c.Renamed == 0
	if !c.Equal {
		for row, err := range a.rows(ctx, s, compile.Apart(c.Entity, live, full, o.Limit)) {
			if err != nil {
				return err
			}
			n, err := integer(row[2])
			if err != nil {
				return err
			}
			p := ApartProfiles{Live: text(row[0]), Full: text(row[1]), Members: n, Type: text(row[3])}
			if o.Values {
				p.Value = text(row[4])
			}
			c.Apart = append(c.Apart, p)
		}
	}
	for _, t := range compared {
		if err := a.compareTable(ctx, s, c, t.what, t.columns, live, full, o); err != nil {
			return err
		}
	}
	for _, source := range a.p.Model.Entity(c.Entity).Identity.From {
		if columns := compile.OwnerColumns(&a.p.Model, c.Entity, source); columns != nil {
			if err := a.compareTable(ctx, s, c, compile.Owners(source), columns, live, full, o); err != nil {
				return err
			}
		}
	}
	if c.Equal {
		return nil
	}
	var err error
	if c.Moved, err = a.moved(ctx, s, c.Entity, live, full); err != nil {
		return err
	}
	if c.Decided, err = a.decided(ctx, s, c.Entity, live, full); err != nil {
		return err
	}
	c.Rules, err = a.ruled(ctx, s, c.Entity, live, full)
	return err
}

// decided counts the pairs of which two builds know that a person said something else.
func (a *App) decided(ctx context.Context, s warehouse.Session, entity string, live, full compile.Build) (n int64, err error) {
	for _, b := range []compile.Build{live, full} {
		if has, err := a.has(ctx, s, entity, b, compile.Pairs); err != nil || !has[compile.Pairs] {
			return 0, err
		}
	}
	return n, a.row(ctx, s, compile.DecisionsMoved(entity, live, full), &n)
}

// ruled reports whether two builds were made by different rules, as far as both say by which.
func (a *App) ruled(ctx context.Context, s warehouse.Session, entity string, live, full compile.Build) (bool, error) {
	for _, b := range []compile.Build{live, full} {
		has, err := a.has(ctx, s, entity, b, compile.StateTable)
		if err != nil || !has[compile.StateTable] {
			return false, err
		}
	}
	var l, f int64
	err := a.row(ctx, s, compile.Surplus(entity, compile.StateTable, []string{"shape", "rules", "ignored"}, live, full), &l, &f)
	return l+f > 0, err
}

// compareTable compares a table of two builds as sets of rows.
func (a *App) compareTable(ctx context.Context, s warehouse.Session, c *IdentityCheck, what string, columns []string, live, full compile.Build, o IdentityOptions) error {
	var both []string
	known := map[string]int{}
	for _, b := range []compile.Build{live, full} {
		have, err := s.Columns(ctx, b.Table(c.Entity, what))
		if err != nil {
			return err
		}
		for _, col := range have {
			known[col.Name]++
		}
	}
	for _, name := range columns {
		if known[name] == 2 { // an older weir may have made the build in force
			both = append(both, name)
		}
	}
	d := TableDifference{Table: c.Entity + "_" + what}
	if err := a.row(ctx, s, compile.Surplus(c.Entity, what, both, live, full), &d.Live, &d.Full); err != nil {
		return err
	}
	if d.Live+d.Full > 0 {
		c.Equal = false
		for row, err := range a.rows(ctx, s, compile.SurplusRows(c.Entity, what, both, live, full, o.Limit)) {
			if err != nil {
				return err
			}
			d.Examples = append(d.Examples, example(both, row, o.Values))
		}
	}
	c.Tables = append(c.Tables, d)
	return nil
}

// harmless are the columns that hold no personal data.
var harmless = map[string]bool{"type": true, "rule": true, "status": true, "source": true, "profile_id": true, "anonymous": true, "seen": true, "first_seen": true, "last_seen": true}

// example is a row that one build has more often than the other, which its last cell says.
func example(columns []string, row []any, values bool) map[string]string {
	e := map[string]string{"only": "live"}
	if d, ok := row[len(columns)].(int64); ok && d < 0 {
		e["only"] = "full"
	}
	for i, name := range columns {
		if row[i] != nil && (values || harmless[name]) {
			e[name] = cell(row[i])
		}
	}
	return e
}

// moved says which sources have other rows than those that the build in force has read.
func (a *App) moved(ctx context.Context, s warehouse.Session, entity string, live, now compile.Build) ([]SourceMoved, error) {
	out := []SourceMoved{}
	if live.ID == "" {
		return out, nil
	}
	by := map[string]*SourceMoved{}
	read := func(b compile.Build, into func(*SourceMoved) (*int64, *time.Time)) error {
		for row, err := range a.rows(ctx, s, compile.SourceRows(entity, b)) {
			if err != nil {
				return err
			}
			name := text(row[0])
			if by[name] == nil {
				by[name] = &SourceMoved{Source: name}
			}
			n, at := into(by[name])
			if *n, err = integer(row[1]); err != nil {
				return err
			}
			*at, _ = row[2].(time.Time)
		}
		return nil
	}
	if err := read(live, func(m *SourceMoved) (*int64, *time.Time) { return &m.Rows, &m.Last }); err != nil {
		return nil, err
	}
	if err := read(now, func(m *SourceMoved) (*int64, *time.Time) { return &m.Now, &m.Newest }); err != nil {
		return nil, err
	}
	for _, source := range slices.Sorted(maps.Keys(by)) {
		if m := by[source]; m.Rows != m.Now || !m.Last.Equal(m.Newest) {
			out = append(out, *m)
		}
	}
	return out, nil
}
