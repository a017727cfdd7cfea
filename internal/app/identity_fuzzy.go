package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// FuzzyPlan is what fuzzy matching finds, and what each threshold would join. What limits would
// keep apart is not taken away: the profiles are at most as large as said.
type FuzzyPlan struct {
	Threshold  float64          `json:"threshold"` // as declared
	Review     float64          `json:"review"`
	Records    int64            `json:"records"`    // that were matched
	Compared   int64            `json:"compared"`   // pairs, in this build
	BigBlocks  int64            `json:"big_blocks"` // on which too many records agree to compare them
	Pairs      int64            `json:"pairs"`      // from review on
	Bands      []PairBand       `json:"bands"`
	Thresholds []FuzzyThreshold `json:"thresholds"`
}

// PairBand counts pairs with a probability from From up to To.
type PairBand struct {
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Pairs  int64   `json:"pairs"`
	One    int64   `json:"one_profile_already"` // by identifiers
	Join   int64   `json:"join"`
	Review int64   `json:"review"`
	Apart  int64   `json:"apart"`
	Person int64   `json:"by_person"`
}

// FuzzyThreshold is what joining from a probability on would make of the profiles that identifiers
// alone make.
type FuzzyThreshold struct {
	Threshold          float64 `json:"threshold"`
	Declared           bool    `json:"declared"`
	Pairs              int64   `json:"pairs"`               // of records
	Joined             int64   `json:"joined"`              // profiles that go into others
	Largest            int64   `json:"largest"`             // profiles that become one
	LargestIdentifiers int64   `json:"largest_identifiers"` // of the profile that gets most
}

// fuzzyLimits are the bounds between bands, and the thresholds that are tried beside the declared.
var fuzzyLimits = []float64{0.5, 0.8, 0.9, 0.95, 0.99, 0.999}

// limitsOf are those from which on pairs are kept, which is review, with review and the declared
// threshold among them, in order and as literals.
func limitsOf(f *models.Fuzzy) []string {
	floor := f.ReviewFrom()
	all := append(slices.Clone(fuzzyLimits), floor, f.JoinFrom())
	slices.Sort(all)
	var out []string
	for _, l := range slices.Compact(all) {
		if l >= floor {
			out = append(out, strconv.FormatFloat(l, 'f', -1, 64))
		}
	}
	return out
}

func fraction(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64) // of a literal here, or one just written
	return f
}

// planFuzzy compares thresholds, on the profiles that they would make and not on pairs: a pair too
// many joins everybody on both of its sides. With a build beside the planned one in which nothing
// is matched, it knows whom each further pair would join.
func (a *App) planFuzzy(ctx context.Context, in compile.Input, p *IdentityPlan, next *build.Result) error {
	e := in.Model.Entity(p.Entity)
	if e.Identity.Fuzzy == nil {
		return nil
	}
	plain := *in.Model
	plain.Entities = slices.Clone(plain.Entities)
	for i := range plain.Entities {
		if plain.Entities[i].Name == p.Entity {
			plain.Entities[i].Identity.Fuzzy = nil
		}
	}
	in.Model = &plain
	limits := limitsOf(e.Identity.Fuzzy)
	f := &FuzzyPlan{Threshold: e.Identity.Fuzzy.JoinFrom(), Review: e.Identity.Fuzzy.ReviewFrom(), Bands: bands(limits), Thresholds: []FuzzyThreshold{},
		Records: next.Stats["matching.records"], Compared: next.Stats["matching.compared"], BigBlocks: next.Stats["matching.big_blocks"]}
	err := a.beside(ctx, in, build.Options{AsOf: p.AsOf, Full: true, Only: "identity"}, func(s warehouse.Session, _ compile.Build, res *build.Result) error {
		if err := a.fuzzyBands(ctx, s, p.Entity, f, next.Build, res.Build, limits); err != nil {
			return err
		}
		return a.fuzzyThresholds(ctx, s, p.Entity, f, next.Build, res.Build, limits)
	})
	p.Fuzzy = f
	return err
}

// bands are empty bands: below the first limit, between limits, above the last.
func bands(limits []string) []PairBand {
	out := []PairBand{{To: fraction(limits[0])}}
	for i, l := range limits {
		to := 1.0
		if i+1 < len(limits) {
			to = fraction(limits[i+1])
		}
		out = append(out, PairBand{From: fraction(l), To: to})
	}
	return out
}

func (a *App) fuzzyBands(ctx context.Context, s warehouse.Session, entity string, f *FuzzyPlan, next, plain compile.Build, limits []string) error {
	for row, err := range a.rows(ctx, s, compile.PairBands(entity, next, plain, limits)) {
		if err != nil {
			return err
		}
		at, err := integer(row[0])
		if err != nil {
			return err
		}
		n, err := integer(row[4])
		if err != nil {
			return err
		}
		b := &f.Bands[at+1]
		b.Pairs += n
		f.Pairs += n
		switch text(row[1]) {
		case "join":
			b.Join += n
		case "review":
			b.Review += n
		default:
			b.Apart += n
		}
		if text(row[2]) == "person" {
			b.Person += n
		}
		if row[3] == int64(1) {
			b.One += n
		}
	}
	return nil
}

// fuzzyThresholds joins profiles by ever less likely pairs and takes stock at each threshold.
func (a *App) fuzzyThresholds(ctx context.Context, s warehouse.Session, entity string, f *FuzzyPlan, next, plain compile.Build, limits []string) error {
	set := newSets()
	left := slices.Clone(limits)
	take := func(below float64) {
		for len(left) > 0 && fraction(left[len(left)-1]) > below {
			t := fraction(left[len(left)-1])
			x := FuzzyThreshold{Threshold: t, Declared: t == f.Threshold, Joined: set.joined, Largest: set.largest, LargestIdentifiers: set.most}
			for _, b := range f.Bands {
				if b.From >= t {
					x.Pairs += b.Pairs
				}
			}
			f.Thresholds = append(f.Thresholds, x)
			left = left[:len(left)-1]
		}
	}
	for row, err := range a.rows(ctx, s, compile.ProfileLinks(entity, next, plain, limits[0])) {
		if err != nil {
			return err
		}
		likely, err := number(row[2])
		if err != nil {
			return err
		}
		ofA, err := integer(row[3])
		if err != nil {
			return err
		}
		ofB, err := integer(row[4])
		if err != nil {
			return err
		}
		take(likely)
		set.join(text(row[0]), text(row[1]), ofA, ofB)
	}
	take(-1)
	slices.Reverse(f.Thresholds)
	return nil
}

// number reads a cell that holds a number.
func number(v any) (float64, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	case json.Number:
		return v.Float64()
	}
	return 0, fmt.Errorf("a number came as %T", v)
}

// sets are disjoint sets of profiles that grow together.
type sets struct {
	at     map[string]int
	parent []int
	size   []int64 // profiles
	ids    []int64 // identifiers

	joined, largest, most int64
}

func newSets() *sets { return &sets{at: map[string]int{}} }

func (s *sets) find(id string, identifiers int64) int {
	i, ok := s.at[id]
	if !ok {
		i = len(s.parent)
		s.at[id] = i
		s.parent, s.size, s.ids = append(s.parent, i), append(s.size, 1), append(s.ids, identifiers)
	}
	for s.parent[i] != i {
		s.parent[i] = s.parent[s.parent[i]]
		i = s.parent[i]
	}
	return i
}

// join puts the sets of two profiles together.
func (s *sets) join(a, b string, ofA, ofB int64) {
	x, y := s.find(a, ofA), s.find(b, ofB)
	if x == y {
		return
	}
	if s.size[x] < s.size[y] {
		x, y = y, x
	}
	s.parent[y] = x
	s.size[x] += s.size[y]
	s.ids[x] += s.ids[y]
	s.joined++
	s.largest, s.most = max(s.largest, s.size[x]), max(s.most, s.ids[x])
}
