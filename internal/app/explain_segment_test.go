//go:build cgo && !noduckdb

package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/ledger"
)

// treeText writes a tree for people.
func treeText(n *ConditionNode, indent string) string {
	mark := map[bool]string{true: "✓", false: "✗"}[n.Holds]
	out := fmt.Sprintf("%s%s %s | %s\n", indent, mark, n.Text, n.Has)
	for _, m := range n.Rows {
		for _, e := range m.Latest {
			out += fmt.Sprintf("%s  · %s %s %s", indent, e.At.Format(time.DateOnly), m.Source, e.Key)
			for _, v := range e.Values {
				out += fmt.Sprintf(" %s=%v", v.Column, v.Value)
			}
			out += fmt.Sprintf(" of %d\n", m.Count)
		}
	}
	for _, c := range n.Children {
		out += treeText(c, indent+"  ")
	}
	return out
}

func explainFor(t *testing.T, a *App, segment, who string, o ExplainOptions) *SegmentExplanation {
	t.Helper()
	x, err := a.ExplainSegment(t.Context(), segment, who, o)
	if err != nil {
		t.Fatalf("%s, %s: %v", segment, who, err)
	}
	if _, err := json.Marshal(x); err != nil {
		t.Errorf("it does not become JSON: %v", err)
	}
	return x
}

func TestExplainSegment(t *testing.T) {
	c := newClub(t)
	c.build(clubTime)
	a := c.load(time.Time{})
	for _, x := range []struct{ segment, who, want string }{
		{"lapsed", "customer_id=17", `
✓ all of | 
  ✓ in segment vip | 
    ✓ all of | 
      ✓ spent at least 100 | 500.5
      ✓ not | 
        ✗ in segment staff | 
          ✗ email ends with @club.example.com | a…@e….com
  ✓ never orders within 90d | 0 rows, the latest of any time on 2026-02-10 11:00
  ✓ any of | 
    ✓ country in FR, DE | FR
    ✓ did visits where page is news within 30d, at least 2 times | 2 rows, the latest on 2026-05-26 12:00
      · 2026-05-26 visits 2 page=news of 2
      · 2026-05-25 visits 1 page=news of 2
`},
		{"lapsed", "bea@example.com", `
✗ all of | 
  ✓ in segment vip | 
    ✓ all of | 
      ✓ spent at least 100 | 600
      ✓ not | 
        ✗ in segment staff | 
          ✗ email ends with @club.example.com | b…@e….com
  ✗ never orders within 90d | 1 row, the latest on 2026-05-20 12:00
    · 2026-05-20 orders 3 of 1
  ✓ any of | 
    ✓ country in FR, DE | DE
    ✗ did visits where page is news within 30d, at least 2 times | 0 rows, the latest of any time on 2026-01-28 11:00
`},
		{"ill", "customer_id=18", "\n✓ diagnosis is diabetes | •••\n"},
		{"ill", "customer_id=17", "\n✗ diagnosis is diabetes | –\n"},
		{"best", "customer_id=18", "\n✓ top 2 by spent | place 2 of 5, with 600, the last in has 600\n"},
		{"best", "customer_id=17", "\n✗ top 2 by spent | place 3 of 5, with 500.5, the last in has 600\n"},
		{"writers", "customer_id=20", "\n✓ did crm where email contains example | 1 row, the latest on 2026-01-04 09:00\n  · 2026-01-04 crm k4 email=d…@c….com of 1\n"},
	} {
		got := explainFor(t, a, x.segment, x.who, ExplainOptions{})
		if diff := cmp.Diff(x.want, "\n"+treeText(got.Tree, "")); diff != "" {
			t.Errorf("%s, %s (-want +got):\n%s", x.segment, x.who, diff)
		}
		if got.In != got.Member || got.In != got.Tree.Holds || got.Moved != "" {
			t.Errorf("%s, %s: in %v, member %v, the tree %v, moved %q", x.segment, x.who, got.In, got.Member, got.Tree.Holds, got.Moved)
		}
	}
	x := explainFor(t, a, "lapsed", "customer_id=17", ExplainOptions{Reveal: true})
	leaf := x.Tree.Children[0].Children[0].Children[1].Children[0].Children[0]
	if leaf.Has != "ana@example.com" || leaf.Facts[0].Masked || leaf.File != "weir.yml" || leaf.Line != 24 {
		t.Errorf("%+v", leaf)
	}
	if x.Since == nil || !x.Since.Equal(clubTime) || !x.AsOf.Equal(clubTime) || x.Entity != "customer" {
		t.Errorf("%+v", x)
	}
}

// TestExplainMoved holds that what came after the build is told, and by its own time.
func TestExplainMoved(t *testing.T) {
	c := newClub(t)
	c.build(clubTime)
	c.execute("insert into club.orders values (9, '17', 5, timestamptz '2026-05-31 10:00:00+00')")
	a := c.load(time.Time{})
	x := explainFor(t, a, "lapsed", "customer_id=17", ExplainOptions{})
	if x.In || !x.Member || !strings.Contains(x.Moved, "the next build will not") {
		t.Errorf("in %v, member %v: %s", x.In, x.Member, x.Moved)
	}
	if has := x.Tree.Children[1].Has; has != "1 row, the latest on 2026-05-31 12:00" {
		t.Error(has)
	}
	later := c.load(clubTime.Add(100 * 24 * time.Hour))
	if x := explainFor(t, later, "lapsed", "customer_id=18", ExplainOptions{}); !x.In || x.Member || !strings.Contains(x.Moved, "the next build will") {
		t.Errorf("in %v, member %v: %s", x.In, x.Member, x.Moved)
	}
}

// TestExplainPolicies holds that whatever keeps a person from being reached is told.
func TestExplainPolicies(t *testing.T) {
	c := newClub(t)
	c.build(clubTime)
	a := c.load(time.Time{})
	of := func(segment, who string, o ExplainOptions) PurposeVerdict {
		t.Helper()
		x := explainFor(t, a, segment, who, o)
		if len(x.Purposes) != 1 {
			t.Fatalf("%s, %s: %+v", segment, who, x.Purposes)
		}
		return x.Purposes[0]
	}
	ana := of("lapsed", "customer_id=17", ExplainOptions{})
	if !ana.Open || ana.Purpose != "letters" || !ana.Policies[0].Passes || ana.Syncs[0] != "lapsed_post" {
		t.Errorf("%+v", ana)
	}
	cleo := of("lapsed", "customer_id=19", ExplainOptions{})
	if cleo.Open || cmp.Diff([]string{"policy.letters"}, cleo.ClosedBy) != "" || cleo.Policies[0].Tree.Has != "–" || cleo.Policies[0].Tree.Holds {
		t.Errorf("%+v", cleo)
	}
	ill := of("ill", "customer_id=18", ExplainOptions{Destination: "ads"})
	if ill.Open || len(ill.Denied) != 1 || ill.Denied[0].Policy != "no_health_in_ads" || ill.Denied[0].PII[0] != "health" {
		t.Errorf("%+v", ill)
	}
	if ads := of("vip", "customer_id=17", ExplainOptions{Destination: "ads"}); !ads.Open || !ads.Unguarded || len(ads.Denied) > 0 {
		t.Errorf("%+v", ads)
	}
	if err := a.led.Suppress(t.Context(), []ledger.Suppression{{Channel: "email", Identifier: ledger.Identifier{Kind: "email", Value: "ana@example.com"}, Source: "unsubscribe"}}); err != nil {
		t.Fatal(err)
	}
	if ana := of("lapsed", "customer_id=17", ExplainOptions{}); ana.Open || cmp.Diff([]string{ledger.CodeSuppressed}, ana.ClosedBy) != "" || cmp.Diff([]string{"post"}, ana.Suppressed) != "" {
		t.Errorf("%+v", ana)
	}
	if err := a.led.Erase(t.Context(), []ledger.Identifier{{Kind: "phone", Value: "+33639980011"}}, nil); err != nil {
		t.Fatal(err)
	}
	if ana := of("lapsed", "customer_id=17", ExplainOptions{}); ana.Open || ana.ClosedBy[0] != ledger.CodeErased {
		t.Errorf("%+v", ana)
	}
}

// TestExplainLists holds that suppression lists are told, counted and kept.
func TestExplainLists(t *testing.T) {
	c := newClub(t)
	c.write(strings.NewReplacer("entities:\n", "  blocked: {table: club.blocked, key: email, identifiers: {email: email}}\nentities:\n",
		"policies:\n", "policies:\n  complaints: {entity: customer, suppress: {source: blocked, kinds: [email]}}\n").Replace(clubYAML))
	c.execute("create table club.blocked (email varchar);\ninsert into club.blocked values ('Ana@example.com')")
	c.build(clubTime)
	a := c.load(time.Time{})
	x := explainFor(t, a, "lapsed", "customer_id=17", ExplainOptions{})
	if p := x.Purposes[0]; p.Open || cmp.Diff([]string{"policy.complaints"}, p.ClosedBy) != "" || cmp.Diff([]ListedBy{{"complaints", "email"}}, p.Lists) != "" || !p.Policies[0].Passes {
		t.Errorf("%+v", p)
	}
	if p := explainFor(t, a, "lapsed", "customer_id=17", ExplainOptions{Destination: "ads"}).Purposes[0]; !p.Open || len(p.Lists) > 0 {
		t.Errorf("ads: %+v", p)
	}
	n, err := a.CountSegment(t.Context(), "lapsed")
	if err != nil || cmp.Diff([]PurposeCount{{Purpose: "letters", KeptOut: 2}}, n.Purposes) != "" {
		t.Errorf("%+v, %v", n.Purposes, err)
	}
	if got := previewFor(t, a, "lapsed", PreviewOptions{Purpose: "letters"}); got != nil {
		t.Errorf("somebody on the list is shown: %v", got)
	}
}

// TestExplainAnonymous holds that whom the entity keeps out of segments is told so.
func TestExplainAnonymous(t *testing.T) {
	c := newClub(t)
	c.write(strings.NewReplacer("    identity:\n      identifiers: {customer_id: {limit: 1}, email: {}, phone: {country: FR}}", "    anonymous: exclude\n    identity:\n      identifiers: {customer_id: {limit: 1}, email: {}, phone: {country: FR}, anonymous_id: {}}",
		"seen_at, identifiers: {customer_id: customer_id}", "seen_at, identifiers: {customer_id: customer_id, anonymous_id: cookie}",
		"  best:", "  everybody: {entity: customer, where: {did: visits}}\n  best:").Replace(clubYAML))
	c.execute("alter table club.visits add column cookie varchar;\ninsert into club.visits values (20, null, 'news', timestamptz '2026-05-28 10:00:00+00', 'c1')")
	c.build(clubTime)
	x := explainFor(t, c.load(time.Time{}), "everybody", "anonymous_id=c1", ExplainOptions{})
	if x.In || x.Member || !x.Tree.Holds || !strings.Contains(x.Excluded, "anonymous: exclude") || x.Moved != "" {
		t.Errorf("%+v", x)
	}
}

func TestExplainSegmentRefuses(t *testing.T) {
	c := newClub(t)
	a := c.load(time.Time{})
	refused := func(code, fix string, err error) {
		t.Helper()
		var e *Error
		if !errors.As(err, &e) || e.Kind != Refused || e.Code != code || !strings.Contains(e.Fix, fix) {
			t.Errorf("%v, want %s with %q", err, code, fix)
		} else if strings.Contains(e.Message+e.Fix, "ana@") {
			t.Errorf("the error holds personal data: %s; %s", e.Message, e.Fix)
		}
	}
	_, err := a.ExplainSegment(t.Context(), "lapsed", "customer_id=17", ExplainOptions{})
	refused("build.none", "weir build", err)
	_, err = a.CountSegment(t.Context(), "lapsed")
	refused("build.none", "weir build", err)
	_, err = a.OverlapSegments(t.Context(), nil)
	refused("build.none", "weir build", err)
	c.build(clubTime)
	a = c.load(time.Time{})
	_, err = a.ExplainSegment(t.Context(), "lapsd", "customer_id=17", ExplainOptions{})
	refused("models.unknown_segment", `did you mean "lapsed"?`, err)
	x, err := a.ExplainSegment(t.Context(), "lapsed", "anna@example.com", ExplainOptions{})
	refused("identity.unknown", "", err)
	if len(x.Near) != 1 || x.Near[0].Value != "a…@e….com" || x.Near[0].ProfileID == "" || strings.Contains(fmt.Sprint(*x.Near[0]), "anna@") {
		t.Errorf("near: %+v", x.Near)
	}
	_, err = a.ExplainSegment(t.Context(), "lapsed", "customer_id=17", ExplainOptions{Purpose: "leters"})
	refused("syncs.unknown_purpose", `did you mean "letters"?`, err)
	_, err = a.ExplainSegment(t.Context(), "lapsed", "customer_id=17", ExplainOptions{Destination: "pst"})
	refused("syncs.unknown_destination", `did you mean "post"?`, err)
	_, err = a.ExplainSegment(t.Context(), "lapsed", "customer_id=17", ExplainOptions{Destination: "post", Purpose: "letters"})
	refused("cli.usage", "", err)

	// A trait that came after the build is not in it.
	c.write(strings.NewReplacer("      spent: ", "      many:       {from: orders, count: true}\n      spent: ", "{trait: diagnosis, is: diabetes}", "{trait: many, at_least: 1}").Replace(clubYAML))
	_, err = c.load(time.Time{}).CountSegment(t.Context(), "ill")
	refused("segments.not_built", "weir build", err)
}

func TestMasks(t *testing.T) {
	for _, c := range []struct {
		tags []string
		v    any
		want any
	}{
		{nil, "ana@example.com", "ana@example.com"},
		{[]string{"email"}, "ana@example.com", "a…@e….com"},
		{[]string{"email"}, "élan@mail.example.co.uk", "é…@m….uk"},
		{[]string{"email"}, "nonsense", hidden},
		{[]string{"email"}, "a@b", hidden},
		{[]string{"phone"}, "+33 6 39 98 00 11", "•••11"},
		{[]string{"phone"}, "12", hidden},
		{[]string{"name"}, " Ana", "A…"},
		{[]string{"name"}, "", hidden},
		{[]string{"health"}, "diabetes", hidden},
		{[]string{"health"}, true, hidden},
		{[]string{"name"}, int64(3), hidden},
		{[]string{"email", "name"}, "ana@example.com", hidden},
		{[]string{"email", "email"}, "ana@example.com", "a…@e….com"},
		{[]string{"health"}, nil, nil},
	} {
		if got, _ := masked(c.tags, c.v); got != c.want {
			t.Errorf("%v of %v: %v, want %v", c.v, c.tags, got, c.want)
		}
	}
}
