package compile_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

const fuzzyBase = `
sources:
  crm: {table: crm.contacts, key: id, updated_at: changed_at, identifiers: {email: email}}
  orders: {table: shop.orders, key: id, time: at, identifiers: {email: email}}
  forms: {table: web.forms, key: id, identifiers: {email: email}}
entities:
  customer:
    identity:
      identifiers: {email: {}}
      from: [crm, orders, forms]
      fuzzy:
`

// TestFuzzyFindings has what is wrong in a declaration, and what people are told of it.
func TestFuzzyFindings(t *testing.T) {
	for _, c := range []struct{ fuzzy, want string }{
		{`
fields: {last: crm.last_name, zip: [crm.zip, crm.postcode], born: {from: crm.born, normalize: date, date_order: day_first}}
block: [[last, zip], born]
compare: {last: [exact, {swapped: zip}, {jaro_winkler: 0.9}, {jaro_winkler: 0.8}, {levenshtein: 2}], born: {levels: [exact, {days: 1}, {days: 31}]}}
weights: learned
threshold: 0.95
review: 0.5
max_block: 100`, ""},
		{"fields: {last: crm.last_name}\nblock: []\ncompare: {}", `13:9 without a block no pair is compared | add a list of fields, such as [last_name, postcode] | models.fuzzy_no_block
14:9 nothing is compared | add a field with its levels, such as last_name: [exact, {jaro_winkler: 0.9}] | models.fuzzy_no_compare`},
		{"fields: {last: crm.last_name}\nblock: [last]", `11:7 entities.customer.identity.fuzzy has no "compare" | add compare: {…} | yaml.missing_key`},
		{"fields: {last: crm.last_name}\nblock: [lst, [last, last], [], [last], last]\ncompare: {last: exact, lats: [exact]}", `13:17 unknown field "lst" | did you mean "last"? | models.unknown_field
13:29 "last" stands twice in this list | take one of them out | models.doubled
13:36 a block of no field compares every record with every other | name a field | models.fuzzy_no_block
13:48 this block stands twice | take one of them out | models.doubled
14:32 unknown field "lats" | did you mean "last"? | models.unknown_field`},
		{"fields: {last: crm, when: orders.at, form: forms.name, other: crn.name, Up: crm.a, tel: {from: crm.tel, country: FR}, day: {from: crm.day, date_order: day_first}}\nblock: last\ncompare: {last: [exact]}", `12:24 "crm" names no column | write source.column | models.no_column
12:35 events are not compared, records are | name a source with updated_at; the rows of orders are events | models.fuzzy_events
12:52 records are compared, and source forms has no updated_at | add updated_at: to the source forms | models.no_time
12:71 unknown source "crn" | did you mean "crm"? | models.unknown_source
12:81 the name "Up" is not snake_case | use lower-case letters, digits and _, a letter first: up | models.name
12:113 country is for phone numbers; tel is not normalised as phone | take country out, or add normalize: phone | models.country
12:148 date_order is for dates; day is not normalised as date | take date_order out, or add normalize: date | models.fuzzy_dates`},
		{"fields: {a: crm.a, b: {from: crm.b, normalize: name}}\nblock: a\ncompare:\n  a: [{levenshtein: 2}, exact, {levenshtein: 2}, {jaro_winkler: 1.5}, {days: 1, levenshtein: 3}, {}]\n  b: [soundex, {days: 3}, {swapped: b}, {swapped: c}, {levenshtein: 99}]", `15:33 exact never holds here: the levels above it take its pairs | write exact first | models.fuzzy_order
15:40 this level never holds: one above it takes all its pairs | write levels from best to worst | models.fuzzy_order
15:73 a similarity is more than 0 and at most 1 | write a similarity such as 0.9 | models.fuzzy_level
15:79 a level has one measure, not levenshtein and days | keep one of them, and make the other a level of its own | models.too_many
15:106 this level says nothing | write exact, or a measure such as {jaro_winkler: 0.9} | models.fuzzy_level
16:15 there is no level "soundex" | write exact, or a measure such as {jaro_winkler: 0.9}, {levenshtein: 2} or {days: 31} | models.fuzzy_level
16:31 days compares dates; b is normalised as name | add normalize: date to the field b | models.fuzzy_dates
16:45 b is not swapped with itself | name the field with which it is mixed up | models.fuzzy_level
16:59 unknown field "c" | did you mean "a"? | models.unknown_field
16:77 levenshtein counts 1 to 20 changes | write a small number such as 2 | models.fuzzy_level`},
		{"fields: {a: crm.a}\nblock: a\ncompare: {a: [exact]}\nthreshold: 0.5\nreview: 0.9\nmax_block: 1\nweights: {given: {a: [1, 2, 3], b: [1]}}", `16:17 review (0.9) is above the threshold (0.5), so that nobody would ever be asked | write a probability below the threshold | models.fuzzy_threshold
17:20 max_block must be at least 2 | leave it out for the default | models.limit
18:30 a needs 2 weights, and has 3 | write one for each level, then one for values that differ | models.fuzzy_weights
18:34 a worse level has a greater weight than the one before it | write weights from best to worst | models.fuzzy_weights
18:37 a worse level has a greater weight than the one before it | write weights from best to worst | models.fuzzy_weights
18:41 unknown field "b" | did you mean "a"? | models.unknown_field`},
		{"fields: {a: crm.a}\nblock: a\ncompare: {a: [exact]}\nthreshold: 1\nweights: guessed", `15:20 threshold is more than 0 and less than 1 | write a probability such as 0.99 | models.fuzzy_threshold
16:18 entities.customer.identity.fuzzy.weights can not be "guessed" | use one of: learned | yaml.not_allowed`},
	} {
		text := fuzzyBase
		for line := range strings.Lines(strings.TrimPrefix(c.fuzzy, "\n")) {
			text += "        " + line
		}
		var m models.Model
		doc, findings := yamldoc.Decode("model.yml", []byte(text), &m)
		for _, p := range models.Check(&m) {
			findings = append(findings, doc.Finding(p))
		}
		diag.Sort(findings)
		var got []string
		for _, f := range findings {
			got = append(got, fmt.Sprintf("%d:%d %s | %s | %s", f.Line, f.Col, f.What, f.Fix, f.Code))
		}
		if diff := cmp.Diff(strings.Split(c.want, "\n"), append(got, make([]string, oneIf(len(got) == 0))...)); diff != "" {
			t.Errorf("%s\n%s", c.fuzzy, diff)
		}
	}
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestFuzzyPage checks the example of the page on matching.
func TestFuzzyPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/fuzzy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	var m models.Model
	doc, findings := yamldoc.Decode("docs/fuzzy.md", []byte(`
sources:
  crm_contacts: {table: crm.contacts, key: id, updated_at: changed_at, identifiers: {customer_id: no, email: email}}
  newsletter: {table: news.readers, key: id, updated_at: changed_at, identifiers: {email: email}}
  orders: {table: shop.orders, key: id, time: at, identifiers: {email: email, customer_id: no}}
`+example), &m)
	for _, p := range models.Check(&m) {
		findings = append(findings, doc.Finding(p))
	}
	for _, f := range findings {
		t.Error(f)
	}
	if m.Entity("customer") == nil || m.Entity("customer").Identity.Fuzzy == nil {
		t.Fatal("the page declares no matching")
	}
	if p, problems := compile.Fuzzy(compile.Input{Model: &m, Entity: "customer", Build: compile.Build{Schema: "weir", ID: "1"}}); len(problems) > 0 || len(p.Steps) == 0 {
		t.Error(problems)
	}
}

// TestFuzzyColumns has what the columns of a warehouse say against a declaration.
func TestFuzzyColumns(t *testing.T) {
	var m models.Model
	yamldoc.Decode("model.yml", []byte(fuzzyBase+`
        fields: {a: crm.frist_name, day: crm.day, when: {from: [crm.at, crm.birthday], normalize: date}}
        block: a
        compare: {a: [exact], day: [exact, {days: 3}], when: [exact, {days: 3}]}
`), &m)
	in := compile.Input{Model: &m, Entity: "customer", Build: compile.Build{Schema: "weir", ID: "1"}, Columns: map[string][]models.Column{
		"crm": {{Name: "id", Type: models.Integer}, {Name: "first_name", Type: models.Text}, {Name: "day", Type: models.Text}, {Name: "at", Type: models.Timestamp},
			{Name: "birthday", Type: models.Date}, {Name: "changed_at", Type: models.Timestamp}}}}
	_, problems := compile.Fuzzy(in)
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%s: %s | %s | %s", p.Path, p.What, p.Fix, p.Code))
	}
	if diff := cmp.Diff([]string{
		`entities.customer.identity.fuzzy.fields.a.from: source crm has no column "frist_name" | did you mean "first_name"? | models.unknown_column`,
		"entities.customer.identity.fuzzy.fields.day.from: day is compared by days, and this column has text | add normalize: date to the field day | models.fuzzy_dates",
	}, got); diff != "" {
		t.Error(diff)
	}
}
