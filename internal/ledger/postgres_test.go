//go:build cgo && !noduckdb && unix

package ledger

import (
	"slices"
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/postgres"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// TestOnPostgreSQL puts the same rules to another warehouse: one meaning, two texts. The embedded
// engine has them all; make test puts some here.
func TestOnPostgreSQL(t *testing.T) {
	dsn := pgtest.Start(t)
	k, ok := warehouse.Lookup("postgres")
	if !ok {
		t.Fatal("postgres is not there")
	}
	t.Setenv("WEIR_LEDGER_WORLDS", "2") // the rest of them on the embedded engine
	open := openWarehouse
	defer func() { openWarehouse = open }()
	openWarehouse = func(t testing.TB) warehouse.Warehouse {
		w, err := k.Open(warehouse.Config{Target: "pg", Settings: map[string]string{"dsn": dsn, "schema": "weir"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		s, err := w.Session(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, schema := range []string{"weir", "shop"} {
			if _, err := s.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
				t.Fatal(err)
			}
		}
		return w
	}
	for name, test := range rules {
		if casetest.Whole() || slices.Contains(chosen, name) {
			t.Run(name, test)
		}
	}
}

// rules are the tests that hold on every warehouse.
var rules = map[string]func(*testing.T){
	"what is sent": TestWhatIsSent, "append after a time": TestAppendAfterATime, "tally": TestTally, "keys": TestF01F02NullAndDoubledKeys, "columns": TestF07ColumnOrderChangesNothing,
	"mapping": TestF08AMappingChangeSendsWhatItChanges, "hash": TestF10TheHashOfTheWarehouseChanges, "one place": TestTwoLedgersOnOnePlace,
	"verdicts": TestVerdictsAreFoldedIn, "doubt": TestF22F23InDoubtIsSentAgainThoughTheSourceWentBack, "refused": TestF15RefusedRowsAreTriedAgain, "harmful": TestHarmfulRowsInDoubtWaitForAPerson,
	"halves": TestF55HalfOfAChangedValue, "erasure": TestF51F56Erasure, "kinds": TestErasureIsOfAKind, "suppression": TestSuppression, "late suppression": TestF52ASuppressionBetweenPlanAndSend,
	"consent": TestConsentWithdrawnBeforeASavedPlanIsSent, "known": TestASavedPlanNamesKnownProfiles, "kept": TestKeptPlans, "jobs": TestJobs, "lease": TestLease, "race": TestF37TwoTakeTheLeaseAtOnce, "again": TestF14TheSamePlanIsGivenAgain, "preview": TestF59Preview,
	"merges": TestMergedProfiles, "old pairs": TestNoOldPairStays, "a mirror": TestAMirrorHoldsWhatIsWanted, "told twice": TestNobodyIsToldTwice, "lists": TestListsAreSentAsLists,
	"pauses": TestPauses, "who runs": TestWhoRuns, "reset": TestResetForgetsAndAdopts, "open plans": TestResetGivesUpOpenPlans, "what was refused": TestRefused,
	"reformatted keys": TestReformattedKeys, "forgetting": TestForget, "history": TestHistory, "an older table": TestHistoryOfAnOlderTable,
	"verify": TestVerify, "verify mends": TestVerifyMends, "verify and jobs": TestVerifyTellsJobsApart, "verify refuses": TestVerifyRefuses,
	"replace": TestFirstRunReplaces, "replace nobody": TestFirstRunReplacesNobody, "replace the erased": TestFirstRunReplacesTheErased, "who is wanted": TestFirstRunKnowsWhoIsWanted,
}

// chosen are the tests that make test runs on PostgreSQL too; make test-warehouses runs all.
var chosen = []string{"what is sent", "verdicts", "harmful", "kept", "jobs", "lease", "race", "preview", "reset", "history", "verify mends", "replace"}
