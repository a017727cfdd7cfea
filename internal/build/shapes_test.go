//go:build unix

package build_test

import (
	"testing"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/build/worldtest"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/models"
)

// mostRounds is how many rounds the contraction of a hard shape of a million nodes may take.
const mostRounds = 20

// shapeModel joins the nodes of a shape: one entity in SQL to the end, one that is finished in
// this process.
func shapeModel() *models.Model {
	m := &models.Model{Sources: []models.Source{{Name: "rows", Table: "raw.rows", Key: "key", Time: "seen_at",
		Identifiers: []models.SourceIdentifier{{Type: "even", Column: "even"}, {Type: "odd", Column: "odd"}}}}}
	for _, finish := range []string{"warehouse", "process"} {
		m.Entities = append(m.Entities, models.Entity{Name: finish, Identity: models.Identity{
			Identifiers: []models.Identifier{{Type: "even", Normalize: "none"}, {Type: "odd", Normalize: "none"}},
			From:        []string{"rows"}, Finish: finish, Guard: models.IdentityGuard{MaxProfileSize: 1 << 30}}})
	}
	return m
}

// TestHardShapes contracts shapes on which label propagation takes as many rounds as they are
// long: each is one profile, after few rounds.
func TestHardShapes(t *testing.T) {
	n := 1 << 12
	if testing.Short() {
		n = 1 << 8
	}
	for _, s := range worldtest.Shapes {
		t.Run(s.Name, func(t *testing.T) {
			w := &spy{Warehouse: casetest.DuckDB(t)}
			shapeRows(t, w, s, n)
			m := shapeModel()
			for _, e := range m.Entities {
				r := runBuild(t, w, m, e.Name, build.Options{AsOf: shapeAsOf(n)})
				if r.Stats[compile.StatProfiles] != 1 || r.Stats[compile.StatLargest] != int64(n) {
					t.Errorf("finished in the %s: %d profiles, the largest of %d identifiers", e.Name, r.Stats[compile.StatProfiles], r.Stats[compile.StatLargest])
				}
				rounds, _ := w.rounds()
				t.Logf("finished in the %s: %d rounds", e.Name, rounds)
				if e.Name == "warehouse" && (rounds < 1 || rounds > mostRounds) {
					t.Errorf("%d rounds in place of 1 to %d", rounds, mostRounds)
				}
			}
		})
	}
}

// BenchmarkShapes contracts each shape of a million nodes in SQL, and prints rounds and CPU
// seconds of the contraction. WEIR_SHAPE_NODES, a power of 4, makes them smaller.
func BenchmarkShapes(b *testing.B) {
	n := envNumber(b, "WEIR_SHAPE_NODES", 1<<20)
	for b.Loop() {
		for _, s := range worldtest.Shapes {
			w := &spy{Warehouse: casetest.DuckDB(b)}
			b.StopTimer()
			shapeRows(b, w, s, n)
			b.StartTimer()
			r := runBuild(b, w, shapeModel(), "warehouse", build.Options{AsOf: shapeAsOf(n)})
			rounds, _ := w.rounds()
			say("%-30s %2d rounds, %.2f CPU s to contract, %.2f in all, %d MB", s.Name, rounds, r.spent["identity: join"], r.cpu, r.peak)
			if r.Stats[compile.StatProfiles] != 1 || rounds > mostRounds {
				b.Errorf("%s: %d profiles after %d rounds", s.Name, r.Stats[compile.StatProfiles], rounds)
			}
		}
	}
}

func shapeAsOf(n int) time.Time {
	return worldtest.Start.Add(time.Duration(4*n) * time.Second)
}

func shapeRows(tb testing.TB, w *spy, s worldtest.Shape, n int) {
	tb.Helper()
	script(tb, w, "CREATE SCHEMA raw", "CREATE TABLE raw.rows (key VARCHAR, seen_at TIMESTAMPTZ, even VARCHAR, odd VARCHAR)")
	load(tb, w, worldtest.ShapeColumns, s.Rows(n))
}
