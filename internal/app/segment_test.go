//go:build cgo && !noduckdb

package app

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/ledger"
)

// countText writes a tree of counts for people.
func countText(n *CountNode, indent string) string {
	out := fmt.Sprintf("%s%s | %d", indent, n.Text, n.Alone)
	if n.Together != nil {
		out += fmt.Sprintf(" %d", *n.Together)
	}
	out += "\n"
	for _, c := range n.Children {
		out += countText(c, indent+"  ")
	}
	return out
}

func TestCountSegment(t *testing.T) {
	c := newClub(t)
	c.build(clubTime)
	n, err := c.load(time.Time{}).CountSegment(t.Context(), "lapsed")
	if err != nil {
		t.Fatal(err)
	}
	want := `
all of | 2
  in segment vip | 4 4
    all of | 4
      spent at least 100 | 5
      not | 4
        in segment staff | 1
          email ends with @club.example.com | 1
  never orders within 90d | 4 3
  any of | 4 2
    country in FR, DE | 4
    did visits where page is news within 30d, at least 2 times | 1
`
	if diff := cmp.Diff(want, "\n"+countText(n.Tree, "")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var misses []string
	for _, s := range n.Steps {
		misses = append(misses, fmt.Sprintf("%s: %d", s.Text, s.MissOnly))
	}
	if diff := cmp.Diff([]string{"in segment vip: 1", "never orders within 90d: 1",
		"country in FR, DE or did visits where page is news within 30d, at least 2 times: 1"}, misses); diff != "" {
		t.Errorf("near (-want +got):\n%s", diff)
	}
	if n.Total != 5 || n.Size != 2 || n.Built != 2 || n.Joins+n.Leaves != 0 || !n.Known || n.Differs() != "" {
		t.Errorf("%+v", n)
	}
	if diff := cmp.Diff([]PurposeCount{{Purpose: "letters", KeptOut: 1, Left: 1}}, n.Purposes); diff != "" {
		t.Errorf("purposes (-want +got):\n%s", diff)
	}

	// As the YAML is now, before it is built.
	c.write(strings.NewReplacer("at_least: 100}", "at_least: 200}", "in: [FR, DE]", "in: [FR, GB]", "  best:", "  fresh: {entity: customer, where: {segment: lapsed}}\n  best:").Replace(clubYAML))
	a := c.load(time.Time{})
	if n, err = a.CountSegment(t.Context(), "lapsed"); err != nil {
		t.Fatal(err)
	}
	if n.Size != 2 || n.Built != 2 || n.Joins != 1 || n.Leaves != 1 || n.Differs() != "build 1 has 2: 1 would join, 1 would leave" {
		t.Errorf("%+v: %s", n, n.Differs())
	}
	if n, err = a.CountSegment(t.Context(), "fresh"); err != nil {
		t.Fatal(err)
	}
	if n.Size != 2 || n.Built != 0 || n.Known || n.Differs() != "build 1 does not have this segment yet" {
		t.Errorf("%+v: %s", n, n.Differs())
	}
}

// TestCountBarred counts whom erasures and suppressions keep out of a purpose, which has one channel.
func TestCountBarred(t *testing.T) {
	c := newClub(t)
	c.build(clubTime)
	a := c.load(time.Time{})
	count := func(want PurposeCount) {
		t.Helper()
		n, err := a.CountSegment(t.Context(), "lapsed")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]PurposeCount{want}, n.Purposes); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	count(PurposeCount{Purpose: "letters", KeptOut: 1, Left: 1})
	ana := ledger.Identifier{Kind: "email", Value: "ana@example.com"}
	suppress := func(channel string, who ledger.Identifier) {
		t.Helper()
		if err := a.led.Suppress(t.Context(), []ledger.Suppression{{Channel: channel, Identifier: who, Source: "complaint"}}); err != nil {
			t.Fatal(err)
		}
	}
	suppress("sms", ana)
	suppress("all", ledger.Identifier{Kind: "phone", Value: "ana@example.com"})
	suppress("all", ledger.Identifier{Kind: "email", Value: "cleo@example.com"})
	count(PurposeCount{Purpose: "letters", KeptOut: 1, Left: 1})
	suppress("email", ana)
	count(PurposeCount{Purpose: "letters", KeptOut: 1, Barred: 1})
	if err := a.led.Unsuppress(t.Context(), "email", ana); err != nil {
		t.Fatal(err)
	}
	if err := a.led.Erase(t.Context(), []ledger.Identifier{ana}, nil); err != nil {
		t.Fatal(err)
	}
	count(PurposeCount{Purpose: "letters", KeptOut: 1, Barred: 1})
}

func previewFor(t *testing.T, a *App, segment string, o PreviewOptions) []string {
	t.Helper()
	v, err := a.PreviewSegment(t.Context(), segment, o)
	if err != nil {
		t.Fatalf("%s: %v", segment, err)
	}
	var out []string
	for _, p := range v.People {
		line := ""
		for i, tr := range v.Traits {
			line += fmt.Sprintf("%s %v, ", tr.Name, p.Values[i])
		}
		out = append(out, strings.TrimSuffix(line, ", "))
	}
	return out
}

func TestPreviewSegment(t *testing.T) {
	c := newClub(t)
	c.build(clubTime)
	a := c.load(time.Time{})
	masked := []string{
		"email a…@e….com, first_name A…, spent 500.5, country FR",
		"email c…@e….com, first_name C…, spent 150, country FR",
	}
	got := previewFor(t, a, "lapsed", PreviewOptions{})
	if len(got) == 2 && strings.HasPrefix(got[0], "email c") { // in the order of a hash, the same each time
		masked[0], masked[1] = masked[1], masked[0]
	}
	if diff := cmp.Diff(masked, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(got[:1], previewFor(t, a, "lapsed", PreviewOptions{Limit: 1})); diff != "" {
		t.Errorf("the sample jumps (-want +got):\n%s", diff)
	}
	// Cleo has not said yes.
	if diff := cmp.Diff([]string{"email a…@e….com, first_name A…, spent 500.5, country FR"}, previewFor(t, a, "lapsed", PreviewOptions{Purpose: "letters"})); diff != "" {
		t.Errorf("for letters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"email ana@example.com, first_name Ana, spent 500.5, country FR"}, previewFor(t, a, "lapsed", PreviewOptions{Destination: "post", Reveal: true})); diff != "" {
		t.Errorf("revealed (-want +got):\n%s", diff)
	}
	// Nothing is in the way of showing Bea's diagnosis but that it is a diagnosis.
	if diff := cmp.Diff([]string{"diagnosis •••"}, previewFor(t, a, "ill", PreviewOptions{})); diff != "" {
		t.Errorf("ill (-want +got):\n%s", diff)
	}
	if err := a.led.Suppress(t.Context(), []ledger.Suppression{{Channel: "all", Identifier: ledger.Identifier{Kind: "phone", Value: "+33639980011"}, Source: "complaint"}}); err != nil {
		t.Fatal(err)
	}
	if got := previewFor(t, a, "lapsed", PreviewOptions{Purpose: "letters", Reveal: true, Limit: 1}); got != nil {
		t.Errorf("somebody who is suppressed is shown: %v", got)
	}
	for _, x := range []struct {
		segment, code string
		o             PreviewOptions
	}{
		{"lapsed", "segments.reveal", PreviewOptions{Reveal: true}},
		{"ill", "syncs.denied", PreviewOptions{Reveal: true, Destination: "ads"}},
		{"nobody", "models.unknown_segment", PreviewOptions{}},
		{"lapsed", "syncs.unknown_purpose", PreviewOptions{Purpose: "x"}},
	} {
		_, err := a.PreviewSegment(t.Context(), x.segment, x.o)
		var e *Error
		if !errors.As(err, &e) || e.Code != x.code {
			t.Errorf("%s %+v: %v, want %s", x.segment, x.o, err, x.code)
		}
	}
}

// TestPreviewDenied holds that a denied trait stays masked where the rest is revealed.
func TestPreviewDenied(t *testing.T) {
	c := newClub(t)
	c.write(strings.Replace(clubYAML, "{top: 2, by: spent}", "{all: [{trait: spent, at_least: 600}, {trait: email, exists: true}]}", 1))
	c.build(clubTime)
	a := c.load(time.Time{})
	v := &SegmentPreview{Traits: []PreviewTrait{{Name: "diagnosis", PII: []string{"health"}}, {Name: "email", PII: []string{"email"}}},
		People: []PreviewPerson{{Values: []any{"diabetes", "bea@example.com"}}}}
	a.veiled(v, a.p.Model.Segment("best"), []DestinationKind{{"ads", a.kindOf("ads")}}, true)
	if diff := cmp.Diff([]any{hidden, "bea@example.com"}, v.People[0].Values); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := previewFor(t, a, "best", PreviewOptions{Destination: "ads", Reveal: true}); len(got) != 2 || !strings.Contains(strings.Join(got, ";"), "email bea@example.com") {
		t.Errorf("%v", got)
	}
}

func TestOverlapSegments(t *testing.T) {
	c := newClub(t)
	c.build(clubTime)
	a := c.load(time.Time{})
	o, err := a.OverlapSegments(t.Context(), []string{"vip", "lapsed", "best"})
	if err != nil {
		t.Fatal(err)
	}
	// vip: Ana, Bea, Cleo, Eve; lapsed: Ana, Cleo; best: Dan, Bea.
	want := &SegmentOverlap{Entity: "customer", Build: "1", AsOf: clubTime, Timezone: "Europe/Paris",
		Segments: []SegmentSize{{"vip", 4, 1}, {"lapsed", 2, 0}, {"best", 2, 1}},
		Pairs:    []OverlapPair{{"vip", "lapsed", 2, 4, 2, 0, 0.5}, {"vip", "best", 1, 5, 3, 1, 0.2}, {"lapsed", "best", 0, 4, 2, 2, 0}},
		Any:      5, All: 0,
		Exactly: []OverlapGroup{{[]string{"vip", "lapsed"}, 2}, {[]string{"vip"}, 1}, {[]string{"best"}, 1}, {[]string{"vip", "best"}, 1}}}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if o, err = a.OverlapSegments(t.Context(), nil); err != nil || len(o.Segments) != 6 || o.Segments[0].Segment != "writers" || o.Any != 5 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, names := range [][]string{{"vip"}, {"vip", "vip"}, {"vip", "nobody"}} {
		if _, err := a.OverlapSegments(t.Context(), names); err == nil {
			t.Errorf("%v were compared", names)
		}
	}
}

func TestDiffSegment(t *testing.T) {
	c := newClub(t)
	c.build(clubTime)
	a := c.load(time.Time{})
	_, err := a.DiffSegment(t.Context(), "lapsed", DiffOptions{})
	var e *Error
	if !errors.As(err, &e) || e.Code != "segments.no_history" {
		t.Errorf("%v", err)
	}
	a.Close()
	c.execute("insert into club.orders values (9, '17', 5, timestamptz '2026-06-05 10:00:00+00')")
	c.build(clubTime.Add(10 * 24 * time.Hour))
	c.execute("insert into club.visits values (8, '21', 'news', timestamptz '2026-06-15 10:00:00+00'), (9, '21', 'news', timestamptz '2026-06-16 10:00:00+00')")
	c.build(clubTime.Add(20 * 24 * time.Hour))

	a = c.load(time.Time{})
	d, err := a.DiffSegment(t.Context(), "lapsed", DiffOptions{Since: "2026-06-01T00:00:00Z"})
	if err != nil {
		t.Fatal(err)
	}
	if d.From.Build != "1" || d.Before != 2 || d.After != 2 || d.Entered != 1 || d.Left != 1 || d.Merged+d.Came != 0 {
		t.Errorf("%+v", d)
	}
	if diff := cmp.Diff([]MoveCount{{d.Moves[0].Build, clubTime.Add(240 * time.Hour), 0, 1}, {d.To.Build, clubTime.Add(480 * time.Hour), 1, 0}}, d.Moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	if len(d.Joined) != 1 || d.Joined[0].Values[0] != "e…@e….com" || len(d.Gone) != 1 || d.Gone[0].Values[0] != "a…@e….com" {
		t.Errorf("joined %+v, gone %+v", d.Joined, d.Gone)
	}
	for since, want := range map[string]string{"": "+1 −0", d.Moves[0].Build: "+1 −0", "1": "+1 −1", "19d": "+1 −1", "2026-06-12": "+1 −0", "2026-05-01": "+2 −0"} {
		d, err := a.DiffSegment(t.Context(), "lapsed", DiffOptions{Since: since})
		if err != nil {
			t.Errorf("since %q: %v", since, err)
		} else if got := fmt.Sprintf("+%d −%d", d.Entered, d.Left); got != want {
			t.Errorf("since %q: %s, want %s", since, got, want)
		}
	}
	for _, since := range []string{"2027-01-01", "yesterday", "99"} {
		if _, err := a.DiffSegment(t.Context(), "lapsed", DiffOptions{Since: since}); !errors.As(err, &e) || e.Code != "segments.since" {
			t.Errorf("since %q: %v", since, err)
		}
	}
}
