package destinationtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
)

func record(r *http.Request) Recorded {
	out := Recorded{Method: r.Method, URL: r.URL.String(), Header: r.Header}
	if r.Body != nil {
		out.Body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(out.Body))
	}
	return out
}

// fault sends one batch whose first write meets m, and holds the class of the fault.
func (w *world) fault(m Mishap, want ...destinations.Class) {
	w.t.Helper()
	_ = w.faultOf(m, want...)
}

// faultOf is fault, and returns what it met. A destination that answers with a verdict instead
// must say Later or Uncertain, or Rejected for a batch of one; there is no fault then.
func (w *world) faultOf(m Mishap, want ...destinations.Class) *destinations.Fault {
	w.t.Helper()
	b := w.batch(1, true)
	writes := w.once(m)
	o, err := w.write(w.t.Context(), b)
	if *writes == 0 {
		w.t.Fatal("the batch makes no write: nothing was tested")
	}
	defer w.leaks(canaries(b))
	if *writes > 1 && !m.Unreachable {
		w.t.Errorf("the write was repeated: %d times", *writes)
	}
	if err == nil {
		if s := o.Of(0).Status; s == destinations.Later || s == destinations.Uncertain ||
			s == destinations.Rejected && slices.Contains(want, destinations.BadBatch) {
			return nil
		}
		w.t.Errorf("the verdict is %s, want a fault of class %v", o.Of(0).Status, want)
		return nil
	}
	f := destinations.AsFault(err)
	if !slices.Contains(want, f.Class) {
		w.t.Errorf("the fault is %v, want class %v", f, want)
	}
	if f.Text == "" && f.Err == nil {
		w.t.Errorf("the fault says nothing: %+v", f)
	}
	return f
}

func throttling(w *world) {
	for _, c := range []struct {
		name, value string
		min, max    time.Duration
	}{
		{"Retry-After", "7", 7 * time.Second, 7 * time.Second},
		{"Retry-After", time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat), 85 * time.Second, 90 * time.Second},
		{"Retry-After", "315360000", time.Minute, 24 * time.Hour},
		{"Retry-After", "-5", time.Second, time.Minute},
		{"X-RateLimit-Reset", fmt.Sprint(time.Now().Add(30 * time.Second).Unix()), 25 * time.Second, 31 * time.Second},
		{"X-RateLimit-Reset", fmt.Sprint(time.Now().Add(-time.Hour).Unix()), time.Second, time.Minute},
		{"X-None", "", 0, time.Minute},
	} {
		f := w.faultOf(Mishap{Status: 429, Header: map[string]string{c.name: c.value}, Body: `{}`}, destinations.Throttled)
		if f != nil && (f.RetryAfter < c.min || f.RetryAfter > c.max) {
			w.t.Errorf("%s: %s means a wait of %s, want %s to %s", c.name, c.value, f.RetryAfter, c.min, c.max)
		}
	}
}

func unauthorised(w *world) {
	want := destinations.Refused
	if _, ok := w.session.(destinations.Refresher); ok {
		want = destinations.Expired
	}
	w.fault(Mishap{Status: 401, Body: `{}`}, want)
	w.fault(Mishap{Status: 403, Body: `{}`}, destinations.Refused)
}

func serverErrors(w *world) {
	for _, status := range []int{500, 502, 504} {
		w.fault(Mishap{Status: status, Body: `{}`}, destinations.Ambiguous, destinations.Transient)
		if !w.object.Idempotent {
			w.fault(Mishap{Status: status, Body: `{}`}, destinations.Ambiguous)
		}
	}
	w.fault(Mishap{Status: 503, Header: map[string]string{"Content-Type": "text/html"}, Body: "<p>Maintenance"},
		destinations.Transient, destinations.Ambiguous)
}

func tooLarge(w *world) {
	w.fault(Mishap{Status: 413, Body: `{}`}, destinations.TooLarge)
}

func gone(w *world) {
	w.fault(Mishap{Status: 404, Body: `{}`}, destinations.Gone)
}

func unreachable(w *world) {
	b := w.batch(1, false)
	w.wire.Script = func(*http.Request) *Mishap { return &Mishap{Unreachable: true} }
	_, err := w.write(w.t.Context(), b)
	if f := destinations.AsFault(err); err == nil || f.Class != destinations.Transient {
		w.t.Errorf("with nobody listening: %v, want a transient fault", err)
	}
	w.leaks(canaries(b))
}

func ambiguous(m Mishap) func(*world) {
	return func(w *world) { w.fault(m, destinations.Ambiguous) }
}

// hugeAnswer answers with more than any vendor says, and holds how much of it is read.
func hugeAnswer(zip bool) func(*world) {
	return func(w *world) {
		w.fault(Mishap{Status: 200, Gzip: zip, Body: `{"x":"` + strings.Repeat("x", 16<<20) + `"}`}, destinations.Ambiguous)
		if w.wire.read > 8<<20 {
			w.t.Errorf("%d bytes of a huge answer were read", w.wire.read)
		}
	}
}

func redirect(w *world) {
	for _, to := range []string{"http://elsewhere.example.com/steal", Base + "/other"} {
		w.fault(Mishap{Status: 307, Header: map[string]string{"Location": to}, Body: `{}`}, destinations.Config)
	}
}

// lostJob asks for a job that the vendor has forgotten, and for one while the vendor is down: no
// row may be called delivered for that.
func lostJob(w *world) {
	p, ok := w.session.(destinations.Poller)
	if !ok {
		w.t.Log("does not apply: it has no jobs")
		return
	}
	b := w.batch(2, false)
	o, err := w.write(w.t.Context(), b)
	if err != nil {
		w.t.Fatal(err)
	}
	if o.Job == nil {
		w.t.Log("does not apply: the batch starts no job")
		return
	}
	for _, m := range []Mishap{{Status: 404, Body: `{}`}, {Status: 500, Body: `{}`}, {Lose: true}} {
		w.wire.Script = func(*http.Request) *Mishap { return &m }
		late, done, err := p.Poll(w.t.Context(), *o.Job, b)
		switch {
		case err != nil:
			w.shown = append(w.shown, err.Error())
		case done:
			for i := range b.Rows {
				if s := late.Of(i).Status; s == destinations.Delivered || s == destinations.Unchanged {
					w.t.Errorf("after %+v row %d is %s", m, i, s)
				}
			}
		}
	}
	w.leaks(canaries(b))
}

// echo answers 400 with the request inside, as vendors do.
func echo(w *world) {
	b := w.batch(1, true)
	n := 0
	w.wire.Script = func(r *http.Request) *Mishap {
		if !w.isWrite(r) {
			return nil
		}
		n++
		body, _ := io.ReadAll(r.Body)
		text := fmt.Sprintf("%q for %s with %v", body, person("email.basic", 0), r.Header["Authorization"])
		return &Mishap{Status: 400, Body: fmt.Sprintf(`{"code":21211,"message":%q,"error":{"message":%[1]q,"error_user_msg":%[1]q,"code":100},"errors":[{"code":"invalid","title":%[1]q,"detail":%[1]q}]}`, text)}
	}
	_, _ = w.write(w.t.Context(), b)
	if n == 0 {
		w.t.Fatal("the batch makes no write: nothing was tested")
	}
	w.leaks(canaries(b))
}

func cancelled(w *world) {
	b := w.batch(1, false)
	ctx, cancel := context.WithCancel(w.t.Context())
	w.wire.Script = func(r *http.Request) *Mishap {
		if !w.isWrite(r) {
			return nil
		}
		time.AfterFunc(time.Second, cancel)
		return &Mishap{Hang: true}
	}
	start := time.Now()
	_, err := w.write(ctx, b)
	cancel()
	if err == nil {
		w.t.Error("a cancelled write succeeded")
	} else if c := destinations.AsFault(err).Class; c != destinations.Ambiguous {
		w.t.Errorf("a write that was cancelled under way is %s, want ambiguous", c)
	}
	if d := time.Since(start); d > 2*time.Second {
		w.t.Errorf("a cancelled write took %s", d)
	}
}
