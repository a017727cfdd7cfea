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
)

func TestProfile(t *testing.T) {
	a := shopApp(t, shopSQL, provenanceSQL, ledgerSQL)
	v, err := a.Profile(t.Context(), "cus_3", ProfileOptions{Events: 3})
	if err != nil {
		t.Fatal(err)
	}
	if v.ProfileID != "cus_1" || len(v.Asked.Followed) != 1 || v.Asked.Followed[0].To != "cus_1" || v.Timezone != "Europe/Paris" {
		t.Errorf("the merge was not followed: %+v", v.Asked)
	}
	at := func(text string) *time.Time {
		x, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return &x
	}
	for _, c := range []struct {
		name      string
		want, got any
	}{
		{"records", []Row{{"crm", "k1"}, {"crm", "k2"}, {"crm", "k4"}}, v.Records},
		{"traits", []TraitValue{
			{Name: "first_name", Type: "text", Value: "Ana", PII: "name", Source: "crm", Key: "k2", At: at("2026-02-04T08:00:00Z")},
			{Name: "consent", Type: "boolean", Value: true},
			{Name: "spent", Type: "number", Value: 20.5},
		}, v.Traits},
		{"segments", []SegmentStay{{Segment: "buyers", Entered: at("2026-04-01T22:30:00Z"), Arm: "treatment"}}, v.Segments},
		{"segments left", []SegmentStay{{Segment: "newcomers", Entered: at("2026-01-10T00:00:00Z"), Left: at("2026-02-10T00:00:00Z")}}, v.Left},
		{"arms", []Arm{{"buyers", "treatment", at("2026-04-01T22:30:00Z"), false}}, v.Arms},
		{"purposes", []Reach{
			{Purpose: "newsletter", Open: true, ClosedBy: []string{}, Syncs: []string{"to_letters"}, Suppressed: []string{}},
			{Purpose: "ads", Open: true, ClosedBy: []string{}, Syncs: []string{}, Suppressed: []string{}},
		}, v.Purposes},
		{"told", []Told{{Sync: "to_letters", Destination: "letters", Object: "list", Into: "Buyers", Key: "cus_3", State: "sent", RemoteID: "r-1", Run: "run_1",
			Match: []Value{{Column: "email", Value: "ana.b@example.com"}}, SentAt: at("2026-04-03T00:00:00Z")}}, v.Told},
		{"deliveries", []PersonDelivery{
			{At: at("2026-04-04T00:00:00Z"), Run: "run_2", Sync: "to_letters", Key: "cus_1", Op: "upsert", State: "rejected", Code: "http.bad", Reason: "no"},
			{At: at("2026-04-03T00:00:00Z"), Run: "run_1", Sync: "to_letters", Key: "cus_3", Op: "add", State: "delivered"},
		}, v.Deliveries},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	var values, events []string
	for _, m := range v.Identifiers {
		values = append(values, m.Type+" "+m.Value)
	}
	if diff := cmp.Diff([]string{"customer_id 17", "email ana@example.com", "email ana.b@example.com", "phone +33639980011", "ip 203.0.113.7"}, values); diff != "" {
		t.Errorf("identifiers (-want +got):\n%s", diff)
	}
	for _, e := range v.Events {
		events = append(events, fmt.Sprint(e.Source, " ", e.Key, " ", e.At.Format(time.DateOnly)))
	}
	if diff := cmp.Diff([]string{"orders 2 2026-05-01", "orders 1 2026-04-01", "orders 3 2026-03-01"}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	columns := []Value{{"order_id", int64(2), "key"}, {"customer_id", nil, "identifier"}, {"email", "ana.b@example.com", "identifier"}, {"phone", "0639980011", "identifier"},
		{"ip", nil, "identifier"}, {"amount", 7.0, ""}, {"placed_at", "2026-05-01T22:30:00Z", "time"}, {"note", "two\nlines", ""}}
	if diff := cmp.Diff(columns, v.Events[0].Values); diff != "" {
		t.Errorf("columns of an event (-want +got):\n%s", diff)
	}
	if _, err := json.Marshal(v); err != nil {
		t.Errorf("it does not become JSON: %v", err)
	}
}

// TestProfileOfABuildOfBefore holds that tables that came later, and a ledger that never was, are
// not missed.
func TestProfileOfABuildOfBefore(t *testing.T) {
	a := shopApp(t, shopSQL)
	v, err := a.Profile(t.Context(), "customer_id=18", ProfileOptions{Events: -1})
	if err != nil {
		t.Fatal(err)
	}
	if v.ProfileID != "cus_2" || v.Events != nil || len(v.Told)+len(v.Deliveries) != 0 || v.Traits[0].Value != "Bea" || v.Traits[0].Source != "" {
		t.Errorf("%+v", v)
	}
	want := []Reach{
		{Purpose: "newsletter", ClosedBy: []string{"policy.mail"}, Syncs: []string{"to_letters"}, Suppressed: []string{}},
		{Purpose: "ads", Open: true, ClosedBy: []string{}, Syncs: []string{}, Suppressed: []string{}},
	}
	if diff := cmp.Diff(want, v.Purposes); diff != "" {
		t.Errorf("purposes (-want +got):\n%s", diff)
	}
	if v.Segments[0].Arm != "holdout" {
		t.Errorf("segments: %+v", v.Segments)
	}
	// Unknown is not consent.
	if v, err = a.Profile(t.Context(), "crm=k9", ProfileOptions{}); err != nil || v.Purposes[0].Open || v.Purposes[1].Open {
		t.Errorf("Dan said neither yes nor no, and ordered nothing: %+v, %v", v.Purposes, err)
	}
}

func TestProfileRefuses(t *testing.T) {
	a := shopApp(t, shopSQL)
	for _, c := range []struct {
		who, code string
		near      []string
	}{
		{"anna@example.com", "identity.unknown", []string{"cus_1"}},
		{"shop@example.com", "identity.finds_nobody", []string{"cus_1", "cus_4"}},
		{"noreply@example.com", "identity.finds_nobody", nil},
		{"30", "identity.ambiguous", nil},
		{"cus_9", "identity.gone", nil},
		{"crm=k77", "identity.unknown", nil},
	} {
		v, err := a.Profile(t.Context(), c.who, ProfileOptions{})
		var e *Error
		if !errors.As(err, &e) || e.Kind != Refused || e.Code != c.code {
			t.Errorf("%s: %v, want %s", c.who, err, c.code)
			continue
		}
		if strings.Contains(e.Message+e.Fix, "example.com") {
			t.Errorf("%s: the error holds personal data: %s; %s", c.who, e.Message, e.Fix)
		}
		var near []string
		for _, f := range v.Near {
			near = append(near, f.ProfileID)
		}
		if diff := cmp.Diff(c.near, near); diff != "" {
			t.Errorf("%s: near (-want +got):\n%s", c.who, diff)
		}
	}
}
