package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/app"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"one two three", 0, []string{"one two three"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"a long-long-word here", 6, []string{"a", "long-long-word", "here"}},
		{"né né né", 5, []string{"né né", "né"}},
	} {
		if diff := cmp.Diff(c.want, wrap(c.text, c.width)); diff != "" {
			t.Errorf("%q at %d (-want +got):\n%s", c.text, c.width, diff)
		}
	}
}

// sheetOf is a sheet that writes into a buffer.
func sheetOf(t *testing.T, columns string) (*sheet, *bytes.Buffer) {
	t.Helper()
	t.Setenv("COLUMNS", columns)
	t.Setenv("NO_COLOR", "1")
	var b bytes.Buffer
	s := &session{stdout: &b, stderr: &b}
	s.ui = newUI(&b, &b)
	return s.sheet("Europe/Paris"), &b
}

func moment(text string) *time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return &at
}

func TestExplanationOnPaper(t *testing.T) {
	x := &app.Explanation{
		Verdict: app.VerdictApart, Summary: "cus_1 and cus_2 are two profiles, and something keeps them apart",
		A: &app.Found{ProfileID: "cus_1", Followed: []app.IdentityEvent{{At: *moment("2026-05-01T23:00:00Z"), Kind: "merge", From: "cus_3", To: "cus_1", Type: "phone", Value: "+33639980011"}}},
		B: &app.Found{ProfileID: "cus_2"},
		Chain: []app.Link{
			{Kind: "identifier", Type: "customer_id", Value: "17", ProfileID: "cus_1"},
			{Kind: "row", Source: "orders", Rows: 1200, FirstSeen: moment("2026-01-04T08:00:00Z"), LastSeen: moment("2026-03-04T08:00:00Z")},
			{Kind: "identifier", Type: "email", Value: "shop@example.com"},
			{Kind: "row", Source: "crm", Key: "k5", Rows: 1, FirstSeen: moment("2026-03-05T08:00:00Z"), LastSeen: moment("2026-03-05T08:00:00Z"), Apart: true},
			{Kind: "match", Match: &app.Alike{SourceA: "crm", KeyA: "k5", SourceB: "crm", KeyB: "k9", Weight: 5.25, Probability: 0.9744, Why: "same name"}},
			{Kind: "row", Source: "crm", Key: "k9", Rows: 1},
			{Kind: "identifier", Type: "customer_id", Value: "20", ProfileID: "cus_2"},
		},
		Reasons: []app.Reason{{Rule: "max_links", Text: "email shop@example.com was seen with 2 values of customer_id, the most is 1 (max_links): it joins nobody", Fix: "raise it"}},
	}
	want := `cus_3 was merged into cus_1 on 2026-05-02 by phone +33639980011
✖ cus_1 and cus_2 are two profiles, and something keeps them
  apart

  customer_id  17  cus_1
  │  orders, 1,200 rows  2026-01-04 – 2026-03-04
  email        shop@example.com  finds nobody
  ✖  crm k5              2026-03-05
  ≈  crm k5 looks like crm k9: weight 5.2, probability 0.974
     same name
  │  crm k9
  customer_id  20  cus_2

What keeps them apart
  ✖ email shop@example.com was seen with 2 values of
    customer_id, the most is 1 (max_links): it joins nobody
    raise it
`
	p, b := sheetOf(t, "60")
	p.explanation(x)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, line := range strings.Split(b.String(), "\n")[1:] {
		if n := len([]rune(line)); n > 60 {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
}

// TestLongChainOnPaper holds that a long chain shows its ends and where it breaks.
func TestLongChainOnPaper(t *testing.T) {
	x := &app.Explanation{Verdict: app.VerdictApart, A: &app.Found{}, B: &app.Found{}}
	for i := range 1001 {
		l := app.Link{Kind: "identifier", Type: "email", Value: fmt.Sprint("e", i)}
		if i%2 == 1 {
			l = app.Link{Kind: "row", Source: "orders", Key: fmt.Sprint(i), Apart: i == 501}
		}
		x.Chain = append(x.Chain, l)
	}
	p, b := sheetOf(t, "80")
	p.chain(x)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 20+1+9+1+20 {
		t.Errorf("%d lines:\n%s", len(lines), b)
	}
	for _, want := range []string{"e0", "✖  orders 501", "477 more steps", "475 more steps", "e1000"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not shown:\n%s", want, b)
		}
	}
}

func TestProfileOnPaper(t *testing.T) {
	v := &app.ProfileView{
		Entity: "customer", ProfileID: "cus_1", Anonymous: true, AsOf: *moment("2026-05-02T00:30:00Z"), Asked: &app.Found{ProfileID: "cus_1"},
		Identifiers: []app.Member{
			{Type: "email", Value: "ana@example.com", Source: "crm", FirstSeen: moment("2026-01-04T08:00:00Z"), LastSeen: moment("2026-01-04T09:00:00Z")},
			{Type: "anonymous_id", Value: strings.Repeat("f", 80), Source: "web"},
			{Type: "ip", Value: "203.0.113.7", Source: "web", Attach: true},
		},
		More:    map[string]int64{"identifiers": 1200},
		Records: []app.Row{{Source: "crm", Key: "k1"}, {Source: "crm", Key: "k2"}, {Source: "news", Key: "7"}},
		Traits: []app.TraitValue{
			{Name: "first_name", Type: "text", Value: "Ana", Source: "crm", Key: "k2", At: moment("2026-02-04T08:00:00Z")},
			{Name: "consent", Type: "boolean", Value: true}, {Name: "last_order", Type: "timestamp", Value: "2026-05-01T22:30:00Z"}, {Name: "spent", Type: "number"},
		},
		Segments: []app.SegmentStay{{Segment: "vip", Entered: moment("2026-04-01T22:30:00Z"), Arm: "holdout"}},
		Left:     []app.SegmentStay{{Segment: "new", Entered: moment("2026-01-01T12:00:00Z"), Left: moment("2026-02-01T12:00:00Z")}},
		Arms:     []app.Arm{{Segment: "vip", Arm: "holdout", Since: moment("2026-04-01T22:30:00Z")}, {Segment: "new", Arm: "treatment", Since: moment("2026-01-01T12:00:00Z")}},
		Purposes: []app.Reach{
			{Purpose: "newsletter", Open: true, Syncs: []string{"letters"}}, {Purpose: "ads", ClosedBy: []string{"policy.ads"}},
			{Purpose: "sms", Open: true, Suppressed: []string{"twilio"}}, {Purpose: "service", Open: true, Unguarded: true},
		},
		Bars: []app.PersonBar{{Code: "syncs.suppressed", Channel: "sms", Source: "stop", At: moment("2026-04-01T10:00:00Z")}},
		Events: []app.EventRow{{Source: "orders", Key: "2", At: moment("2026-05-01T22:30:00Z"), Values: []app.Value{
			{Column: "order_id", Value: int64(2), Role: "key"}, {Column: "amount", Value: 7.5}, {Column: "note", Value: "two\nlines"}, {Column: "gift", Value: false}, {Column: "code"}}}},
		Told: []app.Told{{Sync: "letters", Destination: "klaviyo", Object: "list", Into: "VIP", State: "absent", Code: "http.bad", Attempts: 2,
			NextTry: moment("2026-05-02T06:00:00Z"), SentAt: nil, Match: []app.Value{{Column: "email", Value: "ana@example.com"}}}},
		Deliveries: []app.PersonDelivery{{At: moment("2026-05-01T22:45:00Z"), Run: "run_2", Sync: "letters", Op: "add", State: "rejected", Code: "http.bad"}},
		Notes:      []string{"the events of web are not shown"},
	}
	want := `cus_1  customer, anonymous  as of 2026-05-02 02:30 Europe/Paris

Identifiers  1,200 more are not listed
  email         ana@example.com                           crm  2026-01-04
  anonymous_id  fffffffffffffffffffffffffffffffffffffff…  web
  ip            203.0.113.7                               web              only…

Records
  crm   k1, k2
  news  7

Traits
  first_name  Ana               crm k2  2026-02-04 09:00
  consent     yes
  last_order  2026-05-02 00:30
  spent       –

Segments
  vip  since 2026-04-02 00:30  holdout
  new  left 2026-02-01 13:00   was in since 2026-01-01 13:00

Arms of splits and holdouts
  new  treatment  since 2026-01-01 13:00

May be reached for
  ✔  newsletter  yes                         letters
  ✖  ads         no: policy.ads
  ✖  sms         suppressed for twilio
  ✔  service     yes: no policy is about it
  ✖ suppressed for sms on 2026-04-01 12:00, by stop

Events  the newest 1
  2026-05-02 00:30  orders  2  amount 7.5  note two lines  gift no

Destinations  what each was last told
  letters  klaviyo list “VIP”  absent    ana@example.com  http.bad, again after…

Deliveries  the newest 1
  2026-05-02 00:45  letters  add  rejected  http.bad  run_2

  ! the events of web are not shown
`
	p, b := sheetOf(t, "80")
	p.profile(v)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
