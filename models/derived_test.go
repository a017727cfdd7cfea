package models

import (
	"slices"
	"strings"
	"testing"
)

// derivedShop is an entity with a trait of each kind that is computed from others.
func derivedShop(t *testing.T) *Model {
	t.Helper()
	score := &Score{Model: "m.json", Features: []Feature{{Name: "x", Trait: "risk"}}}
	if err := score.Load([]byte(`{"type": "logistic", "intercept": 0, "coefficients": {"x": 1, "spent": 2}}`)); err != nil {
		t.Fatal(err)
	}
	return &Model{Entities: []Entity{{Name: "customer", Traits: []Trait{
		{Name: "of_score", Tiles: 4, By: "score"},
		{Name: "score", Score: score},
		{Name: "rfm", RFM: &RFM{Recency: "at", Frequency: "n", Monetary: "per"}},
		{Name: "per", Ratio: []string{"spent", "n"}},
		{Name: "risk", From: []string{"crm.risk"}, PII: "health"},
		{Name: "spent", From: []string{"orders"}, Aggregate: Aggregate{Sum: "amount"}, PII: "finance"},
		{Name: "n", From: []string{"orders"}, Aggregate: Aggregate{Count: true}},
		{Name: "at", From: []string{"orders"}, Aggregate: Aggregate{Max: "time"}},
		{Name: "worth", From: []string{"orders"}, Predict: &Predict{What: "expected_value", Amount: "amount"}},
	}}}}
}

// TestDerivedOrder puts each trait after those that it is computed from.
func TestDerivedOrder(t *testing.T) {
	m := derivedShop(t)
	sorted, err := m.Entities[0].TraitOrder()
	if err != nil || len(sorted) != len(m.Entities[0].Traits) {
		t.Fatal(sorted, err)
	}
	at := func(name string) int { return slices.IndexFunc(sorted, func(t *Trait) bool { return t.Name == name }) }
	for _, pair := range [][2]string{{"score", "of_score"}, {"risk", "score"}, {"spent", "score"}, {"per", "rfm"}, {"n", "per"}, {"at", "rfm"}} {
		if at(pair[0]) >= at(pair[1]) {
			t.Errorf("%s comes after %s", pair[0], pair[1])
		}
	}
	m.Entities[0].Traits[5] = Trait{Name: "spent", Ratio: []string{"of_score", "n"}}
	if _, err := m.Entities[0].TraitOrder(); err == nil || !strings.Contains(err.Error(), "spent") {
		t.Errorf("a circle through a score: %v", err)
	}
}

// TestDerivedTags spreads personal data through every kind of trait.
func TestDerivedTags(t *testing.T) {
	m := derivedShop(t)
	for trait, want := range map[string]string{"score": "finance health", "of_score": "finance health", "per": "finance", "rfm": "finance", "n": ""} {
		if got := strings.Join(m.Tags("customer", trait), " "); got != want {
			t.Errorf("%s: %q, want %q", trait, got, want)
		}
	}
}

// TestDerivedTypes tells types without asking for columns.
func TestDerivedTypes(t *testing.T) {
	m := derivedShop(t)
	unknown := func(string, string) (Type, bool) { return Unknown, false }
	for trait, want := range map[string]Type{"score": Number, "of_score": Integer, "rfm": Text, "per": Number, "worth": Number} {
		if got := m.TraitType(&m.Entities[0], m.Entities[0].Trait(trait), unknown); got != want {
			t.Errorf("%s is %q, want %q", trait, got, want)
		}
	}
	if got := m.Entities[0].Trait("worth").RowColumn(); got != "amount" {
		t.Errorf("worth looks at %q", got)
	}
}
