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

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/rel"
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
//	file NAME       a file that the model names
//	data.sql        statements that make the sources' tables
//	want profiles   every profile with its traits
//	want provenance the source, key and time of the row that each kept value comes from
//	want members    every segment with its members
//	want members at TIME ZONE  the same of a build from nothing at another time, in another zone
//	want delta NAME who joined and left a segment since the last build
//	want sizes      the sizes of segments
//	want lift SEGMENT SOURCE[.COLUMN] [within DAYS]  what the arms of a segment did since
//	want buckets    the arms of holdouts and splits, held against the hash that decides
//	want NAME       the result of the query in the file "ask NAME", or of the sync NAME
//	want problems   what does not fit, in place of a program
//	again …         more data, then the next build over the first; more wants follow
//
// Profiles are shown by their trait `who`, so that no case depends on the form of their ids.
func TestRules(t *testing.T) { runRules(t, casetest.DuckDB, casetest.Options{}) }

func runRules(t *testing.T, open casetest.Open, o casetest.Options) {
	files, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		for _, shuffled := range o.Orders() {
			name := strings.TrimSuffix(filepath.Base(file), ".txtar")
			if shuffled {
				name += ", shuffled"
			}
			t.Run(name, func(t *testing.T) { runRule(t, newWorld(t, open(t)), file, shuffled) })
		}
	}
}

// updating reports whether expected results are to be rewritten; the flag is the package's.
func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// runRule runs an archive, with the rows of the sources as written or in another order, which
// must change nothing.
func runRule(t testing.TB, w *world, file string, shuffled bool) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
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
				c.files = archive.Files
			}
			c.read(t, text)
		case "file":
		case "data.sql":
			w.script(t, text)
		case "again":
			w.script(t, text)
			c.again()
		case "ask":
			asks[name] = strings.TrimSpace(text)
		case "want":
			if shuffled && strings.HasPrefix(name, "members at ") {
				continue // one more order of the rows shows nothing of times
			}
			got := c.result(t, name, asks[name])
			if updating() && !shuffled && w.d.Name() == "duckdb" {
				changed = changed || got != text
				archive.Files[i].Data = []byte(got)
			} else if d := gocmp.Diff(text, got); d != "" {
				t.Errorf("%s: %s", f.Name, d)
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
	w     *world
	model ruleModel
	in    compile.Input
	found []diag.Problem
	n     int // of the build
	built bool

	shuffled bool
	files    []txtar.File // of the archive
}

func newProject(w *world, shuffled bool) *project {
	return &project{w: w, shuffled: shuffled, n: 1, in: compile.Input{
		AsOf:  time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		Build: compile.Build{Schema: "weir", ID: "1"},
	}}
}

func (c *project) read(t testing.TB, text string) {
	t.Helper()
	c.model = ruleModel{}
	doc, findings := yamldoc.Decode("model.yml", []byte(text), &c.model)
	c.load(t)
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

// load reads the models that traits name.
func (c *project) load(t testing.TB) {
	t.Helper()
	for i := range c.model.Entities {
		for j := range c.model.Entities[i].Traits {
			s := c.model.Entities[i].Traits[j].Score
			if s == nil {
				continue
			}
			at := slices.IndexFunc(c.files, func(f txtar.File) bool { return f.Name == "file "+s.Model })
			if at < 0 {
				t.Fatalf("there is no file %s", s.Model)
			}
			if err := s.Load(c.files[at].Data); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// again makes the next build follow this one, a day later.
func (c *project) again() {
	c.n++
	c.built = false
	c.in.Previous = c.in.Build
	c.in.Build = compile.Build{Schema: "weir", ID: fmt.Sprint(c.n)}
	c.in.AsOf = c.in.AsOf.Add(24 * time.Hour)
}

func (c *project) build(t testing.TB) {
	t.Helper()
	if c.built {
		return
	}
	c.built = true
	c.in.Columns = nil
	for i := range c.in.Model.Sources {
		src := &c.in.Model.Sources[i]
		if c.shuffled {
			c.w.shuffle(t, src.Table)
		}
		c.w.columns(t, &c.in, src.Name, "SELECT * FROM "+src.Table)
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
func (c *project) result(t testing.TB, name, ask string) string {
	t.Helper()
	if at, ok := strings.CutPrefix(name, "members at "); ok {
		return c.elsewhen(t, at).members(t)
	}
	c.build(t)
	switch {
	case name == "problems":
		return problemText(c.found)
	case len(c.found) > 0:
		t.Fatal(problemText(c.found))
	case name == "profiles":
		names := c.in.Model.Entity(c.in.Entity).TraitNames()
		quoted := make([]string, len(names))
		for i, n := range names {
			quoted[i] = c.w.d.Quote(n)
		}
		return c.w.table(t, names, "SELECT "+strings.Join(quoted, ", ")+" FROM "+c.table(compile.Profiles))
	case name == "provenance":
		return c.provenance(t)
	case name == "members":
		return c.members(t)
	case strings.HasPrefix(name, "delta "):
		q := compile.SegmentDelta(c.in.Entity, c.in.Previous, c.in.Build, strings.TrimPrefix(name, "delta "))
		return c.w.table(t, []string{"joined", "left", "size"}, c.w.render(t, q))
	case name == "sizes":
		return c.w.table(t, []string{"segment", "members"}, c.w.render(t, compile.Sizes(c.in.Entity, c.in.Build)))
	case strings.HasPrefix(name, "lift "):
		return c.lift(t, strings.Fields(name)[1:])
	case name == "buckets":
		return c.buckets(t)
	case ask != "":
		for _, what := range []string{compile.Profiles, compile.Memberships, compile.History, compile.Assignments, compile.Merges, compile.Provenance, compile.Predictions} {
			ask = strings.ReplaceAll(ask, "{"+what+"}", c.table(what))
		}
		columns, err := c.w.s.QueryColumns(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, col := range columns {
			names = append(names, col.Name)
		}
		return c.w.table(t, names, ask)
	}
	return c.desired(t, name)
}

// provenance lists, for each profile, the rows that its kept traits come from.
func (c *project) provenance(t testing.TB) string {
	traits := compile.ProvenanceOf(c.in.Model.Entity(c.in.Entity))
	columns := []string{"p.who"}
	for _, name := range traits {
		source, key, at := compile.ProvenanceColumns(name)
		columns = append(columns, "o."+source, "o."+key, "o."+at)
	}
	lines := []string{}
	for _, row := range c.w.rows(t, fmt.Sprintf("SELECT %s FROM %s p LEFT JOIN %s o USING (profile_id)", strings.Join(columns, ", "), c.table(compile.Profiles), c.table(compile.Provenance))) {
		line := row[:1:1]
		for i := 1; i < len(row); i += 3 {
			line = append(line, strings.TrimSuffix(strings.Join(row[i:i+3], " "), "T00:00:00Z"))
		}
		lines = append(lines, strings.Join(line, " | "))
	}
	slices.Sort(lines)
	return strings.Join(append([]string{strings.Join(append([]string{"who"}, traits...), " | ")}, lines...), "\n") + "\n"
}

// members lists each segment with its members.
func (c *project) members(t testing.TB) string {
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
func (c *project) desired(t testing.TB, name string) string {
	t.Helper()
	i := slices.IndexFunc(c.model.Syncs, func(s syncs.Sync) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("there is no sync or ask %q", name)
	}
	s, in := c.model.Syncs[i], c.in
	if s.SQL != "" {
		c.w.columns(t, &in, compile.SQLSource(s).Name, s.SQL)
	}
	rows, problems := compile.Desired(in, s, ruleObject(), destinations.Email, s.Purpose)
	if len(problems) > 0 {
		return problemText(problems)
	}
	names := []string{"key"}
	for i := range rows.IDs {
		names = append(names, fmt.Sprintf("id_%d", i+1))
	}
	for i := range rows.Fields {
		names = append(names, fmt.Sprintf("field_%d", i+1))
	}
	names = append(names, "barred", "invalid")
	text := "SELECT q." + strings.Join(names, ", q.") + " FROM (" + c.w.render(t, rows.Query) + ") q"
	if s.Segment != "" || s.Entity != "" {
		text = fmt.Sprintf("SELECT p.who || substr(q.key, length(p.profile_id) + 1), q.%s FROM (%s) q JOIN %s p ON q.key = p.profile_id OR q.key LIKE p.profile_id || ':%%'",
			strings.Join(names[1:], ", q."), c.w.render(t, rows.Query), c.table(compile.Profiles))
	}
	table := c.w.table(t, names, text)
	if g := rows.Given; g != nil { // the same in two steps, with a hash of what is given
		r := []rel.Expr{rel.T("mark")}
		cs := []rel.Column{rel.As("key", rel.C("r", "key"))}
		for _, name := range g.Columns {
			r, cs = append(r, rel.C("r", name)), append(cs, rel.As(name, rel.C("r", name)))
		}
		cs = append(cs, rel.As("mark", rel.F(rel.HashRow, r...)))
		steps := c.w.render(t, g.Rows(rel.Sub{Query: rel.Select{Columns: cs, From: rel.Sub{Query: g.Query, Alias: "r"}}, Alias: "g"}, "mark"))
		if again := c.w.table(t, names, strings.ReplaceAll(text, c.w.render(t, rows.Query), steps)); again != table {
			t.Errorf("%s in two steps is\n%s\nand at once\n%s", name, again, table)
		}
	}
	out := table + "of " + c.w.rows(t, c.w.render(t, rows.Source))[0][0] + "\n"
	if rows.Barred != nil {
		out += c.w.table(t, []string{"who", "barred"}, fmt.Sprintf("SELECT p.who, q.barred FROM (%s) q LEFT JOIN %s p ON p.profile_id = q.key",
			c.w.render(t, rows.Barred), c.table(compile.Profiles)))
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
