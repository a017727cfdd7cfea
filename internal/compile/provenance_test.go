package compile_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/models"
)

// goldenRow is a row of a source in the test of golden records; nil is absent.
type goldenRow struct {
	who    string
	number *int64 // the key of a source that has numbers for keys
	key    *string
	at     *time.Time
	values map[string]any // of word, n, ok, seen, street, city: string, int64, bool, time.Time
}

// goldenTrait is a random trait: kept of one column, read from several sources.
type goldenTrait struct {
	name, keep, column, together string
	from                         []int // sources
	beside                       []string
}

var (
	goldenSources = []string{"crm", "news", "visits"}
	goldenColumns = []string{"word", "n", "ok", "seen", "street", "city"}
)

// TestGoldenRecord compares the values of random traits over random rows, and the rows that they
// are said to come from, with a plain reading of the rules: all rows that compete, put in order.
func TestGoldenRecord(t *testing.T) { goldenRecord(t, casetest.DuckDB, casetest.Rounds(3, 6)) }

func goldenRecord(t *testing.T, open casetest.Open, rounds int) {
	if testing.Short() {
		rounds = 1
	}
	for seed := range rounds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 23))
			rows := goldenRows(r)
			traits := goldenTraits(r)
			in := input(t, goldenModel(traits))
			w := newWorld(t, open(t))
			goldenLoad(t, w, rows)
			for _, s := range goldenSources {
				w.columns(t, &in, s, "SELECT * FROM "+s)
			}
			program, problems := compile.Entity(in)
			if program == nil {
				t.Fatal(problemText(problems))
			}
			w.run(t, program)
			got := goldenGot(t, w, in, traits)
			want := map[string]string{}
			people := map[string]bool{}
			for _, of := range rows {
				for _, row := range of {
					people[row.who] = true
				}
			}
			for who := range people {
				for _, tr := range traits {
					want[who+" "+tr.String()] = tr.want(rows, who)
				}
			}
			if d := gocmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			goldenValues(t, w, in, traits)
		})
	}
}

// goldenValues holds that the values are the same where provenance is not kept.
func goldenValues(t *testing.T, w *world, in compile.Input, traits []goldenTrait) {
	off := false
	in.Model.Entities[0].Provenance, in.Build.ID = &off, "18"
	program, problems := compile.Entity(in)
	if program == nil {
		t.Fatal(problemText(problems))
	}
	if slices.Contains(program.Tables, compile.Provenance) || len(compile.ProvenanceOf(&in.Model.Entities[0])) > 0 {
		t.Error("provenance is made though it is off")
	}
	w.run(t, program)
	names := []string{"who"}
	for _, g := range traits {
		names = append(names, g.name)
	}
	values := func(build string) string {
		return w.table(t, names, "SELECT "+strings.Join(names, ", ")+" FROM weir.x_profiles_b"+build)
	}
	if d := gocmp.Diff(values("17"), values("18")); d != "" {
		t.Errorf("without provenance: %s", d)
	}
}

// goldenRows makes rows with few times, keys and values, so that many are equal in some of them.
func goldenRows(r *rand.Rand) [][]goldenRow {
	day := func() time.Time { return time.Date(2026, 1, 1+r.IntN(3), 0, 0, 0, 0, time.UTC) }
	out := make([][]goldenRow, len(goldenSources))
	for s := range goldenSources {
		for range 150 {
			person := r.IntN(40)
			row := goldenRow{who: fmt.Sprint("w", person), at: maybe(r, day), values: map[string]any{}}
			number := int64(person*100 + r.IntN(3)*4) // 0, 4, 8: some doubled, 8 before 12 of the next by size alone
			if s == 2 {
				number = int64(r.IntN(12)) // events: of anybody, or none
			}
			text := fmt.Sprint("k", number)
			switch {
			case s == 2 && r.IntN(4) == 0:
			case s == 1:
				row.key = &text
			default:
				text = fmt.Sprint(number)
				row.number, row.key = &number, &text
			}
			word := func() string { return []string{"", "a", "b", "éé", "zz", "long word"}[r.IntN(6)] }
			for _, c := range goldenColumns {
				if r.IntN(3) == 0 {
					continue
				}
				switch c {
				case "n":
					row.values[c] = int64(r.IntN(12) - 1)
				case "ok":
					row.values[c] = r.IntN(2) == 0
				case "seen":
					row.values[c] = day()
				default:
					row.values[c] = word()
				}
			}
			out[s] = append(out[s], row)
		}
	}
	return out
}

func goldenTraits(r *rand.Rand) []goldenTrait {
	var out []goldenTrait
	sources := func() []int { return r.Perm(len(goldenSources))[:1+r.IntN(len(goldenSources))] }
	for _, keep := range []string{"latest", "earliest", "first_found", "most_frequent", "longest"} {
		for _, column := range []string{"word", "n", "ok", "seen"} {
			for range 2 {
				out = append(out, goldenTrait{keep: keep, column: column, from: sources()})
			}
		}
	}
	for _, keep := range []string{"any_true", "all_true"} {
		for range 4 {
			out = append(out, goldenTrait{keep: keep, column: "ok", from: sources()})
		}
	}
	group := 0
	for _, keep := range []string{"latest", "earliest", "first_found"} {
		for range 2 {
			from, beside := sources(), []string{"street", "city", "n"}
			for _, column := range beside {
				out = append(out, goldenTrait{keep: keep, column: column, from: from, together: fmt.Sprint("g", group), beside: beside})
			}
			group++
		}
	}
	for i := range out {
		out[i].name = fmt.Sprint("t", i)
	}
	return out
}

func (g goldenTrait) String() string {
	s := g.name + " " + g.keep + " " + g.column + " of"
	for _, i := range g.from {
		s += " " + goldenSources[i]
	}
	return s + " " + g.together
}

func goldenModel(traits []goldenTrait) string {
	yml := `
sources:
  crm: {table: crm, key: id, updated_at: happened, identifiers: {n: who}}
  news: {table: news, key: id, updated_at: happened, identifiers: {n: who}}
  visits: {table: visits, key: id, time: happened, identifiers: {n: who}}
entities:
  x:
    identity: {identifiers: {n: {limit: 1}}, from: [crm, news, visits]}
    traits:
      who: {from: [crm.who, news.who, visits.who], keep: first_found}
`
	for _, g := range traits {
		var from []string
		for _, i := range g.from {
			from = append(from, goldenSources[i]+"."+g.column)
		}
		yml += fmt.Sprintf("      %s: {from: [%s], keep: %s", g.name, strings.Join(from, ", "), g.keep)
		if g.together != "" {
			yml += ", together: " + g.together
		}
		yml += "}\n"
	}
	return yml
}

func goldenLoad(t *testing.T, w *world, rows [][]goldenRow) {
	stamp := func(v time.Time) string { return "TIMESTAMPTZ '" + v.Format(time.RFC3339) + "'" }
	for s, name := range goldenSources {
		id := map[int]string{1: "varchar"}[s]
		w.script(t, fmt.Sprintf("CREATE TABLE %s (who varchar, id %s, happened timestamp with time zone, word varchar, n bigint, ok boolean, seen timestamp with time zone, street varchar, city varchar)", name, cmp.Or(id, "bigint")))
		var lines []string
		for _, row := range rows[s] {
			line := []string{"'" + row.who + "'", "NULL", "NULL"}
			switch {
			case row.number != nil:
				line[1] = *row.key
			case row.key != nil:
				line[1] = "'" + *row.key + "'"
			}
			if row.at != nil {
				line[2] = stamp(*row.at)
			}
			for _, c := range goldenColumns {
				switch v := row.values[c].(type) {
				case nil:
					line = append(line, "NULL")
				case string:
					line = append(line, "'"+v+"'")
				case time.Time:
					line = append(line, stamp(v))
				default:
					line = append(line, fmt.Sprint(v))
				}
			}
			lines = append(lines, "("+strings.Join(line, ", ")+")")
		}
		w.script(t, "INSERT INTO "+name+" VALUES "+strings.Join(lines, ",\n"))
	}
}

// goldenGot reads the profiles and their provenance, each trait as "value of source key at".
func goldenGot(t *testing.T, w *world, in compile.Input, traits []goldenTrait) map[string]string {
	if got := compile.ProvenanceOf(in.Model.Entity("x")); len(got) != len(traits)+1 {
		t.Fatalf("provenance of %v", got)
	}
	columns := []string{"p.who"}
	for _, g := range traits {
		source, key, at := compile.ProvenanceColumns(g.name)
		columns = append(columns, "p."+g.name, "o."+source, "o."+key, "o."+at)
	}
	got := map[string]string{}
	for _, row := range w.rows(t, "SELECT "+strings.Join(columns, ", ")+" FROM weir.x_profiles_b17 p JOIN weir.x_provenance_b17 o USING (profile_id)") {
		for i, g := range traits {
			got[row[0]+" "+g.String()] = goldenText(row[1+4*i : 5+4*i])
		}
	}
	return got
}

func goldenText(parts []string) string {
	return parts[0] + " of " + strings.Join(parts[1:], " ")
}

// competitor is a row of a source that competes for a trait.
type competitor struct {
	goldenRow
	source int // place in from
	value  any
	count  int // most_frequent: rows that have the value
}

// want is the value of a trait for a person and the row that it comes from.
func (g goldenTrait) want(rows [][]goldenRow, who string) string {
	var all []competitor
	for place, s := range g.from {
		for _, row := range rows[s] {
			c := competitor{goldenRow: row, source: place, value: row.values[g.column]}
			there := c.value != nil
			for _, column := range g.beside {
				there = there || row.values[column] != nil
			}
			if row.who == who && there {
				all = append(all, c)
			}
		}
	}
	for i := range all {
		for _, c := range all {
			if c.value == all[i].value {
				all[i].count++
			}
		}
	}
	if len(all) == 0 {
		return goldenText([]string{"-", "-", "-", "-"})
	}
	best := slices.MinFunc(all, g.compare)
	if best.value == nil {
		return goldenText([]string{"-", "-", "-", "-"})
	}
	key, at := "-", "-"
	if best.key != nil {
		key = *best.key
	}
	if best.at != nil {
		at = show(*best.at)
	}
	return goldenText([]string{show(best.value), goldenSources[g.from[best.source]], key, at})
}

// compare puts rows in the order in which a rule prefers them.
func (g goldenTrait) compare(a, b competitor) int {
	late := absentLast(a.at, b.at, func(a, b time.Time) int { return b.Compare(a) })
	early := absentLast(a.at, b.at, time.Time.Compare)
	source := cmp.Compare(a.source, b.source)
	key := absentLast(a.number, b.number, cmp.Compare[int64])
	if a.number == nil && b.number == nil {
		key = absentLast(a.key, b.key, strings.Compare)
	}
	tie := cmp.Or(key, g.values(a, b))
	switch models.Keep(g.keep) {
	case models.Earliest:
		return cmp.Or(early, source, tie)
	case models.FirstFound:
		return cmp.Or(source, late, tie)
	case models.Longest:
		return cmp.Or(cmp.Compare(utf8.RuneCountInString(plain(b.value)), utf8.RuneCountInString(plain(a.value))), source, late, tie)
	case models.AnyTrue:
		return cmp.Or(strings.Compare(plain(b.value), plain(a.value)), late, source, tie)
	case models.AllTrue:
		return cmp.Or(strings.Compare(plain(a.value), plain(b.value)), late, source, tie)
	case models.MostFrequent:
		return cmp.Or(cmp.Compare(b.count, a.count), late, source, tie)
	}
	return cmp.Or(late, source, tie)
}

// values compares rows with the same key by what they hold.
func (g goldenTrait) values(a, b competitor) int {
	if len(g.beside) == 0 {
		return strings.Compare(plain(a.value), plain(b.value))
	}
	for _, c := range g.beside {
		x, y := a.values[c], b.values[c]
		switch {
		case x == nil && y == nil:
		case x == nil:
			return 1
		case y == nil:
			return -1
		case x != y:
			return strings.Compare(plain(x), plain(y))
		}
	}
	return 0
}

// plain is the text of a value, as the warehouse casts it.
func plain(v any) string {
	if at, ok := v.(time.Time); ok {
		return at.Format("2006-01-02T15:04:05.000000Z")
	}
	return fmt.Sprint(v)
}

func absentLast[T any](a, b *T, compare func(a, b T) int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return compare(*a, *b)
}
