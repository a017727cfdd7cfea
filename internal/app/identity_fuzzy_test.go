//go:build cgo && !noduckdb

package app

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
)

const namesYAML = `
project: names
targets:
  dev: TARGET
sources:
  crm: {table: raw.names, key: id, updated_at: changed_at, identifiers: {customer_id: customer_id}}
entities:
  customer:
    identity:
      identifiers: {customer_id: {}}
      from: crm
      guard: {max_merged: 100%}
      FUZZY
    traits: {town: {from: crm.town, keep: latest}}
segments:
  lyon: {entity: customer, where: {trait: town, is: Lyon}}
`

const namesFuzzy = `fuzzy:
        fields: {name: crm.name, town: crm.town, born: {from: crm.born, normalize: date}}
        block: [born]
        compare: {name: [exact, {levenshtein: 2}], town: [exact]}
        weights: {given: {name: [18, 11, -6], town: [2, -2]}}
        threshold: 0.95
        review: 0.2`

// names are two records each of 40 people under two numbers, some of them with another spelling,
// and some born on the day of somebody else. There are no dates but those of the data.
func names() string {
	rnd := rand.New(rand.NewSource(5))
	letters := "abcdefghijklmnopqrstuvwxyz"
	var b strings.Builder
	b.WriteString("id:integer,customer_id,name,town,born,changed_at:timestamp\n")
	for i := range 40 {
		name := make([]byte, 9)
		for k := range name {
			name[k] = letters[rnd.Intn(len(letters))]
		}
		town, born := []string{"Lyon", "Nantes", "Lille"}[rnd.Intn(3)], fmt.Sprintf("19%d-01-%02d", 50+i/20, 1+i%20)
		fmt.Fprintf(&b, "%d,a%d,%s,%s,%s,2026-01-01T00:00:00Z\n", i, i, name, town, born)
		if i%2 == 1 {
			name[rnd.Intn(len(name))] = '-'
		}
		if i%4 > 1 {
			town = "Brest"
		}
		fmt.Fprintf(&b, "%d,b%d,%s,%s,%s,2026-01-01T00:00:00Z\n", 100+i, i, name, town, born)
	}
	return b.String()
}

// TestFuzzyPlan: what the plan says that the declared threshold joins is what a build joins, and
// what people say of pairs is obeyed by the next one.
func TestFuzzyPlan(t *testing.T) {
	dir, yaml := t.TempDir(), strings.Replace(namesYAML, "TARGET", target(t), 1)
	with := func(fuzzy string, f func(a *App)) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(strings.Replace(yaml, "FUZZY", fuzzy, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		a, findings, err := Load(t.Context(), Options{Dir: dir, AsOf: casetest.DefaultAsOf})
		if err != nil {
			t.Fatalf("%v: %v", err, findings)
		}
		defer a.Close()
		f(a)
	}
	build := func(a *App) BuildResult {
		t.Helper()
		b, err := a.Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b[0]
	}
	with("", func(a *App) {
		err := a.session(t.Context(), func(s warehouse.Session) error {
			return casetest.Fill(t.Context(), s, "raw.names", []byte(names()), false)
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := build(a).Profiles; n != 80 {
			t.Fatalf("%d profiles without matching", n)
		}
	})
	with(namesFuzzy, func(a *App) {
		plans, err := a.PlanIdentity(t.Context(), IdentityOptions{Limit: 3, Values: true})
		if err != nil {
			t.Fatal(err)
		}
		p := plans[0]
		if p.Merged == 0 || p.Fuzzy == nil || p.Fuzzy.Records != 80 {
			t.Fatalf("nothing is matched: %+v, %+v", p, p.Fuzzy)
		}
		if p.Largest[0].Identifiers != 2 || p.Largest[0].Pairs != 1 {
			t.Errorf("the largest profile is two records by one pair: %+v", p.Largest[0])
		}
		for _, c := range p.Causes {
			if c.Kind == "merge" && c.Type != compile.PairType {
				t.Errorf("profiles merge by matching alone, and not by %s", c.Type)
			}
		}
		for _, m := range p.Merges {
			var one, other int
			if _, err := fmt.Sscanf(m.Value, "crm:%d crm:%d", &one, &other); err != nil || m.Type != compile.PairType || other != one+100 {
				t.Errorf("a merge is told by the two records that matched: %+v", m)
			}
		}
		var join, review int64
		for _, b := range p.Fuzzy.Bands {
			join, review = join+b.Join, review+b.Review
		}
		joined := map[float64]int64{}
		for _, x := range p.Fuzzy.Thresholds {
			joined[x.Threshold] = x.Joined
			if x.Declared && (x.Joined != p.Merged || x.Pairs != join || x.Largest != 2 || x.LargestIdentifiers != 2) {
				t.Errorf("the threshold joins %+v, the build merges %d by %d pairs", x, p.Merged, join)
			}
		}
		if joined[0.2] <= joined[0.95] || review == 0 {
			t.Errorf("a lower threshold joins no more: %v, %d pairs to review", joined, review)
		}
		if n := build(a).Profiles; n != 80-p.Merged {
			t.Errorf("%d profiles, planned were %d", n, 80-p.Merged)
		}

		list, err := a.Review(t.Context(), IdentityOptions{Limit: 100, Values: true})
		if err != nil {
			t.Fatal(err)
		}
		r := list[0]
		if r.Open != review || int64(len(r.Pairs)) != review {
			t.Fatalf("%d pairs to review, %d listed, planned were %d", r.Open, len(r.Pairs), review)
		}
		x := r.Pairs[0]
		if x.Probability < 0.2 || x.Probability >= 0.95 || x.Reasons == "" || len(x.Fields) != 3 || x.Fields[2].A != x.Fields[2].B || x.Fields[2].A == "" {
			t.Errorf("the first pair is %+v", x)
		}
		if _, err := a.Decide(t.Context(), x.B.String(), x.A.String(), true, false, "ann"); err != nil {
			t.Fatal(err)
		}
		d, err := a.Decide(t.Context(), x.A.String(), x.B.String(), true, false, "bob")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("same", d.Was); diff != "" {
			t.Error(diff)
		}
		if list, err = a.Review(t.Context(), IdentityOptions{Limit: 100}); err != nil {
			t.Fatal(err)
		}
		if list[0].Open != review-1 || list[0].Waiting != 1 {
			t.Errorf("after a decision: %+v", list[0])
		}
		checks, err := a.CheckIdentity(t.Context(), false, IdentityOptions{Limit: 5})
		if err != nil {
			t.Fatal(err)
		}
		var said *Error
		if err := Differing(checks, false); checks[0].Decided != 1 || !errors.As(err, &said) || !strings.Contains(said.Fix, "people decided on pairs since") {
			t.Errorf("a decision is why a check differs: %+v, %v", checks[0], said)
		}
		b := build(a)
		if b.Profiles != 80-p.Merged-1 || b.Identity != "incremental" {
			t.Errorf("the decision is not obeyed: %+v", b)
		}
		if list, err = a.Review(t.Context(), IdentityOptions{Limit: 100}); err != nil {
			t.Fatal(err)
		}
		if list[0].Open != review-1 || list[0].Waiting != 0 {
			t.Errorf("after the build: %+v", list[0])
		}
		c, err := a.CheckIdentity(t.Context(), false, IdentityOptions{Limit: 5})
		if err != nil {
			t.Fatal(err)
		}
		if !c[0].Equal {
			t.Errorf("with matching, what goes on differs from what comes from nothing: %+v", c[0])
		}
	})
}
