package syncs

import (
	"slices"
	"testing"

	"github.com/weir-data/weir/destinations"
)

// A value that cannot be used drops the person only if nothing else names them.
func TestPrepareUsesWhatItCan(t *testing.T) {
	p := newPreparer(&Task{
		Sync: Sync{Name: "s"}, Columns: destinations.Columns{IDs: []string{"email", "phone"}},
		Object: destinations.Object{Name: "audience", Identifiers: []destinations.Identifier{
			{Name: "email", Normalise: "email.basic", AnyOf: "who"}, {Name: "phone", Normalise: "phone.e164", AnyOf: "who"},
		}},
	})
	for _, c := range []struct {
		name string
		ids  []any
		want []any
		skip Verdict
	}{
		{"both", []any{"Ada@Example.com", "+12025550123"}, []any{"ada@example.com", "+12025550123"}, NotTried},
		{"a bad phone beside a good address", []any{"ada@example.com", "12"}, []any{"ada@example.com", destinations.Absent}, NotTried},
		{"nothing but a bad phone", []any{destinations.Absent, "12"}, []any{destinations.Absent, destinations.Absent}, Malformed},
		{"nothing good", []any{"ada", "12"}, []any{destinations.Absent, destinations.Absent}, Malformed},
	} {
		r := p.prepare(Change{Key: "k", Op: destinations.Add, IDs: c.ids})
		if r.skip != c.skip || !slices.Equal(c.want, r.row.IDs) {
			t.Errorf("%s: %v, skip %d", c.name, r.row.IDs, r.skip)
		}
	}
	p.required[1] = true
	if r := p.prepare(Change{Key: "k", Op: destinations.Add, IDs: []any{"ada@example.com", "12"}}); r.skip != Malformed {
		t.Error("a required identifier that cannot be used was left out")
	}
}
