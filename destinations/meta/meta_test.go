package meta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/destinationtest"
)

// open returns a session that talks to h at destinationtest.Base.
func open(t *testing.T, h http.Handler, settings map[string]any) (*session, *destinationtest.Wire) {
	t.Helper()
	wire := &destinationtest.Wire{Handler: h}
	s, err := Destination{}.Open(t.Context(), destinations.Env{
		Settings: settings,
		Secret: func(name string) (string, error) {
			if v, ok := settings[name].(string); ok {
				return v, nil
			}
			return "", errors.New("no such secret")
		},
		HTTP: wire, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.(*session), wire
}

// inBox returns a session on a fresh sandbox.
func inBox(t *testing.T, o destinations.SandboxOptions) (*session, *destinationtest.Wire, destinations.Sandbox) {
	t.Helper()
	box := Destination{}.Sandbox(o)
	s, wire := open(t, box, box.Settings(destinationtest.Base))
	return s, wire, box
}

// person prepares identifiers as the engine does.
func person(t *testing.T, op destinations.Op, columns []string, values ...string) destinations.Row {
	t.Helper()
	r := destinations.Row{Op: op}
	for j, name := range columns {
		if values[j] == "" {
			r.IDs = append(r.IDs, destinations.Absent)
			continue
		}
		i := slices.IndexFunc(keys, func(k key) bool { return k.id.Name == name })
		v, err := destinations.Prepare(keys[i].id, values[j], destinations.InCountry("US"))
		if err != nil {
			t.Fatal(err)
		}
		r.IDs = append(r.IDs, v)
	}
	return r
}

func class(err error) destinations.Class {
	var f *destinations.Fault
	if errors.As(err, &f) {
		return f.Class
	}
	return 0
}

func TestSpec(t *testing.T) {
	if err := (Destination{}).Spec().Validate(); err != nil {
		t.Fatal(err)
	}
	if _, ok := destinations.Lookup("meta_ads"); !ok {
		t.Fatal("not registered")
	}
	for _, k := range keys {
		plain := k.schema == "EXTERN_ID" || k.schema == "MADID"
		if (k.id.Hash == "") != plain {
			t.Errorf("%s: hash %q", k.schema, k.id.Hash)
		}
	}
	s, _, _ := inBox(t, destinations.SandboxOptions{})
	if _, ok := any(s).(destinations.Lister); ok {
		t.Error("Meta does not tell who its members are")
	}
}

var update = os.Getenv("UPDATE") != ""

// TestGolden holds the exact requests of each operation. The hashes of John Smith are those that
// Meta publishes.
func TestGolden(t *testing.T) {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.id.Name
	}
	two := []string{"email", "phone"}
	full := []string{"John_Smith@gmail.com", "(650)555-1212", " CRM-00123 ", "AB1234CD-E123-12FG-J123", "Mary", "Smith", "Mary",
		"Menlo Park", "CA", "94025-1234", "US", "1997-02-16", "1997-02-16", "1997-02-16", "female"}
	s, wire := open(t, http.NotFoundHandler(), map[string]any{"ad_account": "123", "access_token": "EAAsecretcanary", "app_secret": "appsecretcanary"})
	for name, b := range map[string]destinations.Batch{
		"add": {ID: "b1", Columns: destinations.Columns{IDs: two}, Rows: []destinations.Row{
			person(t, destinations.Add, two, "John_Smith@gmail.com", "(650)555-1212"), person(t, destinations.Add, two, "", "(650)555-1212"),
		}},
		"add-all": {ID: "b2", Columns: destinations.Columns{IDs: all}, Rows: []destinations.Row{person(t, destinations.Add, all, full...)}},
		"remove":  {Columns: destinations.Columns{IDs: two[:1]}, Rows: []destinations.Row{person(t, destinations.Remove, two[:1], "John_Smith@gmail.com")}},
	} {
		t.Run(name, func(t *testing.T) {
			b.Object, b.Target = "audience", "120200001"
			reqs, err := s.Preview(t.Context(), b)
			if err != nil || len(reqs) != 1 {
				t.Fatal(reqs, err)
			}
			r := reqs[0]
			var got bytes.Buffer
			fmt.Fprintf(&got, "%s %s\n", r.Method, r.URL)
			for _, h := range []string{"Authorization", "Content-Type"} {
				fmt.Fprintf(&got, "%s: %s\n", h, r.Header.Get(h))
			}
			raw, _ := io.ReadAll(r.Body)
			if err := json.Indent(&got, raw, "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteString("\n")
			if strings.Contains(got.String(), "canary") {
				t.Error("the preview shows a secret")
			}
			file := "testdata/" + name + ".golden"
			if update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Fatal(diff)
			}
		})
	}
	if len(wire.Requests()) != 0 {
		t.Fatal("a preview sent something")
	}
}

func TestAudienceLife(t *testing.T) {
	s, wire, box := inBox(t, destinations.SandboxOptions{})
	ctx := t.Context()
	if err := s.Check(ctx); err != nil {
		t.Fatal(err)
	}
	id, err := s.Ensure(ctx, "audience", "VIP", nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Ensure(ctx, "audience", "VIP", nil); err != nil || again != id {
		t.Fatal(again, err)
	}
	if other, err := s.Ensure(ctx, "audience", "vip", nil); err != nil || other == id {
		t.Fatal("names differ in case:", other, err)
	}
	columns := destinations.Columns{IDs: []string{"email", "phone"}}
	row := func(op destinations.Op, email, phone string) destinations.Row {
		return person(t, op, columns.IDs, email, phone)
	}
	write := func(rows ...destinations.Row) destinations.Outcome {
		t.Helper()
		out, err := s.Write(ctx, destinations.Batch{ID: "b", Object: "audience", Target: id, Columns: columns, Rows: rows})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	a, b, c := row(destinations.Add, "anna@example.com", "+16505550101"), row(destinations.Add, "anna@example.com", ""), row(destinations.Add, "", "+16505550101")
	out := write(a, b, c, a)
	if out.Rest.Status != destinations.Accepted || len(out.Rows) != 0 || out.Job != nil || out.Counts != nil {
		t.Fatal(out)
	}
	if got := box.Members()["VIP"]; len(got) != 3 || len(box.Members()["vip"]) != 0 {
		t.Fatal(box.Members())
	}
	// A removal needs the identifiers of the addition.
	a.Op, b.Op = destinations.Remove, destinations.Remove
	if out = write(b); out.Rest.Status != destinations.Accepted {
		t.Fatal(out)
	}
	want := []string{fmt.Sprint(c.IDs[1]), fmt.Sprint(a.IDs[0], ",", a.IDs[1])}
	slices.Sort(want)
	if diff := cmp.Diff(want, box.Members()["VIP"]); diff != "" {
		t.Fatal(diff)
	}
	write(a)
	if got := box.Members()["VIP"]; len(got) != 1 {
		t.Fatal(got)
	}
	// A row without anybody in it is never sent.
	n := len(wire.Requests())
	out = write(destinations.Row{Op: destinations.Add, IDs: []any{destinations.Absent, destinations.Absent}})
	if r := out.Of(0); r.Status != destinations.Rejected || r.Code != "missing" || len(wire.Requests()) != n {
		t.Fatal(out)
	}
	out = write(destinations.Row{Op: destinations.Add, IDs: []any{destinations.Absent, destinations.Absent}}, c)
	if out.Of(0).Status != destinations.Rejected || out.Of(1).Status != destinations.Accepted {
		t.Fatal(out)
	}
	for _, r := range wire.Requests() {
		if strings.Contains(r.URL, sandboxToken) || r.Header.Get("Authorization") != "Bearer "+sandboxToken {
			t.Error("the token is not in the header alone")
		}
		if !strings.Contains(r.URL+string(r.Body), "appsecret_proof") {
			t.Error("a call without a proof")
		}
	}
}

// TestSameBytes sends a batch twice: nothing but the clock may differ.
func TestSameBytes(t *testing.T) {
	s, wire, _ := inBox(t, destinations.SandboxOptions{})
	id, err := s.Ensure(t.Context(), "audience", "VIP", nil)
	if err != nil {
		t.Fatal(err)
	}
	wire.Forget()
	columns := []string{"email"}
	b := destinations.Batch{ID: "b1", Object: "audience", Target: id, Columns: destinations.Columns{IDs: columns}, Rows: []destinations.Row{person(t, destinations.Add, columns, "anna@example.com")}}
	for range 2 {
		if _, err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if r := wire.Requests(); len(r) != 2 || !bytes.Equal(r[0].Body, r[1].Body) {
		t.Fatal("not the same bytes")
	}
}

// TestLargest sends as many rows as a call takes, and one more.
func TestLargest(t *testing.T) {
	s, _, box := inBox(t, destinations.SandboxOptions{})
	id, err := s.Ensure(t.Context(), "audience", "All", nil)
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{"email"}
	b := destinations.Batch{ID: "b1", Object: "audience", Target: id, Columns: destinations.Columns{IDs: columns}}
	for i := range maxRows {
		b.Rows = append(b.Rows, person(t, destinations.Add, columns, fmt.Sprintf("p%d@example.com", i)))
	}
	if out, err := s.Write(t.Context(), b); err != nil || out.Rest.Status != destinations.Accepted {
		t.Fatal(out, err)
	}
	if n := len(box.Members()["All"]); n != maxRows {
		t.Fatal(n)
	}
	b.Rows = append(b.Rows, b.Rows[0])
	if _, err := s.Write(t.Context(), b); class(err) != destinations.TooLarge {
		t.Fatal(err)
	}
}

// answers is a vendor that says one thing.
type answers struct {
	status int
	head   map[string]string
	body   string
}

func (a answers) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for k, v := range a.head {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func say(code, subcode int, more string) string {
	return fmt.Sprintf(`{"error":{"message":"John_Smith@gmail.com said EAAsecretcanary000","type":"OAuthException","code":%d,"error_subcode":%d,"fbtrace_id":"A"%s}}`, code, subcode, more)
}

func oneRow(t *testing.T) destinations.Batch {
	columns := []string{"email"}
	return destinations.Batch{ID: "b", Object: "audience", Target: "120200001", Columns: destinations.Columns{IDs: columns},
		Rows: []destinations.Row{person(t, destinations.Add, columns, "anna@example.com"), person(t, destinations.Add, columns, "bo@example.com")}}
}

func TestFaults(t *testing.T) {
	const buc = "X-Business-Use-Case-Usage"
	usage := func(minutes string) map[string]string {
		return map[string]string{buc: `{"123":[{"type":"ads_insights","estimated_time_to_regain_access":0},{"type":"custom_audience","call_count":100,"estimated_time_to_regain_access":` + minutes + `}]}`}
	}
	for _, c := range []struct {
		name   string
		status int
		head   map[string]string
		body   string
		want   destinations.Class
		code   string
		wait   time.Duration
	}{
		{"app limit", 400, nil, say(4, 0, ""), destinations.Throttled, "4", 0},
		{"user limit", 400, nil, say(17, 2446079, ""), destinations.Throttled, "17/2446079", 0},
		{"page limit", 403, nil, say(32, 0, ""), destinations.Throttled, "32", 0},
		{"burst", 400, nil, say(613, 1487742, ""), destinations.Throttled, "613/1487742", 0},
		{"audience limit", 400, usage("7"), say(80003, 0, ""), destinations.Throttled, "80003", 7 * time.Minute},
		{"ads limit", 400, usage("2.5"), say(80004, 2446079, ""), destinations.Throttled, "80004/2446079", 150 * time.Second},
		{"absurd wait", 400, usage("1e18"), say(80003, 0, ""), destinations.Throttled, "80003", 24 * time.Hour},
		{"negative wait", 400, usage("-5"), say(80003, 0, ""), destinations.Throttled, "80003", 0},
		{"wait that is no number", 400, usage(`"soon"`), say(80003, 0, ""), destinations.Throttled, "80003", 0},
		{"account usage", 400, map[string]string{"X-Ad-Account-Usage": `{"acc_id_util_pct":100,"reset_time_duration":90}`}, say(17, 0, ""), destinations.Throttled, "17", 90 * time.Second},
		{"account usage below", 400, map[string]string{"X-Ad-Account-Usage": `{"acc_id_util_pct":60,"reset_time_duration":90}`}, say(17, 0, ""), destinations.Throttled, "17", 0},
		{"token", 400, nil, say(190, 463, ""), destinations.Refused, "190/463", 0},
		{"permission", 403, nil, say(200, 0, ""), destinations.Refused, "200", 0},
		{"terms", 400, nil, say(200, 1870090, ""), destinations.Refused, "200/1870090", 0},
		{"permission 294", 400, nil, say(294, 0, ""), destinations.Refused, "294", 0},
		{"blocked", 400, nil, say(368, 0, ""), destinations.Refused, "368", 0},
		{"flagged", 400, nil, say(100, 1713230, `,"error_user_title":"Audience Upload Blocked"`), destinations.Refused, "100/1713230", 0},
		{"gone", 400, nil, say(100, 33, ""), destinations.Gone, "100/33", 0},
		{"alias", 404, nil, say(803, 0, ""), destinations.Gone, "803", 0},
		{"parameter", 400, nil, say(100, 0, `,"error_user_title":"Invalid parameter"`), destinations.BadBatch, "100", 0},
		{"old version", 400, nil, say(2635, 0, ""), destinations.Config, "2635", 0},
		{"wrong proof", 400, nil, `{"error":{"message":"Invalid appsecret_proof provided in the API argument","code":100}}`, destinations.Config, "100", 0},
		{"unknown", 500, nil, say(1, 0, ""), destinations.Ambiguous, "1", 0},
		{"unknown but transient", 500, nil, say(1, 0, `,"is_transient":true`), destinations.Transient, "1", 0},
		{"service", 503, nil, say(2, 0, ""), destinations.Transient, "2", 0},
		{"being updated", 400, nil, say(2650, 1870145, ""), destinations.Transient, "2650/1870145", 0},
		{"error in 200", 200, nil, say(190, 0, ""), destinations.Refused, "190", 0},
		{"too large", 413, nil, `{}`, destinations.TooLarge, "413", 0},
		{"gateway", 502, nil, `{}`, destinations.Ambiguous, "502", 0},
		{"half", 200, nil, `{"audience_id":"1202`, destinations.Ambiguous, "bad_json", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, wire := open(t, answers{c.status, c.head, c.body}, map[string]any{"ad_account": "act_123", "access_token": "EAAsecretcanary000", "base_url": destinationtest.Base})
			_, err := s.Write(t.Context(), oneRow(t))
			var f *destinations.Fault
			if !errors.As(err, &f) {
				t.Fatal(err)
			}
			if f.Class != c.want || f.Code != c.code || f.RetryAfter != c.wait {
				t.Errorf("got %v %q %v; want %v %q %v", f.Class, f.Code, f.RetryAfter, c.want, c.code, c.wait)
			}
			if (f.Bucket == bucket) != (c.want == destinations.Throttled) {
				t.Errorf("bucket %q", f.Bucket)
			}
			if strings.Contains(f.Error(), "canary") || strings.Contains(f.Error(), "@") {
				t.Error("tells a person or the token:", f)
			}
			if len(wire.Requests()) != 1 {
				t.Error("a write was repeated")
			}
		})
	}
}

// TestCounts holds what numbers alone can prove.
func TestCounts(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       destinations.Status
		code       string
		invalid    int
	}{
		{"all", `{"audience_id":"120200001","num_received":2,"num_invalid_entries":0}`, destinations.Accepted, "", 0},
		{"number as number", `{"audience_id":120200001,"num_received":2}`, destinations.Accepted, "", 0},
		{"one malformed", `{"audience_id":"120200001","num_received":2,"num_invalid_entries":1,"invalid_entry_samples":{"0":"anna@example.com"}}`, destinations.Accepted, "", 1},
		{"all malformed", `{"audience_id":"120200001","num_received":2,"num_invalid_entries":2,"invalid_entry_samples":["anna@example.com"]}`, destinations.Rejected, "invalid_entries", 2},
		{"fewer", `{"audience_id":"120200001","num_received":1}`, destinations.Uncertain, "num_received", 0},
		{"more", `{"audience_id":"120200001","num_received":3}`, destinations.Uncertain, "num_received", 0},
		{"no number", `{"audience_id":"120200001"}`, destinations.Uncertain, "num_received", 0},
		{"another audience", `{"audience_id":"9","num_received":2}`, destinations.Uncertain, "audience_id", 0},
		{"nothing", `{}`, destinations.Uncertain, "audience_id", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := open(t, answers{200, nil, c.body}, map[string]any{"ad_account": "123", "access_token": "k", "base_url": destinationtest.Base})
			out, err := s.Write(t.Context(), oneRow(t))
			if err != nil {
				t.Fatal(err)
			}
			if out.Rest.Status != c.want || out.Rest.Code != c.code || out.Counts["invalid_entries"] != c.invalid || len(out.Rows) != 0 {
				t.Errorf("%+v", out)
			}
			if raw, _ := json.Marshal(out); bytes.Contains(raw, []byte("@")) {
				t.Errorf("tells a person: %s", raw)
			}
		})
	}
}

// TestEnsure finds an audience on a later page, prefers the oldest, and refuses a restricted one.
func TestEnsure(t *testing.T) {
	pages := map[string]string{
		"":   `{"data":[{"id":"30","name":"VIP","subtype":"LOOKALIKE"},{"id":"200","name":"VIP","subtype":"CUSTOM"},{"id":"9","name":"vip","subtype":"CUSTOM"}],"paging":{"cursors":{"after":"p2"},"next":"https://evil.example/x"}}`,
		"p2": `{"data":[{"id":"99","name":"VIP","subtype":"CUSTOM","operation_status":{"code":200}}],"paging":{"cursors":{"after":"p3"}}}`,
	}
	serve := func(pages map[string]string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				t.Error("created one")
			}
			answers{200, nil, pages[r.URL.Query().Get("after")]}.ServeHTTP(w, r)
		})
	}
	settings := map[string]any{"ad_account": "123", "access_token": "k", "base_url": destinationtest.Base}
	s, wire := open(t, serve(pages), settings)
	if id, err := s.Ensure(t.Context(), "audience", "VIP", nil); err != nil || id != "99" {
		t.Fatal(id, err)
	}
	for _, r := range wire.Requests() {
		u, _ := url.Parse(r.URL)
		if u.Host != "vendor.example.com" || u.Path != "/api/v25.0/act_123/customaudiences" {
			t.Error(r.URL)
		}
	}
	pages["p2"] = strings.Replace(pages["p2"], `"code":200`, `"code":471`, 1)
	s, _ = open(t, serve(pages), settings)
	if _, err := s.Ensure(t.Context(), "audience", "VIP", nil); class(err) != destinations.Refused {
		t.Fatal(err)
	}
	if _, err := s.Ensure(t.Context(), "page", "VIP", nil); class(err) != destinations.Config {
		t.Fatal(err)
	}
}

func TestSettings(t *testing.T) {
	for _, bad := range []map[string]any{{}, {"ad_account": "me"}, {"ad_account": "1/../2"}, {"ad_account": "1", "api_version": "v25.0/x"}, {"ad_account": "1", "base_url": "graph"}} {
		if _, err := (Destination{}).Open(t.Context(), destinations.Env{Settings: bad}); class(err) != destinations.Config {
			t.Errorf("%v: %v", bad, err)
		}
	}
	s, wire, box := inBox(t, destinations.SandboxOptions{})
	b := oneRow(t)
	for name, spoil := range map[string]func(*destinations.Batch){
		"object":     func(b *destinations.Batch) { b.Object = "pixel" },
		"target":     func(b *destinations.Batch) { b.Target = "1/users?x" },
		"op":         func(b *destinations.Batch) { b.Rows = []destinations.Row{{Op: destinations.Erase, IDs: b.Rows[0].IDs}} },
		"identifier": func(b *destinations.Batch) { b.Columns.IDs = []string{"shoe_size"} },
	} {
		c := b
		spoil(&c)
		if _, err := s.Write(t.Context(), c); class(err) != destinations.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(wire.Requests()) != 0 {
		t.Error("sent what cannot be")
	}
	for name, want := range map[string]destinations.Class{"access_token": destinations.Refused, "app_secret": destinations.Config} {
		settings := box.Settings(destinationtest.Base)
		settings[name] = "EAAwrong"
		s, _ := open(t, box, settings)
		if err := s.Check(t.Context()); class(err) != want || strings.Contains(fmt.Sprint(err), "EAAwrong") {
			t.Errorf("%s: %v", name, err)
		}
	}
	settings := box.Settings(destinationtest.Base)
	delete(settings, "app_secret")
	s, _ = open(t, box, settings)
	if err := s.Check(t.Context()); err != nil {
		t.Error("app_secret is optional:", err)
	}
	settings["access_token"] = ""
	s, _ = open(t, box, settings)
	if err := s.Check(t.Context()); class(err) != destinations.Config {
		t.Error(err)
	}
	settings = box.Settings(destinationtest.Base)
	settings["ad_account"] = "55"
	s, _ = open(t, box, settings)
	if err := s.Check(t.Context()); class(err) != destinations.Gone {
		t.Error(err)
	}
}

// TestSandboxFaults lets the sandbox misbehave until everybody has arrived: what is repeated
// after a fault is harmless, and the members are right in the end.
func TestSandboxFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, box := inBox(t, destinations.SandboxOptions{Seed: 7, FaultRate: 0.5})
		var id string
		for range 50 {
			var err error
			if id, err = s.Ensure(t.Context(), "audience", "VIP", nil); err == nil {
				break
			}
			time.Sleep(time.Second)
		}
		columns := []string{"email"}
		seen := map[destinations.Class]bool{}
		for i := range 60 {
			b := destinations.Batch{ID: fmt.Sprint(i), Object: "audience", Target: id, Columns: destinations.Columns{IDs: columns},
				Rows: []destinations.Row{person(t, destinations.Add, columns, fmt.Sprintf("p%d@example.com", i))}}
			for {
				_, err := s.Write(t.Context(), b)
				if err == nil {
					break
				}
				seen[class(err)] = true
				time.Sleep(max(destinations.AsFault(err).RetryAfter, time.Second))
			}
		}
		total := 0
		for _, m := range box.Members() {
			total = max(total, len(m))
		}
		if total != 60 || !seen[destinations.Throttled] || !seen[destinations.Ambiguous] {
			t.Fatal(total, seen)
		}
	})
}

// TestSandboxThrottles meets both documented limits.
func TestSandboxThrottles(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	s, _, box := inBox(t, destinations.SandboxOptions{Now: func() time.Time { return at }})
	id, err := s.Ensure(t.Context(), "audience", "VIP", nil)
	if err != nil {
		t.Fatal(err)
	}
	b := oneRow(t)
	b.Target = id
	limited := func(n int) *destinations.Fault {
		for range n {
			if _, err := s.Write(t.Context(), b); err != nil {
				return destinations.AsFault(err)
			}
		}
		return nil
	}
	if f := limited(100); f == nil || f.Code != "613/1487742" || f.RetryAfter != 0 {
		t.Fatal(f)
	}
	var f *destinations.Fault
	for range 60 {
		at = at.Add(time.Second)
		if f = limited(100); f != nil {
			break
		}
	}
	if f == nil || f.Code != "80003/2446079" || f.RetryAfter != 60*time.Minute {
		t.Fatal(f)
	}
	raw, err := box.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	s2, _, box2 := inBox(t, destinations.SandboxOptions{})
	if err := box2.Restore(raw); err != nil {
		t.Fatal(err)
	}
	if again, err := s2.Ensure(t.Context(), "audience", "VIP", nil); err != nil || again != id || len(box2.Members()["VIP"]) != 2 {
		t.Fatal(again, err)
	}
}
