package twilio

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/destinationtest"
	"github.com/weir-data/weir/destinations/rest"
)

func TestConformance(t *testing.T) {
	destinationtest.Run(t, twilio{}, destinationtest.Options{
		With: map[string]map[string]any{"message": {"from": "+15005550006"}},
	})
}

// open returns a session over a sandbox.
func open(t *testing.T, o destinations.SandboxOptions) (destinations.Session, destinations.Sandbox, *destinationtest.Wire) {
	t.Helper()
	sb := twilio{}.Sandbox(o)
	wire := &destinationtest.Wire{Handler: sb}
	set := sb.Settings(destinationtest.Base)
	s, err := twilio{}.Open(t.Context(), destinations.Env{Settings: set, HTTP: wire, Now: time.Now,
		Secret: func(name string) (string, error) { return set[name].(string), nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s, sb, wire
}

func sms(to, body, from string) destinations.Batch {
	return destinations.Batch{ID: "b1", Object: "message", With: map[string]any{"from": from},
		Columns: destinations.Columns{IDs: []string{"to"}, Fields: []string{"body"}},
		Rows:    []destinations.Row{{Key: "p1", Op: destinations.Emit, IDs: []any{to}, Fields: []any{body}}}}
}

// The magic numbers of Twilio's page on test credentials, and what each answer means.
func TestVerdicts(t *testing.T) {
	const from = "+15005550006"
	cases := []struct {
		name, to, body, from string
		status               destinations.Status
		class                destinations.Class
		code                 string
	}{
		{"taken", "+33639981234", "Hi", from, destinations.Accepted, 0, ""},
		{"invalid number", "+15005550001", "Hi", from, destinations.Rejected, 0, "21211"},
		{"no route", "+15005550002", "Hi", from, destinations.Rejected, 0, "21612"},
		{"country not allowed", "+15005550003", "Hi", from, destinations.Rejected, 0, "21408"},
		{"opted out", "+15005550004", "Hi", from, destinations.Suppressed, 0, "21610"},
		{"not a mobile", "+15005550009", "Hi", from, destinations.Rejected, 0, "21614"},
		{"sender not valid", "+33639981234", "Hi", "+15005550001", 0, destinations.Config, "21212"},
		{"sender not owned", "+33639981234", "Hi", "+15005550007", 0, destinations.Config, "21606"},
		{"queue of the sender full", "+33639981234", "Hi", "+15005550008", 0, destinations.Throttled, "21611"},
		{"too long", "+33639981234", strings.Repeat("é", 1601), from, destinations.Rejected, 0, "21617"},
		{"longest", "+33639981234", strings.Repeat("é", 1600), from, destinations.Accepted, 0, ""},
		{"no text", "+33639981234", "", from, destinations.Rejected, 0, "21602"},
		{"no sender", "+33639981234", "Hi", "", 0, destinations.Config, "sender"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, sb, _ := open(t, destinations.SandboxOptions{})
				o, err := s.Write(t.Context(), sms(c.to, c.body, c.from))
				if c.class != 0 {
					if f := destinations.AsFault(err); err == nil || f.Class != c.class || f.Code != c.code {
						t.Errorf("got %v, want %v (%s)", err, c.class, c.code)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				r := o.Of(0)
				if r.Status != c.status || r.Code != c.code || strings.Contains(r.Reason, c.to) {
					t.Errorf("got %+v, want %v %q", r, c.status, c.code)
				}
				if held := len(sb.Members()[from]); (held == 1) != (c.status == destinations.Accepted) {
					t.Errorf("the sandbox holds %d messages", held)
				}
				if taken := c.status == destinations.Accepted; taken != strings.HasPrefix(r.RemoteID, "SM") {
					t.Errorf("remote id %q", r.RemoteID)
				}
			})
		})
	}
}

func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, wire := open(t, destinations.SandboxOptions{})
		b := sms("+33639981234", "Hé & 50 % #1", "Shop")
		b.With = map[string]any{"messaging_service_sid": "MG00000000000000000000000000000000", "status_callback": "https://shop.example.com/sms?x=1"}
		if _, err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		r := wire.Requests()[0]
		got := r.Method + " " + r.URL + "\n" + r.Header.Get("Content-Type") + "\n" + string(r.Body)
		want := "POST http://vendor.example.com/api/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json\n" +
			"application/x-www-form-urlencoded\n" +
			"Body=H%C3%A9+%26+50+%25+%231&MessagingServiceSid=MG00000000000000000000000000000000&" +
			"StatusCallback=https%3A%2F%2Fshop.example.com%2Fsms%3Fx%3D1&To=%2B33639981234"
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

func TestPermanentCodes(t *testing.T) {
	o, _ := twilio{}.Spec().Object("message")
	for _, code := range []string{"21211", "21214", "21614"} {
		if !strings.Contains(strings.Join(o.Permanent, " "), code) {
			t.Errorf("%s is not permanent", code)
		}
	}
	for _, code := range o.Permanent {
		if n, err := strconv.Atoi(code); err != nil || rejections[n].reason == "" {
			t.Errorf("code %s has no reason", code)
		}
	}
}

// No fault of the vendor may make the destination itself send a message again, and every message
// that was sent without a verdict must be Ambiguous.
func TestNoneTwiceUnderFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sb, _ := open(t, destinations.SandboxOptions{Seed: 7, FaultRate: 0.4})
		accepted, doubtful, clean := map[string]bool{}, map[string]bool{}, 0
		for i := range 300 {
			to := "+3363998" + strconv.Itoa(1000+i)
			o, err := s.Write(t.Context(), sms(to, "Hi", "+15005550006"))
			switch f := destinations.AsFault(err); {
			case err == nil && o.Of(0).Status == destinations.Accepted:
				accepted[to] = true
			case err != nil && f.Class == destinations.Ambiguous:
				doubtful[to] = true
			case err != nil && f.Class == destinations.Throttled:
				clean++
			default:
				t.Fatalf("unexpected: %v %v", o, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		held := map[string]bool{}
		for _, m := range sb.Members()["+15005550006"] {
			if strings.Contains(m, "again") {
				t.Errorf("sent twice: %s", m)
			}
			held[m] = true
			if !accepted[m] && !doubtful[m] {
				t.Errorf("%s was sent, but is neither accepted nor in doubt", m)
			}
		}
		for to := range accepted {
			if !held[to] {
				t.Errorf("%s is accepted, but was not sent", to)
			}
		}
		if len(doubtful) < 20 || clean < 5 {
			t.Errorf("%d in doubt and %d not applied: too few to prove anything", len(doubtful), clean)
		}
	})
}

func TestSandboxShowsDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sb, _ := open(t, destinations.SandboxOptions{})
		write := func(b destinations.Batch) {
			if _, err := s.Write(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		}
		write(sms("+33639981234", "Hi", "Shop"))
		write(sms("+33639981234", "Other text", "Shop"))
		write(sms("+33639981234", "Hi", "Shop"))
		want := map[string][]string{"Shop": {"+33639981234", "+33639981234 (again 2)", "+33639981234 (text 2)"}}
		if d := cmp.Diff(want, sb.Members()); d != "" {
			t.Error(d)
		}
		snap, err := sb.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		other := twilio{}.Sandbox(destinations.SandboxOptions{})
		if err := other.Restore(snap); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, other.Members()); d != "" {
			t.Error(d)
		}
	})
}

// The day's quota of an account is no matter of seconds: a run does not wait for it.
func TestDailyLimit(t *testing.T) {
	for head, want := range map[string]time.Duration{"": time.Hour, "60": time.Hour, "30000": 30000 * time.Second} {
		r := &rest.Response{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {head}}, Write: true,
			Body: []byte(`{"code": 63038, "message": "Account exceeded the daily messages limit", "status": 429}`)}
		if f := fault(r); f == nil || f.Class != destinations.Throttled || f.Code != "63038" || f.RetryAfter != want {
			t.Errorf("Retry-After %q: got %+v, want throttled for %s", head, f, want)
		}
	}
}
