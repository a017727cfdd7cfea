package compile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestFebrlProfiles builds the profiles of FEBRL, by an identifier that no two records share and by
// matching, then again after a change and from nothing.
func TestFebrlProfiles(t *testing.T) {
	w := casetest.DuckDB(t)
	m := newMatching(t, w, febrlModel)
	truth := febrl(t, m.world, "dataset2.csv")
	in := compile.Input{Model: m.model, Entity: "customer"}
	m.columns(t, &in, "people", "SELECT * FROM crm.people")
	b := &build.Builder{W: w}
	made := func(opts build.Options) (quality, string) {
		t.Helper()
		opts.AsOf = casetest.DefaultAsOf
		opts.Accept = []string{"identity.max_merged"}
		res, err := b.Build(t.Context(), in, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(res.Stats["matching.compared"], "pairs compared,", res.Stats["matching.join"], "joined,", res.Stats["profiles"], "profiles")
		var pairs [][2]string
		first := map[string]string{}
		for _, row := range m.rows(t, `SELECT key, profile_id FROM weir.customer_records ORDER BY key`) {
			if other, ok := first[row[1]]; ok {
				pairs = append(pairs, [2]string{other, row[0]})
			} else {
				first[row[1]] = row[0]
			}
		}
		return clustered(truth, pairs), m.table(t, []string{"key", "profile_id"}, `SELECT key, profile_id FROM weir.customer_records`)
	}
	q, _ := made(build.Options{})
	t.Logf("precision %.4f, recall %.4f, F1 %.4f", q.precision, q.recall, q.f1)
	if q.f1 < 0.995 {
		t.Errorf("F1 of profiles is %.4f", q.f1)
	}
	// Two who were one person become others, and somebody is called as somebody else.
	m.script(t, `UPDATE crm.people SET given_name = 'nobody', surname = 'atall', address_1 = NULL, address_2 = NULL, date_of_birth = '19010203', soc_sec_id = '1', changed_at = TIMESTAMP '2026-05-31' WHERE rec_id IN (SELECT min(rec_id) FROM crm.people WHERE rec_id LIKE '%dup-0')`)
	q, live := made(build.Options{})
	if q.f1 < 0.995 {
		t.Errorf("after a change F1 of profiles is %.4f", q.f1)
	}
	again, full := made(build.Options{Full: true})
	if diff := cmp.Diff(full, live); diff != "" || again != q {
		t.Errorf("-from nothing +incremental\n%s", diff)
	}
}
