package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
)

// list is a vendor with one list: POST /lists/{name} adds the body to it.
type list struct{ state listState }

type listState struct {
	Held map[string][]string `json:"held"`
}

func newList(o destinations.SandboxOptions) *Server {
	return New(o, &list{listState{Held: map[string][]string{}}})
}

func (l *list) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /lists/{name}", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		name := r.PathValue("name")
		l.state.Held[name] = append(l.state.Held[name], string(b))
		WriteJSON(w, http.StatusCreated, "application/json", map[string]any{"taken": string(b)})
	})
	mux.HandleFunc("GET /lists/{name}", func(w http.ResponseWriter, r *http.Request) {
		WriteJSON(w, http.StatusOK, "application/json", l.state.Held[r.PathValue("name")])
	})
	mux.ServeHTTP(w, r)
}

func (l *list) Settings(base string) map[string]any { return map[string]any{"base_url": base} }
func (l *list) Members() map[string][]string        { return maps.Clone(l.state.Held) }
func (l *list) State() any                          { return &l.state }
func (l *list) Rates(r *http.Request) []destinations.Rate {
	if r.Method == http.MethodGet {
		return nil
	}
	return []destinations.Rate{{N: 3, Per: time.Second, Bucket: "lists"}, {N: 5, Per: time.Minute, Bucket: "lists"}}
}

func (l *list) Refuse(w http.ResponseWriter, _ *http.Request, status int, wait time.Duration) {
	w.Header().Set("Retry-After", wait.String())
	WriteJSON(w, status, "application/json", map[string]any{"error": status})
}

func send(s http.Handler, method, path, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	defer func() {
		p := recover()
		if err, ok := p.(error); p != nil && !(ok && errors.Is(err, http.ErrAbortHandler)) {
			panic(p)
		}
	}()
	s.ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
	return rec
}

// Every kind of fault happens, as often as asked, the same for a seed; and what was applied is
// what the faults say.
func TestFaultsBySeed(t *testing.T) {
	run := func(seed uint64) (map[string]int, map[string][]string, []string) {
		now := time.Unix(0, 0)
		s := newList(destinations.SandboxOptions{Seed: seed, FaultRate: 0.2, Now: func() time.Time { now = now.Add(time.Minute); return now }})
		const n = 2000
		for i := range n {
			send(s, "POST", "/lists/a", string(rune(0x4e00+i)))
		}
		send(s, "GET", "/lists/a", "")
		kinds, order := map[string]int{}, []string{}
		for _, e := range s.Requests() {
			kinds[e.Fault]++
			order = append(order, e.Fault)
		}
		if s.Seen() != n+1 {
			t.Errorf("%d requests were seen", s.Seen())
		}
		return kinds, s.Members(), order
	}
	kinds, members, order := run(1)
	again, sameMembers, sameOrder := run(1)
	if d := cmp.Diff(kinds, again) + cmp.Diff(members, sameMembers) + cmp.Diff(order, sameOrder); d != "" {
		t.Errorf("the same seed gives other faults:\n%s", d)
	}
	if _, _, other := run(2); slices.Equal(order, other) {
		t.Error("another seed gives the same faults")
	}
	faulty := 0
	for name := range kinds {
		if name != "" {
			faulty += kinds[name]
		}
	}
	if len(kinds) != 7 || faulty < 150 || faulty > 250 { // of the last 1000
		t.Errorf("kinds %v: want six besides none, in about 200 of 1000", kinds)
	}
}

func TestFaultsOnTheWire(t *testing.T) {
	cases := map[fault]struct {
		applied bool
		status  int
		broken  bool
	}{
		none: {true, 201, false}, throttled: {false, 429, false}, broken: {false, 500, false}, lost: {false, 0, true},
		applied: {true, 0, true}, half: {true, 201, true}, html: {true, 200, false},
	}
	for f, want := range cases {
		t.Run(faultNames[f], func(t *testing.T) {
			s := newList(destinations.SandboxOptions{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a := newAnswer()
				if f == throttled || f == broken {
					s.vendor.Refuse(a, r, map[fault]int{throttled: 429, broken: 500}[f], 0)
				} else if !f.refuses() {
					s.vendor.ServeHTTP(a, r)
				}
				f.spoil(a)
				a.send(w)
			}))
			defer srv.Close()
			res, err := http.Post(srv.URL+"/lists/a", "text/plain", strings.NewReader("x"))
			status := 0
			if err == nil {
				status = res.StatusCode
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if status != want.status || (err != nil) != want.broken {
				t.Errorf("status %d, %v; want %d, broken %v", status, err, want.status, want.broken)
			}
			if got := len(s.Members()["a"]) == 1; got != want.applied {
				t.Errorf("applied %v, want %v", got, want.applied)
			}
		})
	}
}

func TestWindowsAndSpeed(t *testing.T) {
	for _, speed := range []float64{0, 10} {
		synctest.Test(t, func(t *testing.T) {
			s := newList(destinations.SandboxOptions{Speed: speed})
			scale := max(speed, 1)
			at := func(d time.Duration) { time.Sleep(time.Duration(float64(d) / scale)) }
			codes := func(n int) (out []int) {
				for range n {
					out = append(out, send(s, "POST", "/lists/a", "x").Code)
				}
				return out
			}
			if d := cmp.Diff([]int{201, 201, 201, 429}, codes(4)); d != "" {
				t.Errorf("burst:\n%s", d)
			}
			at(time.Second)
			if d := cmp.Diff([]int{201, 201, 429}, codes(3)); d != "" { // five in the minute
				t.Errorf("steady:\n%s", d)
			}
			wait, err := time.ParseDuration(send(s, "POST", "/lists/a", "x").Header().Get("Retry-After"))
			if want := time.Duration(float64(59*time.Second) / scale); err != nil || wait != want {
				t.Errorf("wait %s, want %s", wait, want)
			}
			at(59 * time.Second)
			if d := cmp.Diff([]int{201}, codes(1)); d != "" {
				t.Errorf("after the wait:\n%s", d)
			}
			if send(s, "GET", "/lists/a", "").Code != 200 {
				t.Error("a request without rates is limited")
			}
		})
	}
}

func TestSnapshotAndRestore(t *testing.T) {
	now := time.Unix(0, 0)
	s := newList(destinations.SandboxOptions{Now: func() time.Time { now = now.Add(time.Minute); return now }})
	send(s, "POST", "/lists/a", "x")
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	send(s, "POST", "/lists/a", "y")
	send(s, "POST", "/lists/b", "z")
	if err := s.Restore(snap); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string][]string{"a": {"x"}}, s.Members()); d != "" {
		t.Error(d)
	}
	if err := s.Restore(json.RawMessage(`{"held":`)); err == nil || len(s.Members()) != 1 {
		t.Errorf("half a snapshot: %v, %v", err, s.Members())
	}
	if err := s.Restore(json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	if code := send(s, "POST", "/lists/a", "x").Code; code != 201 {
		t.Errorf("after an empty snapshot: %d", code)
	}
}

// The pages for people: members in full, requests without anybody.
func TestPages(t *testing.T) {
	h := Mount(map[string]destinations.Sandbox{"acme": newList(destinations.SandboxOptions{})})
	send(h, "POST", "/acme/lists/canary@example.com", "canary-body")
	send(h, "POST", "/acme/nowhere/33639981234", "canary-body")
	var members struct{ Members map[string][]string }
	if err := json.Unmarshal(send(h, "GET", "/acme/_members", "").Body.Bytes(), &members); err != nil || len(members.Members["canary@example.com"]) != 1 {
		t.Errorf("members: %v, %v", members, err)
	}
	page := send(h, "GET", "/acme/_requests", "").Body.String()
	var log struct{ Requests []Entry }
	if err := json.Unmarshal([]byte(page), &log); err != nil || len(log.Requests) != 2 {
		t.Fatalf("requests: %s, %v", page, err)
	}
	if r := log.Requests[0]; r.Route != "/lists/{name}" || r.Status != 201 || r.Bytes != 11 || r.Method != "POST" {
		t.Errorf("first request: %+v", r)
	}
	if strings.Contains(page, "canary") || strings.Contains(page, "33639981234") {
		t.Errorf("the log names somebody:\n%s", page)
	}
	if code := send(h, "POST", "/acme", "x").Code; code != 404 {
		t.Errorf("the base itself answers %d, want the vendor's own 404", code)
	}
	if index := send(h, "GET", "/", "").Body.String(); !strings.Contains(index, "/acme/_members") {
		t.Errorf("index: %q", index)
	}
}
