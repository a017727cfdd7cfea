package app

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

func TestPick(t *testing.T) {
	m := &models.Model{
		Sources:  []models.Source{{Name: "orders"}, {Name: "events"}},
		Entities: []models.Entity{{Name: "customer", Identity: models.Identity{From: []string{"orders", "events"}}}},
		Segments: []models.Segment{
			{Name: "vip", Entity: "customer", Tags: []string{"growth"}},
			{Name: "lapsed", Entity: "customer", Where: models.Condition{All: []models.Condition{{Not: &models.Condition{Segment: "vip"}}}}},
			{Name: "all", Entity: "customer"},
		},
	}
	g := newGraph(m, []syncs.Sync{{Name: "mail", Segment: "lapsed"}, {Name: "ads", Segment: "all", Tags: []string{"growth"}}, {Name: "everyone", Entity: "customer"}})
	for _, c := range []struct{ selectors, want string }{
		{"", "ads all customer events everyone lapsed mail orders vip"},
		{"vip", "vip"},
		{"vip+", "lapsed mail vip"},
		{"+mail", "customer events lapsed mail orders vip"},
		{"tag:growth", "ads vip"},
		{"segment.all", "all"},
		{"mail ads", "ads mail"},
		{"orders+", "ads all customer everyone lapsed mail orders vip"},
	} {
		picked, err := g.pick(strings.Fields(c.selectors))
		if err != nil {
			t.Fatalf("%s: %v", c.selectors, err)
		}
		var names []string
		for n := range picked {
			names = append(names, n.name)
		}
		slices.Sort(names)
		if d := cmp.Diff(c.want, strings.Join(names, " ")); d != "" {
			t.Errorf("%q picks (-want +got):\n%s", c.selectors, d)
		}
	}
	_, err := g.pick([]string{"lapsd+"})
	var e *Error
	if !errors.As(err, &e) || e.Kind != Refused || e.Fix != `did you mean "lapsed"?` {
		t.Errorf("a misspelt selector gives %#v", err)
	}
}
