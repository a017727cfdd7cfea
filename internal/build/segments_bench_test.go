//go:build unix

package build_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// BenchmarkSegments compiles many segments together, and beside it asks one query for each as an
// engineer would write it, over the same build. It prints CPU seconds, ratios, statements and
// memory, and fails if a single membership differs or if the statements grow with the segments:
//
//	WEIR_EVENTS=20000000 WEIR_PEOPLE=1000000 WEIR_SEGMENTS=100 go test -run - -bench 'Segments$' -benchtime 1x ./internal/build
//
// A segment is a condition on a trait, two on events (how often, in which window, with which
// values), and one that something was never done, drawn from eighty on twenty events.
func BenchmarkSegments(b *testing.B) {
	for b.Loop() {
		benchSegments(b, envNumber(b, "WEIR_EVENTS", 2_000_000), envNumber(b, "WEIR_PEOPLE", 100_000), envNumber(b, "WEIR_SEGMENTS", 100))
	}
}

// segmentBars are the ratios to keep to, by the number of segments.
var segmentBars = map[int]float64{50: 6, 100: 9}

var segmentAsOf = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func benchSegments(b *testing.B, events, people, segments int) {
	b.StopTimer()
	w := &spy{Warehouse: limitedDuckDB(b)}
	script(b, w, "CREATE SCHEMA raw", peopleTable(people), eventsTable(events, people))
	m, leaves := segmentsModel(segments)
	all := m.Segments
	m.Segments = nil
	var result *build.Result
	full := measure(b, func() (err error) {
		result, err = (&build.Builder{W: w}).Build(context.Background(), segmentsInput(m), build.Options{AsOf: segmentAsOf})
		return err
	})
	say("%d events, %d people, %d profiles: %v", events, people, result.Stats["profiles"], full)

	plain := newPlain(b, w, result.Build, leaves)
	plain.choose(min(10, segments))
	var theirs float64
	done := 0
	statements := map[int]int{}
	b.StartTimer()
	for _, n := range []int{10, 50, 100, segments} {
		if n > segments || statements[n] > 0 {
			continue
		}
		for ; done < n; done++ {
			theirs += plain.run(done)
		}
		m.Segments = all[:n]
		var members int64
		ours := measure(b, func() (err error) { statements[n], err = runSegments(w, m, result.Build); return err })
		members = plain.compare(result.Build, n)
		ratio, bar := theirs/ours.cpu, segmentBars[n]
		verdict := ""
		if bar > 0 {
			verdict = fmt.Sprintf(", bar %.0f: kept", bar)
			if ratio < bar {
				verdict = fmt.Sprintf(", bar %.0f: NOT KEPT", bar)
			}
		}
		say("%3d segments, %d distinct conditions: %.2f CPU s to %.2f with one query for each: ratio %.1f%s; %d statements; %d MB at the peak; %d memberships, none differs",
			n, distinct(leaves[:n]), ours.cpu, theirs, ratio, verdict, statements[n], ours.peak, members)
		b.ReportMetric(ratio, fmt.Sprintf("ratio-%d", n))
		say("dearest statements:%s", w.dearest(5))
	}
	if statements[50] != statements[100] && segments >= 100 {
		b.Errorf("%d statements for 50 segments and %d for 100", statements[50], statements[100])
	}
}

// limitedDuckDB is a warehouse in a file that may use 4 GB.
func limitedDuckDB(tb testing.TB) warehouse.Warehouse {
	tb.Helper()
	kind, ok := warehouse.Lookup("duckdb")
	if !ok {
		tb.Fatal("this build has no DuckDB")
	}
	w, err := kind.Open(warehouse.Config{Target: "bench", Dir: tb.TempDir(), Settings: map[string]string{"path": "bench.duckdb", "schema": "weir", "memory_limit": "4GB"}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = w.Close() })
	return w
}

func peopleTable(people int) string {
	return fmt.Sprintf(`CREATE TABLE raw.people AS SELECT 'k' || i AS key, 'u' || i AS user_id,
		['FR', 'DE', 'US', 'GB', 'ES'][1 + CAST(hash(i) %% 5 AS INTEGER)] AS country, CAST(hash(i + 7) %% 80 AS BIGINT) AS age,
		TIMESTAMPTZ '2025-06-01 00:00:00+00' AS changed FROM range(%d) AS t(i)`, people)
}

// eventsTable has some events a person, a power law of names, and a year of times in any order.
func eventsTable(events, people int) string {
	return fmt.Sprintf(`CREATE TABLE raw.events AS SELECT 'e' || i AS key,
		'u' || CAST(floor(pow((hash(i * 3 + 1) %% 1000000007) / 1000000007.0, 1.7) * %d) AS BIGINT) AS user_id,
		['%s'][1 + CAST(least(19, floor(pow((hash(i * 5 + 2) %% 1000003) / 1000003.0, 2.2) * 20)) AS INTEGER)] AS name,
		CAST((hash(i * 11 + 3) %% 50000) / 100.0 AS DECIMAL(12,2)) AS amount, '/p/' || (hash(i * 13 + 5) %% 200) AS page,
		TIMESTAMPTZ '2025-06-01 00:00:00+00' + to_seconds(CAST(hash(i * 17 + 7) %% 31536000 AS BIGINT)) AS happened
		FROM range(%d) AS t(i)`, people, strings.Join(eventNames, "', '"), events)
}

// eventNames are the events, the most frequent first.
var eventNames = strings.Fields("page_view product_view search cart_added session email_opened email_clicked checkout order_completed wishlist " +
	"coupon_used review_written support_chat return_made app_opened push_opened signup unsubscribed store_visit shared")

// leaf is a condition on events in the words of both sides.
type leaf struct {
	name  string
	days  int
	where string // SQL; "" for none
	tests []models.ColumnTest
	least int
}

func (l leaf) condition(never bool) models.Condition {
	c := models.Condition{Did: "events", Where: append([]models.ColumnTest{{Column: "name", Test: models.Test{Is: textValue(l.name)}}}, l.tests...)}
	c.Within = &models.Window{Span: models.Span{Last: models.Duration(time.Duration(l.days) * 24 * time.Hour)}}
	if never {
		c.Did, c.Never = "", "events"
	} else if l.least > 1 {
		c.Times = &models.CountTest{AtLeast: &l.least}
	}
	return c
}

func textValue(s string) *models.Value { return &models.Value{Type: models.Text, Text: s} }

// asked is a segment: a test of a trait in SQL, two conditions and one that must not hold.
type asked struct {
	trait string
	leaf  [3]leaf
}

// distinct counts the conditions on events, each once.
func distinct(segments []asked) int {
	seen := map[string]bool{}
	for _, s := range segments {
		for i, l := range s.leaf {
			if i == 2 {
				l.least = 1
			}
			seen[fmt.Sprint(l.name, l.days, l.where, l.least)] = true
		}
	}
	return len(seen)
}

// segmentsModel makes the model and the same segments for plain queries.
func segmentsModel(n int) (*models.Model, []asked) {
	r := rand.New(rand.NewPCG(5, 1))
	number := func(typ models.Type, s string) *models.Value { return &models.Value{Type: typ, Text: s} }
	wheres := []leaf{{}, {},
		{where: "e.amount >= 100", tests: []models.ColumnTest{{Column: "amount", Test: models.Test{Operators: models.Operators{AtLeast: number(models.Integer, "100")}}}}},
		{where: "e.amount >= 400", tests: []models.ColumnTest{{Column: "amount", Test: models.Test{Operators: models.Operators{AtLeast: number(models.Integer, "400")}}}}},
		{where: "e.page = '/p/7'", tests: []models.ColumnTest{{Column: "page", Test: models.Test{Is: textValue("/p/7")}}}},
		{where: "e.page IN ('/p/1', '/p/2', '/p/3')", tests: []models.ColumnTest{{Column: "page", Test: models.Test{Operators: models.Operators{In: []models.Value{*textValue("/p/1"), *textValue("/p/2"), *textValue("/p/3")}}}}}},
	}
	var pool []leaf
	for range 80 {
		l := wheres[r.IntN(len(wheres))]
		f := r.Float64()
		l.name = eventNames[min(19, int(f*f*20))]
		l.days = []int{7, 14, 30, 60, 90, 180, 365}[r.IntN(7)]
		l.least = []int{1, 1, 1, 1, 2, 3}[r.IntN(6)]
		pool = append(pool, l)
	}
	traits := []struct {
		sql  string
		test models.Condition
	}{
		{"p.country = 'FR'", models.Condition{Trait: "country", Is: &models.Test{Is: textValue("FR")}}},
		{"p.country = 'DE'", models.Condition{Trait: "country", Is: &models.Test{Is: textValue("DE")}}},
		{"p.country IN ('US', 'GB')", models.Condition{Trait: "country", Operators: models.Operators{In: []models.Value{*textValue("US"), *textValue("GB")}}}},
		{"p.age >= 30", models.Condition{Trait: "age", Operators: models.Operators{AtLeast: number(models.Integer, "30")}}},
		{"p.age < 25", models.Condition{Trait: "age", Operators: models.Operators{LessThan: number(models.Integer, "25")}}},
	}
	m := &models.Model{
		Sources: []models.Source{
			{Name: "people", Table: "raw.people", Key: "key", UpdatedAt: "changed", Identifiers: []models.SourceIdentifier{{Type: "user_id", Column: "user_id"}}},
			{Name: "events", Table: "raw.events", Key: "key", Time: "happened", Identifiers: []models.SourceIdentifier{{Type: "user_id", Column: "user_id"}}},
		},
		Entities: []models.Entity{{Name: "person",
			Identity: models.Identity{Identifiers: []models.Identifier{{Type: "user_id"}}, From: []string{"people", "events"}},
			Traits:   []models.Trait{{Name: "country", From: []string{"people.country"}, Keep: "latest"}, {Name: "age", From: []string{"people.age"}, Keep: "latest"}}}},
	}
	var out []asked
	for i := range n {
		t := traits[r.IntN(len(traits))]
		a := asked{trait: t.sql, leaf: [3]leaf{pool[r.IntN(len(pool))], pool[r.IntN(len(pool))], pool[r.IntN(len(pool))]}}
		out = append(out, a)
		m.Segments = append(m.Segments, models.Segment{Name: fmt.Sprint("s", i), Entity: "person", Where: models.Condition{
			All: []models.Condition{t.test, a.leaf[0].condition(false), a.leaf[1].condition(false), a.leaf[2].condition(true)}}})
	}
	return m, out
}

// segmentsInput is the model with what the columns are.
func segmentsInput(m *models.Model) compile.Input {
	return compile.Input{Model: m, Entity: "person", Timezone: time.UTC, AsOf: segmentAsOf, Columns: map[string][]models.Column{
		"people": {{Name: "key", Type: models.Text}, {Name: "user_id", Type: models.Text}, {Name: "country", Type: models.Text}, {Name: "age", Type: models.Integer}, {Name: "changed", Type: models.Timestamp}},
		"events": {{Name: "key", Type: models.Text}, {Name: "user_id", Type: models.Text}, {Name: "name", Type: models.Text}, {Name: "amount", Type: models.Number}, {Name: "page", Type: models.Text}, {Name: "happened", Type: models.Timestamp}},
	}}
}

// runSegments runs what a program does for segments on the tables of a build, whose own are dropped
// first, and counts the statements.
func runSegments(w *spy, m *models.Model, of compile.Build) (n int, err error) {
	ctx := context.Background()
	in := segmentsInput(m)
	in.Build = of
	p, problems := compile.Entity(in)
	if p == nil {
		return 0, fmt.Errorf("%s: %s", problems[0].Path, problems[0].What)
	}
	s, err := w.Session(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	for _, what := range []string{compile.Memberships, compile.History, compile.Assignments} {
		if _, err := s.Exec(ctx, "DROP TABLE IF EXISTS "+strings.Join(of.Table("person", what), ".")); err != nil {
			return 0, err
		}
	}
	w.reset()
	for _, step := range p.Steps {
		kind, _, _ := strings.Cut(step.Name, ":")
		if kind != "hits" && kind != "events" && kind != "segments" {
			continue
		}
		for _, st := range step.Do {
			text, err := w.Kind().Dialect().Statement(st)
			if err != nil {
				return 0, err
			}
			if text == "" {
				continue
			}
			if _, err := s.Exec(ctx, text); err != nil {
				return 0, fmt.Errorf("%s: %w", step.Name, err)
			}
			n++
		}
	}
	return n, nil
}

// plain asks one query for each segment.
type plain struct {
	b                *testing.B
	w                *spy
	profiles, owners string
	segments         []asked
	query            func(i int) string
}

func newPlain(b *testing.B, w *spy, of compile.Build, segments []asked) *plain {
	script(b, w, "CREATE TABLE raw.members (profile_id VARCHAR, segment VARCHAR, since TIMESTAMPTZ)")
	return &plain{b: b, w: w, segments: segments,
		profiles: strings.Join(of.Table("person", compile.Profiles), "."), owners: strings.Join(of.Table("person", compile.Owners("events")), ".")}
}

const plainAsOf = "TIMESTAMPTZ '2026-06-01 00:00:00+00'"

func since(days int) string {
	return "TIMESTAMPTZ '" + segmentAsOf.AddDate(0, 0, -days).Format("2006-01-02") + " 00:00:00+00'"
}

func (p *plain) into(i int, q string) string {
	return fmt.Sprintf("INSERT INTO raw.members SELECT p.profile_id, 's%d', %s FROM %s AS p ", i, plainAsOf, p.profiles) + q
}

// lists is a query with a sub-select for each condition.
func (p *plain) lists(i int) string {
	s := p.segments[i]
	list := func(l leaf, least int) string {
		q := fmt.Sprintf("(SELECT o.profile_id FROM raw.events AS e JOIN %s AS o ON o.user_id = e.user_id WHERE o.profile_id IS NOT NULL AND e.name = '%s' AND e.happened >= %s AND e.happened < %s",
			p.owners, l.name, since(l.days), plainAsOf)
		if l.where != "" {
			q += " AND " + l.where
		}
		if least > 1 {
			q += fmt.Sprintf(" GROUP BY o.profile_id HAVING count(*) >= %d", least)
		}
		return q + ")"
	}
	return p.into(i, fmt.Sprintf("WHERE %s AND p.profile_id IN %s AND p.profile_id IN %s AND p.profile_id NOT IN %s",
		s.trait, list(s.leaf[0], s.leaf[0].least), list(s.leaf[1], s.leaf[1].least), list(s.leaf[2], 1)))
}

// onePass is a query that reads the events once, with an aggregate for each condition.
func (p *plain) onePass(i int) string {
	s := p.segments[i]
	count := func(l leaf) string {
		q := fmt.Sprintf("count(*) FILTER (WHERE e.name = '%s' AND e.happened >= %s", l.name, since(l.days))
		if l.where != "" {
			q += " AND " + l.where
		}
		return q + ")"
	}
	days := max(s.leaf[0].days, s.leaf[1].days, s.leaf[2].days)
	return p.into(i, fmt.Sprintf(`JOIN (SELECT o.profile_id, %s AS a, %s AS b, %s AS c FROM raw.events AS e JOIN %s AS o ON o.user_id = e.user_id
		WHERE o.profile_id IS NOT NULL AND e.name IN ('%s', '%s', '%s') AND e.happened >= %s AND e.happened < %s GROUP BY o.profile_id) AS x ON x.profile_id = p.profile_id
		WHERE %s AND x.a >= %d AND x.b >= %d AND x.c = 0`, count(s.leaf[0]), count(s.leaf[1]), count(s.leaf[2]), p.owners,
		s.leaf[0].name, s.leaf[1].name, s.leaf[2].name, since(days), plainAsOf, s.trait, s.leaf[0].least, s.leaf[1].least))
}

// choose takes the cheaper of the two ways to write it.
func (p *plain) choose(n int) {
	var cost [2]float64
	for way, query := range []func(int) string{p.lists, p.onePass} {
		p.query = query
		for i := range n {
			cost[way] += p.run(i)
		}
		script(p.b, p.w, "TRUNCATE raw.members")
	}
	say("one query for each of %d segments: %.2f CPU s with a list for each condition, %.2f in one pass", n, cost[0], cost[1])
	if cost[0] < cost[1] {
		p.query = p.lists
	}
}

func (p *plain) run(i int) float64 {
	return measure(p.b, func() error {
		s, err := p.w.Session(context.Background())
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Exec(context.Background(), p.query(i))
		return err
	}).cpu
}

// compare fails unless both have the same memberships of the first n segments, and counts them.
func (p *plain) compare(of compile.Build, n int) int64 {
	p.b.Helper()
	p.b.StopTimer()
	defer p.b.StartTimer()
	ours := strings.Join(of.Table("person", compile.Memberships), ".")
	row := ask(p.b, p.w, `SELECT count(*), count(a.segment), count(b.segment) FROM `+ours+` AS a FULL JOIN raw.members AS b ON a.profile_id = b.profile_id AND a.segment = b.segment`)
	if row[0] != row[1] || row[0] != row[2] || row[0] == 0 {
		p.b.Errorf("%d segments: %d memberships, and %d by one query for each, %d together", n, row[1], row[2], row[0])
	}
	return row[0]
}
