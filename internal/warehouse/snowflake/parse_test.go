package snowflake_test

import (
	"os"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/dialect/dialecttest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/sftest"
)

// TestStatementsParse has every function of the algebra, and a whole program, parsed as Snowflake's
// SQL. What the cases run is parsed by the stand-in.
func TestStatementsParse(t *testing.T) {
	natives := strings.NewReplacer("<double>", "DOUBLE", "<real>", "REAL", "<naive>", "TIMESTAMP", "<instant>", "TIMESTAMP_TZ")
	var all []string
	for _, c := range dialecttest.Cases() {
		sql, err := dialect.Snowflake().Query(c.Query)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(sql, "ARRAY[") { // a native type of other warehouses
			all = append(all, natives.Replace(sql))
		}
	}
	program, err := os.ReadFile("../../compile/testdata/print_snowflake.sql")
	if err != nil {
		t.Fatal(err)
	}
	for sql := range strings.SplitSeq(string(program), ";\n") {
		if strings.TrimSpace(sql) != "" && strings.Contains(sql, "\n") {
			all = append(all, sql)
		}
	}
	if len(all) < 300 {
		t.Fatalf("only %d statements", len(all))
	}
	sftest.Parse(t, all)
}
