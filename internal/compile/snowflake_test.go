package compile_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/dialect/dialecttest/gap"
)

// gapsOfSnowflake are what the stand-in for Snowflake lacks and Snowflake has.
var gapsOfSnowflake = map[string]string{
	"identity_norm_phone_country": plansLong, "identity_phone_fr": plansLong, "identity_phone_hu": plansLong,
	"identity_phone_it": plansLong, "identity_phone_none": plansLong, "identity_phone_us": plansLong, "identity_shared_phone": plansLong,
}

// gapsOfRulesSnowflake are the same among the archives of rules, and those with SQL of their own that
// is not Snowflake's.
var gapsOfRulesSnowflake = map[string]string{
	"denied_derived": foldsNull, "predict_few": foldsNull,
	"near":      foldsNaN,
	"top":       foldsNaN,
	"lists":     gap.NotRun + "its own SQL writes ARRAY[1, 2], which is ARRAY_CONSTRUCT(1, 2) in Snowflake",
	"operators": gap.NotRun + "its own SQL has texts with a backslash, which is an escape in Snowflake",
}

const foldsNaN = gap.NotRun + "DuckDB converts a NaN in a branch that is not taken"

const foldsNull = gap.NotRun + "DuckDB fails to work out an expression of nothing but NULL while planning"

const plansLong = gap.NotRun + "DuckDB, which the stand-in keeps its data in, takes minutes to plan the reading of phone numbers in this form"

// TestRulesSnowflake runs the same archives as TestRules on the stand-in for Snowflake: all of them in
// the thorough tests, else some.
func TestRulesSnowflake(t *testing.T) {
	files, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	open := casetest.Snowflake(t)
	gaps := gapsOn(t, "the stand-in for Snowflake", gapsOfRulesSnowflake)
	for i, file := range files {
		if i%casetest.OneIn() != 0 {
			continue
		}
		gaps.Run(t, strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t testing.TB) {
			one := t.(*testing.T) // what has a gap is not run
			runRule(one, newWorld(one, open(one)), file, false)
		})
	}
}

// TestCasesSnowflake runs the cases of identity on the stand-in for Snowflake in the same way.
func TestCasesSnowflake(t *testing.T) {
	casetest.RunWith(t, "testdata/cases/identity_*.txtar", casetest.Snowflake(t), casetest.Options{Once: true, StandIn: true, Gaps: gapsOn(t, "the stand-in for Snowflake", gapsOfSnowflake)})
}

// gapsOn is a list of what is known of a stand-in, for the cases that are run.
func gapsOn(t *testing.T, standIn string, known map[string]string) *gap.List {
	l := gap.New(t, standIn, known)
	if !casetest.Thorough() {
		return l.Part()
	}
	return l
}
