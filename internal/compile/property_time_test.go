package compile_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/models"
)

const timeModel = `
sources:
  people: {table: people, key: id, updated_at: changed, identifiers: {n: who}}
  acts: {table: acts, key: id, time: happened, identifiers: {n: who}}
  visits: {table: visits, key: id, time: day, identifiers: {n: who}}
entities:
  x:
    identity: {identifiers: {n: {limit: 1}}, from: [people, acts, visits]}
    traits:
      who: {from: people.who}
      at: {from: people.seen}
      day: {from: people.born}
      recent: {from: acts, max: happened}
      visited: {from: visits, max: day}
`

// moment is an instant, or a local date as its midnight in UTC.
type moment struct {
	t    time.Time
	date bool
}

// timely is a person of the property test of times; nil is absent.
type timely struct {
	who    string
	at     *moment
	day    *moment
	acts   []*moment
	visits []*moment
}

// timeZones are zones with changes of the clock in the night, at midnight, by half an hour, over
// a whole day, and none.
var timeZones = []string{"UTC", "Europe/Paris", "America/New_York", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut",
	"America/Havana", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Kiritimati", "America/Los_Angeles"}

// TestTimeProperty compares random conditions on times, in random zones and often near a change
// of the clock, with a reading of the rules that looks at one time after another.
func TestTimeProperty(t *testing.T) { randomTimes(t, casetest.DuckDB, casetest.Rounds(12, 18)) }

func randomTimes(t *testing.T, open casetest.Open, rounds int) {
	if testing.Short() {
		rounds = 2
	}
	for seed := range rounds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 29))
			in := input(t, timeModel)
			g := newClock(t, r, timeZones[seed%len(timeZones)])
			in.AsOf, in.Timezone = g.asOf, g.zone
			x := in.Model.Entity("x")
			windows := map[string]*models.Window{"recent": g.window(), "visited": g.window()}
			for name, w := range windows {
				x.Trait(name).Within = w
			}
			people := g.people(50)
			for i := range 70 {
				in.Model.Segments = append(in.Model.Segments, models.Segment{Name: fmt.Sprint("g", i), Entity: "x", Where: g.condition(2)})
			}
			w := newWorld(t, open(t))
			loadTimes(t, w, people)
			for _, s := range []string{"people", "acts", "visits"} {
				w.columns(t, &in, s, "SELECT * FROM "+s)
			}
			program, problems := compile.Entity(in)
			if program == nil {
				t.Fatal(problemText(problems))
			}
			w.run(t, program)
			members := map[string][]string{}
			for _, row := range w.rows(t, "SELECT m.segment, p.who FROM weir.x_memberships_b17 m JOIN weir.x_profiles_b17 p USING (profile_id)") {
				members[row[0]] = append(members[row[0]], row[1])
			}
			explained(t, w, in)
			for _, s := range in.Model.Segments {
				var want []string
				for i := range people {
					if g.holds(&people[i], &s.Where, windows) {
						want = append(want, people[i].who)
					}
				}
				got := members[s.Name]
				sort.Strings(got)
				sort.Strings(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s %s, %s: got %v, want %v\n%s", g.asOf, g.zone, s.Name, got, want, showCondition(&s.Where))
				}
			}
		})
	}
}

// showCondition writes a leaf without its empty keys.
func showCondition(w *models.Condition) string {
	return strings.NewReplacer(":<nil>", "", ":[]", "", ":false", "", ":0s", "").Replace(fmt.Sprintf("%+v", *w))
}

func loadTimes(t *testing.T, w *world, people []timely) {
	t.Helper()
	value := func(m *moment) string {
		switch {
		case m == nil:
			return "NULL"
		case m.date:
			return "DATE '" + m.t.Format(time.DateOnly) + "'"
		}
		return "'" + m.t.UTC().Format("2006-01-02T15:04:05.999999Z") + "'"
	}
	var ps, as, vs []string
	for i, p := range people {
		ps = append(ps, fmt.Sprintf("(%d, '%s', %s, %s, NULL)", i, p.who, value(p.at), value(p.day)))
		for _, m := range p.acts {
			as = append(as, fmt.Sprintf("(%d, '%s', %s)", len(as), p.who, value(m)))
		}
		for _, m := range p.visits {
			vs = append(vs, fmt.Sprintf("(%d, '%s', %s)", len(vs), p.who, value(m)))
		}
	}
	w.script(t, "CREATE TABLE people (id integer, who varchar, seen timestamptz, born date, changed timestamptz);\n"+
		"CREATE TABLE acts (id integer, who varchar, happened timestamptz);\nCREATE TABLE visits (id integer, who varchar, day date);\n"+
		"INSERT INTO people VALUES "+strings.Join(ps, ", ")+";\nINSERT INTO acts VALUES "+strings.Join(as, ", ")+";\nINSERT INTO visits VALUES "+strings.Join(vs, ", "))
}

// clock makes random people and conditions around a run, and judges them.
type clock struct {
	r         *rand.Rand
	zone      *time.Location
	asOf      time.Time
	midnights map[string]time.Time
}

func newClock(t *testing.T, r *rand.Rand, zone string) *clock {
	t.Helper()
	where, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	g := &clock{r: r, zone: where, midnights: map[string]time.Time{}}
	at := time.Date(2005+r.IntN(25), time.Month(1+r.IntN(12)), 1+r.IntN(31), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e6)*1000, time.UTC)
	if zone == "Pacific/Apia" { // the year in which a date was left out
		at = time.Date(2011, 12, 31, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(60)) * time.Hour)
	} else if _, end := at.In(where).ZoneBounds(); r.IntN(3) > 0 && !end.IsZero() {
		at = end.Add(time.Duration(r.IntN(97)-36) * time.Hour)
		if r.IntN(2) == 0 {
			at = end.Add(time.Duration(r.IntN(121)-60) * time.Minute)
		}
	}
	switch r.IntN(5) {
	case 0: // a local midnight
		y, m, d := at.In(where).Date()
		at = time.Date(y, m, d, 0, 0, 0, 0, where)
	case 1, 2: // days at which months and years are not alike
		day := pick(r, "2026-02-27", "2027-02-28", "2028-02-28", "2028-02-29", "2027-03-31", "2028-03-30", "2027-05-31", "2027-01-01")
		at, _ = time.ParseInLocation(time.DateOnly, day, where)
		at = at.Add(time.Duration(r.IntN(24)) * time.Hour)
	}
	g.asOf = at.UTC()
	return g
}

// moment is near the run, or near a midnight, or on a date of any year.
func (g *clock) moment() *moment {
	at := g.asOf
	switch g.r.IntN(8) {
	case 0:
		return nil
	case 1:
		at = at.Add(time.Duration(g.r.IntN(3)-1) * time.Microsecond)
	case 2:
		at = at.Add(time.Duration(g.r.IntN(145)-72) * time.Hour)
	case 3:
		at = at.AddDate(0, 0, g.r.IntN(9)-4)
		y, m, d := at.In(g.zone).Date()
		at = time.Date(y, m, d, 0, 0, 0, 0, g.zone).Add(time.Duration(g.r.IntN(3)-1) * time.Microsecond)
	case 4:
		at = at.Add(time.Duration(g.r.IntN(24*120)-24*80) * time.Hour)
	case 5:
		at = at.AddDate(-g.r.IntN(2), -g.r.IntN(4), g.r.IntN(7)-3)
	case 6:
		at = time.Date(1996, time.February, 29, g.r.IntN(24), 0, 0, 0, time.UTC)
	default:
		at = time.Date(1960+g.r.IntN(60), pick(g.r, time.January, time.February, time.March, time.December), pick(g.r, 1, 2, 27, 28, 29, 30, 31), g.r.IntN(24), 0, 0, 0, time.UTC)
	}
	return &moment{t: at.UTC()}
}

// day is a local date of a moment.
func (g *clock) day() *moment {
	m := g.moment()
	if m != nil {
		m = &moment{t: g.dateOf(m.t), date: true}
	}
	return m
}

func (g *clock) people(n int) []timely {
	var out []timely
	for i := range n {
		p := timely{who: fmt.Sprint("w", i), at: g.moment(), day: g.day()}
		for range g.r.IntN(4) {
			p.acts = append(p.acts, g.moment())
		}
		for range g.r.IntN(3) {
			p.visits = append(p.visits, g.day())
		}
		out = append(out, p)
	}
	return out
}

func (g *clock) duration() models.Duration {
	return models.Duration(pick(g.r, time.Hour, 24*time.Hour, 25*time.Hour, 48*time.Hour, 7*24*time.Hour, 30*24*time.Hour, 365*24*time.Hour))
}

func (g *clock) window() *models.Window {
	switch g.r.IntN(4) {
	case 0:
		return &models.Window{Span: models.Span{Last: g.duration()}}
	case 1:
		return &models.Window{CalendarDays: pick(g.r, 1, 2, 3, 7, 31, 366)}
	case 2:
		return &models.Window{CalendarMonths: pick(g.r, 1, 1, 2, 3, 12, 13, 24)}
	}
	return &models.Window{Span: models.Span{Named: pick(g.r, models.NamedWindows...)}}
}

// value is a date, a time, or one told by its distance from the run.
func (g *clock) value() models.Value {
	switch g.r.IntN(4) {
	case 0:
		return models.Value{Type: models.Text, Text: g.duration().String() + " ago"}
	case 1:
		return models.Value{Type: models.Text, Text: "in " + g.duration().String()}
	}
	m := g.moment()
	for m == nil {
		m = g.moment()
	}
	if g.r.IntN(2) == 0 {
		return models.Value{Type: pick(g.r, models.Date, models.Text), Text: g.dateOf(m.t).Format(time.DateOnly)}
	}
	return models.Value{Type: pick(g.r, models.Timestamp, models.Text), Text: m.t.Format(time.RFC3339Nano)}
}

func (g *clock) operators() models.Operators {
	v := g.value()
	switch g.r.IntN(9) {
	case 0:
		return models.Operators{AtLeast: &v}
	case 1:
		return models.Operators{AtMost: &v}
	case 2:
		return models.Operators{MoreThan: &v}
	case 3:
		return models.Operators{LessThan: &v}
	case 4:
		return models.Operators{Between: []models.Value{v, g.value()}}
	case 5, 6:
		return models.Operators{Within: g.window()}
	case 7:
		return models.Operators{WithinNext: g.duration()}
	}
	d := models.Duration(pick(g.r, 0, 0, 1, 1, 7, 30, 200, 364, 365, 366, 400) * 24 * int(time.Hour))
	return models.Operators{Anniversary: &d}
}

func (g *clock) condition(depth int) models.Condition {
	if depth > 0 && g.r.IntN(3) == 0 {
		list := []models.Condition{g.condition(depth - 1), g.condition(depth - 1)}
		return pick(g.r, models.Condition{All: list}, models.Condition{Any: list}, models.Condition{Not: &list[0]})
	}
	if g.r.IntN(2) == 0 {
		return models.Condition{Trait: pick(g.r, "at", "day", "recent", "visited"), Operators: g.operators()}
	}
	source := pick(g.r, "acts", "visits")
	column := map[string]string{"acts": "happened", "visits": "day"}[source]
	var c models.Condition
	if g.r.IntN(3) == 0 {
		c.Where = []models.ColumnTest{{Column: column, Test: models.Test{Operators: g.operators()}}}
	}
	switch g.r.IntN(3) {
	case 0:
		c.Within = g.window()
	case 1:
		c.Between = []models.Value{g.value(), g.value()}
	}
	n := g.r.IntN(3)
	switch g.r.IntN(5) {
	case 0:
		c.Never = source
		return c
	case 1:
		c.Times = &models.CountTest{AtLeast: &n}
	case 2, 3:
		c.Days = pick(g.r, &models.CountTest{Is: &n}, &models.CountTest{AtLeast: &n}, &models.CountTest{AtMost: &n})
	}
	c.Did = source
	return c
}

// dateOf is the local date of an instant.
func (g *clock) dateOf(t time.Time) time.Time {
	y, m, d := t.In(g.zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// instant is when a moment is: a date begins at the first quarter of an hour with that date or a
// later one.
func (g *clock) instant(m *moment) time.Time {
	if !m.date {
		return m.t
	}
	key := m.t.Format(time.DateOnly)
	if t, ok := g.midnights[key]; ok {
		return t
	}
	t := m.t.Add(-30 * time.Hour)
	for g.dateOf(t).Before(m.t) {
		t = t.Add(15 * time.Minute)
	}
	g.midnights[key] = t
	return t
}

func (g *clock) holds(p *timely, w *models.Condition, windows map[string]*models.Window) bool {
	each := func(list []models.Condition, want bool) bool {
		return slices.ContainsFunc(list, func(c models.Condition) bool { return g.holds(p, &c, windows) == want })
	}
	switch {
	case w.All != nil:
		return !each(w.All, false)
	case w.Any != nil:
		return each(w.Any, true)
	case w.Not != nil:
		return !g.holds(p, w.Not, windows)
	case w.Trait == "at":
		return g.passes(p.at, &w.Operators)
	case w.Trait == "day":
		return g.passes(p.day, &w.Operators)
	case w.Trait != "":
		rows := map[string][]*moment{"recent": p.acts, "visited": p.visits}[w.Trait]
		var latest *moment
		for _, m := range rows {
			if m != nil && g.inWindow(g.instant(m), windows[w.Trait]) && (latest == nil || m.t.After(latest.t)) {
				latest = m
			}
		}
		return g.passes(latest, &w.Operators)
	}
	rows := map[string][]*moment{"acts": p.acts, "visits": p.visits}[w.Did+w.Never]
	days, n := map[time.Time]bool{}, 0
	for _, m := range rows {
		if (w.Within != nil || w.Between != nil) && !g.passes(m, &models.Operators{Within: w.Within, Between: w.Between}) {
			continue
		}
		if len(w.Where) > 0 && !g.passes(m, &w.Where[0].Operators) {
			continue
		}
		n++
		if m != nil && m.date {
			days[m.t] = true
		} else if m != nil {
			days[g.dateOf(m.t)] = true
		}
	}
	switch {
	case w.Never != "":
		return n == 0
	case w.Times != nil:
		return n >= *w.Times.AtLeast
	case w.Days != nil:
		d := w.Days
		return (d.Is == nil || len(days) == *d.Is) && (d.AtLeast == nil || len(days) >= *d.AtLeast) && (d.AtMost == nil || len(days) <= *d.AtMost)
	}
	return n > 0
}

// passes is a test on one moment.
func (g *clock) passes(m *moment, o *models.Operators) bool {
	if m == nil {
		return false
	}
	t := g.instant(m)
	switch {
	case o.Within != nil:
		return g.inWindow(t, o.Within)
	case o.Between != nil:
		return g.order(m, o.Between[0]) >= 0 && g.order(m, o.Between[1]) < 0
	case o.WithinNext != 0:
		return !t.Before(g.asOf) && t.Before(g.asOf.Add(time.Duration(o.WithinNext)))
	case o.Anniversary != nil:
		return g.celebrated(m, int(time.Duration(*o.Anniversary)/(24*time.Hour)))
	}
	for _, x := range []struct {
		v            *models.Value
		ago, in, abs func(order int) bool
	}{
		{o.AtLeast, func(n int) bool { return n <= 0 }, func(n int) bool { return n >= 0 }, func(n int) bool { return n >= 0 }},
		{o.MoreThan, func(n int) bool { return n < 0 }, func(n int) bool { return n > 0 }, func(n int) bool { return n > 0 }},
		{o.AtMost, func(n int) bool { return n >= 0 && t.Before(g.asOf) }, func(n int) bool { return n <= 0 && !t.Before(g.asOf) }, func(n int) bool { return n <= 0 }},
		{o.LessThan, func(n int) bool { return n > 0 && t.Before(g.asOf) }, func(n int) bool { return n < 0 && !t.Before(g.asOf) }, func(n int) bool { return n < 0 }},
	} {
		switch {
		case x.v == nil:
		case strings.HasSuffix(x.v.Text, " ago"):
			return x.ago(g.order(m, *x.v))
		case strings.HasPrefix(x.v.Text, "in "):
			return x.in(g.order(m, *x.v))
		default:
			return x.abs(g.order(m, *x.v))
		}
	}
	panic("no operator")
}

// order is where a moment lies beside a value: before it, at it or after it.
func (g *clock) order(m *moment, v models.Value) int {
	var far models.Duration
	if text, ok := strings.CutSuffix(v.Text, " ago"); ok {
		if err := far.UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
		return g.instant(m).Compare(g.asOf.Add(-time.Duration(far)))
	}
	if text, ok := strings.CutPrefix(v.Text, "in "); ok {
		if err := far.UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
		return g.instant(m).Compare(g.asOf.Add(time.Duration(far)))
	}
	if at, err := time.Parse(time.RFC3339Nano, v.Text); err == nil {
		return g.instant(m).Compare(at)
	}
	date, err := time.Parse(time.DateOnly, v.Text)
	if err != nil {
		panic(err)
	}
	if m.date {
		return m.t.Compare(date)
	}
	return m.t.Compare(g.instant(&moment{date, true}))
}

// inWindow looks at the local date of an instant.
func (g *clock) inWindow(t time.Time, w *models.Window) bool {
	if w.Span.Last != 0 {
		return t.Before(g.asOf) && !t.Before(g.asOf.Add(-time.Duration(w.Span.Last)))
	}
	if !t.Before(g.asOf) {
		return false
	}
	day, run := g.dateOf(t), g.dateOf(g.asOf)
	months := func(t time.Time) int { return t.Year()*12 + int(t.Month()) - 1 }
	weeks := func(t time.Time) int { y, n := t.ISOWeek(); return y*100 + n }
	switch {
	case w.CalendarDays != 0:
		return day.After(run.AddDate(0, 0, -w.CalendarDays))
	case w.CalendarMonths != 0:
		var since time.Time
		for d := run.Day(); ; d-- {
			since = time.Date(run.Year(), run.Month()-time.Month(w.CalendarMonths), d, 0, 0, 0, 0, time.UTC)
			if months(since) == months(run)-w.CalendarMonths {
				break
			}
		}
		return !day.Before(since)
	}
	switch w.Span.Named {
	case "today":
		return day.Equal(run)
	case "yesterday":
		return day.Equal(run.AddDate(0, 0, -1))
	case "this_week":
		return weeks(day) == weeks(run)
	case "last_week":
		return weeks(day) == weeks(run.AddDate(0, 0, -7))
	case "this_month":
		return months(day) == months(run)
	case "last_month":
		return months(day) == months(run)-1
	case "this_quarter":
		return months(day)/3 == months(run)/3
	case "last_quarter":
		return months(day)/3 == months(run)/3-1
	case "this_year":
		return day.Year() == run.Year()
	case "last_year":
		return day.Year() == run.Year()-1
	}
	panic("no window")
}

// celebrated walks through the days of a range.
func (g *clock) celebrated(m *moment, days int) bool {
	born := m.t
	if !m.date {
		born = g.dateOf(m.t)
	}
	for n := range days + 1 {
		day := g.dateOf(g.asOf).AddDate(0, 0, n)
		if day.Month() == born.Month() && day.Day() == born.Day() {
			return true
		}
		if born.Month() == time.February && born.Day() == 29 && day.Month() == time.February && day.Day() == 28 && day.AddDate(0, 0, 1).Day() == 1 {
			return true
		}
	}
	return false
}
