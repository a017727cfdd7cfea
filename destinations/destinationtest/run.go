package destinationtest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
)

// check is one point of the contract, run for each object in a fresh world.
type check struct {
	name string
	when func(destinations.Object, Options) string // why it does not apply, or ""
	run  func(*world)
}

// Run holds a destination to the contract.
func Run(t *testing.T, d destinations.Destination, o Options) {
	t.Helper()
	if o.MaxRows == 0 {
		o.MaxRows = 2000
	}
	spec := d.Spec()
	if err := spec.Validate(); err != nil {
		t.Fatalf("the spec is not sound: %v", err)
	}
	t.Run("spec is a constant", func(t *testing.T) {
		if diff := cmp.Diff(spec, d.Spec()); diff != "" {
			t.Error(diff)
		}
	})
	for _, object := range spec.Objects {
		t.Run(object.Name, func(t *testing.T) {
			for _, c := range checks {
				t.Run(c.name, func(t *testing.T) {
					if why, ok := o.Skip[c.name]; ok {
						t.Skip(why)
					}
					if why, ok := o.Skip[object.Name+"/"+c.name]; ok {
						t.Skip(why)
					}
					if c.when != nil {
						if why := c.when(object, o); why != "" {
							t.Skip(why)
						}
					}
					var why string // a skip within a bubble does not reach the test around it
					synctest.Test(t, func(t *testing.T) {
						w := open(t, d, object, o)
						defer func() { why = w.skipped }()
						c.run(w)
					})
					if why != "" {
						t.Skip(why)
					}
				})
			}
		})
	}
}

func network(_ destinations.Object, o Options) string {
	if o.NoNetwork {
		return "it has no network"
	}
	return ""
}

func targets(ob destinations.Object, _ Options) string {
	if !ob.Target {
		return "the object has no target"
	}
	return ""
}

func remoteTargets(ob destinations.Object, o Options) string {
	if why := targets(ob, o); why != "" {
		return why
	}
	return network(ob, o)
}

var checks = []check{
	{"check", nil, checkCredentials},
	{"check with a wrong credential", network, checkRefused},
	{"one row", nil, oneRow},
	{"every op", nil, everyOp},
	{"largest batch", nil, largest},
	{"empty batch", nil, emptyBatch},
	{"same batch twice", nil, twice},
	{"odd values", nil, oddValues},
	{"members are read back", nil, readBack},
	{"ensure twice", targets, ensureTwice},
	{"preview", nil, preview},
	{"429", network, throttling},
	{"401 and 403", network, unauthorised},
	{"5xx", network, serverErrors},
	{"413", network, tooLarge},
	{"target is gone", remoteTargets, gone},
	{"400 that echoes people", network, echo},
	{"unreachable", network, unreachable},
	{"lost before applying", network, ambiguous(Mishap{Lose: true})},
	{"lost after applying", network, ambiguous(Mishap{LoseAfter: true})},
	{"half an answer", network, ambiguous(Mishap{Half: true})},
	{"no answer", network, ambiguous(Mishap{Hang: true})},
	{"an answer that never ends", network, ambiguous(Mishap{Dribble: true})},
	{"html", network, ambiguous(Mishap{Status: 200, Header: map[string]string{"Content-Type": "text/html"}, Body: "<!doctype html><p>Sign in"})},
	{"malformed answer", network, ambiguous(Mishap{Status: 200, Body: `{"data": [{"id`})},
	{"huge answer", network, hugeAnswer(false)},
	{"gzip bomb", network, hugeAnswer(true)},
	{"redirect", network, redirect},
	{"lost job", network, lostJob},
	{"cancelled", network, cancelled},
	{"several at once", nil, concurrent},
}

// batch samples n rows of the first op.
func (w *world) batch(n int, all bool) destinations.Batch { return w.batchOf(w.object.Ops[0], n, all) }

func (w *world) batchOf(op destinations.Op, n int, all bool) destinations.Batch {
	w.t.Helper()
	b, err := Sample(w.object, op, min(n, w.object.Limits.Rows), all, w.o.Fields[w.object.Name])
	if err != nil {
		w.t.Fatal(err)
	}
	b.Target, b.With = w.target, w.with()
	return b
}

// good reports whether a verdict means that the row is, or will be, where it should be.
func good(s destinations.Status) bool {
	return s == destinations.Delivered || s == destinations.Accepted || s == destinations.Unchanged
}

func (w *world) allGood(b destinations.Batch, o destinations.Outcome) {
	w.t.Helper()
	for i := range b.Rows {
		if r := o.Of(i); !good(r.Status) {
			w.t.Errorf("row %d: %s %s %s", i, r.Status, r.Code, r.Reason)
		}
	}
}

func checkCredentials(w *world) {
	before := w.members()
	if err := w.session.Check(w.t.Context()); err != nil {
		w.t.Errorf("Check: %v", err)
	}
	if diff := cmp.Diff(before, w.members()); diff != "" {
		w.t.Errorf("Check changed something:\n%s", diff)
	}
	if w.sandbox != nil && len(w.wire.Requests()) == 0 {
		w.t.Error("Check asked nothing")
	}
	w.leaks(nil)
}

func checkRefused(w *world) {
	w.wire.Script = func(*http.Request) *Mishap { return &Mishap{Status: 401, Body: `{}`} }
	err := w.session.Check(w.t.Context())
	if w.sandbox == nil {
		return // without a credential there may be nothing to check
	}
	if c := destinations.AsFault(err).Class; err == nil || c != destinations.Refused && c != destinations.Expired {
		w.t.Errorf("Check with a wrong credential: %v", err)
	}
}

func (w *world) members() map[string][]string {
	if w.sandbox == nil {
		return nil
	}
	return w.sandbox.Members()
}

func oneRow(w *world) {
	b := w.batch(1, false)
	w.allGood(b, w.settled(b))
	w.leaks(canaries(b))
}

// everyOp sends all fields with each op, in the order of the spec, to the same people.
func everyOp(w *world) {
	remote := map[string]string{}
	for _, op := range w.object.Ops {
		if op == destinations.Erase {
			continue
		}
		n := 3
		if w.object.Limits.Rows < n {
			n = 1
		}
		b := w.batchOf(op, n, op != destinations.Remove && op != destinations.Delete)
		for i := range b.Rows {
			b.Rows[i].RemoteID = remote[b.Rows[i].Key]
		}
		o := w.settled(b)
		w.allGood(b, o)
		for i, r := range b.Rows {
			if id := o.Of(i).RemoteID; id != "" {
				remote[r.Key] = id
			}
		}
		w.leaks(canaries(b))
		if op == destinations.Remove && w.object.Target && w.sandbox != nil {
			for target, held := range w.sandbox.Members() {
				if target == w.into() && len(held) > 0 {
					w.t.Errorf("%d members are left after their removal", len(held))
				}
			}
		}
	}
}

func largest(w *world) {
	l := w.object.Limits
	b := w.batch(min(l.Rows, w.o.MaxRows), false)
	w.allGood(b, w.settled(b))
	for _, r := range w.wire.Requests() {
		if l.Bytes > 0 && len(r.Body) > l.Bytes {
			w.t.Errorf("a request of %d bytes, over the limit of %d", len(r.Body), l.Bytes)
		}
	}
	if w.object.Target && w.sandbox != nil {
		if n := len(w.sandbox.Members()[w.into()]); n != len(b.Rows) {
			w.t.Errorf("the vendor holds %d members, want %d", n, len(b.Rows))
		}
	}
	w.leaks(canaries(b))
}

func emptyBatch(w *world) {
	b := w.batch(1, false)
	b.Rows = nil
	if _, err := w.write(w.t.Context(), b); err != nil {
		w.t.Errorf("an empty batch: %v", err)
	}
	if n := len(w.wire.Requests()); n > 0 {
		w.t.Errorf("an empty batch sent %d requests", n)
	}
}

func twice(w *world) {
	b := w.batch(3, false)
	w.settled(b)
	before := w.members()
	if !w.object.Idempotent {
		w.skip("the object says that repeating harms")
	}
	b.Replay = true
	w.allGood(b, w.settled(b))
	if diff := cmp.Diff(before, w.members()); diff != "" {
		w.t.Errorf("a repeated batch changed something:\n%s", diff)
	}
}

// readBack sends people and reads them with Lister.
func readBack(w *world) {
	l, ok := w.session.(destinations.Lister)
	if !ok {
		w.skip("it can not read members back")
	}
	b := w.batch(5, false)
	w.settled(b)
	// A destination may read back fewer identifiers than it takes; ask for the first.
	columns := destinations.Columns{IDs: b.Columns.IDs[:1]}
	var got, want []string
	err := l.Members(w.t.Context(), w.object.Name, w.target, columns, func(ids []any) bool {
		got = append(got, fmt.Sprint(ids[0]))
		return true
	})
	if err != nil {
		w.t.Fatalf("Members: %v", err)
	}
	for _, r := range b.Rows {
		want = append(want, fmt.Sprint(r.IDs[0]))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("members (-want +got):\n%s", diff)
	}
	seen := 0
	if err := l.Members(w.t.Context(), w.object.Name, w.target, columns, func([]any) bool { seen++; return false }); err != nil || seen != 1 {
		w.t.Errorf("Members went on after it was told to stop: %d, %v", seen, err)
	}
}

func ensureTwice(w *world) {
	m, ok := w.session.(destinations.AudienceManager)
	if !ok {
		w.skip("targets are not made")
	}
	again, err := m.Ensure(w.t.Context(), w.object.Name, w.into(), w.with())
	if err != nil || again != w.target {
		w.t.Errorf("Ensure again: %q, %v; the first was %q", again, err, w.target)
	}
	other, err := m.Ensure(w.t.Context(), w.object.Name, w.into()+" 2", w.with())
	if err != nil || other == w.target {
		w.t.Errorf("Ensure of another name: %q, %v", other, err)
	}
}

func preview(w *world) {
	p, ok := w.session.(destinations.Previewer)
	if !ok {
		w.skip("it has no preview")
	}
	b := w.batch(3, true)
	shown, err := p.Preview(w.t.Context(), b)
	if err != nil {
		w.t.Fatalf("Preview: %v", err)
	}
	if n := len(w.wire.Requests()); n > 0 {
		w.t.Errorf("Preview sent %d requests", n)
	}
	var want []Recorded
	for _, r := range shown {
		rec := record(r)
		for _, s := range w.secrets {
			if strings.Contains(fmt.Sprint(rec), s) {
				w.t.Error("the preview shows a secret")
			}
		}
		want = append(want, rec)
	}
	if _, err := w.write(w.t.Context(), b); err != nil {
		w.t.Fatal(err)
	}
	var got []Recorded
	for _, r := range w.wire.Requests() {
		r.Header = nil
		got = append(got, r)
	}
	for i := range want {
		want[i].Header = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("what was sent differs from the preview (-preview +sent):\n%s", cut(diff))
	}
}

// concurrent writes from as many goroutines as the limits allow, for the race detector.
func concurrent(w *world) {
	n := max(w.object.Limits.Concurrency, 1)
	errs := make(chan error, n)
	for i := range n {
		b := w.batch(2, true)
		b.ID = fmt.Sprintf("concurrent-%d", i)
		go func() {
			_, err := w.session.Write(context.Background(), b)
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			w.t.Error(err)
		}
	}
}

func oddValues(w *world) {
	if !w.object.OpenFields {
		w.skip("fields are closed")
	}
	b := w.batch(1, false)
	zone := time.FixedZone("", 2*3600)
	odd := map[string]any{
		"x_nil": nil, "x_empty": "", "x_emoji": "\U0001F469\u200d\U0001F680 ok", "x_nul": "a\x00b", "x_rtl": "\u202eabc\u05d0",
		"x_long": strings.Repeat("long ", 2000), "x_big": int64(9007199254740993), "x_float": 0.1, "x_true": true,
		"x_time": time.Date(2026, 3, 29, 2, 30, 0, 123456000, zone).UTC(), "x_list": []any{"a", int64(1)},
		"x_map": map[string]any{"k": "v"}, "x_quote": `"';--<b>&`, "x_crlf": "a\r\nb", "x_comma": "a,b;c\td", "x_absent": destinations.Absent,
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for k := range odd {
			if !yield(k) {
				return
			}
		}
	}) {
		b.Columns.Fields = append(b.Columns.Fields, name)
		b.Rows[0].Fields = append(b.Rows[0].Fields, odd[name])
	}
	w.allGood(b, w.settled(b))
	var sent strings.Builder
	for _, r := range w.wire.Requests() {
		sent.Write(r.Body)
	}
	if text := sent.String(); text != "" {
		if !strings.Contains(text, "9007199254740993") {
			w.t.Error("an integer beyond 2^53 did not arrive whole")
		}
		if strings.Contains(text, "x_absent") {
			w.t.Error("an absent field was sent")
		}
	}
	w.leaks(canaries(b))
}
