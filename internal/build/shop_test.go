package build_test

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	_ "github.com/weir-data/weir/destinations/klaviyo"
	_ "github.com/weir-data/weir/destinations/meta"
	_ "github.com/weir-data/weir/destinations/twilio"
	"github.com/weir-data/weir/examples"
	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/demo"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb"
)

// people is how many the invented shop has; WEIR_PEOPLE sets it for a closer look.
func people() int {
	if n, err := strconv.Atoi(os.Getenv("WEIR_PEOPLE")); err == nil {
		return n
	}
	return 3000
}

func TestShop(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, examples.Shop()); err != nil {
		t.Fatal(err)
	}
	p, findings := project.Load(dir, "")
	for _, f := range findings {
		t.Errorf("the example has a finding:\n%s", f)
	}
	cfg, err := p.WarehouseConfig()
	if err != nil {
		t.Fatal(err)
	}
	kind, _ := warehouse.Lookup(p.Target.Type)
	w, err := kind.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Generate(t.Context(), s, kind.Dialect(), demo.Options{People: people(), Seed: 1, Now: now}); err != nil {
		t.Fatal(err)
	}
	in := compile.Input{Model: &p.Model, Entity: "customer", Timezone: p.Timezone}
	problems, err := build.Sources(t.Context(), s, &in, nil)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	b := &build.Builder{W: w}
	var profiles []string
	for i := range 2 {
		start := time.Now()
		r, err := b.Build(t.Context(), in, build.Options{AsOf: now})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range slices.Sorted(maps.Keys(r.Stats)) {
			t.Logf("%-30s %d", k, r.Stats[k])
		}
		t.Logf("built in %s: %v", time.Since(start), r.Seconds)
		in := in
		in.Build = r.Build
		owners, problems := compile.RowOwners(in)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		q, err := demo.Measure(t.Context(), s, kind.Dialect(), owners)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", q)
		if q.Precision < 0.999 || q.Recall < 0.99 {
			t.Errorf("identity %+v", q)
		}
		var ids []string
		for row, err := range s.Query(t.Context(), "select profile_id from weir.customer_profiles order by 1") {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, row[0].(string))
		}
		if len(ids) < people()*9/10 {
			t.Errorf("%d people have %d profiles", people(), len(ids))
		}
		if i > 0 {
			if d := cmp.Diff(profiles, ids); d != "" {
				t.Errorf("a rebuild of the same data changes ids:\n%s", d)
			}
		}
		profiles = ids
	}
}
