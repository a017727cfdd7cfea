package project

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// Test gives rows to sources and says who must come out.
type Test struct {
	Name        string        `yaml:",key"`
	Description string        `yaml:"description" doc:"For people."`
	Now         *models.Value `yaml:"now,required" doc:"The time at which the test runs."`
	Given       []TestRows    `yaml:"given,required" doc:"Source to its rows. Sources that are not named are empty."`
	Expect      []TestRows    `yaml:"expect,required" doc:"What comes out: segment.NAME, entity.NAME, policy.NAME: all the people; profile.ENTITY: some of them; identity.ENTITY: which records are one person; sync.NAME: all the rows that are sent."`
}

// TestRows are the rows of one source, or what is expected of one thing.
type TestRows struct {
	Of   string       `yaml:",key"`
	Rows [][]TestCell `yaml:"rows,list,required" doc:"The rows."`
}

// TestCell is one value of a row, or several values of a list.
type TestCell struct {
	Column string          `yaml:",key"`
	Value  *models.Value   `yaml:"value,scalar,null" doc:"The value; null for none."`
	Values []*models.Value `yaml:"values,list" doc:"Several: identifiers of one person, keys of records, a list."`
}

// The kinds of expectations, before the dot of their name.
const (
	ExpectSegment  = "segment"  // the members
	ExpectEntity   = "entity"   // the profiles
	ExpectProfile  = "profile"  // some of the profiles
	ExpectIdentity = "identity" // the profiles, by the keys of their records
	ExpectPolicy   = "policy"   // the profiles that a policy lets pass
	ExpectSync     = "sync"     // the rows that a sync sends
)

var expectKinds = []string{ExpectSegment, ExpectEntity, ExpectProfile, ExpectIdentity, ExpectPolicy, ExpectSync}

// Expected splits the name of an expectation: segment.vip.
func (r *TestRows) Expected() (kind, name string) {
	kind, name, _ = strings.Cut(r.Of, ".")
	return kind, name
}

// tests checks that tests name what there is.
func (l *loader) tests() {
	for i := range l.p.Tests {
		t := &l.p.Tests[i]
		at := models.Path("tests", t.Name)
		if what, fix := models.NameProblem(t.Name); what != "" {
			l.failKey(at, "models.name", fix, "%s", what)
		}
		if t.Now != nil && t.Now.Type != models.Date && t.Now.Type != models.Timestamp {
			l.fail(at+".now", "project.test_now", "write a time such as 2026-06-01T00:00:00Z", "now must be a time")
		}
		for _, g := range t.Given {
			l.given(at+".given."+g.Of, g)
		}
		if len(t.Expect) == 0 {
			l.failKey(at, "project.test_expect", "add expect: {segment.NAME: [...]}", "test %s expects nothing, so that it cannot fail", t.Name)
		}
		for _, e := range t.Expect {
			l.expect(at+".expect."+e.Of, e)
		}
	}
}

func (l *loader) given(at string, g TestRows) {
	m := &l.p.Model
	if m.Source(g.Of) == nil {
		l.failKey(at, "models.unknown_source", diag.DidYouMean(g.Of, m.SourceNames()), "unknown source %q", g.Of)
		return
	}
	var known []string
	for _, c := range l.p.Columns[g.Of] {
		known = append(known, c.Name)
	}
	for j, row := range g.Rows {
		for _, c := range row {
			if len(known) > 0 && !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, c.Column) }) {
				l.failKey(fmt.Sprintf("%s[%d].%s", at, j, c.Column), "models.unknown_column", diag.DidYouMean(c.Column, known), "source %s has no column %q", g.Of, c.Column)
			}
		}
	}
}

// expect checks that an expectation is about what there is, and that its rows say it by names
// that are known.
func (l *loader) expect(at string, x TestRows) {
	m := &l.p.Model
	kind, name := x.Expected()
	var known []string
	var entity *models.Entity
	switch kind {
	case ExpectSegment:
		known = m.SegmentNames("")
		if s := m.Segment(name); s != nil {
			entity = m.Entity(s.Entity)
		}
	case ExpectEntity, ExpectProfile, ExpectIdentity:
		known = m.EntityNames()
		entity = m.Entity(name)
	case ExpectPolicy:
		for _, p := range m.Policies {
			if p.Require != nil || p.Suppress != nil {
				known = append(known, p.Name)
				if p.Name == name {
					entity = m.Entity(p.Entity)
				}
			}
		}
	case ExpectSync:
		for _, s := range l.p.Syncs {
			known = append(known, s.Name)
		}
	default:
		l.failKey(at, "project.test_expect", diag.DidYouMean(kind, expectKinds), "a test expects one of %s, and a name: %q is none of them", strings.Join(expectKinds, ", "), x.Of)
		return
	}
	if !slices.Contains(known, name) {
		l.failKey(at, "models.unknown_"+kind, diag.DidYouMean(name, known), "a test expects what %s gives, and there is no %s %q", x.Of, kind, name)
		return
	}
	columns := expectColumns(m, l.p.Sync(name), kind, entity)
	for j, row := range x.Rows {
		for _, c := range row {
			if !slices.Contains(columns, c.Column) {
				l.failKey(fmt.Sprintf("%s[%d].%s", at, j, c.Column), "project.test_column", diag.DidYouMean(c.Column, columns),
					"a row of %s is described by %s, and %q is none of these", x.Of, strings.Join(columns, ", "), c.Column)
			}
		}
	}
}

// expectColumns are the names that a row of an expectation may use.
func expectColumns(m *models.Model, s *syncs.Sync, kind string, e *models.Entity) []string {
	var out []string
	switch {
	case kind == ExpectSync && s != nil:
		for _, x := range s.Match {
			out = append(out, x.Identifier)
		}
		for _, x := range s.Fields {
			out = append(out, x.Name)
		}
	case kind == ExpectIdentity && e != nil:
		out = append(out, e.Identity.From...)
	case e != nil:
		out = e.TraitNames()
		for _, id := range e.Identity.Identifiers {
			if !slices.Contains(out, id.Type) {
				out = append(out, id.Type)
			}
		}
		if kind == ExpectSegment && !slices.Contains(out, "arm") {
			out = append(out, "arm")
		}
	}
	return out
}
