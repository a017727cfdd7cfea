package compile_test

import (
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// febrlModel compares what FEBRL has of people; lines with soc_sec_id can be left out.
const febrlModel = `
sources:
  people:
    table: crm.people
    key: rec_id
    updated_at: changed_at
    identifiers: {record: rec_id}
entities:
  customer:
    identity:
      identifiers: {record: {}}
      from: people
      fuzzy:
        fields:
          given_name: people.given_name
          surname: people.surname
          street_number: people.street_number
          street: people.address_1
          building: people.address_2
          suburb: people.suburb
          postcode: people.postcode
          state: people.state
          birth_date: people.date_of_birth
          soc_sec_id: people.soc_sec_id
        block:
          - [given_name, surname]
          - [surname, postcode]
          - [given_name, postcode]
          - [given_name, birth_date]
          - [surname, birth_date]
          - [postcode, birth_date]
          - [suburb, street_number]
          - street
          - building
          - soc_sec_id
        compare:
          given_name: {levels: [exact, {swapped: surname}, {jaro_winkler: 0.9}, {jaro_winkler: 0.75}], frequency: true}
          surname: {levels: [exact, {swapped: given_name}, {jaro_winkler: 0.9}, {jaro_winkler: 0.75}], frequency: true}
          street_number: [exact, {levenshtein: 1}]
          street: [exact, {jaro_winkler: 0.9}, {jaro_winkler: 0.75}]
          building: [exact, {jaro_winkler: 0.9}, {jaro_winkler: 0.75}]
          suburb: [exact, {jaro_winkler: 0.9}, {jaro_winkler: 0.75}]
          postcode: [exact, {levenshtein: 1}, {levenshtein: 2}]
          state: [exact]
          birth_date: [exact, {levenshtein: 1}, {levenshtein: 2}]
          soc_sec_id: [exact, {levenshtein: 1}, {levenshtein: 2}]
        review: 0.01
`

func without(model, word string) string {
	var out []string
	for line := range strings.Lines(model) {
		if !strings.Contains(line, word) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// TestFebrl finds the duplicates of FEBRL's second data set, 4,000 people of which some stand there
// again with typing errors, with rules as anybody would write them and no pair judged by hand. What
// counts is the clusters that joined pairs make.
func TestFebrl(t *testing.T) { runFebrl(t, casetest.DuckDB, febrlCases()...) }

// febrlCase is a declaration with the least F1 that its clusters must have.
type febrlCase struct {
	name, model string
	least       float64
}

func febrlCases() []febrlCase {
	return []febrlCase{{"all fields", febrlModel, 0.995}, {"without soc_sec_id", without(febrlModel, "soc_sec_id"), 0.98}}
}

func runFebrl(t *testing.T, open casetest.Open, cases ...febrlCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMatching(t, open(t), c.model)
			truth := febrl(t, m.world, "dataset2.csv")
			stats := m.run(t)
			t.Log(stats)
			if stats["matching.default_weights"] != "0" {
				t.Error("some weights were not learned")
			}
			for _, from := range []float64{0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999} {
				q := clustered(truth, m.joined(t, from))
				t.Logf("joined from %-7v precision %.4f  recall %.4f  F1 %.4f  of %.0f pairs in clusters", from, q.precision, q.recall, q.f1, q.pairs)
				if from == m.model.Entities[0].Identity.Fuzzy.JoinFrom() && q.f1 < c.least {
					t.Errorf("F1 of clusters is %.4f, less than %v", q.f1, c.least)
				}
			}
		})
	}
}
