package destinationtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Options adapt the suite to a destination. The zero value fits one with a sandbox.
type Options struct {
	// Settings go over the defaults of the Spec and over what the sandbox asks for.
	Settings map[string]any
	// Server answers where there is no sandbox. NoNetwork says that there is nothing to answer.
	Server    func() http.Handler
	NoNetwork bool
	// Into is the name of the list or file of objects that have a target. Defaults to
	// "Conformance".
	Into string
	// With and Fields are given to every batch of an object, by its name.
	With, Fields map[string]map[string]any
	// IsWrite tells the requests that change something. Defaults to all but GET and HEAD.
	IsWrite func(*http.Request) bool
	// MaxRows bounds the largest batch tried. Defaults to 2000.
	MaxRows int
	// Skip names checks that do not apply, with the reason that is logged.
	Skip map[string]string
}

// world is one destination, opened over a fresh vendor.
type world struct {
	t       *testing.T
	o       Options
	d       destinations.Destination
	object  destinations.Object
	wire    *Wire
	sandbox destinations.Sandbox
	session destinations.Session
	log     *bytes.Buffer
	secrets []string
	target  string
	shown   []string // all that a person could read: errors, reasons, notes
}

// open makes a world. It must run in a bubble.
func open(t *testing.T, d destinations.Destination, object destinations.Object, o Options) *world {
	t.Helper()
	w := &world{t: t, o: o, d: d, object: object, wire: &Wire{}, log: &bytes.Buffer{}}
	settings := map[string]any{}
	spec := d.Spec()
	for _, s := range spec.Settings {
		if s.Default != nil {
			settings[s.Name] = s.Default
		}
	}
	if s, ok := d.(destinations.Sandboxer); ok {
		w.sandbox = s.Sandbox(destinations.SandboxOptions{Seed: 1, Speed: 1e6})
		w.wire.Handler = w.sandbox
		maps.Copy(settings, w.sandbox.Settings(Base))
	} else if o.Server != nil {
		w.wire.Handler = o.Server()
	}
	maps.Copy(settings, o.Settings)
	secret := map[string]string{}
	for _, s := range spec.Settings {
		if v, ok := settings[s.Name].(string); ok && s.Secret {
			delete(settings, s.Name)
			secret[s.Name] = v
			if len(v) >= 6 {
				w.secrets = append(w.secrets, v)
			}
		}
	}
	env := destinations.Env{
		Settings: settings,
		Secret: func(name string) (string, error) {
			v, ok := secret[name]
			if !ok {
				return "", fmt.Errorf("no secret %q", name)
			}
			return v, nil
		},
		HTTP: w.wire, Dir: t.TempDir(), Now: time.Now,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	s, err := d.Open(t.Context(), env)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	if n := len(w.wire.Requests()); n > 0 {
		t.Errorf("Open sent %d requests", n)
	}
	w.session = s
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	if object.Target {
		w.target = w.into()
		if m, ok := s.(destinations.AudienceManager); ok {
			if w.target, err = m.Ensure(t.Context(), object.Name, w.into(), w.with()); err != nil {
				t.Fatalf("Ensure: %v", err)
			}
		}
	}
	w.wire.Forget()
	return w
}

func (w *world) into() string {
	if w.o.Into != "" {
		return w.o.Into
	}
	return "Conformance"
}

func (w *world) with() map[string]any {
	out := map[string]any{}
	for _, s := range w.object.With {
		if s.Default != nil {
			out[s.Name] = s.Default
		}
	}
	maps.Copy(out, w.o.With[w.object.Name])
	return out
}

// write sends a batch, checks that the outcome is whole, and remembers what was said.
func (w *world) write(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	w.t.Helper()
	o, err := w.session.Write(ctx, b)
	if err != nil {
		for e := err; e != nil; e = errors.Unwrap(e) {
			w.shown = append(w.shown, e.Error())
		}
		f := destinations.AsFault(err)
		w.shown = append(w.shown, f.Text, f.Code)
		if f.Class < destinations.Throttled || f.Class > destinations.Ambiguous {
			w.t.Errorf("fault without a class: %v", err)
		}
		return o, err
	}
	for i := range b.Rows {
		r := o.Of(i)
		if r.Status < destinations.Delivered || r.Status > destinations.Uncertain {
			w.t.Errorf("row %d of %d has no verdict", i, len(b.Rows))
		}
		if r.Status == destinations.Rejected && (r.Code == "" || r.Reason == "") {
			w.t.Errorf("row %d is rejected without code or reason: %+v", i, r)
		}
		w.shown = append(w.shown, r.Code, r.Reason)
	}
	for i := range o.Rows {
		if i < 0 || i >= len(b.Rows) {
			w.t.Errorf("a verdict on row %d of a batch of %d", i, len(b.Rows))
		}
	}
	w.shown = append(w.shown, o.Notes...)
	for k := range o.Counts {
		w.shown = append(w.shown, k)
	}
	return o, nil
}

// settled writes a batch and follows its job to the end.
func (w *world) settled(b destinations.Batch) destinations.Outcome {
	w.t.Helper()
	o, err := w.write(w.t.Context(), b)
	if err != nil {
		w.t.Fatalf("Write: %v", err)
	}
	return w.follow(b, o)
}

func (w *world) follow(b destinations.Batch, o destinations.Outcome) destinations.Outcome {
	w.t.Helper()
	p, ok := w.session.(destinations.Poller)
	if !ok || o.Job == nil {
		return o
	}
	job := *o.Job
	if !json.Valid(job.Ref) {
		w.t.Errorf("Job.Ref is not JSON: %q", job.Ref)
	}
	for range 1000 {
		time.Sleep(max(job.After, time.Second))
		done, ok, err := p.Poll(w.t.Context(), job, b)
		if err != nil {
			w.t.Fatalf("Poll: %v", err)
		}
		if ok {
			for i := range b.Rows {
				if r := done.Of(i); r.Status == 0 {
					w.t.Errorf("row %d has no verdict when its job is done", i)
				}
			}
			return done
		}
	}
	w.t.Fatal("the job never ends")
	return o
}

// isWrite reports whether r changes something at the vendor.
func (w *world) isWrite(r *http.Request) bool {
	if w.o.IsWrite != nil {
		return w.o.IsWrite(r)
	}
	return r.Method != http.MethodGet && r.Method != http.MethodHead
}

// once makes the first write meet m, and returns a count of writes from then on.
func (w *world) once(m Mishap) *int {
	n := new(int)
	w.wire.Script = func(r *http.Request) *Mishap {
		if !w.isWrite(r) {
			return nil
		}
		if *n++; *n == 1 {
			return &m
		}
		return nil
	}
	return n
}

// leaks reports canaries in anything that a person or a log could see.
func (w *world) leaks(canaries []string) {
	w.t.Helper()
	text := w.log.String() + "\n" + strings.Join(w.shown, "\n")
	for _, c := range append(canaries, w.secrets...) {
		if c != "" && strings.Contains(text, c) {
			w.t.Errorf("%q is in a log, error, reason or note:\n%s", c, cut(text))
		}
	}
	for _, r := range w.wire.Requests() {
		for _, c := range w.secrets {
			if strings.Contains(r.URL, c) {
				w.t.Errorf("a secret is in the URL of %s", r.Method)
			}
		}
	}
	if len(w.wire.foreign) > 0 {
		w.t.Errorf("requests went to %v", w.wire.foreign)
	}
}

func cut(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "…"
	}
	return s
}
