package main_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSQLOfTheDocs runs every query that the page on operations shows on the demonstration's
// warehouse. A table or a column that it names is there; those that ask for all have rows.
func TestSQLOfTheDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", filepath.Join(copied(t), "shop.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows := map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		for q := range strings.SplitSeq(block[1], ";") {
			if q = strings.TrimSpace(q); q == "" {
				continue
			}
			var n int
			if err := db.QueryRow("select count(*) from (" + q + ") t").Scan(&n); err != nil {
				t.Errorf("%s: %v", q, err)
			}
			rows[q] = n
		}
	}
	if len(rows) < 12 {
		t.Errorf("%d queries", len(rows))
	}
	for _, from := range []string{"select sync, run, status", "select sync, max(", "select segment, sum", "select key, id_1, sent_at", "select sync, account"} {
		n := -1
		for q, got := range rows {
			if strings.HasPrefix(q, from) {
				n = got
			}
		}
		if n < 1 {
			t.Errorf("%s …: %d rows", from, n)
		}
	}
}
