//go:build cgo && !noduckdb

package app

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/warehouse"
)

// lifeYAML knows people by their addresses and by a customer number, which joins records.
const lifeYAML = `
project: life
targets: {dev: {type: duckdb, path: life.duckdb, threads: 1, send: live}}
sources:
  crm: {table: shop.crm, key: id, updated_at: changed_at, identifiers: {number: number, email: email}}
entities:
  customer:
    identity: {identifiers: {number: {limit: 1}, email: {limit: 9}}, from: crm}
    traits:
      email: {from: crm.email, pii: email}
      name: {from: crm.name}
      inside: {from: crm.inside}
      may: {from: crm.may}
segments:
  club: {entity: customer, where: {trait: inside, is: true}}
policies:
  asked: {entity: customer, purpose: news, require: {trait: may, is: true}}
`

// record is a row of the table of the life. People with one number are one person.
type record struct {
	id, number, email, name string
	inside                  bool
}

// lives leads all syncs of modeSyncs through one life, and knows what each destination must hold: a
// second description of the modes, in sets of people.
type lives struct {
	t     *testing.T
	dir   string
	url   string
	rec   *recorder
	yaml  string
	day   time.Time
	there map[string]map[string]string // name by address, by destination
	told  map[string]map[string]int    // messages by address, by destination
	sent  map[string]map[string]int    // messages that arrived
	began bool
	// approve lists the holds that a person has agreed to.
	approve []string
	// refuse lists numbers whose person says no before the next run.
	refuse []string
}

func newLives(t *testing.T, yaml string) *lives {
	rec := &recorder{there: map[string]map[string]string{}}
	srv := httptest.NewServer(rec)
	t.Cleanup(srv.Close)
	l := &lives{t: t, dir: t.TempDir(), url: srv.URL, rec: rec, yaml: yaml, day: time.Now().UTC().Truncate(24 * time.Hour),
		there: map[string]map[string]string{}, told: map[string]map[string]int{}, sent: map[string]map[string]int{}}
	for name := range modeSyncs {
		l.there[name], l.told[name], l.sent[name] = map[string]string{}, map[string]int{}, map[string]int{}
	}
	return l
}

// open loads the project as it is on a further day, and makes some records what they are now.
func (l *lives) open(records ...record) *App {
	l.t.Helper()
	modesProject(l.t, l.dir, l.url, "{name: name}")
	path := filepath.Join(l.dir, "weir.yml")
	b, err := os.ReadFile(path)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(b), modesYAML, l.yaml, 1)), 0o600); err != nil {
		l.t.Fatal(err)
	}
	l.day = l.day.AddDate(0, 0, 1)
	a, findings, err := Load(l.t.Context(), Options{Dir: l.dir, AsOf: l.day, Approve: l.approve})
	if err != nil {
		l.t.Fatal(err, findings)
	}
	must(a.warehouse())
	if !l.began {
		l.began = true
		exec(l.t, a, "create schema shop", "create table shop.crm (id varchar primary key, number varchar, email varchar, name varchar, inside boolean, changed_at timestamptz, may boolean)")
	}
	for i, r := range records { // a later one is newer
		exec(l.t, a, fmt.Sprintf("insert or replace into shop.crm values ('%s', '%s', '%s@example.com', '%s', %v, timestamptz '%s', true)",
			r.id, r.number, r.email, r.name, r.inside, l.day.Add(time.Duration(i-60)*time.Minute).Format(time.RFC3339)))
	}
	for _, number := range l.refuse {
		exec(l.t, a, fmt.Sprintf("update shop.crm set may = false, changed_at = timestamptz '%s' where number = '%s'", l.day.Format(time.RFC3339), number))
	}
	l.refuse = nil
	return a
}

// run runs all syncs, and returns what the runs said.
func (l *lives) run(a *App) *RunResult {
	l.t.Helper()
	l.rec.arrived = map[string][]string{}
	res, err := a.Run(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	for name, lines := range l.rec.arrived {
		for _, line := range lines {
			if op, rest, _ := strings.Cut(line, " "); op == "emit" {
				who, _, _ := strings.Cut(rest, " ")
				l.sent[name][who]++
			}
		}
	}
	return res
}

// wants says who is sent from now on, under which address and name, and who of them came in anew.
func (l *lives) wants(wanted map[string]string, entered ...string) {
	for name, says := range modeSyncs {
		there := l.there[name]
		switch {
		case strings.Contains(says, "mode: append"):
			if len(l.told[name]) == 0 && !strings.Contains(says, "first_run: send") {
				l.told[name]["-"] = 1 // who was in at first is told nothing
				continue
			}
			for _, who := range entered {
				l.told[name][who]++
			}
			continue
		case strings.Contains(says, "mode: add"), strings.Contains(says, "on_leave: keep"), strings.Contains(says, "mode: upsert") && !strings.Contains(says, "on_leave"):
		default:
			for who := range there {
				if _, ok := wanted[who]; ok {
					continue
				}
				if strings.Contains(says, "on_leave: clear") {
					there[who] = "null"
				} else {
					delete(there, who)
				}
			}
		}
		maps.Copy(there, wanted)
	}
}

// holds compares what the destinations hold with what they must.
func (l *lives) holds(what string) {
	l.t.Helper()
	for name := range modeSyncs {
		delete(l.told[name], "-")
		have := l.rec.there[name]
		if have == nil {
			have = map[string]string{}
		}
		if d := cmp.Diff(l.there[name], have); d != "" {
			l.t.Errorf("%s: who is in %s (-want +got):\n%s", what, name, d)
		}
		if d := cmp.Diff(l.told[name], l.sent[name]); d != "" {
			l.t.Errorf("%s: who was sent a message by %s (-want +got):\n%s", what, name, d)
		}
		if strings.HasPrefix(name, "append") {
			l.told[name]["-"] = 1
		}
	}
}

// step runs as things are, wants every run to end well, and compares.
func (l *lives) step(what string, records []record, wanted map[string]string, entered ...string) {
	l.t.Helper()
	a := l.open(records...)
	defer func() {
		if err := a.Close(); err != nil {
			l.t.Error(err)
		}
	}()
	for _, r := range l.run(a).Runs {
		if r.Status != "ok" {
			l.t.Errorf("%s: %s ended %s: %s %+v", what, r.Sync, r.Status, r.Error, r.Holds)
		}
	}
	l.wants(wanted, entered...)
	l.holds(what)
}

// several are records of their own of so many people, from a number on, who are in.
func several(from, n int) (out []record) {
	for i := from; i < from+n; i++ {
		who := fmt.Sprintf("p%02d", i)
		out = append(out, record{who, who, who, strings.ToUpper(who), true})
	}
	return out
}

// TestModesOverMerges joins people whom every destination has: the survivor keeps its address, or goes
// on under that of the other, or under a new one, or leaves.
func TestModesOverMerges(t *testing.T) {
	l := newLives(t, lifeYAML)
	wanted := map[string]string{}
	all := several(10, 20) // beside whom those of the story are no mass
	for i, who := range []string{"ann", "bob", "cleo", "dan", "eve", "fay"} {
		all = append(all, record{fmt.Sprint(i), fmt.Sprint("n", i), who, strings.ToUpper(who), true})
	}
	for _, r := range all {
		wanted[r.email] = r.name
	}
	l.step("six are in beside others", all, wanted, slices.Collect(maps.Keys(wanted))...)

	delete(wanted, "bob")
	delete(wanted, "cleo")
	delete(wanted, "eve")
	wanted["fay"], wanted["hal"] = "Eve", "Hal"
	l.step("bob is ann, cleo is dan, eve is fay and has another name, and hal enters", []record{
		{"1", "n0", "bob", "BOB", true}, {"0", "n0", "ann", "ANN", true},
		{"2", "n2", "cleo", "CLEO", true}, {"3", "n2", "dan", "DAN", true},
		{"4", "n4", "eve", "EVE", true}, {"5", "n4", "fay", "Eve", true},
		{"6", "n6", "hal", "Hal", true},
	}, wanted, "hal")

	delete(wanted, "ann")
	delete(wanted, "dan")
	wanted["new"] = "DAN"
	l.step("ann, who was two, is hal, and dan, who was two, has a third address", []record{
		{"0", "n6", "ann", "ANN", true}, {"1", "n6", "bob", "BOB", true}, {"6", "n6", "hal", "Hal", true}, {"7", "n2", "new", "DAN", true},
	}, wanted)

	delete(wanted, "fay")
	delete(wanted, "hal")
	l.step("eve and hal are one, and leave", []record{{"4", "n6", "eve", "EVE", false}, {"5", "n6", "fay", "Eve", false}, {"6", "n6", "hal", "Hal", false}}, wanted)

	// Where nobody is taken out who leaves, all the addresses are there still, and are one person's.
	l.refuse = []string{"n6"}
	for name, says := range modeSyncs {
		for _, who := range []string{"ann", "bob", "eve", "fay", "hal"} {
			if _, there := l.there[name][who]; there && !strings.Contains(says, "on_leave: clear") {
				delete(l.there[name], who)
			}
		}
	}
	l.step("the one of five addresses says no", nil, wanted)
}

// profiles are the profile and the arm of each address: "holdout", "treatment", or "universal" for
// whom the entity holds out.
func (l *lives) profiles(a *App) map[string][2]string {
	l.t.Helper()
	out := map[string][2]string{}
	err := a.session(l.t.Context(), func(s warehouse.Session) error {
		for row, err := range s.Query(l.t.Context(), `SELECT p.email, p.profile_id, CASE WHEN u.arm = 'holdout' THEN 'universal' ELSE c.arm END FROM weir.customer_profiles p
			LEFT JOIN weir.customer_assignments c ON c.profile_id = p.profile_id AND c.segment = 'club'
			LEFT JOIN weir.customer_assignments u ON u.profile_id = p.profile_id AND u.segment = '*'`) {
			if err != nil {
				return err
			}
			who, _, _ := strings.Cut(fmt.Sprint(row[0]), "@")
			out[who] = [2]string{fmt.Sprint(row[1]), fmt.Sprint(row[2])}
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// divided runs, and then wants whoever is in the arm that is sent to. It returns the profiles.
func (l *lives) divided(what string, records []record, ok func(string, RunResult), entered ...string) map[string][2]string {
	l.t.Helper()
	a := l.open(records...)
	defer func() {
		if err := a.Close(); err != nil {
			l.t.Error(err)
		}
	}()
	ok(what, *l.run(a))
	ps := l.profiles(a)
	wanted := map[string]string{}
	for who, p := range ps {
		if p[1] == "treatment" {
			wanted[who] = strings.ToUpper(who)
		}
	}
	l.wants(wanted, slices.DeleteFunc(slices.Clone(entered), func(who string) bool { return ps[who][1] != "treatment" })...)
	l.holds(what)
	return ps
}

// TestModesOverHoldouts keeps people out of every destination: whom the segment holds out from the
// start, who enters, who is joined with somebody of another arm, and whom the entity comes to hold out.
func TestModesOverHoldouts(t *testing.T) {
	l := newLives(t, strings.Replace(lifeYAML, "is: true}}", "is: true}, holdout: 50%}", 1))
	well := func(what string, res RunResult) {
		t.Helper()
		for _, r := range res.Runs {
			if r.Status != "ok" {
				t.Errorf("%s: %s ended %s: %s %+v", what, r.Sync, r.Status, r.Error, r.Holds)
			}
		}
	}
	names := func(rs []record) (out []string) {
		for _, r := range rs {
			out = append(out, r.email)
		}
		return out
	}
	// of are those of a range in an arm.
	of := func(ps map[string][2]string, rs []record, arm string) (out []string) {
		for _, who := range names(rs) {
			if ps[who][1] == arm {
				out = append(out, who)
			}
		}
		return out
	}
	old, young := several(0, 30), several(30, 30)
	first := l.divided("half of them are held out", old, well, names(old)...)
	second := l.divided("others enter", young, well, names(young)...)
	for who, p := range first {
		if second[who] != p {
			t.Errorf("%s was %s and is %s", who, p, second[who])
		}
	}
	for _, rs := range [][]record{old, young} {
		if n := len(of(second, rs, "holdout")); n < 5 || n > 25 {
			t.Fatalf("%d of 30 are held out", n)
		}
	}
	// An older one who is held out, or is not, is joined with a younger one of the other arm, who has
	// the newer address.
	held, free := of(second, old, "holdout")[0], of(second, old, "treatment")[0]
	withHeld, withFree := of(second, young, "treatment")[0], of(second, young, "holdout")[0]
	third := l.divided("people of both arms are one", []record{
		{held, held, held, strings.ToUpper(held), true}, {withHeld, held, withHeld, strings.ToUpper(withHeld), true},
		{free, free, free, strings.ToUpper(free), true}, {withFree, free, withFree, strings.ToUpper(withFree), true},
	}, well)
	for who, want := range map[string][2]string{withHeld: second[held], withFree: second[free]} {
		if third[who] != want {
			t.Errorf("%s is %s, and the older one was %s", who, third[who], want)
		}
	}
	if len(third) != 58 {
		t.Errorf("%d people, want 58", len(third))
	}

	// The entity comes to hold people out: nobody is taken away before a person agrees.
	l.yaml = strings.Replace(l.yaml, "  customer:\n", "  customer:\n    holdout: 40%\n", 1)
	a := l.open()
	for _, r := range l.run(a).Runs {
		takes := strings.Contains(modeSyncs[r.Sync], "mirror") && !strings.Contains(modeSyncs[r.Sync], "keep") || strings.Contains(modeSyncs[r.Sync], "upsert, on_leave")
		if is := r.Status == "held" && r.Code == ledger.HoldHoldout; is != takes {
			t.Errorf("a holdout for all: %s ended %s (%s)", r.Sync, r.Status, r.Code)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	l.holds("a holdout for all, not agreed to")
	l.approve = []string{ledger.HoldHoldout}
	fourth := l.divided("a holdout for all, agreed to", nil, well)
	if n := len(of(fourth, append(old, young...), "universal")); n < 10 || n > 40 {
		t.Errorf("%d of 58 are held out by the entity", n)
	}
	l.approve = nil
	l.divided("nothing happens", nil, well)
}
