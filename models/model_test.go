package models

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// shop is a model with one of most things.
func shop() *Model {
	yes := true
	num := func(s string) *Value { return &Value{Type: Integer, Text: s} }
	return &Model{
		Sources: []Source{
			{Name: "contacts", Table: "crm.contacts", Key: "id", UpdatedAt: "modified", Identifiers: []SourceIdentifier{{Type: "customer_id", Column: "no"}, {Type: "email", Column: "email"}}},
			{Name: "orders", Table: "shop.orders", Key: "id", Time: "at", Identifiers: []SourceIdentifier{{Type: "customer_id", Column: "no"}}},
		},
		Entities: []Entity{{Name: "customer",
			Identity: Identity{Identifiers: []Identifier{{Type: "customer_id"}, {Type: "email"}}, From: []string{"contacts", "orders"}},
			Traits: []Trait{
				{Name: "email", From: []string{"contacts.email"}, PII: "email"},
				{Name: "diagnosis", From: []string{"contacts.diagnosis"}, PII: "health"},
				{Name: "spent", From: []string{"orders"}, Aggregate: Aggregate{Sum: "amount"}},
				{Name: "risk", SQL: "case when diagnosis = 'x' then spent end", Type: Number},
				{Name: "decile", SQL: "ntile(10) over (order by risk)"},
				{Name: "orders", From: []string{"orders"}, Aggregate: Aggregate{Count: true}},
			}}},
		Segments: []Segment{
			{Name: "c", Entity: "customer", Where: Condition{Any: []Condition{{Segment: "b"}, {Trait: "email", Operators: Operators{Exists: &yes}}}}},
			{Name: "b", Entity: "customer", Where: Condition{Not: &Condition{Segment: "a"}}},
			{Name: "a", Entity: "customer", Where: Condition{Trait: "decile", Operators: Operators{AtLeast: num("5")}}},
		},
	}
}

func TestCheckFindsNothing(t *testing.T) {
	m := shop()
	if ps := Check(m); len(ps) > 0 {
		t.Errorf("%+v", ps)
	}
	m.FillDefaults()
	if ps := Check(m); len(ps) != 0 {
		t.Errorf("with defaults: %+v", ps)
	}
	if ps := CheckColumns(m, nil); len(ps) > 0 {
		t.Errorf("without columns: %+v", ps)
	}
}

func TestSegmentOrder(t *testing.T) {
	m := shop()
	order, err := m.SegmentOrder("customer")
	var got []string
	for _, s := range order {
		got = append(got, s.Name)
	}
	if err != nil || strings.Join(got, " ") != "a b c" {
		t.Errorf("%v, %v", got, err)
	}
	m.Segments[2].Where = Condition{Segment: "c"}
	if _, err := m.SegmentOrder("customer"); err == nil || err.Error() != "segments refer to each other in a circle: c -> b -> a -> c" {
		t.Errorf("error %v", err)
	}
}

func TestTraitOrder(t *testing.T) {
	m := shop()
	e := m.Entity("customer")
	slices.Reverse(e.Traits)
	order, err := e.TraitOrder()
	var got []string
	for _, tr := range order {
		got = append(got, tr.Name)
	}
	if err != nil || strings.Join(got, " ") != "orders diagnosis spent risk decile email" {
		t.Errorf("%v, %v", got, err)
	}
	e.Trait("risk").SQL = "decile + 1"
	if _, err := e.TraitOrder(); err == nil || err.Error() != "traits refer to each other in a circle: decile -> risk -> decile" {
		t.Errorf("error %v", err)
	}
}

func TestSQLTraits(t *testing.T) {
	e := &Entity{Traits: []Trait{{Name: "a"}, {Name: "b"}, {Name: "rank"}, {Name: "e5"}}}
	for sql, want := range map[string]string{
		"a + b":                    "a b",
		"A || B || a":              "a b",
		"rank() over (order by a)": "a",
		"rank":                     "rank",
		`"a" + "B"`:                "a b",
		"`a`":                      "a",
		"'a' || 'it''s b'":         "",
		"1 -- a\n + b":             "b",
		"/* a\n b */ 1":            "",
		"ab + a1 + _a":             "",
		"t.a":                      "a",
		"1e5 + 2.5e5":              "",
		"case when a then 'b' end": "a",
		"rank (a)":                 "a",
	} {
		if got := strings.Join(e.SQLTraits(&Trait{SQL: sql}), " "); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

func TestTags(t *testing.T) {
	m := shop()
	for trait, want := range map[string]string{"email": "email", "spent": "", "risk": "health", "decile": "health", "none": ""} {
		if got := strings.Join(m.Tags("customer", trait), " "); got != want {
			t.Errorf("trait %s: %q, want %q", trait, got, want)
		}
	}
	for segment, want := range map[string]string{"a": "health", "b": "health", "c": "email health", "none": ""} {
		if got := strings.Join(m.SegmentTags(segment), " "); got != want {
			t.Errorf("segment %s: %q, want %q", segment, got, want)
		}
	}
	m.Segments[2].Where = Condition{Segment: "c"} // circles end
	if got := strings.Join(m.SegmentTags("b"), " "); got != "email" {
		t.Errorf("in a circle: %q", got)
	}
}

func TestTraitType(t *testing.T) {
	m := &Model{}
	types := map[string]Type{"s.text": Text, "s.int": Integer, "s.num": Number, "s.bool": Boolean, "s.date": Date, "s.time": Timestamp, "s.json": Unknown}
	columns := func(source, column string) (Type, bool) { t, ok := types[source+"."+column]; return t, ok }
	from := func(f ...string) Trait { return Trait{From: f} }
	agg := func(a Aggregate) Trait { return Trait{From: []string{"s"}, Aggregate: a} }
	for i, c := range []struct {
		t    Trait
		want Type
	}{
		{from("s.text"), Text},
		{from("s.int", "s.num"), Number},
		{from("s.date", "s.time"), Timestamp},
		{from("s.text", "s.int"), Unknown},
		{from("s.text", "s.none"), Unknown},
		{from("s.json"), Unknown},
		{Trait{From: []string{"s.none"}, Keep: AnyTrue}, Boolean},
		{Trait{From: []string{"s.text"}, Type: Integer}, Integer},
		{agg(Aggregate{Count: true}), Integer},
		{agg(Aggregate{CountDistinct: "text"}), Integer},
		{agg(Aggregate{Sum: "int"}), Integer},
		{agg(Aggregate{Sum: "num"}), Number},
		{agg(Aggregate{Sum: "none"}), Number},
		{agg(Aggregate{Avg: "int"}), Number},
		{agg(Aggregate{Max: "time"}), Timestamp},
		{agg(Aggregate{MostFrequent: "text"}), Text},
		{agg(Aggregate{Min: "none"}), Unknown},
		{Trait{SQL: "1"}, Unknown},
		{Trait{SQL: "1", Type: Number}, Number},
	} {
		if got := m.TraitType(&Entity{}, &c.t, columns); got != c.want {
			t.Errorf("%d: %+v is %q, want %q", i, c.t, got, c.want)
		}
	}
}

// TestCheckColumnsGiven gives columns as a warehouse has them, in its own case.
func TestCheckColumnsGiven(t *testing.T) {
	m := shop()
	ps := CheckColumns(m, map[string][]Column{
		"contacts": {{"ID", Integer}, {"MODIFIED", Timestamp}, {"NO", Text}, {"EMAIL", Text}},
		"orders":   {{"id", Integer}, {"at", Timestamp}, {"no", Text}, {"amount", Text}},
	})
	var got []string
	for _, p := range ps {
		got = append(got, fmt.Sprintf("%s: %s (%s)", p.Path, p.What, p.Fix))
	}
	want := []string{
		`entities.customer.traits.diagnosis.from: source contacts has no column "diagnosis" (use one of: ID, MODIFIED, NO, EMAIL)`,
		`entities.customer.traits.spent.sum: sum takes numbers, and orders.amount is text (name a column with numbers, or cast it in a query: sql: in place of the source's table:)`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
}

// TestCheckSurvives gives Check models that no file could make.
func TestCheckSurvives(t *testing.T) {
	deep := Condition{Trait: "x", Operators: Operators{In: []Value{{Type: Text, Text: "a"}}}}
	for range 1000 {
		inner := deep
		deep = Condition{Not: &inner}
	}
	m := &Model{
		Sources:  []Source{{}, {Name: "a.b"}},
		Entities: []Entity{{}, {Name: "e", Traits: []Trait{{}, {Name: "t", From: []string{"", ".", "a.", ".b"}}}}},
		Segments: []Segment{{}, {Name: "s", Entity: "e", Where: deep}},
		Policies: []Policy{{}, {Name: "p", Require: &Condition{}}, {Name: "d", Deny: &Deny{}}},
	}
	codes := map[string]bool{}
	for _, p := range Check(m) {
		codes[p.Code] = true
	}
	for _, c := range []string{"models.name", "models.too_deep", "models.empty_list", "models.empty_policy", "models.no_from"} {
		if !codes[c] {
			t.Errorf("no problem with code %s", c)
		}
	}
	CheckColumns(m, map[string][]Column{"a.b": {}})
	if Check(&Model{}) != nil {
		t.Error("an empty model has problems")
	}
}

func TestNormalizer(t *testing.T) {
	for _, c := range []struct{ typ, normalize, want string }{{"email", "", "email"}, {"phone", "", "phone"}, {"cookie", "", "trim"}, {"email", "none", "none"}, {"work_email", "email", "email"}} {
		if got := (&Identifier{Type: c.typ, Normalize: c.normalize}).Normalizer(); got != c.want {
			t.Errorf("%s %s: %s", c.typ, c.normalize, got)
		}
	}
}
