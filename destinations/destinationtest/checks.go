package destinationtest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
)

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
		w.t.Log("does not apply: the object says that repeating harms")
		return
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
	if w.object.Listed && !ok {
		w.t.Fatal("the object is Listed, and the session is no Lister")
	}
	if !w.object.Listed {
		w.t.Log("does not apply: it can not read members back")
		return
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
		w.t.Log("does not apply: targets are not made")
		return
	}
	again, err := m.Ensure(w.t.Context(), w.object.Name, w.into(), w.with())
	if err != nil || again != w.target {
		w.t.Errorf("Ensure again: %q, %v; the first was %q", again, err, w.target)
	}
	finds := func(name, want string) {
		if l, ok := w.session.(destinations.Lister); ok && w.object.Listed && w.object.Target {
			if got, err := l.Find(w.t.Context(), w.object.Name, name); err != nil || got != want {
				w.t.Errorf("Find %q: %q, %v; want %q", name, got, err, want)
			}
		}
	}
	finds(w.into(), w.target)
	finds(w.into()+" 2", "")
	other, err := m.Ensure(w.t.Context(), w.object.Name, w.into()+" 2", w.with())
	if err != nil || other == w.target {
		w.t.Errorf("Ensure of another name: %q, %v", other, err)
	}
	finds(w.into()+" 2", other)
}

func preview(w *world) {
	p, ok := w.session.(destinations.Previewer)
	if !ok {
		w.t.Log("does not apply: it has no preview")
		return
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
		w.t.Log("does not apply: fields are closed")
		return
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
