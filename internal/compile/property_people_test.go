package compile_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/models"
)

const humanModel = `
sources:
  people: {table: people, key: id, updated_at: changed, identifiers: {n: ident, cookie: cookie}}
  acts: {table: acts, key: id, time: happened, identifiers: {n: ident}}
entities:
  x:
    identity: {identifiers: {n: {limit: 1}, cookie: {role: attach}}, from: [people, acts]}
    anonymous: %s
    traits:
      who: {from: people.who}
      n: {from: people.n}
      num: {from: people.num}
      lat: {from: people.lat}
      lon: {from: people.lon}
      country: {from: people.country}
      tags: {from: people.tags}
      kinds: {from: acts, collect: kind}
`

// human is a person of the property test of people; nil is absent.
type human struct {
	who, id   string
	anonymous bool
	n, num    *int64
	lat, lon  *float64
	country   *string
	tags      []string // nil is absent, empty is a list
	kinds     []string
}

// TestPeopleProperty compares random rankings, circles, regions, lists and sql conditions, as
// segments of a build and inline as what a policy requires, with a reading of the rules that looks
// at everybody.
func TestPeopleProperty(t *testing.T) { randomHumans(t, casetest.DuckDB, casetest.Rounds(3, 8)) }

func randomHumans(t *testing.T, open casetest.Open, rounds int) {
	if testing.Short() {
		rounds = 2
	}
	for seed := range rounds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 23))
			in := input(t, fmt.Sprintf(humanModel, pick(r, "include", "exclude")))
			g := humanGenerator{r: r}
			crowd := &crowd{m: in.Model, all: randomCrowd(r, 40)}
			for i := range 60 {
				in.Model.Segments = append(in.Model.Segments, models.Segment{Name: fmt.Sprint("g", i), Entity: "x", Where: g.condition(2)})
				g.segments = append(g.segments, fmt.Sprint("g", i))
			}
			w := newWorld(t, open(t))
			crowd.load(t, w)
			for _, s := range []string{"people", "acts"} {
				w.columns(t, &in, s, "SELECT * FROM "+s)
			}
			program, problems := compile.Entity(in)
			if program == nil {
				t.Fatal(problemText(problems))
			}
			w.run(t, program)
			for _, row := range w.rows(t, "SELECT who, profile_id FROM weir.x_profiles_b17") {
				i := slices.IndexFunc(crowd.all, func(h human) bool { return h.who == row[0] })
				crowd.all[i].id = row[1]
			}
			members := map[string][]string{}
			for _, row := range w.rows(t, "SELECT m.segment, p.who FROM weir.x_memberships_b17 m JOIN weir.x_profiles_b17 p USING (profile_id)") {
				members[row[0]] = append(members[row[0]], row[1])
			}
			explained(t, w, in)
			for i := range in.Model.Segments {
				s := &in.Model.Segments[i]
				want := crowd.named(crowd.base(), crowd.set(&s.Where))
				if got := sorted(members[s.Name]); !slices.Equal(got, want) {
					t.Errorf("%s: got %v, want %v\n%+v", s.Name, got, want, s.Where)
				}
				q, problems := compile.Allowed(in, &models.Policy{Name: s.Name, Entity: "x", Purpose: "any", Require: &s.Where})
				if len(problems) > 0 {
					t.Fatal(problemText(problems))
				}
				var inline []string
				for _, row := range w.rows(t, "SELECT p.who FROM ("+w.render(t, q)+") q JOIN weir.x_profiles_b17 p USING (profile_id)") {
					if !crowd.out(row[0]) {
						inline = append(inline, row[0])
					}
				}
				if got := sorted(inline); !slices.Equal(got, want) {
					t.Errorf("%s inline: got %v, want %v\n%+v", s.Name, got, want, s.Where)
				}
			}
		})
	}
}

func sorted(xs []string) []string {
	sort.Strings(xs)
	return xs
}

var (
	latitudes  = []float64{-90, -89.9, -45, -0.1, 0, 0.1, 45.25, 45.3, 89.9, 90, 91}
	longitudes = []float64{-180, -179.9, -90, -0.1, 0, 0.1, 90, 179.9, 180, 200}
	countries  = []string{"FR", "deu", " ch ", "GB", "USA", "", "Germany", "re"}
	labels     = []string{"a", "A", "b", "", "it's", `"{,}`}
)

func randomCrowd(r *rand.Rand, n int) []human {
	var out []human
	for i := range n {
		h := human{who: fmt.Sprint("w", i), anonymous: r.IntN(6) == 0,
			n: maybe(r, func() int64 { return int64(r.IntN(5) - 2) }), num: maybe(r, func() int64 { return int64(r.IntN(9)-3) * 25 }),
			lat: maybe(r, func() float64 { return pick(r, latitudes...) }), lon: maybe(r, func() float64 { return pick(r, longitudes...) }),
			country: maybe(r, func() string { return pick(r, countries...) })}
		if r.IntN(4) > 0 {
			h.tags = []string{}
			for range r.IntN(4) {
				h.tags = append(h.tags, pick(r, labels...))
			}
		}
		for range r.IntN(3) {
			if !h.anonymous {
				h.kinds = append(h.kinds, pick(r, labels...))
			}
		}
		out = append(out, h)
	}
	return out
}

// crowd reads the rules for everybody at once. A set says of each person whether they are in it.
type crowd struct {
	m   *models.Model
	all []human
}

func (c *crowd) load(t *testing.T, w *world) {
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	or := func(there bool, f func() string) string {
		if !there {
			return "NULL"
		}
		return f()
	}
	var people, acts []string
	for i, h := range c.all {
		ident, cookie := quoted(h.who), "NULL"
		if h.anonymous {
			ident, cookie = "NULL", quoted(h.who)
		}
		tags := or(h.tags != nil, func() string {
			items := make([]string, len(h.tags))
			for i, tag := range h.tags {
				items[i] = quoted(tag)
			}
			if len(items) > 0 && i%3 == 0 {
				items = append(items, "NULL")
			}
			return "CAST(ARRAY[" + strings.Join(items, ", ") + "] AS varchar[])"
		})
		people = append(people, fmt.Sprintf("(%d, '%s', %s, %s, %s, %s, %s, %s, %s, %s, NULL)", i, h.who, ident, cookie,
			or(h.n != nil, func() string { return fmt.Sprint(*h.n) }), or(h.num != nil, func() string { return fmt.Sprintf("%d / 100.0", *h.num) }),
			or(h.lat != nil, func() string { return fmt.Sprint(*h.lat) }), or(h.lon != nil, func() string { return fmt.Sprint(*h.lon) }),
			or(h.country != nil, func() string { return quoted(*h.country) }), tags))
		for _, kind := range append(slices.Clone(h.kinds), "NULL") {
			if kind = or(kind != "NULL", func() string { return quoted(kind) }); !h.anonymous {
				acts = append(acts, fmt.Sprintf("(%d, %s, %s, '2026-01-01T00:00:00Z')", len(acts), ident, kind))
			}
		}
	}
	w.script(t, "CREATE TABLE people (id integer, who varchar, ident varchar, cookie varchar, n bigint, num decimal(12,2), lat double precision, lon double precision, country varchar, tags varchar[], changed timestamptz);\n"+
		"CREATE TABLE acts (id integer, ident varchar, kind varchar, happened timestamptz);\n"+
		"INSERT INTO people VALUES "+strings.Join(people, ", ")+";\nINSERT INTO acts VALUES "+strings.Join(acts, ", "))
}

// out reports whether a person is kept out of every segment.
func (c *crowd) out(who string) bool {
	i := slices.IndexFunc(c.all, func(h human) bool { return h.who == who })
	return c.all[i].anonymous && c.m.Entities[0].Anonymous == "exclude"
}

func (c *crowd) each(f func(h *human) bool) []bool {
	out := make([]bool, len(c.all))
	for i := range c.all {
		out[i] = f(&c.all[i])
	}
	return out
}

func (c *crowd) base() []bool { return c.each(func(h *human) bool { return !c.out(h.who) }) }

func (c *crowd) named(sets ...[]bool) []string {
	var out []string
	for i, h := range c.all {
		if !slices.ContainsFunc(sets, func(s []bool) bool { return !s[i] }) {
			out = append(out, h.who)
		}
	}
	return sorted(out)
}

func (c *crowd) set(w *models.Condition) []bool {
	many := func(list []models.Condition, all bool) []bool {
		var sets [][]bool
		for i := range list {
			sets = append(sets, c.set(&list[i]))
		}
		out := make([]bool, len(c.all))
		for i := range out {
			out[i] = all
			for _, s := range sets {
				if s[i] != all {
					out[i] = !all
				}
			}
		}
		return out
	}
	switch {
	case w.All != nil:
		return many(w.All, true)
	case w.Any != nil:
		return many(w.Any, false)
	case w.Not != nil:
		in := c.set(w.Not)
		for i := range in {
			in[i] = !in[i]
		}
		return in
	case w.Segment != "":
		return c.set(&c.m.Segment(w.Segment).Where)
	case w.Top != nil:
		return c.first(w, *w.Top, -1)
	case w.Bottom != nil:
		return c.first(w, *w.Bottom, 1)
	case w.Near != nil:
		return c.each(func(h *human) bool { return h.near(w.Near) })
	case w.SQL != "":
		return c.each(humanSQL[w.SQL])
	}
	return c.each(func(h *human) bool { return h.passes(w) })
}

// first sorts the people who are ranked and takes those who have a value from the front.
func (c *crowd) first(w *models.Condition, s models.Share, sign int) []bool {
	ranked := c.base()
	if w.Of != "" {
		for i, in := range c.set(&c.m.Segment(w.Of).Where) {
			ranked[i] = ranked[i] && in
		}
	}
	value := func(h *human) *int64 {
		if w.By == "n" {
			return h.n
		}
		return h.num
	}
	var order []int
	for i := range c.all {
		if ranked[i] {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := value(&c.all[a]), value(&c.all[b])
		switch {
		case x == nil || y == nil:
			return cmp.Or(cmp.Compare(btoi(x == nil), btoi(y == nil)), cmp.Compare(c.all[a].id, c.all[b].id))
		case *x != *y:
			return sign * cmp.Compare(*x, *y)
		}
		return cmp.Compare(c.all[a].id, c.all[b].id)
	})
	most := s.Count
	if s.Percent.Set {
		most = len(order) * s.Percent.BasisPoints / 10000
	}
	out := make([]bool, len(c.all))
	for _, i := range order[:min(most, len(order))] {
		out[i] = value(&c.all[i]) != nil
	}
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// near measures the angle between two points by their vectors.
func (h *human) near(n *models.Near) bool {
	if h.lat == nil || h.lon == nil || math.Abs(*h.lat) > 90 || math.Abs(*h.lon) > 180 {
		return false
	}
	vector := func(lat, lon float64) [3]float64 {
		a, b := lat*math.Pi/180, lon*math.Pi/180
		return [3]float64{math.Cos(a) * math.Cos(b), math.Cos(a) * math.Sin(b), math.Sin(a)}
	}
	lat, _ := strconv.ParseFloat(n.Latitude.Text, 64)
	lon, _ := strconv.ParseFloat(n.Longitude.Text, 64)
	u, v := vector(*h.lat, *h.lon), vector(lat, lon)
	cross := math.Hypot(math.Hypot(u[1]*v[2]-u[2]*v[1], u[2]*v[0]-u[0]*v[2]), u[0]*v[1]-u[1]*v[0])
	return 6371008.8*math.Atan2(cross, u[0]*v[0]+u[1]*v[1]+u[2]*v[2]) <= float64(n.Within)
}

// humanSQL are expressions with what they mean.
var humanSQL = map[string]func(h *human) bool{
	"n > 0":                   func(h *human) bool { return h.n != nil && *h.n > 0 },
	"num IS NULL":             func(h *human) bool { return h.num == nil },
	"n = 1 OR country = 'FR'": func(h *human) bool { return h.n != nil && *h.n == 1 || h.country != nil && *h.country == "FR" },
	"n <> num":                func(h *human) bool { return h.n != nil && h.num != nil && *h.n*100 != *h.num },
}

// regionOf has the regions that the test asks for, of the countries that it has.
var regionOf = map[string][]string{
	"eu": {"FR", "deu"}, "dach": {"deu", " ch "}, "europe": {"FR", "deu", " ch ", "GB"}, "americas": {"USA"}, "africa": {"re"}, "gb": {"GB"},
}

func (h *human) passes(w *models.Condition) bool {
	if w.InRegion != nil {
		return h.country != nil && slices.ContainsFunc(w.InRegion, func(r string) bool { return slices.Contains(regionOf[r], *h.country) })
	}
	list := h.tags
	if w.Trait == "kinds" {
		list = h.kinds
	}
	has := func(v models.Value) bool { return slices.Contains(list, v.Text) }
	switch {
	case w.Contains != nil:
		return has(*w.Contains)
	case w.NotContains != nil:
		return !has(*w.NotContains)
	case w.ContainsAny != nil:
		return slices.ContainsFunc(w.ContainsAny, has)
	case w.ContainsAll != nil:
		return !slices.ContainsFunc(w.ContainsAll, func(v models.Value) bool { return !has(v) })
	}
	return (list != nil) == *w.Exists
}

// humanGenerator makes random conditions that pass the checks.
type humanGenerator struct {
	r        *rand.Rand
	segments []string
}

func (g *humanGenerator) condition(depth int) models.Condition {
	if depth > 0 && g.r.IntN(2) == 0 {
		list := []models.Condition{g.condition(depth - 1), g.condition(depth - 1)}
		switch g.r.IntN(3) {
		case 0:
			return models.Condition{All: list}
		case 1:
			return models.Condition{Any: list}
		}
		return models.Condition{Not: &list[0]}
	}
	switch g.r.IntN(9) {
	case 0:
		if len(g.segments) > 0 {
			return models.Condition{Segment: pick(g.r, g.segments...)}
		}
		fallthrough
	case 1, 2, 3:
		w := models.Condition{By: pick(g.r, "n", "num")}
		share := pick(g.r, models.Share{Count: 1 + g.r.IntN(12)}, models.Share{Percent: models.Percent{BasisPoints: 1 + g.r.IntN(10000), Set: true}})
		if g.r.IntN(2) == 0 {
			w.Top = &share
		} else {
			w.Bottom = &share
		}
		if len(g.segments) > 0 && g.r.IntN(2) == 0 {
			w.Of = pick(g.r, g.segments...)
		}
		return w
	case 4, 5:
		degrees := func(xs []float64) models.Value {
			return models.Value{Type: models.Number, Text: strconv.FormatFloat(xs[g.r.IntN(len(xs)-1)]+pick(g.r, 0, 0.03), 'f', 2, 64)}
		}
		n := &models.Near{Latitude: degrees(latitudes[:len(latitudes)-2]), Longitude: degrees(longitudes[:len(longitudes)-1]), At: []string{"lat", "lon"}}
		n.Within = models.Distance(pick(g.r, 1, 9000, 40_000, 1_500_000, 5_100_000, 11_000_000))
		return models.Condition{Near: n}
	case 6:
		var names []string
		for name := range regionOf {
			names = append(names, name)
		}
		sort.Strings(names)
		in := []string{pick(g.r, names...)}
		if other := pick(g.r, names...); other != in[0] {
			in = append(in, other)
		}
		return models.Condition{Trait: "country", Operators: models.Operators{InRegion: in}}
	case 7:
		var all []string
		for sql := range humanSQL {
			all = append(all, sql)
		}
		sort.Strings(all)
		return models.Condition{SQL: pick(g.r, all...)}
	}
	value := func() *models.Value { return &models.Value{Type: models.Text, Text: pick(g.r, labels...)} }
	w := models.Condition{Trait: pick(g.r, "tags", "kinds")}
	switch g.r.IntN(5) {
	case 0:
		w.Contains = value()
	case 1:
		w.NotContains = value()
	case 2:
		w.ContainsAny = []models.Value{*value(), *value()}
	case 3:
		w.ContainsAll = []models.Value{*value(), *value()}
	case 4:
		yes := g.r.IntN(2) == 0
		w.Exists = &yes
	}
	return w
}
