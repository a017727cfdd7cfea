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
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
)

const peopleYAML = `
project: people
targets:
  dev: TARGET
sources:
  crm:    {table: raw.crm, key: id, updated_at: changed_at, identifiers: {customer_id: customer_id, email: email, phone: phone}}
  orders: {table: raw.orders, key: id, time: ordered_at, identifiers: {customer_id: customer_id, email: email}}
entities:
  customer:
    identity:
      identifiers:
        customer_id: {limit: 1}
        email: {normalize: email, limit: 3, max_links: {customer_id: 2}}
        phone: {normalize: phone, country: FR, RULE}
      from: [crm, orders]
      guard: {max_profile_size: 500, max_merged: 100%}
    traits:
      country: {from: crm.country, keep: latest}
      orders: {from: orders, count: true}
segments:
  french: {entity: customer, where: {trait: country, is: FR}}
  buyers: {entity: customer, where: {trait: orders, at_least: 1}}
`

// town is a warehouse with people whose rows change.
type town struct {
	t   *testing.T
	dir string
	rnd *rand.Rand
	at  time.Time
	n   int

	crm, orders []string // CSV rows
}

func newTown(t *testing.T) *town {
	w := &town{t: t, dir: t.TempDir(), rnd: rand.New(rand.NewSource(11)), at: casetest.DefaultAsOf}
	w.rules("limit: 2")
	for range 300 {
		w.crm = append(w.crm, w.record())
		w.orders = append(w.orders, w.order())
	}
	w.fill()
	return w
}

// rules writes the project with a rule of phones.
func (w *town) rules(phone string) {
	w.t.Helper()
	text := strings.NewReplacer("TARGET", w.target(), "RULE", phone).Replace(peopleYAML)
	if err := os.WriteFile(filepath.Join(w.dir, "weir.yml"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) target() string {
	if w.n > 0 { // the first time it empties the warehouse
		b, err := os.ReadFile(filepath.Join(w.dir, "target"))
		if err != nil {
			w.t.Fatal(err)
		}
		return string(b)
	}
	w.n = 1
	text := target(w.t)
	if err := os.WriteFile(filepath.Join(w.dir, "target"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return text
}

func (w *town) pick(format string, of int, share float64) string {
	if w.rnd.Float64() > share {
		return ""
	}
	return fmt.Sprintf(format, w.rnd.Intn(of))
}

func (w *town) record() string {
	w.n++
	return fmt.Sprintf("%d,%s,%s,%s,%s,%s", w.n, w.pick("c%d", 200, 0.6), w.pick("p%d@example.com", 150, 0.7), w.pick("+33639980%03d", 200, 0.4),
		[]string{"FR", "DE"}[w.rnd.Intn(2)], w.at.Format(time.RFC3339))
}

func (w *town) order() string {
	w.n++
	return fmt.Sprintf("%d,%s,%s,%s", w.n, w.pick("c%d", 200, 0.5), w.pick("p%d@example.com", 150, 0.8), w.at.Format(time.RFC3339))
}

// fill puts the rows into the warehouse.
func (w *town) fill() {
	w.t.Helper()
	a := w.app()
	defer a.Close()
	err := a.session(w.t.Context(), func(s warehouse.Session) error {
		return errors.Join(
			casetest.Fill(w.t.Context(), s, "raw.crm", []byte("id:integer,customer_id,email,phone,country,changed_at:timestamp\n"+strings.Join(w.crm, "\n")+"\n"), false),
			casetest.Fill(w.t.Context(), s, "raw.orders", []byte("id:integer,customer_id,email,ordered_at:timestamp\n"+strings.Join(w.orders, "\n")+"\n"), false))
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// live changes, adds and takes away some rows, a day later.
func (w *town) live() {
	w.at = w.at.Add(24 * time.Hour)
	for range 5 {
		i := w.rnd.Intn(len(w.crm))
		id, _, _ := strings.Cut(w.crm[i], ",")
		_, rest, _ := strings.Cut(w.record(), ",")
		w.crm[i] = id + "," + rest
		w.crm = append(w.crm, w.record())
		w.orders = append(w.orders, w.order())
	}
	gone := w.rnd.Intn(len(w.crm))
	w.crm = append(w.crm[:gone], w.crm[gone+1:]...)
	w.fill()
}

func (w *town) app() *App {
	w.t.Helper()
	a, findings, err := Load(w.t.Context(), Options{Dir: w.dir, AsOf: w.at.Add(time.Hour)})
	if err != nil {
		w.t.Fatalf("%v: %v", err, findings)
	}
	return a
}

func (w *town) build() BuildResult {
	w.t.Helper()
	a := w.app()
	defer a.Close()
	b, err := a.Build(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return b[0]
}

func (w *town) check(build bool, o IdentityOptions) IdentityCheck {
	w.t.Helper()
	a := w.app()
	defer a.Close()
	c, err := a.CheckIdentity(w.t.Context(), build, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.clean(a)
	return c[0]
}

func (w *town) plan(o IdentityOptions) IdentityPlan {
	w.t.Helper()
	a := w.app()
	defer a.Close()
	p, err := a.PlanIdentity(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.clean(a)
	return p[0]
}

// clean fails the test if a scratch build is still there.
func (w *town) clean(a *App) {
	w.t.Helper()
	err := a.session(w.t.Context(), func(s warehouse.Session) error {
		tables, err := s.Tables(w.t.Context(), a.w.Schema())
		for _, name := range tables {
			if strings.Contains(name, "scratch_") && !strings.Contains(name, "build_scratch") {
				w.t.Errorf("%s was left behind", name)
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestCheckIdentity: what goes on from build to build is what comes from nothing, with the same
// ids; where it is not, the check says so.
func TestCheckIdentity(t *testing.T) {
	w := newTown(t)
	w.build()
	for round := range 4 {
		w.live()
		if b := w.build(); b.Identity != "incremental" {
			t.Fatalf("round %d: identity is %s: %s", round, b.Identity, b.Why)
		}
		c := w.check(false, IdentityOptions{Limit: 5})
		if !c.Equal {
			t.Fatalf("round %d: %+v", round, c)
		}
		if c.Members < 600 || len(c.Tables) != 4 {
			t.Fatalf("round %d compared too little: %+v", round, c)
		}
	}
	// An old order is changed where it is: nothing tells a build that goes on from another.
	old, _, _ := strings.Cut(w.orders[0], ",")
	w.orders[0] = old + ",,nobody.else@example.com," + casetest.DefaultAsOf.Format(time.RFC3339)
	w.fill()
	w.build()
	c := w.check(true, IdentityOptions{Limit: 50})
	if c.Equal || c.FullMembers != 1 || c.How != "incremental" || c.Seconds["live"] == 0 || c.Seconds["full"] == 0 {
		t.Errorf("a changed order: %+v", c)
	}
	err := Differing([]IdentityCheck{c}, true)
	if e := (*Error)(nil); !errors.As(err, &e) || e.Code != "identity.differs" || !strings.Contains(e.Fix, "weir build --full") {
		t.Errorf("the error is %v", err)
	}
	for _, x := range c.Apart {
		if x.Value != "" {
			t.Errorf("a value is told that nobody asked for: %+v", x)
		}
	}
	found := false
	for _, x := range w.check(false, IdentityOptions{Limit: 50, Values: true}).Apart {
		found = found || x == ApartProfiles{Full: x.Full, Members: 1, Type: "email", Value: "nobody.else@example.com"}
	}
	if !found {
		t.Error("the new address is not among the examples")
	}
}

// TestPlanIdentity: a rule is tried on everybody before it is built, and what is built then is
// what was planned.
func TestPlanIdentity(t *testing.T) {
	w := newTown(t)
	before := w.build()
	if p := w.plan(IdentityOptions{Limit: 5}); p.Something() || len(p.Moved) > 0 {
		t.Errorf("nothing changed, and the plan is %+v", p)
	}
	w.rules("limit: 2, max_links: {customer_id: 1}")
	p := w.plan(IdentityOptions{Limit: 5})
	if !p.Something() || p.Split == 0 {
		t.Fatalf("a stricter rule splits nobody: %+v", p)
	}
	var was, is int64
	for _, b := range p.Sizes {
		was, is = was+b.Before, is+b.After
	}
	if was != before.Profiles || is != p.After.Profiles || p.Before.Profiles+p.New+p.Split-p.Merged-p.Gone != p.After.Profiles {
		t.Errorf("numbers of profiles do not add up: %+v", p)
	}
	after := w.build()
	sizes := map[string]int64{}
	for _, g := range p.Segments {
		sizes[g.Segment] = g.After
		if g.Before != before.Segments[g.Segment] {
			t.Errorf("%s had %d people, the plan says %d", g.Segment, before.Segments[g.Segment], g.Before)
		}
	}
	if diff := cmp.Diff(after.Segments, sizes); diff != "" {
		t.Errorf("sizes of segments, built and planned (-built +planned):\n%s", diff)
	}
	dropped := map[string]int64{}
	for _, d := range p.Dropped {
		dropped["dropped."+d.Rule] += d.After
	}
	for _, rule := range []string{"max_links", "limit"} {
		if n := after.Stats["dropped."+rule]; n != dropped["dropped."+rule] {
			t.Errorf("%s drops %d, planned were %d", rule, n, dropped["dropped."+rule])
		}
	}
	if after.Profiles != p.After.Profiles || after.Stats["profile.largest"] != p.After.Largest || p.Largest[0].Identifiers != p.After.Largest {
		t.Errorf("built %+v, planned %+v", after, p.After)
	}
	if p := w.plan(IdentityOptions{Limit: 5}); p.Something() {
		t.Errorf("built, and the plan is %+v", p)
	}
}
