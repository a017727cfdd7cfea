package build_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// tiny is a small world: three records, of which two are one person.
func tiny(t *testing.T, w warehouse.Warehouse, rows ...string) compile.Input {
	t.Helper()
	if len(rows) == 0 {
		rows = []string{"1,c1,ann@example.com,2026-01-01T00:00:00Z", "2,,ann@example.com,2026-01-02T00:00:00Z", "3,c3,,2026-01-03T00:00:00Z"}
	}
	fill(t, w, rows)
	ids := []models.SourceIdentifier{{Type: "customer_id", Column: "customer"}, {Type: "email", Column: "email"}}
	return compile.Input{Entity: "customer", Timezone: time.UTC, Model: &models.Model{
		Sources: []models.Source{{Name: "crm", Table: "raw.crm", Key: "id", UpdatedAt: "changed", Identifiers: ids}},
		Entities: []models.Entity{{Name: "customer", Identity: models.Identity{
			Identifiers: []models.Identifier{{Type: "customer_id", Limit: models.Limit{Max: 1}}, {Type: "email"}}, From: []string{"crm"}}}},
	}}
}

func fill(t *testing.T, w warehouse.Warehouse, rows []string) {
	t.Helper()
	with(t, w, func(s warehouse.Session) {
		data := "id,customer,email,changed:timestamp\n" + strings.Join(rows, "\n") + "\n"
		if err := casetest.Fill(context.Background(), s, "raw.crm", []byte(data), false); err != nil {
			t.Fatal(err)
		}
	})
}

func with(t *testing.T, w warehouse.Warehouse, f func(warehouse.Session)) {
	t.Helper()
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f(s)
}

// tables lists weir's tables and views.
func tables(t *testing.T, w warehouse.Warehouse) []string {
	t.Helper()
	var out []string
	with(t, w, func(s warehouse.Session) {
		names, err := s.Tables(t.Context(), "weir")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			out = append(out, n[strings.LastIndex(n, ".")+1:])
		}
	})
	slices.Sort(out)
	return out
}

// rows reads a live table, its columns joined by blanks.
func rows(t *testing.T, w warehouse.Warehouse, sql string) []string {
	t.Helper()
	var out []string
	with(t, w, func(s warehouse.Session) {
		for row, err := range s.Query(t.Context(), sql) {
			if err != nil {
				t.Fatal(err)
			}
			var cells []string
			for _, v := range row {
				cells = append(cells, casetest.Cell(v))
			}
			out = append(out, strings.Join(cells, " "))
		}
	})
	return out
}

const records = "SELECT key, profile_id FROM weir.customer_records ORDER BY key"

func must(t *testing.T, w warehouse.Warehouse, in compile.Input) *build.Result {
	t.Helper()
	res, err := (&build.Builder{W: w}).Build(t.Context(), in, build.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestBuildPublishes(t *testing.T) {
	w := casetest.DuckDB(t)
	in := tiny(t, w)
	if b, ok, err := (&build.Builder{W: w}).Live(t.Context(), "customer"); ok || err != nil {
		t.Fatalf("an empty warehouse has the build %v, %v", b, err)
	}
	var told []string
	builder := &build.Builder{W: w, Progress: func(step string, i, n int) { told = append(told, fmt.Sprintf("%d/%d", i, n)) }}
	at := time.Date(2026, 6, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	res, err := builder.Build(t.Context(), in, build.Options{AsOf: at})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(told); n == 0 || told[0] != fmt.Sprintf("1/%d", n) || told[n-1] != fmt.Sprintf("%d/%d", n, n) {
		t.Errorf("progress is %v", told)
	}
	if want := time.Date(2026, 6, 1, 11, 0, 0, 123456000, time.UTC); !res.AsOf.Equal(want) {
		t.Errorf("as of is %s, want %s", res.AsOf, want)
	}
	if res.Stats[compile.StatProfiles] != 2 || res.Stats[compile.StatRows] != 3 {
		t.Errorf("numbers are %v", res.Stats)
	}
	for _, phase := range []string{"identity", "traits", "segments"} {
		if _, ok := res.Seconds[phase]; !ok {
			t.Errorf("phase %s has no seconds: %v", phase, res.Seconds)
		}
	}
	want := []string{"1 cus_00000001", "2 cus_00000001", "3 cus_00000002"}
	if diff := cmp.Diff(want, rows(t, w, records)); diff != "" {
		t.Error(diff)
	}
	with(t, w, func(s warehouse.Session) {
		live, ok, err := build.Live(t.Context(), s, w, "customer")
		if !ok || err != nil || live != res.Build {
			t.Errorf("the build in force is %v, %v, want %v", live, err, res.Build)
		}
		asOf, err := build.AsOf(t.Context(), s, w, "customer")
		if err != nil || !asOf.Equal(res.AsOf) {
			t.Errorf("its time is %s, %v", asOf, err)
		}
	})
	// Without a time the warehouse's clock counts, and the tables of the last two builds stay, with
	// the bases that they stand on; a build from nothing needs no base but its own.
	for range 3 {
		last := must(t, w, in)
		if d := time.Since(last.AsOf); d < -time.Minute || d > time.Minute {
			t.Errorf("the warehouse's clock says %s", last.AsOf)
		}
	}
	stay := func() map[string]bool {
		seen := map[string]bool{}
		for _, name := range tables(t, w) {
			if i := strings.LastIndex(name, "_b"); i > 0 && name != "customer_builds" && strings.HasPrefix(name, "customer_") {
				seen[name[i+2:]] = seen[name[i+2:]] || !strings.HasSuffix(name[:i], "_base")
			}
		}
		return seen
	}
	if diff := cmp.Diff(map[string]bool{"1": false, "3": true, "4": true}, stay()); diff != "" {
		t.Errorf("builds with tables, false for bases alone (-want +got):\n%s", diff)
	}
	for range 2 {
		if _, err := (&build.Builder{W: w}).Build(t.Context(), in, build.Options{Full: true}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]bool{"5": true, "6": true}, stay()); diff != "" {
		t.Errorf("builds with tables (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, rows(t, w, records)); diff != "" {
		t.Error(diff)
	}
}

// TestFullKeepsHistory holds that a build from nothing keeps what became of profiles before it.
func TestFullKeepsHistory(t *testing.T) {
	w := casetest.DuckDB(t)
	in := tiny(t, w, "1,,ann@example.com,2026-05-01T00:00:00Z", "2,c2,,2026-05-02T00:00:00Z")
	must(t, w, in)
	fill(t, w, []string{"1,c2,ann@example.com,2026-05-03T00:00:00Z", "2,c2,,2026-05-02T00:00:00Z"})
	must(t, w, in)
	history := `SELECT kind || ' ' || coalesce(from_id, '') || ' ' || to_id || ' ' || build FROM weir.customer_merges ORDER BY 1`
	want := []string{"merge cus_00000002 cus_00000001 2", "new  cus_00000001 1", "new  cus_00000002 1"}
	if diff := cmp.Diff(want, rows(t, w, history)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for range 2 {
		if _, err := (&build.Builder{W: w}).Build(t.Context(), in, build.Options{Full: true}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, rows(t, w, history)); diff != "" {
			t.Fatalf("after a build from nothing (-want +got):\n%s", diff)
		}
	}
}

// broken is a warehouse whose sessions fail at one statement.
type broken struct {
	warehouse.Warehouse
	at, n int
	match string // counts only statements with this text
}

type brokenSession struct {
	warehouse.Session
	w *broken
}

var errBroken = errors.New("the line is dead")

func (b *broken) Session(ctx context.Context) (warehouse.Session, error) {
	s, err := b.Warehouse.Session(ctx)
	return &brokenSession{s, b}, err
}

func (s *brokenSession) Exec(ctx context.Context, sql string) (int64, error) {
	if strings.Contains(sql, s.w.match) {
		if s.w.n++; s.w.n == s.w.at {
			return 0, errBroken
		}
	}
	return s.Session.Exec(ctx, sql)
}

func (s *brokenSession) Query(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	return s.Session.Query(ctx, sql)
}

// TestBuildFailsAnywhere breaks a build at many of its statements: the build in force stays as it
// was, nothing of the broken one stays, and the next one is good.
func TestBuildFailsAnywhere(t *testing.T) {
	w := casetest.DuckDB(t)
	in := tiny(t, w)
	must(t, w, in)
	before := tables(t, w)
	fill(t, w, []string{"1,c1,,2026-01-01T00:00:00Z"})
	count := &broken{Warehouse: w, match: "CREATE TABLE"}
	for at := 1; ; at++ {
		b := &broken{Warehouse: w, at: at, match: "CREATE"}
		_, err := (&build.Builder{W: b}).Build(t.Context(), in, build.Options{})
		if err == nil {
			break
		}
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "building customer") {
			t.Fatalf("at statement %d: %v", at, err)
		}
		if strings.Contains(err.Error(), "replacing view") {
			break // published: the views are made anew by the next build
		}
		if diff := cmp.Diff(before, tables(t, w)); diff != "" {
			t.Fatalf("tables after a failure at statement %d, %v (-before +after):\n%s", at, err, diff)
		}
		if got := rows(t, w, records); len(got) != 3 {
			t.Fatalf("after a failure at statement %d the records are %v", at, got)
		}
		count.n = at
	}
	if count.n < 30 {
		t.Fatalf("only %d statements failed", count.n)
	}
	must(t, w, in)
	if diff := cmp.Diff([]string{"1 cus_00000001"}, rows(t, w, records)); diff != "" {
		t.Error(diff)
	}
}

// TestBuildStopped stops a build by its context: what it made is dropped all the same.
func TestBuildStopped(t *testing.T) {
	w := casetest.DuckDB(t)
	in := tiny(t, w)
	must(t, w, in)
	before := tables(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	b := &build.Builder{W: w, Progress: func(step string, i, n int) {
		if strings.HasPrefix(step, "traits") {
			cancel()
		}
	}}
	if _, err := b.Build(ctx, in, build.Options{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	if diff := cmp.Diff(before, tables(t, w)); diff != "" {
		t.Errorf("tables (-before +after):\n%s", diff)
	}
	must(t, w, in)
}

func TestLease(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatalf("running a program that ends at once: %v", err)
	}
	for _, c := range []struct {
		name, holder, expires string
		busy                  string
	}{
		{"another host holds it", "elsewhere:12:abc", "2999-01-01", "process 12 on elsewhere"},
		{"its lease ran out", "elsewhere:12:abc", "2020-01-01", ""},
		{"its process is dead", fmt.Sprintf("%s:%d:abc", strings.ReplaceAll(host, ":", "-"), gone.Process.Pid), "2999-01-01", ""},
		{"its process lives", fmt.Sprintf("%s:%d:abc", strings.ReplaceAll(host, ":", "-"), os.Getpid()), "2999-01-01", fmt.Sprintf("process %d on", os.Getpid())},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := casetest.DuckDB(t)
			in := tiny(t, w)
			must(t, w, in)
			with(t, w, func(s warehouse.Session) {
				if _, err := s.Exec(t.Context(), fmt.Sprintf("UPDATE weir.build_leases SET holder = '%s', expires = '%s'", c.holder, c.expires)); err != nil {
					t.Fatal(err)
				}
			})
			res, err := (&build.Builder{W: w}).Build(t.Context(), in, build.Options{})
			var busy *build.BusyError
			switch {
			case c.busy == "" && err != nil:
				t.Fatal(err)
			case c.busy == "" && res.Build.ID != "2":
				t.Errorf("the build is %v, want 2", res.Build)
			case c.busy != "" && (!errors.As(err, &busy) || !strings.Contains(err.Error(), c.busy)):
				t.Errorf("error is %v, want one with %q", err, c.busy)
			}
		})
	}
}

// TestLost takes the lease away while a build runs: it publishes nothing and leaves nothing.
func TestLost(t *testing.T) {
	w := casetest.DuckDB(t)
	in := tiny(t, w)
	must(t, w, in)
	before := tables(t, w)
	fill(t, w, []string{"1,c1,,2026-01-01T00:00:00Z"})
	b := &build.Builder{W: w, Progress: func(step string, i, n int) {
		if i == n {
			with(t, w, func(s warehouse.Session) {
				if _, err := s.Exec(t.Context(), "UPDATE weir.build_leases SET holder = 'elsewhere:1:x', epoch = epoch + 1"); err != nil {
					t.Error(err)
				}
			})
		}
	}}
	if _, err := b.Build(t.Context(), in, build.Options{}); !errors.Is(err, build.ErrLost) {
		t.Fatalf("error is %v", err)
	}
	if diff := cmp.Diff(before, tables(t, w)); diff != "" {
		t.Errorf("tables (-before +after):\n%s", diff)
	}
	if got := rows(t, w, records); len(got) != 3 {
		t.Errorf("records are %v", got)
	}
	if got := rows(t, w, "SELECT holder FROM weir.build_leases"); got[0] != "elsewhere:1:x" {
		t.Errorf("the lease is held by %v", got)
	}
}

func TestScratch(t *testing.T) {
	w := casetest.DuckDB(t)
	in := tiny(t, w)
	in.Model.Entities[0].Identity.Guard.MaxProfileSize = 1
	b := &build.Builder{W: w}
	res, err := b.Build(t.Context(), in, build.Options{Scratch: "p1"})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Held) != 1 || res.Held[0].Code != build.CodeProfileSize {
		t.Errorf("held by %v", res.Held)
	}
	if got := rows(t, w, "SELECT key, profile_id FROM weir.scratch_p1_customer_records ORDER BY key"); len(got) != 3 {
		t.Errorf("records are %v", got)
	}
	if _, ok, err := b.Live(t.Context(), "customer"); ok || err != nil {
		t.Errorf("a scratch build is in force: %v", err)
	}
	// A guard holds what would be published, until a person lets it through.
	var held *build.HeldError
	if _, err := b.Build(t.Context(), in, build.Options{}); !errors.As(err, &held) || held.Fix == "" {
		t.Errorf("error is %v", err)
	}
	if _, ok, _ := b.Live(t.Context(), "customer"); ok {
		t.Error("a build that is held is in force")
	}
	if _, err := b.Build(t.Context(), in, build.Options{Accept: []string{build.CodeProfileSize}}); err != nil {
		t.Error(err)
	}
	if err := b.Discard(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	if err := b.Discard(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	leftover := func() []string {
		return slices.DeleteFunc(tables(t, w), func(n string) bool { return !strings.HasPrefix(n, "scratch_") })
	}
	if left := leftover(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// What a dead process left is collected by the next build, what a living one has is not.
	for _, id := range []string{"p2", "p3"} {
		if _, err := b.Build(t.Context(), in, build.Options{Scratch: id}); err != nil {
			t.Fatal(err)
		}
	}
	with(t, w, func(s warehouse.Session) {
		if _, err := s.Exec(t.Context(), "UPDATE weir.build_scratch SET began = '2020-01-01' WHERE id = 'p2'"); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := b.Build(t.Context(), in, build.Options{Accept: []string{build.CodeProfileSize}}); err != nil {
		t.Fatal(err)
	}
	for _, n := range leftover() {
		if !strings.HasPrefix(n, "scratch_p3_") {
			t.Errorf("left behind: %s", n)
		}
	}
	if len(leftover()) == 0 {
		t.Error("the scratch build of a living process was dropped")
	}
}

// TestTwoEntities builds two entities whose names begin alike: neither touches the other's tables.
func TestTwoEntities(t *testing.T) {
	w := casetest.DuckDB(t)
	in := tiny(t, w)
	other := in.Model.Entities[0]
	other.Name = "customer_vip"
	in.Model.Entities = append(in.Model.Entities, other)
	second := in
	second.Entity = "customer_vip"
	must(t, w, second)
	for range 3 {
		must(t, w, in)
	}
	if got := rows(t, w, "SELECT key, profile_id FROM weir.customer_vip_records ORDER BY key"); len(got) != 3 {
		t.Errorf("records are %v", got)
	}
	if got := rows(t, w, records); len(got) != 3 {
		t.Errorf("records are %v", got)
	}
}

func TestSourcesNamesWhatIsMissing(t *testing.T) {
	w := casetest.DuckDB(t)
	in := tiny(t, w)
	in.Model.Sources = append(in.Model.Sources,
		models.Source{Name: "orders", Table: "raw.crn", Key: "id"},
		models.Source{Name: "query", SQL: "SELECT id FROM raw.crm WHERE", Key: "id"},
		models.Source{Name: "good", SQL: "SELECT id, 1 AS n FROM raw.crm", Key: "id"})
	with(t, w, func(s warehouse.Session) {
		problems, err := build.Sources(t.Context(), s, &in, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range problems {
			got = append(got, p.Path+" "+p.Code+" "+p.Fix)
		}
		want := []string{"sources.orders.table build.missing_table did you mean raw.crm?", "sources.query.sql build.sql "}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]models.Column{{Name: "id", Type: models.Text}, {Name: "n", Type: models.Integer}}, in.Columns["good"]); diff != "" {
			t.Error(diff)
		}
	})
}
