package compile_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// shop is a small world for the properties of identity: rows of two sources over a few values.
type shop struct {
	ids  []models.Identifier
	rows []shopRow
}

type shopRow struct {
	source int // 0 records, 1 events
	key    string
	values [4]string // by rank; "" for none
	day    int
}

var shopTypes = []string{"customer_id", "email", "loyalty", "anonymous_id"}

// drawShop draws a world by a seed: worlds that are dense enough for limits to bite in many places
// at once do not come from drawing value by value.
func drawShop(t *rapid.T, limits bool) shop {
	rng := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
	return makeShop(rng, limits, 120)
}

// makeShop makes a world of at most most rows.
func makeShop(rng *rand.Rand, limits bool, most int) shop {
	var s shop
	for _, typ := range shopTypes {
		id := models.Identifier{Type: typ, Normalize: "trim"}
		if limits && rng.Intn(4) > 0 {
			id.Limit.Max = 1 + rng.Intn(4)
		}
		s.ids = append(s.ids, id)
	}
	n, spread, filled := rng.Intn(most), 3+rng.Intn(30), 0.25+rng.Float64()/2
	for i := range n {
		r := shopRow{source: rng.Intn(2), key: fmt.Sprint("k", i), day: rng.Intn(20)}
		for rank := range shopTypes {
			if rng.Float64() < filled {
				r.values[rank] = fmt.Sprintf("%c%d", 'a'+rank, 1+rng.Intn(spread))
			}
		}
		s.rows = append(s.rows, r)
	}
	return s
}

// model is the shop's model.
func (s shop) model() *models.Model {
	var ids []models.SourceIdentifier
	for _, t := range shopTypes {
		ids = append(ids, models.SourceIdentifier{Type: t, Column: t})
	}
	return &models.Model{
		Sources: []models.Source{
			{Name: "crm", Table: "raw.crm", Key: "key", UpdatedAt: "at", Identifiers: ids},
			{Name: "web", Table: "raw.web", Key: "key", Time: "at", Identifiers: ids},
		},
		Entities: []models.Entity{{Name: "customer", Identity: models.Identity{Identifiers: s.ids, From: []string{"crm", "web"}}}},
	}
}

// load fills the tables of the shop.
func (s shop) load(ctx context.Context, w warehouse.Warehouse) error {
	sess, err := w.Session(ctx)
	if err != nil {
		return err
	}
	defer sess.Close()
	for n, name := range []string{"raw.crm", "raw.web"} {
		var b strings.Builder
		b.WriteString("key,customer_id,email,loyalty,anonymous_id,at:timestamp\n")
		for _, r := range s.rows {
			if r.source == n {
				fmt.Fprintf(&b, "%s,%s,2026-01-%02dT00:00:00Z\n", r.key, strings.Join(r.values[:], ","), r.day+1)
			}
		}
		if err := casetest.Fill(ctx, sess, name, []byte(b.String()), false); err != nil {
			return err
		}
	}
	return nil
}

// build builds the shop and returns the profile of every identifier, as type=value.
func (s shop) build(t testing.TB, w warehouse.Warehouse) map[string]string {
	t.Helper()
	ctx := context.Background()
	if err := s.load(ctx, w); err != nil {
		t.Fatal(err)
	}
	in := compile.Input{Model: s.model(), Entity: "customer", Timezone: time.UTC}
	b := &build.Builder{W: w}
	if _, err := b.Build(ctx, in, build.Options{AsOf: casetest.DefaultAsOf}); err != nil {
		t.Fatal(err)
	}
	return column(t, w, "identifiers", "type", "value", "profile_id")
}

// column reads a live table as a map of the first two columns to the third.
func column(t testing.TB, w warehouse.Warehouse, what, a, b, c string) map[string]string {
	t.Helper()
	ctx := context.Background()
	sess, err := w.Session(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	text, err := w.Kind().Dialect().Query(rel.Select{
		Columns: []rel.Column{rel.As("a", rel.C("t", a)), rel.As("b", rel.C("t", b)), rel.As("c", rel.C("t", c))},
		From:    rel.Table{Name: rel.Name{w.Schema(), "customer_" + what}, Alias: "t"},
	})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for row, err := range sess.Query(ctx, text) {
		if err != nil {
			t.Fatal(err)
		}
		k := casetest.Cell(row[0]) + "=" + casetest.Cell(row[1])
		if _, twice := out[k]; twice {
			t.Fatalf("%s is there twice in %s", k, what)
		}
		out[k] = casetest.Cell(row[2])
	}
	return out
}

// groups turns the profile of every member into the sets of members, sorted.
func groups(of map[string]string) [][]string {
	by := map[string][]string{}
	for member, profile := range of {
		by[profile] = append(by[profile], member)
	}
	var out [][]string
	for _, g := range by {
		slices.Sort(g)
		out = append(out, g)
	}
	slices.SortFunc(out, slices.Compare)
	return out
}

// reference resolves the shop in the plain way: union-find, and for components over a limit one
// link after the other in the total order.
func (s shop) reference() [][]string {
	type node struct {
		rank  int
		value string
		day   int
	}
	nodes := map[string]*node{}
	name := func(rank int, v string) string { return shopTypes[rank] + "=" + v }
	for _, r := range s.rows {
		for rank, v := range r.values {
			if v == "" {
				continue
			}
			k := name(rank, v)
			if nodes[k] == nil {
				nodes[k] = &node{rank, v, r.day}
			}
			nodes[k].day = min(nodes[k].day, r.day)
		}
	}
	var order []string
	for k := range nodes {
		order = append(order, k)
	}
	slices.SortFunc(order, func(a, b string) int {
		x, y := nodes[a], nodes[b]
		return cmp.Or(cmp.Compare(x.day, y.day), cmp.Compare(x.rank, y.rank), cmp.Compare(x.value, y.value))
	})
	number := map[string]int{}
	for i, k := range order {
		number[k] = i
	}
	type link struct{ u, v string }
	seen := map[link]int{}
	for _, r := range s.rows {
		for j, v := range r.values {
			for i, u := range r.values[:j] {
				if u != "" && v != "" {
					seen[link{name(i, u), name(j, v)}]++
				}
			}
		}
	}
	var links []link
	for l := range seen {
		links = append(links, l)
	}
	sum := func(l link) string {
		h := sha256.Sum256([]byte(nodes[l.u].value + "\n" + nodes[l.v].value))
		return hex.EncodeToString(h[:])
	}
	slices.SortFunc(links, func(a, b link) int {
		return cmp.Or(cmp.Compare(nodes[a.v].rank, nodes[b.v].rank), cmp.Compare(seen[b], seen[a]), cmp.Compare(sum(a), sum(b)),
			cmp.Compare(number[a.u], number[b.u]), cmp.Compare(number[a.v], number[b.v]))
	})
	parent := map[string]string{}
	var find func(k string) string
	find = func(k string) string {
		if p, ok := parent[k]; ok && p != k {
			r := find(p)
			parent[k] = r
			return r
		}
		return k
	}
	counts := func(k string) (n [4]int) {
		for m := range nodes {
			if find(m) == find(k) {
				n[nodes[m].rank]++
			}
		}
		return n
	}
	within := func(n [4]int) bool {
		for rank, id := range s.ids {
			if id.Limit.Max > 0 && n[rank] > id.Limit.Max {
				return false
			}
		}
		return true
	}
	for _, l := range links {
		parent[find(l.u)] = find(l.v)
	}
	torn := map[string]bool{}
	for k := range nodes {
		torn[k] = !within(counts(k))
	}
	for k := range torn {
		if torn[k] {
			delete(parent, k)
		}
	}
	for _, l := range links {
		if !torn[l.u] || find(l.u) == find(l.v) {
			continue
		}
		a, b := counts(l.u), counts(l.v)
		for i := range a {
			a[i] += b[i]
		}
		if within(a) {
			parent[find(l.u)] = find(l.v)
		}
	}
	// A cluster is a profile if it owns a row.
	owns := map[string]bool{}
	for _, r := range s.rows {
		for rank, v := range r.values {
			if v != "" {
				owns[find(name(rank, v))] = true
				break
			}
		}
	}
	of := map[string]string{}
	for k := range nodes {
		if owns[find(k)] {
			of[k] = find(k)
		}
	}
	return groups(of)
}

// checks sets how many worlds a property is tried on: each takes several builds.
func checks(t *testing.T, n int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	was := f.Value.String()
	if was != f.DefValue {
		return // asked for on the command line
	}
	if err := f.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(was) })
}

// TestIdentityEqualsReference compares the warehouse's partition with one made link by link, with
// and without limits, and checks that no limit is exceeded.
func TestIdentityEqualsReference(t *testing.T) {
	checks(t, casetest.Rounds(10, 25))
	w := casetest.DuckDB(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := drawShop(rt, rapid.Bool().Draw(rt, "limits"))
		fresh(t, w)
		got := s.build(t, w)
		if diff := gocmp.Diff(s.reference(), groups(got)); diff != "" {
			rt.Fatalf("limits %v rows %v\n(-reference +warehouse):\n%s", s.ids, s.rows, diff)
		}
		for _, g := range groups(got) {
			for _, id := range s.ids {
				n := 0
				for _, m := range g {
					if strings.HasPrefix(m, id.Type+"=") {
						n++
					}
				}
				if id.Limit.Max > 0 && n > id.Limit.Max {
					rt.Fatalf("%d values of %s in %v, the limit is %d", n, id.Type, g, id.Limit.Max)
				}
			}
		}
	})
}

// TestIdentityIgnoresOrder builds a world, the same world with its rows in another order from
// nothing, and again over the build before: profiles and their ids are the same each time. Then
// one row is added: profiles that it does not touch keep their ids.
func TestIdentityIgnoresOrder(t *testing.T) {
	checks(t, casetest.Rounds(3, 12))
	w := casetest.DuckDB(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := drawShop(rt, true)
		fresh(t, w)
		first := s.build(t, w)
		if diff := gocmp.Diff(first, s.build(t, w)); diff != "" {
			rt.Fatalf("built again (-first +again):\n%s", diff)
		}
		fresh(t, w)
		rand.New(rand.NewSource(1)).Shuffle(len(s.rows), func(i, j int) { s.rows[i], s.rows[j] = s.rows[j], s.rows[i] })
		if diff := gocmp.Diff(first, s.build(t, w)); diff != "" {
			rt.Fatalf("rows in another order (-first +other):\n%s", diff)
		}
		more := s
		more.rows = append(slices.Clone(s.rows), drawShop(rt, true).rows...)
		if len(more.rows) > len(s.rows) {
			more.rows = more.rows[:len(s.rows)+1]
			more.rows[len(s.rows)].key = "added"
		}
		after := more.build(t, w)
		before := map[string]string{}
		for _, g := range groups(first) {
			before[strings.Join(g, " ")] = first[g[0]]
		}
		for _, g := range groups(after) {
			if id, ok := before[strings.Join(g, " ")]; ok && after[g[0]] != id {
				rt.Fatalf("%v was %s and is %s", g, id, after[g[0]])
			}
		}
	})
}

// fresh forgets everything that weir made.
func fresh(t *testing.T, w warehouse.Warehouse) {
	t.Helper()
	ctx := context.Background()
	s, err := w.Session(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Exec(ctx, `DROP SCHEMA IF EXISTS weir CASCADE`); err != nil {
		t.Fatal(err)
	}
}
