package compile_test

import (
	"fmt"
	"math/rand"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
)

func TestFuzzy(t *testing.T) { runFuzzy(t, casetest.DuckDB) }

// runFuzzy runs the tests of matching on one warehouse.
func runFuzzy(t *testing.T, open casetest.Open) {
	t.Run("given weights", func(t *testing.T) { fuzzyGiven(t, open(t)) })
	t.Run("levels", func(t *testing.T) { fuzzyLevels(t, open(t)) })
	t.Run("weights stay", func(t *testing.T) { fuzzyWeightsStay(t, open(t)) })
	t.Run("incremental", func(t *testing.T) { fuzzyIncremental(t, open(t)) })
	t.Run("little data", func(t *testing.T) { fuzzyLittle(t, open(t)) })
}

// givenModel leaves nothing to learn but how many records are one person.
const givenModel = `
sources:
  crm:
    table: crm.contacts
    key: id
    updated_at: changed_at
    identifiers: {email: email}
  news:
    table: news.readers
    key: reader
    updated_at: seen_at
    identifiers: {email: mail}
entities:
  customer:
    identity:
      identifiers: {email: {}}
      from: [crm, news]
      fuzzy:
        fields:
          first: {from: [crm.first_name, news.given], normalize: name}
          last: {from: [crm.last_name, news.family], normalize: name}
          born: {from: [crm.born, news.birthday], normalize: date, date_order: day_first}
          zip: [crm.zip, news.postcode]
        block:
          - zip
          - [first, last]
        compare:
          first: [exact, {swapped: last}, {jaro_winkler: 0.85}]
          last: [exact, {swapped: first}, {levenshtein: 1}]
          born: [exact, {days: 31}]
          zip: [exact]
        weights:
          given: {first: [7, 7, 4, -3], last: [8, 8, 5, -4], born: [12, 4, -4], zip: [5, -2]}
        threshold: 0.95
        review: 0.3
        max_block: 4
`

const contacts = `id,email,first_name,last_name,born:date,zip,changed_at:timestamp
1,,Zoë,O'Neil,1980-05-17,4510,2026-01-01
2,,Bram,Winter,1971-01-02,4510,2026-01-01
3,,Cleo,Sandoval,,9001,2026-01-01
4,,Cleo,Sandoval,,9002,2026-01-01
5,,Dora,Finch,1990-01-01,7000,2026-01-01
6,,Ezra,Finch,1955-01-01,7000,2026-01-01
7,,Fay,Finch,1956-01-01,7000,2026-01-01
8,,Gil,Finch,1957-01-01,7000,2026-01-01
9,,Hal,Finch,1958-01-01,7000,2026-01-01
10,,unknown,Unknown,1900-01-01,4511,2026-01-01
12,,N/A,(Not set),1900-01-01,4512,2026-01-01
13,,n/a,not-set,1900-01-01,4512,2026-01-01
11,,Unknown,unknown,1900-01-01,4511,2026-01-01
`

const readers = `reader,mail,given,family,birthday,postcode,seen_at:timestamp
r1,,Zoe,ONeil,17/05/1980,4510,2026-01-01
r2,,Winter,Bram,5.1.1971,4510,2026-01-01
r3,,Dora,Finch,01/01/1990,7777,2026-01-01
r4,,Dora,Finsh,01/01/1990,7000,2026-01-01
`

// fill makes the two tables.
func (m *matching) fill(t testing.TB, contacts, readers string) {
	t.Helper()
	for table, rows := range map[string]string{"crm.contacts": contacts, "news.readers": readers} {
		if err := casetest.Fill(t.Context(), m.s, table, []byte(rows), m.build%2 == 1); err != nil {
			t.Fatal(err)
		}
	}
}

var pairColumns = []string{"source_a", "key_a", "source_b", "key_b", "weight", "decision", "by", "reasons"}

// prior is what the weights say of any two records.
func (m *matching) prior(t testing.TB) string {
	t.Helper()
	for _, line := range strings.Split(m.kept(t, compile.Weights, "field", "reason"), "\n") {
		if f := strings.Split(line, " | "); f[0] == `""` {
			return f[1]
		}
	}
	t.Fatal("there is no weight of any two records")
	return ""
}

func fuzzyGiven(t *testing.T, w warehouse.Warehouse) {
	m := newMatching(t, w, givenModel)
	m.fill(t, contacts, readers)
	stats := m.run(t)
	want := map[string]string{"matching.records": "17", "matching.compared": "10", "matching.join": "4", "matching.review": "2", "matching.apart": "0",
		"matching.big_blocks": "1", "matching.default_weights": "0"}
	if diff := cmp.Diff(want, stats); diff != "" {
		t.Error(diff)
	}
	m.want(t, compile.BigBlocks, []string{"block", "value", "records"}, "zip | 7000 | 6\n")
	m.want(t, compile.Pairs, []string{"source_a", "key_a", "source_b", "key_b", "decision", "by"}, `
crm | 1 | news | r1 | join | weight
crm | 10 | crm | 11 | review | weight
crm | 12 | crm | 13 | review | weight
crm | 2 | news | r2 | join | weight
crm | 3 | crm | 4 | join | weight
crm | 5 | news | r3 | join | weight
`)
	// People have the last word, in either order of the two, and the last of several words.
	m.script(t, `INSERT INTO weir.customer_reviews VALUES
('crm', '1', 'news', 'r1', FALSE, 'ann', TIMESTAMP '2026-02-01'), ('news', 'r1', 'crm', '1', TRUE, 'bob', TIMESTAMP '2026-01-01'),
('news', 'r4', 'crm', '5', TRUE, 'ann', TIMESTAMP '2026-02-01'), ('crm', '3', 'crm', '4', FALSE, 'ann', TIMESTAMP '2026-01-01'),
('crm', '3', 'crm', '4', TRUE, 'bob', TIMESTAMP '2026-02-01'), ('crm', '8', 'crm', 'gone', TRUE, 'bob', TIMESTAMP '2026-02-01')`)
	judged := `
crm | 1 | news | r1 | apart | person
crm | 10 | crm | 11 | review | weight
crm | 12 | crm | 13 | review | weight
crm | 2 | news | r2 | join | weight
crm | 3 | crm | 4 | join | person
crm | 5 | news | r3 | join | weight
crm | 5 | news | r4 | join | person
`
	m.run(t)
	m.want(t, compile.Pairs, []string{"source_a", "key_a", "source_b", "key_b", "decision", "by"}, judged)
	m.run(t, func(in *compile.Input) { in.Full = true })
	m.want(t, compile.Pairs, []string{"source_a", "key_a", "source_b", "key_b", "decision", "by"}, judged)
	// What they take back is forgotten.
	m.script(t, "DELETE FROM weir.customer_reviews")
	m.run(t)
	m.want(t, compile.Pairs, []string{"key_a", "key_b", "decision", "by", "reasons"}, strings.ReplaceAll(`
1 | r1 | join | weight | first same +7.0; last same +8.0; born same +12.0; zip same +5.0; PRIOR
10 | 11 | review | weight | zip same +5.0; PRIOR
12 | 13 | review | weight | zip same +5.0; PRIOR
2 | r2 | join | weight | first mixed up with last +7.0; last mixed up with first +8.0; born up to 31 days apart +4.0; zip same +5.0; PRIOR
3 | 4 | join | weight | first same +7.0; last same +8.0; zip different -2.0; PRIOR
5 | r3 | join | weight | first same +7.0; last same +8.0; born same +12.0; zip different -2.0; PRIOR
`, "PRIOR", m.prior(t)))
}

// want compares a kept table.
func (m *matching) want(t testing.TB, what string, columns []string, want string) {
	t.Helper()
	want = strings.Join(columns, " | ") + "\n" + strings.TrimPrefix(want, "\n")
	if diff := cmp.Diff(want, m.kept(t, what, columns...)); diff != "" {
		t.Errorf("%s after build %d: %s", what, m.build, diff)
	}
}

// fuzzyLevels meets every measure at and beyond its bound.
func fuzzyLevels(t *testing.T, w warehouse.Warehouse) {
	m := newMatching(t, w, `
sources:
  crm: {table: crm.contacts, key: id, updated_at: changed_at, identifiers: {email: email}}
entities:
  customer:
    identity:
      identifiers: {email: {}}
      from: crm
      fuzzy:
        fields: {one: crm.one, a: crm.a, b: {from: crm.b, normalize: trim}, day: crm.day, n: crm.n, start: {from: crm.a, first: 2}}
        block: one
        compare:
          a: [exact, {jaro_winkler: 0.96}, {first: 3}, {levenshtein: 2}]
          b: [{levenshtein: 1}, {levenshtein: 3}]
          day: [exact, {days: 1}, {days: 30}]
          n: [exact]
          start: [exact]
        weights: {given: {a: [40, 30, 20, 10, 0], b: [0.3, 0.2, 0.1], day: [0.03, 0.02, 0.01, 0], n: [0.003, 0.001], start: [0.0003, 0.0001]}}
        review: 0.0000000001
`)
	m.fill(t, `id,email,one,a,b,day:date,n:integer,changed_at:timestamp
a0,,x,martha,kitten,2024-02-28,42,2026-01-01
a1,,x,MARTHA ,sitten,2024-02-28,42,2026-01-01
a2,,x,marhta,sittin,2024-02-29,43,2026-01-01
a3,,x,marvin,sitting,2024-03-29,,2026-01-01
a4,,x,mertho,sittingbull,2024-03-30,42,2026-01-01
a5,,x,,,,,2026-01-01
a6,,y,martha,kitten,2024-02-28,42,2026-01-01
`, "reader:text\n")
	m.run(t)
	prior := -1.0
	for _, line := range strings.Split(m.kept(t, compile.Weights, "field", "weight"), "\n") {
		if f := strings.Split(line, " | "); f[0] == `""` {
			fmt.Sscan(f[1], &prior)
		}
	}
	got := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(m.kept(t, compile.Pairs, "key_a", "key_b", "weight")), "\n")[1:] {
		var weight float64
		f := strings.Split(line, " | ")
		fmt.Sscan(f[2], &weight)
		got[f[0]+" "+f[1]] = fmt.Sprintf("%.4f", weight-prior)
	}
	want := map[string]string{
		"a0 a1": "40.3333", // all equal but one letter of b
		"a0 a2": "30.2213", // marhta is alike, b two letters apart, the next day, another number
		"a0 a3": "20.2103", // starts the same, sitting is three apart, 30 days, no number
		"a0 a4": "10.1031", // two letters apart, 31 days, the same number
		"a0 a5": "0.0000",  // nothing to compare
		"a1 a2": "30.3213", "a1 a3": "20.2103", "a1 a4": "10.1031", "a1 a5": "0.0000",
		"a2 a3": "20.3103", "a2 a4": "0.1111", "a2 a5": "0.0000", "a3 a4": "0.1201", "a3 a5": "0.0000", "a4 a5": "0.0000",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// people invents records of n people, some of them twice and mistyped.
func people(r *rand.Rand, n int) []somebody {
	first := []string{"ada", "bram", "cleo", "dora", "ezra", "fay", "gil", "hana", "ivo", "june", "kofi", "lena", "milo", "nora", "otto", "pia", "quinn", "rosa", "sami", "tess"}
	syllable := []string{"ba", "cor", "den", "fal", "gur", "hol", "jin", "kas", "lor", "mun"}
	var out []somebody
	for i := range n {
		p := somebody{first: first[r.Intn(len(first))], last: syllable[r.Intn(10)] + syllable[r.Intn(10)] + syllable[r.Intn(10)],
			born: fmt.Sprintf("%d-%02d-%02d", 1950+r.Intn(50), 1+r.Intn(12), 1+r.Intn(28)), zip: fmt.Sprint(1000 + r.Intn(200)), truth: fmt.Sprint(i)}
		out = append(out, p)
		for r.Float64() < 0.3 {
			out = append(out, p.mistyped(r))
		}
	}
	for i := range out {
		out[i].key = fmt.Sprintf("k%04d", i)
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

type somebody struct{ key, first, last, born, zip, truth string }

func (p somebody) mistyped(r *rand.Rand) somebody {
	for _, v := range []*string{&p.first, &p.last, &p.born, &p.zip} {
		switch r.Intn(10) {
		case 0:
			if *v != "" {
				i := r.Intn(len(*v))
				*v = (*v)[:i] + (*v)[i+1:]
			}
		case 1:
			*v = ""
		}
	}
	return p
}

func csvOf(all []somebody) string {
	var b strings.Builder
	b.WriteString("id,email,first_name,last_name,born,zip,changed_at:timestamp\n")
	for _, p := range all {
		fmt.Fprintf(&b, "%s,,%s,%s,%s,%s,2026-01-01\n", p.key, p.first, p.last, p.born, p.zip)
	}
	return b.String()
}

const peopleModel = `
sources:
  crm: {table: crm.contacts, key: id, updated_at: changed_at, identifiers: {email: email}}
entities:
  customer:
    identity:
      identifiers: {email: {}}
      from: crm
      fuzzy:
        fields:
          first_name: {from: crm.first_name, normalize: name}
          last_name: {from: crm.last_name, normalize: name}
          born: crm.born
          zip: crm.zip
          initial: {from: crm.first_name, normalize: name, first: 1}
        block:
          - [first_name, last_name]
          - born
          - [zip, initial]
        compare:
          first_name: {levels: [exact, {levenshtein: 1}], frequency: true}
          last_name: {levels: [exact, {jaro_winkler: 0.9}], frequency: true}
          born: [exact, {levenshtein: 1}]
          zip: [exact, {levenshtein: 1}]
        max_block: 12
`

// The weights of a declaration are learned once; a build from nothing and another declaration
// learn again.
func fuzzyWeightsStay(t *testing.T, w warehouse.Warehouse) {
	r := rand.New(rand.NewSource(5))
	m := newMatching(t, w, peopleModel)
	some := people(r, 400)
	m.fill(t, csvOf(some), "reader:text\n")
	if stats := m.run(t); stats["matching.default_weights"] != "0" {
		t.Fatal("weights were not learned", stats, m.kept(t, compile.Weights, "field", "level", "m", "u", "weight", "origin"))
	}
	columns := []string{"field", "level", "label", "m", "u", "weight", "origin", "reason", "declaration"}
	first, common := m.kept(t, compile.Weights, columns...), m.kept(t, compile.Frequencies, "field", "value", "records", "weight", "reason")
	if !strings.Contains(common, "first_name | ezra | ") {
		t.Errorf("no frequencies: %s", common)
	}
	m.fill(t, csvOf(append(some, people(r, 300)...)[:700]), "reader:text\n")
	same := func(why string, stay bool) {
		t.Helper()
		if got := m.kept(t, compile.Weights, columns...); (got == first) != stay {
			t.Errorf("%s: weights stay: %v\n%s", why, got == first, cmp.Diff(first, got))
		}
		if got := m.kept(t, compile.Frequencies, "field", "value", "records", "weight", "reason"); (got == common) != stay {
			t.Errorf("%s: frequencies stay: %v", why, got == common)
		}
	}
	m.run(t)
	same("more rows", true)
	m.declare(t, strings.Replace(peopleModel, "max_block: 12", "max_block: 20\n        threshold: 0.9\n        review: 0.2", 1))
	m.run(t)
	same("another threshold", true)
	m.scratch(t, "beside")
	if got := m.read(t, "scratch_beside_customer_weights", columns...); got != first {
		t.Errorf("beside the live tables, from nothing, weights are others: %s", cmp.Diff(first, got))
	}
	m.run(t, func(in *compile.Input) { in.Full = true })
	same("from nothing", false)
	first = m.kept(t, compile.Weights, columns...)
	m.declare(t, strings.Replace(peopleModel, "zip: [exact, {levenshtein: 1}]", "zip: [exact]", 1))
	m.run(t)
	same("another declaration", false)
}

// A build that follows others has the pairs that comparing everything has, and compares little.
func fuzzyIncremental(t *testing.T, w warehouse.Warehouse) {
	r := rand.New(rand.NewSource(9))
	m := newMatching(t, w, peopleModel)
	all := people(r, 300)
	next := len(all)
	for round := range 8 {
		if round > 0 {
			// Some go, some change, some come; zip codes gather, so that blocks grow and shrink.
			all = all[r.Intn(5):]
			for range r.Intn(6) {
				i := r.Intn(len(all))
				key := all[i].key
				all[i] = all[r.Intn(len(all))].mistyped(r)
				all[i].key = key
			}
			for range r.Intn(20) {
				p := all[r.Intn(len(all))].mistyped(r)
				p.zip = fmt.Sprint(1000 + r.Intn(2))
				p.key, next = fmt.Sprintf("n%04d", next), next+1
				all = append(all, p)
			}
		}
		m.fill(t, csvOf(all), "reader:text\n")
		stats := m.run(t)
		got, big := m.kept(t, compile.Pairs, pairColumns...), m.kept(t, compile.BigBlocks, "block", "value", "records")
		if round == 0 {
			if stats["matching.join"] == "0" || stats["matching.review"] == "0" {
				t.Fatal(stats)
			}
			continue
		}
		// Everything beside it, with the same weights.
		id := fmt.Sprintf("full%d", round)
		full := m.scratch(t, id)
		if compared, all := number(t, stats["matching.compared"]), number(t, full["matching.compared"]); compared > all/2 {
			t.Errorf("round %d: %d pairs were compared, of %d", round, compared, all)
		}
		beside := "scratch_" + id + "_customer_"
		for what, pair := range map[string][2]string{
			"pairs":      {got, m.read(t, beside+compile.Pairs, pairColumns...)},
			"big blocks": {big, m.read(t, beside+compile.BigBlocks, "block", "value", "records")},
		} {
			if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
				t.Fatalf("round %d: %s (-from nothing +incremental)\n%s", round, what, diff)
			}
		}
	}
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// scratch builds everything beside the build in force.
func (m *matching) scratch(t testing.TB, id string) map[string]string {
	t.Helper()
	defer func(n int) { m.build = n }(m.build)
	return m.run(t, func(in *compile.Input) {
		in.Full, in.Build = true, compile.Build{Schema: "weir", ID: id, Scratch: true}
	})
}

// read are columns of a table, sorted.
func (m *matching) read(t testing.TB, table string, columns ...string) string {
	t.Helper()
	q := rel.Select{From: rel.Table{Name: rel.Name{"weir", table}, Alias: "t"}}
	for _, c := range columns {
		q.Columns = append(q.Columns, rel.As(c, rel.C("t", c)))
	}
	return m.table(t, columns, m.render(t, q))
}

// With too little to learn from, weights are the documented defaults, and counted.
func fuzzyLittle(t *testing.T, w warehouse.Warehouse) {
	m := newMatching(t, w, peopleModel)
	for i, rows := range []string{csvOf(nil), csvOf([]somebody{{key: "1", first: "ada", last: "basil", born: "1980-01-01", zip: "1000"}}),
		csvOf([]somebody{{key: "1", first: "ada", last: "basil", born: "1980-01-01", zip: "1000"}, {key: "2", first: "ada", last: "basil", born: "1980-01-01", zip: "1000"}, {key: "3"}})} {
		m.fill(t, rows, "reader:text\n")
		stats := m.run(t, func(in *compile.Input) { in.Full = true })
		if stats["matching.default_weights"] != "4" || stats["matching.records"] != []string{"0", "1", "3"}[i] || stats["matching.join"] != []string{"0", "0", "1"}[i] {
			t.Error(i, stats)
		}
	}
}
