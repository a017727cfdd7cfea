//go:build cgo && !noduckdb && unix

package app

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	_ "github.com/weir-data/weir/destinations/file"
	_ "github.com/weir-data/weir/destinations/klaviyo"
	_ "github.com/weir-data/weir/destinations/twilio"
	"github.com/weir-data/weir/examples"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/demo"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/bigquery"
	_ "github.com/weir-data/weir/internal/warehouse/snowflake"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/bqtest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/sftest"
)

// everyWarehouse has the warehouses on which the whole main job must end as it does on DuckDB. A
// warehouse that is not there skips its test, or fails it.
var everyWarehouse = map[string]struct {
	slow     bool                                 // a stand-in, which make test does not wait for
	settings func(t *testing.T) map[string]string // of an empty one
}{
	"postgres":  {false, func(t *testing.T) map[string]string { return map[string]string{"dsn": pgtest.Start(t)} }},
	"snowflake": {true, func(t *testing.T) map[string]string { return sftest.Start(t).Settings() }},
	"bigquery":  {true, func(t *testing.T) map[string]string { return bqtest.Start(t).Settings() }},
}

// exported is a sync of every profile's traits to files, whose lines can be compared.
const exported = `
destinations:
  files: {type: file, purpose: none}
syncs:
  vips_to_files:
    segment: vip
    destination: files
    object: rows
    into: vips
    match: {email: email, phone: phone}
    fields: {first_name: first_name, country: country, lifetime_value: lifetime_value, last_order_at: last_order_at, favourite_cat: favourite_cat, open_tickets: open_tickets}
`

// story is what the main job leaves on a warehouse, in a form that does not depend on ids: a person is
// the identifiers that hang together.
type story struct {
	Profiles   map[string]string   // identifiers of a person -> traits
	Segments   map[string][]string // segment -> identifiers of its members
	Runs       []string            // how syncs ended, with their counts
	Files      []string            // lines that were delivered, in order of their text
	Sandbox    map[string]int64    // members at each vendor
	Plan       []string            // what the plan of the second day shows
	Second     []string            // how its run ended
	SecondData map[string]string   // profiles after it
}

// TestMainJobOnEveryWarehouse builds, plans and runs the shop twice, with other data the second time.
func TestMainJobOnEveryWarehouse(t *testing.T) {
	var want story
	for _, name := range slices.Sorted(maps.Keys(everyWarehouse)) {
		one := everyWarehouse[name]
		if one.slow && !casetest.Whole() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			settings := one.settings(t)
			if want.Profiles == nil {
				want = mainJob(t, "duckdb", map[string]string{"path": "shop.duckdb"})
			}
			if len(want.Profiles) < shopPeople/2 || len(want.Segments["vip"]) == 0 || len(want.Files) == 0 || want.Sandbox["klaviyo"]+want.Sandbox["meta"]+want.Sandbox["twilio"] == 0 {
				t.Fatalf("there is nothing to compare: %d profiles, %v", len(want.Profiles), want.Sandbox)
			}
			if cmp.Equal(want.Profiles, want.SecondData) || !strings.Contains(strings.Join(want.Plan, " "), "+") {
				t.Fatalf("nothing changes on the second day: %q", want.Plan)
			}
			began := time.Now()
			got := mainJob(t, name, settings)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the main job ends otherwise than on DuckDB (-DuckDB +%s):\n%s", name, diff)
			}
			t.Logf("%d profiles, %d delivered lines, in %s", len(got.Profiles), len(got.Files), time.Since(began).Round(time.Second))
		})
	}
}

// shopPeople are in the shop; an emulator takes a while for more.
const shopPeople = 60

func mainJob(t *testing.T, kind string, settings map[string]string) story {
	t.Helper()
	dir := t.TempDir()
	shop := examples.Shop()
	err := fs.WalkDir(shop, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(shop, p)
		if err != nil {
			return err
		}
		if p == "weir.yml" {
			b = []byte("project: shop\ntimezone: Europe/Paris\ntargets: {dev: " + targetYAML(t, kind, settings) + "}\n")
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(p)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, p), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "files.yml"), []byte(exported), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)
	load := func(at time.Time) *App {
		t.Helper()
		a, findings, err := Load(t.Context(), Options{Dir: dir, AsOf: at})
		if err != nil {
			t.Fatal(err, findings)
		}
		t.Cleanup(func() { a.Close() })
		if _, err := a.warehouse(); err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := load(at)
	d := a.w.Kind().Dialect()
	s := mustSession(t, a)
	if _, err := demo.Generate(t.Context(), s, d, demo.Options{People: shopPeople, Seed: 3, Now: at}); err != nil {
		t.Fatal(err)
	}
	box, err := a.Sandbox(t.Context(), SandboxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	var out story
	res, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out.Runs = runLines(res)
	out.Profiles, out.Segments = standing(t, a, s)

	// A day later some have ordered, some have said no, and somebody is gone.
	order := []string{"order_id", "customer_no", "email", "ship_country", "category", "amount", "status", "ordered_at"}
	first := rel.Values{Columns: []rel.Field{{Name: "n", Type: rel.BigInt}}, Rows: [][]rel.Expr{{rel.I(1_000_001)}, {rel.I(1_000_002)}, {rel.I(1_000_003)}}}
	err = warehouse.Exec(t.Context(), s, d,
		rel.Insert{Into: rel.Name{"shop", "orders"}, Columns: order, From: rel.Select{From: rel.Sub{Query: first, Alias: "v"}, Columns: []rel.Column{
			rel.As("order_id", rel.C("v", "n")), rel.As("customer_no", rel.F(rel.Concat, rel.T("K-000000"), rel.F(rel.Substr, rel.Cast{Expr: rel.C("v", "n"), Type: "text"}, rel.I(7), rel.I(1)))),
			rel.As("email", rel.Null("text")), rel.As("ship_country", rel.T("FR")), rel.As("category", rel.T("shoes")), rel.As("amount", rel.N("799.99")),
			rel.As("status", rel.T("paid")), rel.As("ordered_at", rel.At(at.Add(2*time.Hour)))}}},
		rel.Update{Table: rel.Name{"crm", "contacts"}, Set: []rel.Assign{{Column: "ads_opt_in", Value: rel.B(false)}, {Column: "modified_at", Value: rel.At(at.Add(3 * time.Hour))}},
			Where: rel.F(rel.HasSuffix, rel.C("t", "customer_no"), rel.T("7"))},
		rel.Delete{From: rel.Name{"shop", "orders"}, Where: rel.F(rel.HasSuffix, rel.C("t", "customer_no"), rel.T("9"))},
	)
	if err != nil {
		t.Fatal(err)
	}
	b := load(at.AddDate(0, 0, 1))
	b.o.Approve = []string{"syncs.removals", "syncs.changes", "build.merged"}
	p, err := b.Plan(t.Context(), PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range p.Segments {
		out.Plan = append(out.Plan, fmt.Sprintf("%s: %d to %d, +%d -%d", g.Segment, g.Before, g.After, g.Join, g.Leave))
	}
	for _, x := range p.Plans {
		out.Plan = append(out.Plan, fmt.Sprintf("%s: %+v held by %v", x.Sync, x.Counts, x.HeldBy))
	}
	if res, err = b.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	out.Second = runLines(res)
	out.SecondData, _ = standing(t, b, s)
	out.Files = delivered(t, filepath.Join(dir, ".weir", "sandbox", "files"))
	out.Sandbox = box.Members()
	return out
}

// targetYAML writes a target; its secrets come from the environment.
func targetYAML(t *testing.T, kind string, settings map[string]string) string {
	t.Helper()
	k, ok := warehouse.Lookup(kind)
	if !ok {
		t.Fatalf("%s is not there", kind)
	}
	secret := map[string]bool{}
	for _, s := range k.Settings() {
		secret[s.Name] = s.Secret
	}
	parts := []string{"type: " + kind, "send: sandbox"}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		v := settings[name]
		if secret[name] {
			env := "WEIR_TEST_" + strings.ToUpper(kind+"_"+name)
			t.Setenv(env, v)
			v = "${env:" + env + "}"
		}
		quoted, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, name+": "+string(quoted))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// runLines are how syncs ended.
func runLines(r *RunResult) []string {
	var out []string
	for _, x := range r.Runs {
		out = append(out, fmt.Sprintf("%s %s %+v %v", x.Sync, x.Status, x.Counts, x.Rejects))
	}
	slices.Sort(out)
	return out
}

// standing reads everybody, by their identifiers.
func standing(t *testing.T, a *App, s warehouse.Session) (profiles map[string]string, segments map[string][]string) {
	t.Helper()
	read := func(table string, columns ...string) [][]string {
		t.Helper()
		q := rel.Select{From: rel.Table{Name: rel.Name{a.w.Schema(), table}, Alias: "t"}}
		for _, c := range columns {
			q.Columns = append(q.Columns, rel.As(c, rel.C("t", c)))
		}
		var out [][]string
		for row, err := range warehouse.Rows(t.Context(), s, a.w.Kind().Dialect(), q) {
			if err != nil {
				t.Fatal(err)
			}
			line := make([]string, len(row))
			for i, v := range row {
				line[i] = cellText(v)
			}
			out = append(out, line)
		}
		return out
	}
	ids := map[string][]string{}
	for _, r := range read("customer_identifiers", "profile_id", "type", "value", "first_seen", "last_seen") {
		ids[r[0]] = append(ids[r[0]], strings.Join(r[1:], " "))
	}
	called := map[string]string{}
	for id, list := range ids {
		slices.Sort(list)
		called[id] = strings.Join(list, " · ")
	}
	traits := []string{"anonymous", "email", "phone", "first_name", "country", "email_consent", "sms_consent", "ads_consent", "lifetime_value", "orders_90d", "last_order_at", "favourite_cat", "open_tickets"}
	profiles, segments = map[string]string{}, map[string][]string{}
	for _, r := range read("customer_profiles", append([]string{"profile_id"}, traits...)...) {
		profiles[called[r[0]]] = strings.Join(r[1:], "|")
	}
	for _, r := range read("customer_memberships", "profile_id", "segment", "since") {
		segments[r[1]] = append(segments[r[1]], called[r[0]]+" since "+r[2])
	}
	for _, list := range segments {
		slices.Sort(list)
	}
	return profiles, segments
}

// cellText writes a value as every warehouse gives it: 5 and 5.0 are one number.
func cellText(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case json.Number, float64, int64:
		text := fmt.Sprint(v)
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
		return text
	}
	return fmt.Sprint(v)
}

// delivered are the lines of the files of a folder.
func delivered(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != ".csv" {
			return err
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		rows, err := csv.NewReader(f).ReadAll()
		for _, r := range rows {
			out = append(out, strings.Join(r, ","))
		}
		return errors.Join(err, f.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}
