package compile_test

import (
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
)

// cdnowSample lists the customers of the published one-tenth sample of CDNOW, by their numbers in
// the whole data set: no rule tells which they are.
//
//go:embed testdata/cdnow_sample.txt
var cdnowSample string

const cdnowModel = `
sources:
  orders: {table: orders, key: id, time: bought, identifiers: {customer_id: who}}
entities:
  customer:
    identity: {identifiers: {customer_id: {limit: 1}}, from: orders}
    traits:
      who: {from: orders.who}
      churn: {from: orders, predict: churn}
      soon: {from: orders, predict: {what: purchases, horizon: 273d}}
      worth: {from: orders, predict: {what: expected_value, amount: dollars, horizon: 273d}}
`

// TestCDNOW fits the purchases of 39 weeks of real customers and holds the fit against what is
// published: Fader, Hardie and Lee (2005) for BG/NBD, with the customer who is expected to buy
// 1.226 times in the next 39 weeks, Fader and Hardie (2013) for Gamma-Gamma. It goes on to
// compare what was expected with what came to pass.
func TestCDNOW(t *testing.T) { runCDNOW(t, casetest.DuckDB) }

func runCDNOW(t *testing.T, open casetest.Open) {
	text := data(t, "cdnow", "CDNOW_master.txt")
	sample := map[string]bool{}
	for _, id := range strings.Fields(cdnowSample) {
		sample[id] = true
	}
	w := newWorld(t, open(t))
	w.script(t, "CREATE TABLE orders (id integer, who varchar, bought timestamp with time zone, dollars numeric(10,2))")
	var values []string
	later := map[string]map[string]bool{} // days with purchases after the 39 weeks
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 4 || !sample[strings.TrimLeft(f[0], "0")] {
			continue
		}
		day, err := time.Parse("20060102", f[1])
		if err != nil {
			t.Fatal(err)
		}
		if !day.Before(time.Date(1997, 10, 1, 0, 0, 0, 0, time.UTC)) {
			if later[f[0]] == nil {
				later[f[0]] = map[string]bool{}
			}
			later[f[0]][f[1]] = true
		}
		values = append(values, fmt.Sprintf("(%d, '%s', TIMESTAMP WITH TIME ZONE '%s 12:00:00+00', %s)", len(values), f[0], day.Format(time.DateOnly), f[3]))
	}
	for some := range slices.Chunk(values, 1000) {
		w.script(t, "INSERT INTO orders VALUES "+strings.Join(some, ", "))
	}
	p := newProject(w, false)
	p.read(t, cdnowModel)
	p.in.AsOf = time.Date(1997, 10, 1, 0, 0, 0, 0, time.UTC)
	p.build(t)

	published := map[string]float64{"people": 2357, "repeaters": 946, "r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "p": 6.25, "q": 3.74, "v": 15.44}
	told := 0
	for _, row := range w.rows(t, "SELECT name, value FROM "+p.table(compile.Predictions)+" WHERE trait = 'worth' ORDER BY name") {
		got, want := decimal(t, row[1]), published[row[0]]
		t.Logf("%-9s %10.4f  published %8.3f  (%+.2f%%)", row[0], got, want, 100*(got/want-1))
		if told++; math.Abs(got/want-1) > 0.05 {
			t.Errorf("%s is %v, published is %v", row[0], got, want)
		}
	}
	if told != len(published) {
		t.Errorf("%d of %d parameters are there", told, len(published))
	}
	one := w.rows(t, "SELECT churn, soon, worth FROM "+p.table(compile.Profiles)+" WHERE who = '00004'")
	t.Logf("the customer of the example: churn %s, purchases %s (published 1.226), worth %s", one[0][0], one[0][1], one[0][2])
	if got := decimal(t, one[0][1]); math.Abs(got/1.226-1) > 0.05 {
		t.Errorf("they are expected to buy %v times, published is 1.226", got)
	}
	expected, came := 0.0, 0.0
	for _, row := range w.rows(t, "SELECT who, soon FROM "+p.table(compile.Profiles)+" WHERE soon IS NOT NULL") {
		expected += decimal(t, row[1])
		came += float64(len(later[row[0]]))
	}
	t.Logf("in the next 39 weeks %.0f purchases were expected, and %.0f came", expected, came)
	if math.Abs(expected/came-1) > 0.15 {
		t.Errorf("expected are %v purchases, and %v came", expected, came)
	}
}
