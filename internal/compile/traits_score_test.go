package compile_test

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// TestScores holds scores in the warehouse against the predictions of the libraries that made the
// models: see models/scoring/testdata.
func TestScores(t *testing.T) { runScores(t, casetest.DuckDB) }

const scoreModel = `
sources:
  crm: {table: crm, key: id, updated_at: changed, identifiers: {customer_id: who}}
entities:
  customer:
    identity: {identifiers: {customer_id: {limit: 1}}, from: crm}
    traits:
      who: {from: crm.who}
      buys: {from: crm.orders}
      spent: {from: crm.spent}
      days_since: {from: crm.days_since}
      opened: {from: crm.opened}
      predicted: {score: {model: model.json, features: {FEATURES}}}
      raw: {score: {model: model.json, features: {FEATURES}, output: raw}}
      double_raw: {sql: raw * 2, type: number}
`

func runScores(t *testing.T, open casetest.Open) {
	const fixtures = "../../models/scoring/testdata"
	files, err := filepath.Glob(fixtures + "/*.csv")
	if err != nil || len(files) < 10 {
		t.Fatalf("fixtures: %v %v", files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		t.Run(name, func(t *testing.T) {
			model, err := os.ReadFile(fixtures + "/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			features := "orders: buys"
			if name == "xgb_squared" { // trained without names
				features = "f0: buys, f1: spent, f2: days_since, f3: opened"
			}
			w := newWorld(t, open(t))
			p := newScores(t, w, strings.ReplaceAll(scoreModel, "FEATURES", features), model)
			want := p.people(t, file)
			p.build(t)
			worst := 0.0
			for _, row := range w.rows(t, "SELECT who, raw, predicted FROM "+p.table("profiles")) {
				for i, want := range want[row[0]] {
					off := math.Abs(decimal(t, row[1+i])-want) / max(1, math.Abs(want))
					if worst = max(worst, off); off > 1e-6 {
						t.Errorf("%s: got %v, the library says %v", row[0], row[1+i], want)
					}
				}
				delete(want, row[0])
			}
			if len(want) > 0 {
				t.Errorf("%d people have no row", len(want))
			}
			t.Logf("farthest off %.1e", worst)
		})
	}
}

// newScores is a project whose scores all have one model.
func newScores(t testing.TB, w *world, text string, model []byte) *project {
	t.Helper()
	p := newProject(w, false)
	doc, findings := yamldoc.Decode("model.yml", []byte(text), &p.model)
	e := &p.model.Entities[0]
	for i := range e.Traits {
		if s := e.Traits[i].Score; s != nil {
			if err := s.Load(model); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, q := range models.Check(&p.model.Model) {
		findings = append(findings, doc.Finding(q))
	}
	for _, f := range findings {
		if f.Severity != diag.Warning {
			t.Fatal(f)
		}
	}
	p.in.Model, p.in.Entity = &p.model.Model, e.Name
	return p
}

// people makes the table crm of a fixture, and returns the sum and the prediction of each.
func (c *project) people(t *testing.T, file string) map[string][]float64 {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var columns, values []string
	for _, name := range rows[0][:len(rows[0])-2] {
		columns = append(columns, name+" DOUBLE PRECISION")
	}
	out := map[string][]float64{}
	for i, row := range rows[1:] {
		who := fmt.Sprintf("p%d", i)
		cells := []string{strconv.Itoa(i), "'" + who + "'", "NULL"}
		for _, cell := range row[:len(row)-2] {
			if cell != "" {
				cell = "'" + cell + "'"
			}
			cells = append(cells, "CAST("+cmp.Or(cell, "NULL")+" AS DOUBLE PRECISION)")
		}
		values = append(values, "("+strings.Join(cells, ", ")+")")
		out[who] = []float64{decimal(t, row[len(row)-2]), decimal(t, row[len(row)-1])}
	}
	c.w.script(t, "CREATE TABLE crm (id integer, who varchar, changed timestamp with time zone, "+strings.Join(columns, ", ")+")")
	for some := range slices.Chunk(values, 100) {
		c.w.script(t, "INSERT INTO crm VALUES "+strings.Join(some, ", "))
	}
	return out
}

func decimal(t *testing.T, text string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
