//go:build cgo && !noduckdb

package compile_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// TestRules runs the archives of testdata/rules: traits, conditions, memberships, policies and
// desired rows. An archive is a project and its data, with what must come out. Its files, in
// order:
//
//	model.yml       sources, entities, segments, policies, syncs, and as_of and timezone
//	data.sql        statements that make the sources' tables
//	want profiles   every profile with its traits
//	want members    every segment with its members
//	want NAME       the result of the query in the file "ask NAME", or of the sync NAME
//	want problems   what does not fit, in place of a program
//	again …         more data, then the next build over the first; more wants follow
//
// Profiles are shown by their trait `who`, so that no case depends on the form of their ids.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runRule(t, file, false)
			runRule(t, file, true)
		})
	}
}

// updating reports whether expected results are to be rewritten; the flag is the package's.
func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// runRule runs an archive, with the rows of the sources as written or in another order, which
// must change nothing.
func runRule(t *testing.T, file string, shuffled bool) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := openDuck(t)
	var c *project
	asks := map[string]string{}
	changed := false
	for i, f := range archive.Files {
		text := string(f.Data)
		verb, name, _ := strings.Cut(f.Name, " ")
		switch verb {
		case "model.yml":
			if c == nil {
				c = newProject(w, shuffled)
			}
			c.read(t, text)
		case "data.sql":
			w.script(t, text)
		case "again":
			w.script(t, text)
			c.again()
		case "ask":
			asks[name] = strings.TrimSpace(text)
		case "want":
			got := c.result(t, name, asks[name])
			if updating() && !shuffled {
				changed = changed || got != text
				archive.Files[i].Data = []byte(got)
			} else if d := cmp.Diff(text, got); d != "" {
				t.Errorf("%s (shuffled %v): %s", f.Name, shuffled, d)
			}
		default:
			t.Fatalf("%s: unknown file %q", file, f.Name)
		}
	}
	if changed {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// ruleModel is what a case's model.yml holds.
type ruleModel struct {
	models.Model `yaml:",inline"`
	Syncs        []syncs.Sync `yaml:"syncs"`
	AsOf         string       `yaml:"as_of"`
	Timezone     string       `yaml:"timezone"`
}

// project is a case's project in a warehouse.
type project struct {
	w     *duck
	model ruleModel
	in    compile.Input
	found []diag.Problem
	n     int // of the build
	built bool

	shuffled bool
}

func newProject(w *duck, shuffled bool) *project {
	return &project{w: w, shuffled: shuffled, n: 1, in: compile.Input{
		AsOf:  time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		Build: compile.Build{Schema: "weir", ID: "1"},
	}}
}

func (c *project) read(t *testing.T, text string) {
	t.Helper()
	c.model = ruleModel{}
	doc, findings := yamldoc.Decode("model.yml", []byte(text), &c.model)
	for _, p := range models.Check(&c.model.Model) {
		findings = append(findings, doc.Finding(p))
	}
	for _, f := range findings {
		if f.Severity != diag.Warning {
			t.Fatal(f)
		}
	}
	if c.model.AsOf != "" {
		at, err := time.Parse(time.RFC3339Nano, c.model.AsOf)
		if err != nil {
			t.Fatal(err)
		}
		c.in.AsOf = at
	}
	zone, err := time.LoadLocation(c.model.Timezone)
	if err != nil {
		t.Fatal(err)
	}
	c.in.Model, c.in.Entity, c.in.Timezone = &c.model.Model, c.model.Entities[0].Name, zone
}

// again makes the next build follow this one, a day later.
func (c *project) again() {
	c.n++
	c.built = false
	c.in.Previous = c.in.Build
	c.in.Build = compile.Build{Schema: "weir", ID: fmt.Sprint(c.n)}
	c.in.AsOf = c.in.AsOf.Add(24 * time.Hour)
}

func (c *project) build(t *testing.T) {
	t.Helper()
	if c.built {
		return
	}
	c.built = true
	c.in.Columns, c.in.Naive = map[string][]models.Column{}, map[string]map[string]bool{}
	for i := range c.in.Model.Sources {
		s := &c.in.Model.Sources[i]
		if c.shuffled {
			c.w.script(t, fmt.Sprintf("CREATE OR REPLACE TABLE %[1]s AS SELECT * FROM %[1]s AS t ORDER BY hash(t)", s.Table))
		}
		c.in.Columns[s.Name], c.in.Naive[s.Name] = c.w.columns(t, "SELECT * FROM "+s.Table)
	}
	program, problems := compile.Entity(c.in)
	if c.found = problems; program != nil {
		c.w.run(t, program)
	}
}

func (c *project) table(what string) string {
	return strings.Join(c.in.Build.Table(c.in.Entity, what), ".")
}

// result is what a want names.
func (c *project) result(t *testing.T, name, ask string) string {
	t.Helper()
	c.build(t)
	switch {
	case name == "problems":
		return problemText(c.found)
	case len(c.found) > 0:
		t.Fatal(problemText(c.found))
	case name == "profiles":
		var columns []string
		for _, tr := range c.in.Model.Entity(c.in.Entity).Traits {
			columns = append(columns, `"`+tr.Name+`"`)
		}
		return c.w.table(t, "SELECT "+strings.Join(columns, ", ")+" FROM "+c.table(compile.Profiles))
	case name == "members":
		return c.members(t)
	case ask != "":
		for _, what := range []string{compile.Profiles, compile.Memberships, compile.History, compile.Assignments, compile.Merges} {
			ask = strings.ReplaceAll(ask, "{"+what+"}", c.table(what))
		}
		return c.w.table(t, ask)
	}
	return c.desired(t, name)
}

// members lists each segment with its members.
func (c *project) members(t *testing.T) string {
	in := map[string][]string{}
	for _, r := range c.w.rows(t, fmt.Sprintf("SELECT m.segment, p.who FROM %s m JOIN %s p USING (profile_id)", c.table(compile.Memberships), c.table(compile.Profiles))) {
		in[r[0]] = append(in[r[0]], r[1])
	}
	var b strings.Builder
	for _, s := range c.in.Model.SegmentNames(c.in.Entity) {
		slices.Sort(in[s])
		b.WriteString(strings.TrimSpace(s+": "+strings.Join(in[s], " ")) + "\n")
	}
	return b.String()
}

// desired is what a sync wants at an object with an identifier of each kind. Keys that are
// profiles are shown by who they are.
func (c *project) desired(t *testing.T, name string) string {
	t.Helper()
	i := slices.IndexFunc(c.model.Syncs, func(s syncs.Sync) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("there is no sync or ask %q", name)
	}
	s, in := c.model.Syncs[i], c.in
	if s.SQL != "" {
		src := compile.SQLSource(s)
		in.Columns[src.Name], in.Naive[src.Name] = c.w.columns(t, s.SQL)
	}
	rows, problems := compile.Desired(in, s, ruleObject(), destinations.Email, s.Purpose)
	if len(problems) > 0 {
		return problemText(problems)
	}
	text := c.w.render(t, rows.Query)
	if s.Segment != "" || s.Entity != "" {
		text = fmt.Sprintf("SELECT p.who || substr(q.key, length(p.profile_id) + 1) AS key, q.* EXCLUDE (key) FROM (%s) q JOIN %s p ON p.profile_id = split_part(q.key, ':', 1)",
			text, c.table(compile.Profiles))
	}
	out := c.w.table(t, text) + "of " + c.w.rows(t, c.w.render(t, rows.Source))[0][0] + "\n"
	if rows.Barred != nil {
		out += c.w.table(t, fmt.Sprintf("SELECT p.who, q.barred FROM (%s) q LEFT JOIN %s p ON p.profile_id = q.key", c.w.render(t, rows.Barred), c.table(compile.Profiles)))
	}
	return out
}

// ruleObject is an object with identifiers and fields of each kind.
func ruleObject() destinations.Object {
	return destinations.Object{Name: "list", NullClears: true, Identifiers: []destinations.Identifier{
		{Name: "email", Normalise: "email.basic", AnyOf: "one"}, {Name: "phone", Normalise: "phone.e164", AnyOf: "one"}, {Name: "id"},
		{Name: "must", Required: true},
	}, Fields: []destinations.Field{{Name: "needed", Required: true}}}
}

func problemText(problems []diag.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s: %s (%s) [%s]\n", p.Path, p.What, p.Fix, p.Code)
	}
	return b.String()
}
