package warehouse

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearest(t *testing.T) {
	names := []string{"public.orders", "public.contacts", "weir.members", "old.Orders"}
	for name, want := range map[string][]string{
		"main.orders":     {"public.orders", "old.Orders"}, // the same table, in another schema
		"public.order":    {"public.orders"},
		"order":           {"public.orders"},
		"main.receivable": nil,
	} {
		got := Nearest(name, names)
		if len(got) > len(want) && want != nil {
			got = got[:len(want)] // what follows is further away
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Nearest(%q) (-want +got):\n%s", name, diff)
		}
	}
}
