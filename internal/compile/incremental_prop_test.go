package compile_test

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// compared are the tables of identity that two ways of making it must give alike, with their
// columns that do not depend on the numbers of nodes.
var compared = map[string][]string{
	compile.Identifiers:   {"type", "value", "profile_id", "first_seen", "last_seen", "source"},
	compile.Nodes:         {"type", "value", "source", "status", "first_seen", "last_seen", "seen", "profile_id"},
	compile.Records:       {"source", "key", "profile_id"},
	compile.Clusters:      {"profile_id", "anonymous", "size"},
	compile.DroppedLinks:  {"type", "value", "rule", "profile_id", "detail"},
	compile.Owners("web"): {"customer_id", "email", "loyalty", "anonymous_id", "profile_id"},
}

// tables reads the compared tables of a build, sorted.
func tables(t testing.TB, w warehouse.Warehouse, b compile.Build) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for what, columns := range compared {
		out[what] = sortedRows(t, w, b.Table("customer", what), columns, nil)
	}
	return out
}

// merges reads which profiles were merged at the time of a build, sorted.
func merges(t testing.TB, w warehouse.Warehouse, b compile.Build) []string {
	t.Helper()
	c := func(name string) rel.Expr { return rel.C("t", name) }
	return sortedRows(t, w, b.Table("customer", compile.Merges), []string{"at", "from_id", "to_id", "type", "value"},
		rel.F(rel.And, rel.F(rel.Eq, c("kind"), rel.T("merge")), rel.F(rel.Eq, c("build"), rel.T(b.ID))))
}

// sortedRows reads columns of a table.
func sortedRows(t testing.TB, w warehouse.Warehouse, name rel.Name, columns []string, where rel.Expr) []string {
	t.Helper()
	ctx := context.Background()
	s, err := w.Session(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	q := rel.Select{From: rel.Table{Name: name, Alias: "t"}, Where: where}
	for _, c := range columns {
		q.Columns = append(q.Columns, rel.As(c, rel.C("t", c)))
	}
	text, err := w.Kind().Dialect().Query(q)
	if err != nil {
		t.Fatal(err)
	}
	rows := []string{}
	for row, err := range s.Query(ctx, text) {
		if err != nil {
			t.Fatalf("%v: %v", name, err)
		}
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = casetest.Cell(v)
		}
		rows = append(rows, strings.Join(cells, " | "))
	}
	slices.Sort(rows)
	return rows
}

// change does to a world what happens to sources: rows come, late ones too, change, and go; and
// now and then, unless the world is plain, somebody changes a rule.
func (s *shop) change(rng *rand.Rand, round int, plain bool) string {
	var did []string
	value := func(rank int) string {
		if rng.Float64() < 0.5 {
			return ""
		}
		return fmt.Sprintf("%c%d", 'a'+rank, 1+rng.Intn(25))
	}
	for range 1 + rng.Intn(3) {
		k := rng.Intn(10)
		if plain && k == 9 {
			k = 0
		}
		switch {
		case k < 5 || len(s.rows) == 0:
			r := shopRow{source: rng.Intn(2), key: fmt.Sprintf("n%d-%d", round, len(s.rows)), day: 20 + round}
			if rng.Intn(4) == 0 {
				r.day = rng.Intn(20) // late
			}
			for rank := range shopTypes {
				r.values[rank] = value(rank)
			}
			if i := rng.Intn(len(s.rows) + 1); plain && i < len(s.rows) && s.rows[i].source == r.source && rng.Intn(3) == 0 {
				r.key = s.rows[i].key
				did = append(did, "a key again")
			}
			s.rows = append(s.rows, r)
			did = append(did, fmt.Sprintf("row %v", r))
		case k < 7:
			i := rng.Intn(len(s.rows))
			did = append(did, fmt.Sprintf("deleted %v", s.rows[i]))
			s.rows = slices.Delete(slices.Clone(s.rows), i, i+1)
		case k < 9:
			i := rng.Intn(len(s.rows))
			rank := rng.Intn(len(shopTypes))
			s.rows = slices.Clone(s.rows)
			was := s.rows[i]
			s.rows[i].values[rank], s.rows[i].day = value(rank), 20+round
			if s.rows[i].source == 1 { // events do not change: another takes its place
				s.rows[i].key = fmt.Sprintf("m%d-%d", round, i)
			}
			did = append(did, fmt.Sprintf("%v became %v", was, s.rows[i]))
		default:
			s.ids = slices.Clone(s.ids)
			rank := rng.Intn(len(s.ids))
			switch rng.Intn(3) {
			case 0:
				s.ids[rank].Limit = models.Limit{Max: rng.Intn(4)}
				if s.ids[rank].Limit.Max > 0 && rng.Intn(2) == 0 {
					s.ids[rank].Limit.Within = models.Duration(time.Duration(1+rng.Intn(20)) * 24 * time.Hour)
				}
			case 1:
				s.ids[rank].Ignore = nil
				for range rng.Intn(3) {
					s.ids[rank].Ignore = append(s.ids[rank].Ignore, fmt.Sprintf("%c%d*", 'a'+rank, 1+rng.Intn(25)))
				}
			default:
				if rank > 0 && s.ids[rank].Role != "attach" {
					s.ids[rank].MaxLinks = []models.MaxLinks{{Type: shopTypes[0], Max: 1 + rng.Intn(3)}}
				}
			}
			did = append(did, fmt.Sprintf("rule %+v", s.ids[rank]))
		}
	}
	return strings.Join(did, "; ")
}

// TestIncrementalEqualsFull changes a world many times and builds it after each change: every build
// that goes on from the one before must give the same tables as one from nothing, with every id.
func TestIncrementalEqualsFull(t *testing.T) {
	incrementalWorlds(t, casetest.DuckDB(t), casetest.Rounds(1, 3))
}

// incrementalWorlds changes some worlds, or as many as WEIR_WORLDS says, from seed WEIR_SEED on.
func incrementalWorlds(t *testing.T, w warehouse.Warehouse, worlds int) {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("WEIR_WORLDS")); err == nil {
		worlds = n
	}
	first := time.Now().UnixNano()
	if n, err := strconv.ParseInt(os.Getenv("WEIR_SEED"), 10, 64); err == nil {
		first = n
	}
	for i := range worlds {
		for _, finish := range []string{"process", "warehouse"} {
			if incremental(t, w, first+int64(i), finish); t.Failed() {
				t.Fatalf("again: WEIR_WORLDS=1 WEIR_SEED=%d, finish %s", first+int64(i), finish)
			}
		}
	}
}

func incremental(t *testing.T, w warehouse.Warehouse, seed int64, finish string) {
	ctx := context.Background()
	rng := rand.New(rand.NewSource(seed))
	plain := seed%2 == 0 // every identifier joins: components grow
	s := makeShop(rng, !plain && rng.Intn(3) > 0, 50)
	if !plain && rng.Intn(2) == 0 {
		s.ids[1].MaxLinks = []models.MaxLinks{{Type: "customer_id", Max: 1 + rng.Intn(2)}}
	}
	if !plain && rng.Intn(3) == 0 {
		s.ids[3].Role, s.ids[3].Limit = "attach", models.Limit{}
	}
	if !plain && rng.Intn(3) == 0 {
		s.ids[2].Role, s.ids[2].Limit = "attach", models.Limit{}
	}
	fresh(t, w)
	b := &build.Builder{W: w}
	went := 0
	for round := range 6 {
		did := "first"
		if round > 0 {
			did = s.change(rng, round, plain)
		}
		if err := s.load(ctx, w); err != nil {
			t.Fatal(err)
		}
		in := compile.Input{Model: s.model(), Entity: "customer", Timezone: time.UTC}
		in.Model.Entities[0].Identity.Finish = finish
		in.Model.Entities[0].Identity.Guard = models.IdentityGuard{MaxProfileSize: 1 << 30, MaxMerged: models.Percent{BasisPoints: 10_000, Set: true}}
		for i := range in.Model.Sources {
			in.Model.Sources[i].Lookback = models.Duration(time.Duration(1+rng.Intn(4)) * 24 * time.Hour)
		}
		at := time.Date(2026, 1, 21+round, 12, 0, 0, 0, time.UTC)
		full := func() compile.Build {
			if _, err := b.Build(ctx, in, build.Options{AsOf: at, Scratch: "full", Full: true, Only: "identity"}); err != nil {
				t.Fatalf("seed %d, round %d: %v", seed, round, err)
			}
			return compile.Build{Schema: w.Schema(), ID: "full", Scratch: true}
		}
		// Where rows only came, no profile may go either way: who took whom in, and why, is the same.
		came := plain && !strings.Contains(did, "deleted") && !strings.Contains(did, "became") && !strings.Contains(did, "a key again")
		var took []string
		if came { // from the same build before
			took = merges(t, w, full())
			if err := b.Discard(ctx, "full"); err != nil {
				t.Fatal(err)
			}
		}
		res, err := b.Build(ctx, in, build.Options{AsOf: at})
		if err != nil {
			t.Fatalf("seed %d, round %d: %s: %v", seed, round, did, err)
		}
		if res.Identity == "incremental" {
			went++
		}
		if diff := gocmp.Diff(took, merges(t, w, res.Build)); came && diff != "" {
			t.Fatalf("seed %d, %s, round %d after %s\n(-full +incremental):\n%s", seed, finish, round, did, diff)
		}
		got, want := tables(t, w, res.Build), tables(t, w, full())
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, %s, round %d after %s\nids %+v\n(-full +incremental):\n%s", seed, finish, round, did, s.ids, diff)
		}
		if err := b.Discard(ctx, "full"); err != nil {
			t.Fatal(err)
		}
	}
	if went < 2 {
		t.Errorf("only %d of 5 builds went on from the one before", went)
	}
}
