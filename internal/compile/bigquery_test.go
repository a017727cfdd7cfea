package compile_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/dialect/dialecttest/gap"
)

// gapsOfBigQuery are what BigQuery's emulator lacks and BigQuery has.
var gapsOfBigQuery = map[string]string{
	"identity_fuzzy":              "it takes a temporary function for that of a session which has ended",
	"identity_norm_phone_country": "SQLite, which it keeps its data in, has too little memory for the statement that it makes of this one",
}

// gapsOfRulesBigQuery are the same among the archives of rules, and those with SQL of their own that
// is not BigQuery's.
var gapsOfRulesBigQuery = map[string]string{
	"denied_people":  gap.NotRun + "its rows have a list, which is not copied there",
	"lists":          gap.NotRun + "its rows have lists with nothing at a place, which no table of BigQuery can hold",
	"near":           "it fails for a text that is no number where SAFE_CAST gives nothing",
	"operators":      "it holds a FLOAT64 of 0 for equal to, and at least, another one",
	"predict_few":    gap.NotRun + "SQLite takes minutes to plan the statement that it makes of the model",
	"provenance":     gap.NotRun + "its own SQL has a column called rows, which is a word of BigQuery's",
	"score":          "it does not round what becomes a NUMERIC to nine decimals",
	"sql":            gap.NotRun + "its own SQL writes a quote in a text as two, which is \\' in BigQuery",
	"sql_conditions": gap.NotRun + "its own SQL writes a quote in a text as two, which is \\' in BigQuery",
	"times_untyped":  gap.NotRun + "a date is compared with a time: weir asks the warehouse what a trait's SQL gives, which the case does not",
	"tiles":          "a SUM of decimals over all rows is 0 there",
}

// TestRulesBigQuery runs the same archives as TestRules on the emulator of BigQuery: all of them in the
// thorough tests, else some.
func TestRulesBigQuery(t *testing.T) {
	files, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	open := casetest.BigQuery(t)
	gaps := gapsOn(t, "BigQuery's emulator", gapsOfRulesBigQuery)
	for i, file := range files {
		if i%casetest.OneIn() != 0 {
			continue
		}
		gaps.Run(t, strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t testing.TB) {
			runRule(t, newWorld(t, open(t)), file, false)
		})
	}
}

// TestCasesBigQuery runs the cases of identity there in the same way.
func TestCasesBigQuery(t *testing.T) {
	casetest.RunWith(t, "testdata/cases/identity_*.txtar", casetest.BigQuery(t), casetest.Options{Once: true, StandIn: true, Gaps: gapsOn(t, "BigQuery's emulator", gapsOfBigQuery)})
}
