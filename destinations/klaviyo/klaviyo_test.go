package klaviyo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
)

// direct is a Doer that calls a handler without a network.
type direct struct {
	h    http.Handler
	sent []*http.Request
	body [][]byte
}

func (d *direct) Do(r *http.Request) (res *http.Response, err error) {
	var b []byte
	if r.Body != nil {
		b, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	d.sent, d.body = append(d.sent, r), append(d.body, b)
	defer func() {
		if p := recover(); p != nil {
			res, err = nil, io.ErrUnexpectedEOF
		}
	}()
	rec := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr, in.Host = r.URL.RequestURI(), "192.0.2.1:1", r.URL.Host
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	d.h.ServeHTTP(rec, in)
	return rec.Result(), nil
}

// world is a session on a sandbox whose clock the test turns.
type world struct {
	*session
	box  destinations.Sandbox
	wire *direct
	at   time.Time
}

func open(t *testing.T, h http.Handler, settings map[string]any) (*session, *direct) {
	t.Helper()
	wire := &direct{h: h}
	s, err := Destination{}.Open(t.Context(), destinations.Env{
		Settings: settings,
		Secret:   func(name string) (string, error) { return settings[name].(string), nil },
		HTTP:     wire,
		Now:      time.Now,
		Log:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.(*session), wire
}

func newWorld(t *testing.T, o destinations.SandboxOptions) *world {
	t.Helper()
	w := &world{at: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	o.Now = func() time.Time { w.at = w.at.Add(7 * time.Millisecond); return w.at }
	w.box = Destination{}.Sandbox(o)
	w.session, w.wire = open(t, w.box, w.box.Settings("http://sandbox.test"))
	return w
}

// settle polls a job until it is done, as the engine would.
func (w *world) settle(t *testing.T, o destinations.Outcome, b destinations.Batch) destinations.Outcome {
	t.Helper()
	if o.Job == nil {
		t.Fatalf("no job: %+v", o)
	}
	for range 50 {
		got, done, err := w.Poll(t.Context(), *o.Job, b)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return got
		}
		if got.Rest.Status != 0 || len(got.Rows) > 0 {
			t.Fatalf("verdicts before the end: %+v", got)
		}
		w.at = w.at.Add(time.Second)
	}
	t.Fatal("the job never ends")
	return o
}

func batch(object, target string, op destinations.Op, emails ...string) destinations.Batch {
	b := destinations.Batch{ID: "b1", Object: object, Target: target, Columns: destinations.Columns{IDs: []string{"email"}}}
	for _, e := range emails {
		b.Rows = append(b.Rows, destinations.Row{Key: "k:" + e, Op: op, IDs: []any{e}, Fields: []any{}})
	}
	return b
}

func statuses(o destinations.Outcome, n int) string {
	var out []string
	for i := range n {
		s := o.Of(i).Status.String()
		if c := o.Of(i).Code; c != "" {
			s += ":" + c
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func class(err error) destinations.Class {
	var f *destinations.Fault
	if errors.As(err, &f) {
		return f.Class
	}
	return 0
}

func TestSpec(t *testing.T) {
	s := Destination{}.Spec()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if d, ok := destinations.Lookup("klaviyo"); !ok || d.Spec().Title != s.Title {
		t.Fatal("not registered")
	}
}

func TestListLife(t *testing.T) {
	w := newWorld(t, destinations.SandboxOptions{})
	ctx := t.Context()
	if err := w.Check(ctx); err != nil {
		t.Fatal(err)
	}
	id, err := w.Ensure(ctx, "list", `VIP "lapsed"`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.Ensure(ctx, "list", `VIP "lapsed"`, nil); err != nil || again != id {
		t.Fatalf("a second Ensure gives %q, %v; want %q", again, err, id)
	}
	add := batch("list", id, destinations.Add, "anna@example.com", "bo@example.com", "nobody@example.invalid", "cy@example.com", "zed@example.invalid")
	out, err := w.Write(ctx, add)
	if err != nil {
		t.Fatal(err)
	}
	if got := statuses(out, 5); got != "accepted accepted accepted accepted accepted" {
		t.Fatal(got)
	}
	// One failure has only a pointer, the other only its payload.
	out = w.settle(t, out, add)
	if got := statuses(out, 5); got != "delivered delivered rejected:invalid delivered rejected:invalid" {
		t.Fatal(got)
	}
	want := map[string][]string{`VIP "lapsed"`: {"anna@example.com", "bo@example.com", "cy@example.com"}}
	if diff := cmp.Diff(want, w.box.Members()); diff != "" {
		t.Fatal(diff)
	}
	var read []string
	err = w.Members(ctx, "list", id, destinations.Columns{IDs: []string{"email", "phone_number"}}, func(ids []any) bool {
		if !destinations.IsAbsent(ids[1]) {
			t.Errorf("a phone number from nowhere: %v", ids[1])
		}
		read = append(read, ids[0].(string))
		return true
	})
	if err != nil || !slices.Equal(slices.Sorted(slices.Values(read)), want[`VIP "lapsed"`]) {
		t.Fatal(read, err)
	}
	gone := batch("list", id, destinations.Remove, "bo@example.com", "stranger@example.com")
	out, err = w.Write(ctx, gone)
	if err != nil {
		t.Fatal(err)
	}
	if got := statuses(out, 2); got != "delivered unchanged" || out.Job != nil {
		t.Fatal(got, out.Job)
	}
	if out, err = w.Write(ctx, gone); err != nil || statuses(out, 2) != "unchanged unchanged" {
		t.Fatal("removing twice:", statuses(out, 2), err)
	}
	if got := w.box.Members()[`VIP "lapsed"`]; !slices.Equal(got, []string{"anna@example.com", "cy@example.com"}) {
		t.Fatal(got)
	}
}

// TestConsent proves that only endpoints without consent are called, whatever is asked.
func TestConsent(t *testing.T) {
	TestListLife(t)
	w := newWorld(t, destinations.SandboxOptions{})
	ctx := t.Context()
	id, _ := w.Ensure(ctx, "list", "L", nil)
	for _, b := range []destinations.Batch{
		batch("list", id, destinations.Add, "anna@example.com"),
		batch("list", id, destinations.Remove, "anna@example.com"),
		batch("profile", "", destinations.Upsert, "anna@example.com"),
		batch("profile", "", destinations.Clear, "anna@example.com"),
	} {
		for i := range b.Rows {
			b.Rows[i].Consent = destinations.Consent{Marketing: destinations.Denied}
		}
		if _, err := w.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range w.wire.sent {
		if strings.Contains(r.URL.Path, "subscri") || strings.Contains(r.URL.Path, "suppress") || bytes.Contains(w.wire.body[i], []byte("consent")) || bytes.Contains(w.wire.body[i], []byte("subscription")) {
			t.Errorf("%s %s touches consent", r.Method, r.URL.Path)
		}
	}
}

var update = os.Getenv("UPDATE") != ""

// TestGolden holds the exact requests of each operation.
func TestGolden(t *testing.T) {
	day := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("x", 3600))
	columns := destinations.Columns{
		IDs:    []string{"email", "phone_number", "external_id"},
		Fields: []string{"first_name", "city", "zip", "lifetime_value", "last_order", "tags", "gone", "left"},
	}
	full := destinations.Row{Op: destinations.Add, IDs: []any{"anna@example.com", "+33639980001", "C-1"},
		Fields: []any{"Änna <1>", "Lyon", json.Number("69001"), json.Number("12345678901234567890.5"), day, []any{"a", int64(2)}, nil, destinations.Absent}}
	least := destinations.Row{Op: destinations.Add, IDs: []any{destinations.Absent, destinations.Absent, "C-2"},
		Fields: []any{destinations.Absent, destinations.Absent, destinations.Absent, destinations.Absent, destinations.Absent, destinations.Absent, destinations.Absent, destinations.Absent}}
	known := destinations.Row{RemoteID: "01ABC", IDs: []any{"bo@example.com", destinations.Absent, destinations.Absent}}
	with := func(op destinations.Op, rows ...destinations.Row) destinations.Batch {
		b := destinations.Batch{ID: "b", Object: "list", Target: "Y6nRLr", Columns: columns}
		if op == destinations.Upsert || op == destinations.Clear {
			b.Object, b.Target = "profile", ""
		}
		for _, r := range rows {
			r.Op = op
			if r.Fields == nil {
				r.Fields = least.Fields
			}
			b.Rows = append(b.Rows, r)
		}
		return b
	}
	s, wire := open(t, http.NotFoundHandler(), map[string]any{"api_key": "pk_secret_canary"})
	for name, b := range map[string]destinations.Batch{
		"add": with(destinations.Add, full, least), "upsert": with(destinations.Upsert, full),
		"remove": with(destinations.Remove, full, least, known), "clear": with(destinations.Clear, full),
	} {
		t.Run(name, func(t *testing.T) {
			reqs, err := s.Preview(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, r := range reqs {
				query, _ := url.QueryUnescape(r.URL.RawQuery)
				fmt.Fprintf(&got, "%s %s://%s%s?%s\n", r.Method, r.URL.Scheme, r.URL.Host, r.URL.EscapedPath(), query)
				for _, h := range []string{"Accept", "Authorization", "Content-Type", "Revision"} {
					fmt.Fprintf(&got, "%s: %s\n", h, r.Header.Get(h))
				}
				if r.Body != nil {
					raw, _ := io.ReadAll(r.Body)
					var pretty bytes.Buffer
					if err := json.Indent(&pretty, raw, "", "  "); err != nil {
						t.Fatal(err)
					}
					fmt.Fprintln(&got, pretty.String())
				}
				got.WriteString("\n")
			}
			file := "testdata/" + name + ".golden"
			if update {
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
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
	if len(wire.sent) != 0 {
		t.Fatal("a preview sent something")
	}
}

// TestPreviewIsSent compares the preview of an import with what Write sends.
func TestPreviewIsSent(t *testing.T) {
	w := newWorld(t, destinations.SandboxOptions{})
	b := batch("profile", "", destinations.Upsert, "anna@example.com", "bo@example.com")
	reqs, err := w.Preview(t.Context(), b)
	if err != nil || len(reqs) != 1 {
		t.Fatal(reqs, err)
	}
	want, _ := io.ReadAll(reqs[0].Body)
	if _, err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if len(w.wire.sent) != 1 || !bytes.Equal(w.wire.body[0], want) || w.wire.sent[0].URL.String() != reqs[0].URL.String() {
		t.Fatal("the preview is not what was sent")
	}
	first := w.wire.body[0]
	if _, err := w.Write(t.Context(), b); err != nil || !bytes.Equal(w.wire.body[1], first) {
		t.Fatal("sending again has other bytes")
	}
}

// TestPoison is one bad row among many in a call that the vendor refuses as a whole: it is
// named, and the rest goes with the next call.
func TestPoison(t *testing.T) {
	w := newWorld(t, destinations.SandboxOptions{})
	ctx := t.Context()
	var emails []string
	for i := range 1000 {
		emails = append(emails, fmt.Sprintf("p%d@example.com", i))
	}
	emails[617] = "not an address"
	b := batch("profile", "", destinations.Upsert, emails...)
	out, err := w.Write(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	later := b
	later.Rows = nil
	for i, r := range b.Rows {
		switch got := out.Of(i); {
		case i == 617 && got.Status == destinations.Rejected && got.Code == "invalid":
			if strings.Contains(got.Reason, "address ") || got.Reason != "Invalid input: email" {
				t.Errorf("reason %q", got.Reason)
			}
		case i != 617 && got.Status == destinations.Later:
			later.Rows = append(later.Rows, r)
		default:
			t.Fatalf("row %d: %+v", i, got)
		}
	}
	if out.Job != nil {
		t.Fatal("a job of a refused call")
	}
	out, err = w.Write(ctx, later)
	if err != nil {
		t.Fatal(err)
	}
	out = w.settle(t, out, later)
	if n := len(w.box.Members()["profile"]); n != 999 || out.Rest.Status != destinations.Delivered || len(out.Rows) != 0 {
		t.Fatal(n, out)
	}
}

// TestRefusedHere has rows that never go into the call; their verdicts stay through the poll.
func TestRefusedHere(t *testing.T) {
	w := newWorld(t, destinations.SandboxOptions{})
	b := destinations.Batch{Object: "profile", Columns: destinations.Columns{IDs: []string{"email", "external_id"}, Fields: []string{"x"}}}
	for _, r := range []struct{ email, ext, x any }{
		{"ok@example.com", destinations.Absent, "y"},
		{destinations.Absent, strings.Repeat("é", 256), "y"},
		{destinations.Absent, destinations.Absent, "y"},
		{"big@example.com", destinations.Absent, strings.Repeat("x", 100_001)},
		{"nan@example.com", destinations.Absent, math.NaN()},
		{"bad@example.invalid", destinations.Absent, "y"},
		{"ok2@example.com", strings.Repeat("é", 255), "\x00\U0001F600 \u202e"},
	} {
		b.Rows = append(b.Rows, destinations.Row{Op: destinations.Upsert, IDs: []any{r.email, r.ext}, Fields: []any{r.x}})
	}
	out, err := w.Write(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if got := statuses(out, 7); got != "accepted rejected:too_long rejected:missing rejected:too_large rejected:unsupported_value accepted accepted" {
		t.Fatal(got)
	}
	out = w.settle(t, out, b)
	if got := statuses(out, 7); got != "delivered rejected:too_long rejected:missing rejected:too_large rejected:unsupported_value rejected:invalid delivered" {
		t.Fatal(got)
	}
	b.Rows = b.Rows[1:3]
	n := len(w.wire.sent)
	if out, err = w.Write(t.Context(), b); err != nil || statuses(out, 2) != "rejected:too_long rejected:missing" || out.Job != nil || len(w.wire.sent) != n {
		t.Fatal(out, err)
	}
}

// TestFullBatch sends as much as a call may hold.
func TestFullBatch(t *testing.T) {
	w := newWorld(t, destinations.SandboxOptions{})
	ctx := t.Context()
	id, _ := w.Ensure(ctx, "list", "All", nil)
	var emails []string
	for i := range 10_000 {
		emails = append(emails, fmt.Sprintf("person.%05d@example.com", i))
	}
	b := batch("list", id, destinations.Add, emails...)
	out, err := w.Write(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	if out = w.settle(t, out, b); out.Rest.Status != destinations.Delivered || len(out.Rows) != 0 {
		t.Fatal(out.Rest, len(out.Rows))
	}
	if _, err := w.Write(ctx, batch("list", id, destinations.Add, append(emails, "x@example.com")...)); class(err) != destinations.TooLarge {
		t.Fatal("10,001 rows:", err)
	}
	n := 0
	w.at = w.at.Add(time.Minute)
	if err := w.Members(ctx, "list", id, b.Columns, func([]any) bool { n++; return true }); err != nil || n != 10_000 {
		t.Fatal(n, err)
	}
	w.at = w.at.Add(time.Minute)
	sent := len(w.wire.sent)
	b = batch("list", id, destinations.Remove, emails...)
	if out, err = w.Write(ctx, b); err != nil || out.Of(0).Status != destinations.Delivered || out.Of(9999).Status != destinations.Delivered {
		t.Fatal(out.Rest, err)
	}
	for i, r := range w.wire.sent[sent:] {
		if len(r.URL.String()) > 8000 {
			t.Fatal("a URL of", len(r.URL.String()))
		}
		if r.Method == http.MethodDelete {
			var body struct{ Data []any }
			if err := json.Unmarshal(w.wire.body[sent+i], &body); err != nil || len(body.Data) > removeRows {
				t.Fatal(len(body.Data), err)
			}
		}
	}
	if got := w.box.Members()["All"]; len(got) != 0 {
		t.Fatal(len(got), "are left")
	}
	wide := destinations.Batch{Object: "profile", Columns: destinations.Columns{IDs: []string{"email"}, Fields: []string{"note"}}}
	for i := range 60 {
		wide.Rows = append(wide.Rows, destinations.Row{Op: destinations.Upsert, IDs: []any{emails[i]}, Fields: []any{strings.Repeat("n", 90_000)}})
	}
	if _, err := w.Write(ctx, wide); class(err) != destinations.TooLarge {
		t.Fatal("more than 5 MB:", err)
	}
}

// TestClear clears standard attributes, which an import cannot, and only where there is something
// to clear.
func TestClear(t *testing.T) {
	w := newWorld(t, destinations.SandboxOptions{})
	ctx := t.Context()
	columns := destinations.Columns{IDs: []string{"email"}, Fields: []string{"first_name", "city", "vip", "zip"}}
	write := func(op destinations.Op, email string, fields ...any) destinations.Outcome {
		t.Helper()
		b := destinations.Batch{Object: "profile", Columns: columns, Rows: []destinations.Row{{Op: op, IDs: []any{email}, Fields: fields}}}
		out, err := w.Write(ctx, b)
		if err != nil {
			t.Fatal(err)
		}
		if out.Job != nil {
			out = w.settle(t, out, b)
		}
		return out
	}
	look := func(email string) *person {
		mem := w.box.(interface {
			Snapshot() (json.RawMessage, error)
		})
		raw, err := mem.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		var m memory
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		for _, p := range m.People {
			if p.Attributes["email"] == email {
				return p
			}
		}
		return nil
	}
	patches := func() (n int) {
		for _, r := range w.wire.sent {
			if r.Method == http.MethodPatch {
				n++
			}
		}
		return n
	}
	write(destinations.Upsert, "anna@example.com", nil, nil, nil, nil)
	if patches() != 0 {
		t.Fatal("somebody new has nothing to clear")
	}
	write(destinations.Upsert, "anna@example.com", "Anna", "Lyon", true, "69001")
	write(destinations.Upsert, "anna@example.com", nil, nil, nil, destinations.Absent)
	p := look("anna@example.com")
	if p.Attributes["first_name"] != nil || p.Location["city"] != nil || p.Properties["vip"] != nil || p.Location["zip"] != "69001" || patches() != 1 {
		t.Fatal(p, patches())
	}
	write(destinations.Upsert, "anna@example.com", nil, nil, nil, destinations.Absent)
	if patches() != 1 {
		t.Fatal("cleared twice")
	}
	write(destinations.Upsert, "anna@example.com", "Anna", "Lyon", true, "69001")
	if out := write(destinations.Clear, "anna@example.com", nil, nil, nil, nil); out.Of(0).Status != destinations.Delivered {
		t.Fatal(out)
	}
	if p = look("anna@example.com"); len(p.Properties) != 0 || len(p.Location) != 0 || len(p.Attributes) != 1 {
		t.Fatal(p)
	}
	if out := write(destinations.Clear, "anna@example.com", nil, nil, nil, nil); out.Of(0).Status != destinations.Unchanged {
		t.Fatal(out)
	}
	if out := write(destinations.Clear, "stranger@example.com", nil, nil, nil, nil); out.Of(0).Status != destinations.Unchanged || look("stranger@example.com") != nil {
		t.Fatal(out)
	}
}

// scripted answers each request with the next of a list.
type scripted []struct {
	status int
	head   map[string]string
	body   string
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	a := (*s)[0]
	if len(*s) > 1 {
		*s = (*s)[1:]
	}
	w.Header().Set("Content-Type", jsonAPI)
	for k, v := range a.head {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func problemBody(code, pointer, detail string) string {
	return fmt.Sprintf(`{"errors":[{"id":"1","code":%q,"title":"T","detail":%q,"source":{"pointer":%q}}]}`, code, detail, pointer)
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		head   map[string]string
		body   string
		want   destinations.Class
		code   string
		wait   time.Duration
	}{
		{"wrong key", 401, nil, problemBody("authentication_failed", "/data/", "Incorrect."), destinations.Refused, "authentication_failed", 0},
		{"wrong key by 400", 400, nil, problemBody("invalid_api_key", "", ""), destinations.Refused, "invalid_api_key", 0},
		{"scope", 403, nil, problemBody("permission_denied", "/data/", "profiles:write is required"), destinations.Refused, "permission_denied", 0},
		{"revision", 400, nil, `{"errors":[{"code":"invalid","detail":"d","source":{"parameter":"revision"}}]}`, destinations.Config, "invalid", 0},
		{"property called revision", 400, nil, problemBody("invalid", "/data/attributes/profiles/data/9/attributes/properties/revision", ""), destinations.BadBatch, "invalid", 0},
		{"list gone", 400, nil, problemBody("invalid", "/data/relationships/lists/data/0/id", ""), destinations.Gone, "invalid", 0},
		{"gone", 404, nil, problemBody("not_found", "/data/", ""), destinations.Gone, "not_found", 0},
		{"throttled", 429, map[string]string{"Retry-After": "17"}, problemBody("throttled", "", "Request was throttled."), destinations.Throttled, "throttled", 17 * time.Second},
		{"too large", 413, nil, "", destinations.TooLarge, "413", 0},
		{"unnamed row", 400, nil, problemBody("invalid", "/data", "anna@example.com is odd"), destinations.BadBatch, "invalid", 0},
		{"row out of range", 400, nil, problemBody("invalid", "/data/attributes/profiles/data/7/attributes/email", ""), destinations.BadBatch, "invalid", 0},
		{"conflict", 409, nil, problemBody("duplicate_profile", "/data/attributes", ""), destinations.BadBatch, "duplicate_profile", 0},
		{"error", 500, nil, problemBody("error", "", ""), destinations.Ambiguous, "error", 0},
		{"unavailable", 503, nil, "", destinations.Transient, "503", 0},
		{"html", 200, map[string]string{"Content-Type": "text/html"}, "<p>sign in", destinations.Ambiguous, "not_json", 0},
		{"no job", 202, nil, `{"data":{"type":"profile-bulk-import-job"}}`, destinations.Ambiguous, "no_job", 0},
		{"half", 202, nil, `{"data":{"type":"prof`, destinations.Ambiguous, "bad_json", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, wire := open(t, &scripted{{c.status, c.head, c.body}}, map[string]any{"api_key": "pk_secret_canary"})
			_, err := s.Write(t.Context(), batch("profile", "", destinations.Upsert, "anna@example.com", "bo@example.com"))
			var f *destinations.Fault
			if !errors.As(err, &f) {
				t.Fatal(err)
			}
			if f.Class != c.want || f.Code != c.code || f.RetryAfter != c.wait {
				t.Errorf("got %v %q %v; want %v %q %v", f.Class, f.Code, f.RetryAfter, c.want, c.code, c.wait)
			}
			if c.want == destinations.Throttled && f.Bucket != bucket {
				t.Error("no bucket")
			}
			if strings.Contains(f.Error(), "anna@") || strings.Contains(f.Error(), "canary") {
				t.Error("tells a person or the key:", f)
			}
			if len(wire.sent) != 1 {
				t.Error("a write was repeated")
			}
		})
	}
}

// TestConnectionLost has the connection close before an answer: nobody knows what was done, and
// the call is not repeated here.
func TestConnectionLost(t *testing.T) {
	for _, b := range []destinations.Batch{
		batch("profile", "", destinations.Upsert, "anna@example.com"), batch("list", "L", destinations.Add, "anna@example.com"),
	} {
		s, wire := open(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), map[string]any{"api_key": "k"})
		if _, err := s.Write(t.Context(), b); class(err) != destinations.Ambiguous || len(wire.sent) != 1 {
			t.Fatal(err, len(wire.sent))
		}
	}
}

const jobPath = `{"data":{"attributes":{"status":%q,"total_count":%d,"failed_count":%d}}}`

func importErrors(next string, errs ...string) string {
	return fmt.Sprintf(`{"data":[%s],"links":{"self":"x","next":%q}}`, strings.Join(errs, ","), next)
}

func importError1(pointer, payload string) string {
	return fmt.Sprintf(`{"type":"import-error","id":"e","attributes":{"code":"invalid","title":"Invalid input.","detail":"anna@example.com is wrong","source":{"pointer":%q},"original_payload":%s}}`, pointer, payload)
}

func TestPoll(t *testing.T) {
	ok := func(body string) struct {
		status int
		head   map[string]string
		body   string
	} {
		return struct {
			status int
			head   map[string]string
			body   string
		}{200, nil, body}
	}
	job := func(status string, total, failed int) string { return fmt.Sprintf(jobPath, status, total, failed) }
	for _, c := range []struct {
		name string
		s    scripted
		done bool
		want string
	}{
		{"queued", scripted{ok(job("queued", 3, 0))}, false, ""},
		{"processing", scripted{ok(job("processing", 3, 1))}, false, ""},
		{"complete", scripted{ok(job("complete", 3, 0)), ok(importErrors(""))}, true, "delivered delivered delivered"},
		{"pointer, on the second page", scripted{ok(job("complete", 3, 1)), ok(importErrors("https://evil.example/x?page%5Bcursor%5D=abc")),
			ok(importErrors("", importError1("/data/attributes/profiles/data/2/attributes/email", "null")))}, true, "delivered delivered rejected:invalid"},
		{"payload", scripted{ok(job("complete", 3, 1)), ok(importErrors("", importError1("/data", "null"))),
			ok(importErrors("", importError1("/data", `{"email":"BO@example.com"}`)))}, true, "delivered rejected:invalid delivered"},
		{"payload in attributes", scripted{ok(job("complete", 3, 1)), ok(importErrors("", importError1("/data", "null"))),
			ok(importErrors("", importError1("/data", `{"type":"profile","attributes":{"email":"bo@example.com"}}`)))}, true, "delivered rejected:invalid delivered"},
		{"error that fits nobody", scripted{ok(job("complete", 3, 1)), ok(importErrors("", importError1("/data", "null"))),
			ok(importErrors("", importError1("/data", `{"email":"zoe@example.com"}`)))}, true, "uncertain:unplaced_errors uncertain:unplaced_errors uncertain:unplaced_errors"},
		{"errors out of order", scripted{ok(job("complete", 3, 2)), ok(importErrors("", importError1("/data/2", "null"), importError1("/data/0", "null")))}, true,
			"rejected:invalid delivered rejected:invalid"},
		{"same row twice", scripted{ok(job("complete", 3, 1)), ok(importErrors("", importError1("/data/2", "null"), importError1("/data/2", "null")))}, true,
			"delivered delivered rejected:invalid"},
		{"errors missing", scripted{ok(job("complete", 3, 2)), ok(importErrors("", importError1("/data/0", "null")))}, true,
			"rejected:invalid uncertain:unplaced_errors uncertain:unplaced_errors"},
		{"another number of rows", scripted{ok(job("complete", 2, 0)), ok(importErrors(""))}, true,
			"uncertain:unplaced_errors uncertain:unplaced_errors uncertain:unplaced_errors"},
		{"cancelled", scripted{ok(job("cancelled", 3, 0))}, true, "uncertain:cancelled uncertain:cancelled uncertain:cancelled"},
		{"lost", scripted{{404, nil, problemBody("not_found", "", "")}}, true, "uncertain:job_not_found uncertain:job_not_found uncertain:job_not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, wire := open(t, &c.s, map[string]any{"api_key": "k"})
			b := batch("profile", "", destinations.Upsert, "anna@example.com", "bo@example.com", "cy@example.com")
			out, done, err := s.Poll(t.Context(), destinations.Job{Ref: json.RawMessage(`{"id":"J1","sent":3}`)}, b)
			if err != nil || done != c.done {
				t.Fatal(out, done, err)
			}
			if done && statuses(out, 3) != c.want {
				t.Errorf("got %s; want %s", statuses(out, 3), c.want)
			}
			raw, _ := json.Marshal(out)
			if bytes.Contains(raw, []byte("@")) {
				t.Errorf("tells a person: %s", raw)
			}
			for _, r := range wire.sent {
				if r.URL.Host != "a.klaviyo.com" {
					t.Error("followed a link to", r.URL.Host)
				}
			}
		})
	}
	t.Run("the batch ends before the row that was refused", func(t *testing.T) {
		s, _ := open(t, &scripted{ok(job("complete", 3, 0)), ok(importErrors(""))}, map[string]any{"api_key": "k"})
		b := batch("profile", "", destinations.Upsert, "anna@example.com", "bo@example.com", "cy@example.com")
		out, done, err := s.Poll(t.Context(), destinations.Job{Ref: json.RawMessage(`{"id":"J1","sent":3,"refused":{"3":["too_long",""]}}`)}, b)
		if err != nil || !done || statuses(out, 4) != "delivered delivered delivered rejected:too_long" {
			t.Error(statuses(out, 4), done, err)
		}
	})
	s, _ := open(t, &scripted{{500, nil, ""}}, map[string]any{"api_key": "k"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, done, err := s.Poll(ctx, destinations.Job{Ref: json.RawMessage(`{"id":"J1"}`)}, batch("profile", "", destinations.Upsert, "a@example.com")); done || class(err) != destinations.Transient {
		t.Fatal(done, err)
	}
}

// TestRemovePartly has the second of two calls of a removal fail.
func TestRemovePartly(t *testing.T) {
	for _, c := range []struct {
		status int
		last   string
	}{{429, "later:throttled"}, {500, "uncertain:error"}} {
		deletes := 0
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if deletes++; deletes == 1 {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.Header().Set("Content-Type", jsonAPI)
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, problemBody(map[int]string{429: "throttled", 500: "error"}[c.status], "", ""))
		})
		s, _ := open(t, h, map[string]any{"api_key": "k"})
		b := batch("list", "L", destinations.Remove)
		for i := range 1500 {
			b.Rows = append(b.Rows, destinations.Row{Op: destinations.Remove, IDs: []any{fmt.Sprintf("p%d@example.com", i)}, RemoteID: fmt.Sprintf("01%d", i)})
		}
		out, err := s.Write(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if got := statuses(out, 1500); !strings.HasPrefix(got, "delivered delivered") || !strings.HasSuffix(got, c.last) {
			t.Fatal(got[:40], got[len(got)-40:])
		}
		if out.Of(999).Status != destinations.Delivered || out.Of(1000).Status == destinations.Delivered {
			t.Fatal("wrong split")
		}
	}
}

// TestGoneOrUnknown tells a list that is gone from a profile that is.
func TestGoneOrUnknown(t *testing.T) {
	w := newWorld(t, destinations.SandboxOptions{})
	ctx := t.Context()
	id, _ := w.Ensure(ctx, "list", "L", nil)
	b := batch("list", id, destinations.Remove, "anna@example.com")
	b.Rows[0].RemoteID = "01NOBODY"
	out, err := w.Write(ctx, b)
	if err != nil || out.Of(0).Status != destinations.Unchanged {
		t.Fatal(out, err)
	}
	for _, op := range []destinations.Op{destinations.Add, destinations.Remove} {
		b = batch("list", "NOSUCH", op, "anna@example.com")
		if _, err := w.Write(ctx, b); class(err) != destinations.Gone {
			t.Fatal(op, err)
		}
		b.Rows[0].RemoteID = "01NOBODY"
		if _, err := w.Write(ctx, b); class(err) != destinations.Gone {
			t.Fatal(op, err)
		}
	}
}

func TestSettings(t *testing.T) {
	d := Destination{}
	if _, err := d.Open(t.Context(), destinations.Env{Settings: map[string]any{"base_url": "ftp://x"}}); class(err) != destinations.Config {
		t.Fatal(err)
	}
	s, _ := open(t, http.NotFoundHandler(), map[string]any{"api_key": ""})
	if err := s.Check(t.Context()); class(err) != destinations.Config {
		t.Fatal(err)
	}
	w := newWorld(t, destinations.SandboxOptions{})
	bad, _ := open(t, w.box, map[string]any{"api_key": "pk_wrong", "base_url": "http://sandbox.test"})
	if err := bad.Check(t.Context()); class(err) != destinations.Refused {
		t.Fatal(err)
	}
	for _, b := range []destinations.Batch{
		batch("segment", "", destinations.Add, "a@example.com"), batch("profile", "", destinations.Remove, "a@example.com"),
		batch("list", "", destinations.Add, "a@example.com"), batch("", "", destinations.Upsert, "a@example.com"),
	} {
		if _, err := w.Write(t.Context(), b); class(err) != destinations.Config {
			t.Errorf("%s %s: %v", b.Object, b.Rows[0].Op, err)
		}
	}
	if out, err := w.Write(t.Context(), batch("profile", "", destinations.Upsert)); err != nil || len(out.Rows) != 0 || len(w.wire.sent) != 0 {
		t.Fatal(out, err)
	}
}

// TestSandboxRates meets the documented windows.
func TestSandboxRates(t *testing.T) {
	w := newWorld(t, destinations.SandboxOptions{})
	b := batch("profile", "", destinations.Upsert, "a@example.com")
	for i := range 11 {
		_, err := w.Write(t.Context(), b)
		var f *destinations.Fault
		switch {
		case i < 10 && err != nil:
			t.Fatal(i, err)
		case i == 10 && (!errors.As(err, &f) || f.Class != destinations.Throttled || f.RetryAfter != time.Second):
			t.Fatal(err)
		}
	}
	w.at = w.at.Add(time.Second)
	if _, err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// TestSandboxRestart carries the memory, jobs included, over a restart.
func TestSandboxRestart(t *testing.T) {
	w := newWorld(t, destinations.SandboxOptions{})
	ctx := t.Context()
	id, _ := w.Ensure(ctx, "list", "L", nil)
	b := batch("list", id, destinations.Add, "a@example.com", "b@example.com")
	out, err := w.Write(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := w.box.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	w2 := newWorld(t, destinations.SandboxOptions{})
	if err := w2.box.Restore(raw); err != nil {
		t.Fatal(err)
	}
	w2.settle(t, out, b)
	if got := slices.Collect(maps.Values(w2.box.Members())); len(got) != 1 || len(got[0]) != 2 {
		t.Fatal(got)
	}
	if err := w2.box.Restore(json.RawMessage(`[`)); err == nil || len(w2.box.Members()["L"]) != 2 {
		t.Fatal("a bad snapshot spoiled the memory", err)
	}
}
