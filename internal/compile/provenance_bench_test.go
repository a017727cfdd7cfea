//go:build unix

package compile_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/rel"
)

const benchModel = `
sources:
  crm: {table: crm, key: id, updated_at: changed, identifiers: {n: who}}
  news: {table: news, key: id, updated_at: changed, identifiers: {n: who}}
  orders: {table: orders, key: id, time: happened, identifiers: {n: who}}
entities:
  x:
    identity: {identifiers: {n: {limit: 1}}, from: [crm, news, orders]}
    traits:
      first_name: {from: [crm.first_name, news.name], keep: latest}
      city:       {from: crm.city, keep: latest}
      country:    {from: [crm.country, orders.country], keep: first_found}
      opted_in:   {from: news.opted_in, keep: latest}
      category:   {from: orders.category, keep: most_frequent}
      orders:     {from: orders, count: true}
      spent:      {from: orders, sum: amount}
      last_order: {from: orders, max: happened}
`

// BenchmarkTraits tells what the traits of a shop cost with and without provenance, in seconds of
// processor time, and the ratio. WEIR_PEOPLE sets how many people it has, default 20,000.
func BenchmarkTraits(b *testing.B) {
	people := 20_000
	if n, err := strconv.Atoi(os.Getenv("WEIR_PEOPLE")); err == nil {
		people = n
	}
	in := input(b, benchModel)
	w := newWorld(b, casetest.DuckDB(b))
	w.script(b, fmt.Sprintf(`
CREATE TABLE crm AS SELECT i AS id, 'w' || (i %% %[1]d) AS who, CASE WHEN i %% 5 > 0 THEN 'name ' || (i %% 1000) END AS first_name, CASE WHEN i %% 3 > 0 THEN 'city ' || (i %% 500) END AS city, CASE WHEN i %% 4 > 0 THEN 'FR' END AS country, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds((i * 7919) %% 10000000) AS changed FROM generate_series(1, %[1]d * 3 // 2) AS t(i);
CREATE TABLE news AS SELECT 'n' || i AS id, 'w' || (i * 2) AS who, 'name ' || (i %% 900) AS name, i %% 3 > 0 AS opted_in, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds((i * 104729) %% 10000000) AS changed FROM generate_series(1, %[1]d // 2) AS t(i);
CREATE TABLE orders AS SELECT i AS id, 'w' || ((i * 31) %% %[1]d) AS who, 'kind ' || (i %% 20) AS category, CASE WHEN i %% 2 > 0 THEN 'DE' END AS country, CAST(i %% 100 AS decimal(18,2)) AS amount, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds((i * 15485863) %% 10000000) AS happened FROM generate_series(1, %[1]d * 3) AS t(i)`, people))
	for _, s := range []string{"crm", "news", "orders"} {
		w.columns(b, &in, s, "SELECT * FROM "+s)
	}
	var cost [2]float64
	for round := range 2 {
		keep := round > 0
		in.Model.Entities[0].Provenance = &keep
		program, problems := compile.Entity(in)
		if program == nil {
			b.Fatal(problemText(problems))
		}
		var identity, traits []compile.Step
		for _, s := range program.Steps {
			switch {
			case strings.HasPrefix(s.Name, "traits: "):
				traits = append(traits, s)
			case round == 0 && len(traits) == 0: // what comes before
				identity = append(identity, s)
			}
		}
		w.steps(b, identity)
		b.Run(fmt.Sprint("provenance=", keep), func(b *testing.B) {
			before := processorTime(b)
			for range b.N {
				w.steps(b, traits)
				b.StopTimer()
				for _, what := range []string{compile.Profiles, compile.Provenance} {
					w.statement(b, what, rel.DropTable{Name: in.Build.Table(in.Entity, what)})
				}
				b.StartTimer()
			}
			cost[round] = (processorTime(b) - before).Seconds() / float64(b.N)
			b.ReportMetric(cost[round], "cpu-s/op")
			if keep && cost[0] > 0 {
				b.ReportMetric(cost[1]/cost[0], "ratio")
			}
		})
	}
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
