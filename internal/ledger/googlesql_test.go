//go:build cgo && !noduckdb && unix

package ledger

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/googlesqltest"
)

// TestGoogleSQL has what some tests execute analysed as BigQuery's SQL: two of them in make test.
func TestGoogleSQL(t *testing.T) {
	log := googlesqltest.Start(t, nil)
	open := openWarehouse
	defer func() { openWarehouse = open }()
	openWarehouse = log.Open(open)
	for name, test := range map[string]func(*testing.T){
		"what is sent": TestWhatIsSent, "verdicts": TestVerdictsAreFoldedIn, "harmful": TestHarmfulRowsInDoubtWaitForAPerson, "kept": TestKeptPlans, "jobs": TestJobs,
		"lease": TestLease, "preview": TestF59Preview, "reset": TestResetForgetsAndAdopts, "history": TestHistory, "verify mends": TestVerifyMends,
		"erasure": TestF51F56Erasure, "suppression": TestSuppression, "merges": TestMergedProfiles,
	} {
		if casetest.Whole() || name == "what is sent" || name == "lease" {
			t.Run(name, test)
		}
	}
}
