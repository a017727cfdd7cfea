//go:build spark

package databricks

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/dialect/dialecttest"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/sftest"
)

// TestOnSpark runs every function of the algebra on Apache Spark, version 4 or later, whose SQL that of
// Databricks is. It takes some minutes, and spark-submit on PATH: go test -tags spark.
func TestOnSpark(t *testing.T) {
	submit, err := exec.LookPath("spark-submit")
	if err != nil {
		t.Fatal(err)
	}
	natives := strings.NewReplacer("<double>", "DOUBLE", "<real>", "FLOAT", "<naive>", "TIMESTAMP_NTZ", "<instant>", "TIMESTAMP")
	provide, err := dialect.Databricks().Statement(rel.Provide{Fns: []rel.Fn{rel.JaroWinkler, rel.Levenshtein}})
	if err != nil {
		t.Fatal(err)
	}
	texts, cases := []string{provide}, []dialecttest.Case{{Name: "provide"}}
	for _, c := range dialecttest.Cases() {
		sql, err := dialect.Databricks().Query(c.Query)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(sql, "ARRAY[") { // another warehouse's array
			texts, cases = append(texts, natives.Replace(sql)), append(cases, c)
		}
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.json"), filepath.Join(dir, "out.json")
	b, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in, b, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), submit, filepath.Join(filepath.Dir(filepath.Dir(sftest.Tool("x"))), "spark", "run.py"), in, out)
	if said, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var got []string
	if b, err = os.ReadFile(out); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &got); err != nil || len(got) != len(texts) {
		t.Fatalf("%d answers for %d statements: %v", len(got), len(texts), err)
	}
	if got[0] != "" {
		t.Fatalf("making functions: %s", got[0])
	}
	for i, c := range cases[1:] {
		if want := dialecttest.Text(c.Want); got[i+1] != want {
			t.Errorf("%s: got %s, want %s\n%s", c.Name, got[i+1], want, texts[i+1])
		}
	}
}
