package http

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/destinationtest"
)

func TestConformance(t *testing.T) {
	destinationtest.Run(t, webhook{}, destinationtest.Options{Settings: map[string]any{"answer": "json"},
		Skip: map[string]string{"malformed answer": "only the status counts: a webhook's answer has no documented form"}})
}

// withs reads a sync's `with:` as the project's loader does.
func withs(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	o, _ := webhook{}.Spec().Object("rows")
	filled, problems := destinations.CheckSettings(o.With, m)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return filled
}

func people(op destinations.Op, n int) destinations.Batch {
	b := destinations.Batch{ID: "b1", Object: "rows", Columns: destinations.Columns{
		IDs: []string{"email", "phone"}, Fields: []string{"ltv", "since", "tags", "gone", "cleared"}}}
	for i := range n {
		b.Rows = append(b.Rows, destinations.Row{Key: "p" + string(rune('0'+i)), Op: op, Dedup: "d" + string(rune('0'+i)),
			IDs: []any{"eve." + string(rune('0'+i)) + "/x@example.com", destinations.Absent},
			Fields: []any{int64(9007199254740993), time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC), []any{"a", int64(1)},
				destinations.Absent, nil}})
	}
	return b
}

func opened(t *testing.T, wire *destinationtest.Wire, settings map[string]any, secrets map[string]string) destinations.Session {
	t.Helper()
	set := map[string]any{"url": destinationtest.Base, "answer": "any"}
	for k, v := range settings {
		set[k] = v
	}
	s, err := webhook{}.Open(t.Context(), destinations.Env{Settings: set, HTTP: wire, Now: time.Now,
		Secret: func(n string) (string, error) { return secrets[n], nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRequests(t *testing.T) {
	cases := []struct {
		name, with string
		op         destinations.Op
		rows       int
		want       []string // method, path and body, or how the row was refused
	}{
		{"default", ``, destinations.Upsert, 2, []string{
			`POST /api {"batch":"b1","op":"upsert","rows":[{"fields":{"cleared":null,"ltv":9007199254740993,"since":"2026-06-01T08:00:00Z","tags":["a",1]},"ids":{"email":"eve.0/x@example.com"}},` +
				`{"fields":{"cleared":null,"ltv":9007199254740993,"since":"2026-06-01T08:00:00Z","tags":["a",1]},"ids":{"email":"eve.1/x@example.com"}}]}`}},
		{"clear sends nulls", `{clear: {row: "{{ row.fields }}", body: "{{ rows }}"}}`, destinations.Clear, 1, []string{
			`POST /api [{"cleared":null,"gone":null,"ltv":null,"since":null,"tags":null}]`}},
		{"tree keeps types", `
add:
  path: /members
  row: {mail: "{{ row.ids.email }}", ltv: "{{ row.fields.ltv }}", text: "is {{ row.fields.ltv }}", none: "{{ row.fields.gone }}", nil: "{{row.fields.cleared}}", n: 7, list: ["{{ row.fields.gone }}", "{{ row.op }}"]}
  body: {source: weir, n: "{{ batch.size }}", members: "{{ rows }}"}`, destinations.Add, 1, []string{
			`POST /api/members {"members":[{"list":["add"],"ltv":9007199254740993,"mail":"eve.0/x@example.com","n":7,"nil":null,"text":"is 9007199254740993"}],"n":1,"source":"weir"}`}},
		{"row in the path", `{remove: {method: DELETE, path: "/members/{{ row.ids.email }}", query: {why: "{{ batch.op }}"}}}`, destinations.Remove, 2, []string{
			`DELETE /api/members/eve.0%2Fx@example.com?why=remove `, `DELETE /api/members/eve.1%2Fx@example.com?why=remove `}},
		{"batch size does not bind what names a row", `{batch_size: 2, remove: {method: DELETE, path: "/m/{{ row.key }}"}}`, destinations.Remove, 2, []string{
			`DELETE /api/m/p0 `, `DELETE /api/m/p1 `}},
		{"batch size", `{batch_size: 2, upsert: {row: "{{ row.key }}", body: "{{ rows }}"}}`, destinations.Upsert, 3, []string{
			`POST /api ["p0","p1"]`, `POST /api ["p2"]`}},
		{"form", `{upsert: {encoding: form, body: {to: "{{ row.ids.email }}", json: "{{ row.fields.tags | json }}", url: "u={{ row.ids.email | urlencode }}"}}}`, destinations.Upsert, 1, []string{
			`POST /api json=%5B%22a%22%2C1%5D&to=eve.0%2Fx%40example.com&url=u%3Deve.0%252Fx%2540example.com`}},
		{"lines", `{upsert: {encoding: ndjson, row: {e: "{{ row.ids.email }}"}}}`, destinations.Upsert, 2, []string{
			"POST /api {\"e\":\"eve.0/x@example.com\"}\n{\"e\":\"eve.1/x@example.com\"}\n"}},
		{"absent in the path", `{upsert: {path: "/p/{{ row.ids.phone }}"}}`, destinations.Upsert, 1, []string{"rejected path"}},
		{"header with a break", `{upsert: {headers: {X-Tags: "{{ row.fields.tags }}", X-Bad: "a\nb"}}}`, destinations.Upsert, 1, []string{"rejected header"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wire := &destinationtest.Wire{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
				s := opened(t, wire, nil, nil)
				b := people(c.op, c.rows)
				b.With = withs(t, c.with)
				o, err := s.Write(t.Context(), b)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, r := range wire.Requests() {
					got = append(got, r.Method+" "+strings.TrimPrefix(r.URL, "http://vendor.example.com")+" "+string(r.Body))
				}
				for i := range b.Rows {
					if v := o.Of(i); v.Status == destinations.Rejected {
						got = append(got, "rejected "+v.Code)
					}
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
			})
		})
	}
}

func TestCheckWith(t *testing.T) {
	cases := []struct{ with, path, what string }{
		{`{add: {metod: PUT}}`, "add.metod", `unknown key "metod": a request has method, path, query, headers, encoding, row, body`},
		{`{add: {method: GET}}`, "add.method", `"GET" is not POST, PUT, PATCH or DELETE`},
		{`{add: {path: "https://elsewhere.example.com"}}`, "add.path", `"https://elsewhere.example.com" must be a path below the URL of the destination, without query`},
		{`{add: {body: {a: {b: "{{ row.ids.email"}}}}`, "add.body.a.b", `"{{ row.ids.email" is not closed by }}`},
		{`{add: {body: "{{ row.ids.email | upper }}"}}`, "add.body", `unknown filter "upper": there are json and urlencode`},
		{`{add: {body: "{{ people }}"}}`, "add.body", `"people": a path begins with row, rows or batch`},
		{`{add: {body: "{{ row.email }}"}}`, "add.body", `"row.email": row has the parts ids, fields, op, key, remote_id, dedup`},
		{`{add: {body: "{{ 1+1 }}"}}`, "add.body", `"1+1" is not a path such as row.ids.email`},
		{`{add: {headers: {authorization: x}}}`, "add.headers.authorization", `header "authorization" can not be set here`},
		{`{statuses: {404: fine}}`, "statuses.404", `404 must be one of ok, reject, retry, uncertain, stop`},
		{`{batch_size: 0}`, "batch_size", `must be at least 1`},
		{`{add: {encoding: form}}`, "add.encoding", `form needs a body: a map of names to values`},
	}
	for _, c := range cases {
		var m map[string]any
		if err := yaml.Unmarshal([]byte(c.with), &m); err != nil {
			t.Fatal(err)
		}
		_, problems := destinations.CheckWith(webhook{}, "rows", m)
		if len(problems) != 1 || problems[0].Path != c.path || problems[0].What != c.what || problems[0].Code != "http.template" {
			t.Errorf("%s\n got %+v\nwant %s: %s", c.with, problems, c.path, c.what)
		}
	}
}

func TestAllFlawsAtOnce(t *testing.T) {
	_, problems := destinations.CheckWith(webhook{}, "rows", map[string]any{"batch_size": -1, "statuses": map[string]any{"7": "ok", "404": "no"},
		"add": map[string]any{"method": "GET"}, "remove": "DELETE"})
	var got []string
	for _, p := range problems {
		got = append(got, p.Path)
	}
	if d := cmp.Diff([]string{"batch_size", "statuses.404", "statuses.7", "add.method", "remove"}, got); d != "" {
		t.Error(d)
	}
}

func TestStatuses(t *testing.T) {
	cases := []struct {
		status   int
		statuses string
		rows     int
		verdict  destinations.Status
		class    destinations.Class
	}{
		{204, "", 1, destinations.Delivered, 0},
		{422, "", 1, destinations.Rejected, 0},
		{422, "", 2, 0, destinations.BadBatch},
		{404, "", 1, destinations.Rejected, 0},
		{404, "404: ok", 1, destinations.Delivered, 0},
		{410, "", 1, 0, destinations.Gone},
		{408, "", 1, 0, destinations.Ambiguous},
		{425, "", 1, 0, destinations.Transient},
		{429, "", 1, 0, destinations.Throttled},
		{401, "", 1, 0, destinations.Refused},
		{413, "", 2, 0, destinations.TooLarge},
		{202, "202: uncertain", 1, 0, destinations.Ambiguous},
		{500, "500: retry", 1, 0, destinations.Transient},
		{200, "200: reject", 1, destinations.Rejected, 0},
		{409, "409: stop", 1, 0, destinations.Config},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			wire := &destinationtest.Wire{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status) })}
			b := people(destinations.Upsert, c.rows)
			b.With = withs(t, "statuses: {"+c.statuses+"}")
			o, err := opened(t, wire, nil, nil).Write(t.Context(), b)
			if c.class != 0 && (err == nil || destinations.AsFault(err).Class != c.class) || c.class == 0 && (err != nil || o.Of(0).Status != c.verdict) {
				t.Errorf("%d (%s): got %v, %v; want %v %v", c.status, c.statuses, o.Of(0), err, c.verdict, c.class)
			}
			if n := len(wire.Requests()); n != 1 {
				t.Errorf("%d: %d requests", c.status, n)
			}
		})
	}
}

// A fault in the middle of several requests must not cost the verdicts of those before it.
func TestFaultInTheMiddle(t *testing.T) {
	for class, want := range map[string][]destinations.Status{
		"throttled": {destinations.Delivered, destinations.Later, destinations.Later},
		"lost":      {destinations.Delivered, destinations.Uncertain, destinations.Later},
		"rejected":  {destinations.Delivered, destinations.Rejected, destinations.Delivered},
	} {
		t.Run(class, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				wire := &destinationtest.Wire{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
				wire.Script = func(*http.Request) *destinationtest.Mishap {
					if n++; n == 2 {
						return map[string]*destinationtest.Mishap{"throttled": {Status: 429}, "lost": {LoseAfter: true}, "rejected": {Status: 400}}[class]
					}
					return nil
				}
				b := people(destinations.Upsert, 3)
				b.With = withs(t, "batch_size: 1")
				o, err := opened(t, wire, nil, nil).Write(t.Context(), b)
				if err != nil {
					t.Fatal(err)
				}
				var got []destinations.Status
				for i := range b.Rows {
					got = append(got, o.Of(i).Status)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// Many small requests stop before the time of the call runs out, with nothing in doubt.
func TestSlowEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire := &destinationtest.Wire{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(7 * time.Second) })}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		b := people(destinations.Upsert, 9)
		b.With = withs(t, "batch_size: 1")
		o, err := opened(t, wire, nil, nil).Write(ctx, b)
		if err != nil {
			t.Fatal(err)
		}
		var got []destinations.Status
		for i := range b.Rows {
			got = append(got, o.Of(i).Status)
		}
		d, l := destinations.Delivered, destinations.Later
		if diff := cmp.Diff([]destinations.Status{d, d, d, l, l, l, l, l, l}, got); diff != "" || len(wire.Requests()) != 3 {
			t.Errorf("%d requests:\n%s", len(wire.Requests()), diff)
		}
	})
}

func TestHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire := &destinationtest.Wire{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		s := opened(t, wire, map[string]any{"headers": map[string]any{"X-Source": "weir"}, "header_name": "X-Api-Key"},
			map[string]string{"header_value": "s3cret-value", "signing_secret": "k"})
		b := people(destinations.Upsert, 1)
		if _, err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		h := wire.Requests()[0].Header
		if h.Get("X-Api-Key") != "s3cret-value" || h.Get("X-Source") != "weir" || h.Get("Idempotency-Key") != "b1" || h.Get("Authorization") != "" {
			t.Errorf("headers %v", h)
		}
		if got, want := h.Get("X-Signature"), Sign("k", time.Now(), wire.Requests()[0].Body); got != want {
			t.Errorf("signature %s, want %s", got, want)
		}
		shown, err := s.(destinations.Previewer).Preview(t.Context(), b)
		if err != nil || len(shown) != 1 || shown[0].Header.Get("X-Signature") != "redacted" || strings.Contains(headers(shown[0]), "s3cret") {
			t.Errorf("preview: %v, %v", shown, err)
		}
	})
}

func headers(r *http.Request) string { b, _ := json.Marshal(r.Header); return string(b) }

// The signature must stay what receivers were told: this value was computed with openssl.
func TestSign(t *testing.T) {
	got := Sign("secret", time.Unix(1700000000, 0), []byte(`{"a":1}`))
	if want := "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRowsPerRequest(t *testing.T) {
	for with, want := range map[string]int{`{}`: 100, `{batch_size: 20}`: 20, `{batch_size: 20, remove: {method: DELETE, path: "/m/{{ row.key }}"}}`: 1, `{batch_size: -1}`: 1} {
		if got := (webhook{}).RowsPerRequest("rows", withs(t, with)); got != want {
			t.Errorf("%s: %d rows, want %d", with, got, want)
		}
	}
}

// A session reads a template once, and another one when it is given another.
func TestParsesOnce(t *testing.T) {
	s := &session{}
	a, b := withs(t, `{batch_size: 5}`), withs(t, `{batch_size: 7}`)
	first, _ := s.parse(a)
	again, _ := s.parse(a)
	other, _ := s.parse(b)
	if first != again || first.size != 5 || other.size != 7 {
		t.Errorf("%p %p, sizes %d and %d", first, again, first.size, other.size)
	}
	if p, _ := s.parse(nil); p.size == 7 {
		t.Error("no template at all was taken for the last one")
	}
	wrong := map[string]any{"add": 5}
	for range 2 {
		if _, flaws := s.parse(wrong); len(flaws) == 0 {
			t.Error("a wrong template has no flaws")
		}
	}
}
