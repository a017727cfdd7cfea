//go:build cgo && !noduckdb && unix

package app

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/postgres"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// chosen are the tests that make test runs on PostgreSQL too; make test-warehouses runs all.
var chosen = []string{"check", "lift", "matches", "profile", "emptied", "history", "two syncs", "moved", "diff"}

// onPostgreSQL runs tests with PostgreSQL as the target. Each project finds neither weir's schema
// there nor that of its data. The embedded engine runs them all, so make test runs only some here:
// those of chosen.
func onPostgreSQL(t *testing.T, data string, tests map[string]func(*testing.T)) {
	t.Helper()
	if !casetest.Whole() {
		maps.DeleteFunc(tests, func(name string, _ func(*testing.T)) bool { return !slices.Contains(chosen, name) })
	}
	if len(tests) == 0 {
		t.Fatal("none of these is among the chosen ones")
	}
	dsn := pgtest.Start(t)
	before := target
	defer func() { target = before }()
	target = func(t testing.TB) string {
		k, ok := warehouse.Lookup("postgres")
		if !ok {
			t.Fatal("postgres is not there")
		}
		w, err := k.Open(warehouse.Config{Target: "pg", Settings: map[string]string{"dsn": dsn, "schema": "weir"}})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		s, err := w.Session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, schema := range []string{"weir", data} {
			if _, err := s.Exec(t.Context(), "drop schema if exists "+schema+" cascade"); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("WEIR_TEST_DSN", dsn)
		return fmt.Sprintf("{type: postgres, dsn: %q, schema: weir, send: sandbox}", "${env:WEIR_TEST_DSN}")
	}
	for name, test := range tests {
		t.Run(name, test)
	}
}

// TestIdentityOnPostgreSQL checks, plans and reviews on another warehouse.
func TestIdentityOnPostgreSQL(t *testing.T) {
	onPostgreSQL(t, "raw", map[string]func(*testing.T){"check": TestCheckIdentity, "plan": TestPlanIdentity, "matching": TestFuzzyPlan})
}

// TestLiftOnPostgreSQL divides people and compares them on another warehouse.
func TestLiftOnPostgreSQL(t *testing.T) {
	onPostgreSQL(t, "shop", map[string]func(*testing.T){"lift": TestLift, "refuses": TestLiftRefuses})
}

// TestPeopleOnPostgreSQL asks another warehouse about the same people.
func TestPeopleOnPostgreSQL(t *testing.T) {
	onPostgreSQL(t, "shop", map[string]func(*testing.T){
		"explain": TestExplainIdentity, "matches": TestExplainMatches, "one": TestExplainOne, "refuses": TestExplainRefuses,
		"profile": TestProfile, "before": TestProfileOfABuildOfBefore, "unknown": TestProfileRefuses,
		"evidence": TestEveryMergeHasEvidence,
	})
}

// TestSourcesOnPostgreSQL looks at the sources of syncs on another warehouse.
func TestSourcesOnPostgreSQL(t *testing.T) {
	onPostgreSQL(t, "shop", map[string]func(*testing.T){"stale": TestStaleSourcesHold, "emptied": TestAnEmptiedPolicySourceHolds, "orphans": TestOrphans})
}

// TestLifeOnPostgreSQL erases, resets and examines on another warehouse.
func TestLifeOnPostgreSQL(t *testing.T) {
	onPostgreSQL(t, "shop", map[string]func(*testing.T){"forget": TestForgetBarsNobodyElse, "refused": TestALifeIsRefused, "doctor": TestDoctorTellsWhatIsWrong, "history": TestAnotherMachineTellsTheSame})
}

// TestSavedPlansOnPostgreSQL saves plans and sends them on another warehouse.
func TestSavedPlansOnPostgreSQL(t *testing.T) {
	onPostgreSQL(t, "shop", map[string]func(*testing.T){"two syncs": TestASavedPlanOfTwoSyncs, "refused": TestF60ASavedPlanIsRefused})
}
