//go:build cgo && !noduckdb

package app

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/lift"
	"github.com/weir-data/weir/internal/warehouse"
)

const trialYAML = `
project: trial
timezone: Europe/Paris
targets: {dev: TARGET}
sources:
  crm:    {table: shop.crm, key: id, updated_at: changed_at, identifiers: {customer_id: customer_id}}
  orders: {table: shop.orders, key: id, time: placed_at, identifiers: {customer_id: customer_id}}
  notes:  {table: shop.notes, key: id, time: placed_at}
entities:
  customer:
    identity:
      identifiers: {customer_id: {}}
      from: [crm, orders]
    holdout: 5%
    traits:
      number: {from: crm.id}
      wanted: {from: crm.wanted}
segments:
  winback: {entity: customer, where: {trait: wanted, is: true}, holdout: 20%, split: {a: 50%, b: 50%}}
  simple: {entity: customer, where: {trait: wanted, is: true}, holdout: 30%}
  plain: {entity: customer}
  ladder: {entity: customer, priority: [winback, plain]}
  rungs: {entity: customer, priority: [winback, plain], holdout: 10%}
`

type bought struct {
	who    int
	cents  int64
	placed time.Time
}

// trial is a shop whose people are divided on the first of May. Of those in a more come back, and
// who comes back leaves the segment.
func trial(t *testing.T) (*App, []bought) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(strings.Replace(trialYAML, "TARGET", target(t), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	a, findings, err := Load(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatalf("%v: %v", err, findings)
	}
	t.Cleanup(func() { a.Close() })
	const people = 1500
	sql := func(statements ...string) {
		t.Helper()
		err := a.session(t.Context(), func(s warehouse.Session) error {
			for _, st := range statements {
				if _, err := s.Exec(t.Context(), st); err != nil {
					return fmt.Errorf("%.80s: %w", st, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	sql("create schema shop",
		"create table shop.crm (id bigint, customer_id varchar, wanted boolean, changed_at timestamptz)",
		"create table shop.orders (id bigint, customer_id varchar, amount numeric(12,2), placed_at timestamptz)",
		"create table shop.notes (id bigint, placed_at timestamptz)",
		fmt.Sprintf("insert into shop.crm select i, 'c' || i, true, timestamptz '2026-01-01 00:00:00+00' from generate_series(1, %d) as t(i)", people))
	build := func(at string) {
		t.Helper()
		if a.o.AsOf, err = time.Parse(time.DateOnly, at); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Build(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.o.AsOf = time.Time{}
	}
	build("2026-05-01")
	arm := armsOfPeople(t, a, "winback")
	r := rand.New(rand.NewPCG(7, 9))
	var orders []bought
	var rows, left []string
	for who := 1; who <= people; who++ {
		chance := map[string]float64{"a": 0.3, "b": 0.12}[arm[who]]
		n := 0
		if r.Float64() < chance+0.1 {
			n = 1 + r.IntN(3)
			left = append(left, fmt.Sprint(who))
		}
		for range n {
			o := bought{who, 500 + r.Int64N(20_000), time.Date(2026, 4, 20, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(60*24)) * time.Hour)}
			orders = append(orders, o)
			rows = append(rows, fmt.Sprintf("(%d, 'c%d', %d.%02d, timestamptz '%s')", len(rows)+1, who, o.cents/100, o.cents%100, o.placed.Format("2006-01-02 15:04:05+00")))
		}
	}
	sql("insert into shop.orders values "+strings.Join(rows, ", "),
		"update shop.crm set wanted = false where id in ("+strings.Join(left, ", ")+")",
		fmt.Sprintf("insert into shop.crm select i, 'c' || i, true, timestamptz '2026-01-01 00:00:00+00' from generate_series(%d, %d) as t(i)", people+1, people+60))
	build("2026-06-10")
	return a, orders
}

// armsOfPeople are the arms of a segment, by the number of the person; "" for whom the entity holds
// out.
func armsOfPeople(t *testing.T, a *App, segment string) map[int]string {
	t.Helper()
	arms := map[int]string{}
	err := a.lookups(t.Context(), func(ls []*lookup) error {
		l := ls[0]
		text := fmt.Sprintf(`SELECT p.number, a.arm FROM weir.customer_assignments a JOIN weir.customer_profiles p ON p.profile_id = a.profile_id
			WHERE a.segment = '%s' AND a.profile_id NOT IN (SELECT u.profile_id FROM weir.customer_assignments u WHERE u.segment = '*' AND u.arm = 'holdout')`, segment)
		for row, err := range l.s.Query(t.Context(), text) {
			if err != nil {
				return err
			}
			arms[int(cells(row).int(0))] = cells(row).text(1)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return arms
}

// What the warehouse sums up is what adding up order by order gives.
func TestLift(t *testing.T) {
	a, orders := trial(t)
	given := func(who int) time.Time {
		if who > 1500 {
			return time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC)
		}
		return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	}
	end := time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		segment string
		o       LiftOptions
		counts  func(o bought) bool
		early   func(who int) bool
	}{
		{"winback", LiftOptions{Goal: "orders.amount"}, func(o bought) bool { return true }, func(int) bool { return false }},
		{"winback", LiftOptions{Goal: "orders"}, func(o bought) bool { return true }, func(int) bool { return false }},
		{"simple", LiftOptions{Goal: "orders.amount"}, func(o bought) bool { return true }, func(int) bool { return false }},
		{"winback", LiftOptions{Goal: "orders.amount", Within: "2w"}, func(o bought) bool { return o.placed.Before(given(o.who).Add(14 * 24 * time.Hour)) }, func(who int) bool { return who > 1500 }},
		// A date is midnight in Paris.
		{"winback", LiftOptions{Goal: "orders.amount", Since: "2026-06-01"}, func(o bought) bool { return !o.placed.Before(time.Date(2026, 5, 31, 22, 0, 0, 0, time.UTC)) }, func(int) bool { return false }},
	} {
		t.Run(fmt.Sprint(c.segment, c.o), func(t *testing.T) {
			got, err := a.Lift(t.Context(), c.segment, c.o)
			if err != nil {
				t.Fatal(err)
			}
			arm := armsOfPeople(t, a, c.segment)
			spent := map[int]int64{}
			for _, o := range orders {
				if !o.placed.Before(given(o.who)) && o.placed.Before(end) && c.counts(o) {
					spent[o.who] += o.cents
				}
			}
			values := map[string][]float64{}
			hits := map[string]int64{}
			for who, in := range arm {
				if c.early(who) {
					continue
				}
				values[in] = append(values[in], float64(spent[who])/100)
				if spent[who] > 0 {
					hits[in]++
				}
			}
			groups := map[string]lift.Group{}
			for in, xs := range values {
				g := lift.Group{N: int64(len(xs)), Converted: hits[in]}
				for _, x := range xs {
					g.Mean += x / float64(len(xs))
				}
				for _, x := range xs {
					g.Variance += (x - g.Mean) * (x - g.Mean) / float64(len(xs)-1)
				}
				groups[in] = g
			}
			if got.Base != "holdout" || got.Arms[0].Arm != "holdout" || len(got.Arms) != len(groups) {
				t.Fatalf("arms %+v, want %d", got.Arms, len(groups))
			}
			for _, m := range got.Arms {
				g := groups[m.Arm]
				if m.People != g.N || m.Converted != g.Converted {
					t.Errorf("%s: %d of %d, want %d of %d", m.Arm, m.Converted, m.People, g.Converted, g.N)
				}
				if (m.Mean != nil) != strings.Contains(c.o.Goal, ".") {
					t.Errorf("%s: mean %v for the goal %s", m.Arm, m.Mean, c.o.Goal)
				}
				if m.Arm == got.Base {
					continue
				}
				same(t, m.Arm+" share", m.Rates, lift.Rates(g, groups["holdout"]))
				if m.Mean != nil {
					same(t, m.Arm+" mean", m.Means, lift.Means(g, groups["holdout"]))
				}
			}
		})
	}
}

func same(t *testing.T, what string, got *LiftCompared, want lift.Comparison) {
	t.Helper()
	for _, x := range []struct {
		name string
		got  *float64
		want float64
	}{
		{"difference", &got.Difference, want.Difference}, {"low", got.Low, want.Interval.Low}, {"high", got.High, want.Interval.High},
		{"relative", got.Relative, want.Relative}, {"relative low", got.RelativeLow, want.Ratio.Low}, {"relative high", got.RelativeHigh, want.Ratio.High}, {"p", got.P, want.P},
	} {
		if x.got == nil || math.Abs(*x.got-x.want) > 1e-7*math.Max(1, math.Abs(x.want)) {
			t.Errorf("%s: %s is %v, want %v", what, x.name, x.got, x.want)
		}
	}
	if got.Significant != (want.P < 0.05) {
		t.Errorf("%s: significant %t at p %g", what, got.Significant, want.P)
	}
}

// The words are for people who know what an order is, and not what p is.
func TestLiftSays(t *testing.T) {
	a, _ := trial(t)
	x, err := a.Lift(t.Context(), "winback", LiftOptions{Goal: "orders.amount"})
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Arms) != 3 || x.Arms[1].Arm != "a" || !x.Arms[1].Rates.Significant {
		t.Fatalf("%+v", x.Arms)
	}
	for _, part := range []string{"reached the goal in a", "points, with 95 % confidence from +", "Per person it is "} {
		if !strings.Contains(x.Arms[1].Verdict, part) {
			t.Errorf("%q lacks %q", x.Arms[1].Verdict, part)
		}
	}
	notes := strings.Join(x.Notes, "\n")
	if !strings.Contains(notes, "2 comparisons with holdout") || strings.Contains(notes, "few people") {
		t.Errorf("notes: %s", notes)
	}
	x, err = a.Lift(t.Context(), "winback", LiftOptions{Goal: "orders", Since: "2026-06-09"})
	if err != nil {
		t.Fatal(err)
	}
	if v := x.Arms[2].Verdict; !strings.Contains(v, "not significant yet") || !strings.Contains(v, "people in each arm") {
		t.Errorf("of one day it says %q", v)
	}
	if notes := strings.Join(x.Notes, "\n"); !strings.Contains(notes, "There are few people") {
		t.Errorf("notes: %s", notes)
	}
	late := SegmentLift{Base: "holdout", Arms: []LiftArm{{Arm: "holdout"}, {Arm: "a", Given: 9, People: 9, Converted: 4, group: lift.Group{N: 9, Converted: 4}}, {Arm: "b", Given: 9, People: 9, Converted: 5, group: lift.Group{N: 9, Converted: 5}}}}
	for i := range late.Arms[1:] {
		late.Arms[i+1].Rate = finite(late.Arms[i+1].group.Rate())
	}
	late.compare(false)
	if late.Base != "a" || late.Arms[0].Rates != nil || late.Arms[1].Rates == nil || late.Arms[2].Arm != "holdout" || !strings.Contains(late.Notes[0], "Nobody is in holdout yet") {
		t.Errorf("a holdout without people: %+v", late)
	}
	x, err = a.Lift(t.Context(), "rungs", LiftOptions{Goal: "orders"})
	if err != nil || len(x.Arms) != 2 || x.Arms[1].Arm != "treatment" || x.Arms[1].People == 0 {
		t.Errorf("a priority with a holdout: %+v, %v", x, err)
	}
}

func TestLiftRefuses(t *testing.T) {
	a, _ := trial(t)
	for _, c := range []struct {
		segment string
		o       LiftOptions
		code    string
	}{
		{"winbak", LiftOptions{Goal: "orders"}, "models.unknown_segment"},
		{"plain", LiftOptions{Goal: "orders"}, "segments.no_arms"},
		{"ladder", LiftOptions{Goal: "orders"}, "segments.no_arms"},
		{"winback", LiftOptions{}, "cli.usage"},
		{"winback", LiftOptions{Goal: "order"}, "models.unknown_source"},
		{"winback", LiftOptions{Goal: "orders.amont"}, "models.unknown_column"},
		{"winback", LiftOptions{Goal: "orders.customer_id"}, "models.column_type"},
		{"winback", LiftOptions{Goal: "notes"}, "models.not_in_identity"},
		{"winback", LiftOptions{Goal: "orders", Within: "1d", Since: "7d"}, "cli.usage"},
		{"winback", LiftOptions{Goal: "orders", Within: "long"}, "cli.usage"},
		{"winback", LiftOptions{Goal: "orders", Since: "2030-01-01"}, "segments.since"},
	} {
		_, err := a.Lift(t.Context(), c.segment, c.o)
		if e := (*Error)(nil); !errors.As(err, &e) || e.Code != c.code || e.Fix == "" || e.Kind != Refused {
			t.Errorf("%s %+v: %v, want %s with a fix", c.segment, c.o, err, c.code)
		}
	}
}
