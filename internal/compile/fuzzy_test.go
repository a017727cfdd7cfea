package compile_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// matching is a world in which the matching of one entity is run.
type matching struct {
	*world
	model *models.Model
	build int
}

func newMatching(t testing.TB, w warehouse.Warehouse, model string) *matching {
	t.Helper()
	m := &matching{world: newWorld(t, w)}
	m.declare(t, model)
	return m
}

// declare changes the model.
func (m *matching) declare(t testing.TB, model string) {
	t.Helper()
	m.model = &models.Model{}
	doc, findings := yamldoc.Decode("model.yml", []byte(model), m.model)
	for _, p := range models.Check(m.model) {
		findings = append(findings, doc.Finding(p))
	}
	if diag.HasError(findings) {
		for _, f := range findings {
			t.Error(f.String())
		}
		t.FailNow()
	}
}

// run builds the matching, after the build before it.
func (m *matching) run(t testing.TB, change ...func(*compile.Input)) map[string]string {
	t.Helper()
	in := compile.Input{Model: m.model, Entity: m.model.Entities[0].Name, AsOf: casetest.DefaultAsOf, Timezone: time.UTC}
	for _, name := range m.model.Entities[0].Identity.Fuzzy.Sources() {
		s := m.model.Source(name)
		m.columns(t, &in, s.Name, `SELECT * FROM "`+strings.ReplaceAll(s.Table, ".", `"."`)+`"`)
	}
	in.Previous = compile.Build{Schema: "weir"}
	if m.build > 0 {
		in.Previous.ID = strconv.Itoa(m.build)
	}
	m.build++
	in.Build = compile.Build{Schema: "weir", ID: strconv.Itoa(m.build)}
	for _, f := range change {
		f(&in)
	}
	p, problems := compile.Fuzzy(in)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return m.world.run(t, p)
}

// kept are columns of a table that stays of the last build, sorted.
func (m *matching) kept(t testing.TB, what string, columns ...string) string {
	t.Helper()
	return m.read(t, compile.Build{Schema: "weir", ID: strconv.Itoa(m.build)}.Table(m.model.Entities[0].Name, what)[1], columns...)
}

// data is a file of real data, which lies in the folder that WEIR_DATA names or beside the
// repository. Where it is absent the test is skipped, or fails if WEIR_REQUIRE is "all".
func data(t testing.TB, path ...string) []byte {
	t.Helper()
	dir := os.Getenv("WEIR_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	b, err := os.ReadFile(filepath.Join(append([]string{dir}, path...)...))
	switch {
	case err == nil:
	case os.IsNotExist(err):
		outside.LeaveOut(t, "no real data: "+err.Error())
	default:
		t.Fatal(err)
	}
	return b
}

// febrl makes the table crm.people of a FEBRL file and returns the person of each record.
func febrl(t testing.TB, w *world, file string) map[string]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(data(t, "febrl", file))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	truth := map[string]string{}
	var out bytes.Buffer
	cw := csv.NewWriter(&out)
	for i, row := range rows {
		for j := range row {
			row[j] = strings.TrimSpace(row[j])
		}
		if i == 0 {
			row = append(row, "changed_at:timestamp")
		} else {
			truth[row[0]] = strings.Split(row[0], "-")[1]
			row = append(row, "2026-01-01T00:00:00Z")
		}
		if err := cw.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	cw.Flush()
	if err := casetest.Fill(t.Context(), w.s, "crm.people", out.Bytes(), false); err != nil {
		t.Fatal(err)
	}
	return truth
}

// quality is how well pairs agree with the truth.
type quality struct{ pairs, precision, recall, f1 float64 }

// clustered compares the pairs that are in one cluster of joined pairs with those of one person.
func clustered(truth map[string]string, joined [][2]string) quality {
	parent := map[string]string{}
	var root func(string) string
	root = func(k string) string {
		if p, ok := parent[k]; ok && p != k {
			parent[k] = root(p)
			return parent[k]
		}
		return k
	}
	for _, p := range joined {
		if a, b := root(p[0]), root(p[1]); a != b {
			parent[max(a, b)] = min(a, b)
		}
	}
	pairs := func(sizes map[string]int) float64 {
		n := 0
		for _, k := range sizes {
			n += k * (k - 1) / 2
		}
		return float64(n)
	}
	is, found, both := map[string]int{}, map[string]int{}, map[string]int{}
	for k, person := range truth {
		is[person]++
		found[root(k)]++
		both[person+" "+root(k)]++
	}
	q := quality{pairs: pairs(found), precision: 1, recall: pairs(both) / pairs(is)}
	if pairs(found) > 0 {
		q.precision = pairs(both) / pairs(found)
	}
	q.f1 = 2 * q.precision * q.recall / (q.precision + q.recall)
	return q
}

// joined are the keys of the pairs that join.
func (m *matching) joined(t testing.TB, from float64) [][2]string {
	t.Helper()
	var out [][2]string
	for _, line := range strings.Split(strings.TrimSpace(m.kept(t, compile.Pairs, "key_a", "key_b", "probability")), "\n")[1:] {
		f := strings.Split(line, " | ")
		if p, _ := strconv.ParseFloat(f[2], 64); p >= from {
			out = append(out, [2]string{f[0], f[1]})
		}
	}
	slices.SortFunc(out, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return out
}
