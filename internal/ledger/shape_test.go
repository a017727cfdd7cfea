//go:build cgo && !noduckdb

package ledger

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// TestReformattedKeys tells a mass removal that is none from one that is.
func TestReformattedKeys(t *testing.T) {
	record := destinations.Object{Name: "list", Target: true, Idempotent: true, RemovalNeedsMatch: true,
		Ops: []destinations.Op{destinations.Add, destinations.Remove, destinations.Upsert, destinations.Delete}, Identifiers: []destinations.Identifier{{Name: "external_id"}}}
	for _, c := range []struct {
		name     string
		mode     syncs.Mode
		old, new string // SQL of the match value of person i
		rows     int
		example  string // "" if nothing is alike
	}{
		{"lower case", syncs.Mirror, "'CUS-' || CAST(i AS VARCHAR)", "'cus-' || CAST(i AS VARCHAR)", 150, "AAA-999 → aaa-999"},
		{"zeros in front", syncs.Mirror, "'' || CAST(i AS VARCHAR)", "'000' || CAST(i AS VARCHAR)", 150, "999 → 999999"},
		{"a prefix", syncs.Mirror, "'' || CAST(i AS VARCHAR)", "'shop_' || CAST(i AS VARCHAR)", 150, "999 → aaaa_999"},
		{"as another type", syncs.Mirror, "'' || CAST(i AS VARCHAR)", "i || '.0'", 150, "999 → 999.9"},
		{"of records that stay", syncs.Upsert, "'CUS-' || CAST(i AS VARCHAR)", "'cus-' || CAST(i AS VARCHAR)", 150, "AAA-999 → aaa-999"},
		{"other people", syncs.Mirror, "'CUS-' || CAST(i AS VARCHAR)", "'CUS-' || (i + 5000)", 150, ""},
		{"too few", syncs.Mirror, "'CUS-' || CAST(i AS VARCHAR)", "'cus-' || CAST(i AS VARCHAR)", 99, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, record, func(b *Binding) {
				b.Sync.Mode = c.mode
				if c.mode == syncs.Upsert {
					b.Sync.OnLeave = syncs.Keep
				}
				b.Rows.IDs = []compile.RowColumn{{Name: "external_id", Type: models.Text}}
				b.Rows.Query = peopleQuery(1)
			})
			fill := func(value string) {
				w.exec("DELETE FROM shop.people", fmt.Sprintf("INSERT INTO shop.people SELECT 'k' || CAST(i AS VARCHAR), %s, NULL, 'n', NULL, NULL FROM generate_series(101, %d) t(i)", value, 100+c.rows))
			}
			fill(c.old)
			w.settle(w.freeze(), syncs.Applied)
			fill(c.new)
			ref := w.freeze()
			got := ""
			for _, h := range ref.Holds {
				if h.Code == HoldKeyShape {
					got = h.What
				}
			}
			want := ""
			if c.example != "" {
				want = c.example
			}
			if (got == "") != (want == "") || !strings.Contains(got, want) {
				t.Fatalf("holds %q, want %q", got, want)
			}
			if want != "" && !strings.Contains(got, fmt.Sprintf("%d of %d who leave and %d who come", c.rows, c.rows, c.rows)) {
				t.Errorf("says %q", got)
			}
			if strings.Contains(got, "101") {
				t.Errorf("a value is told: %q", got)
			}
		})
	}
}
