package destinationtest

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
)

// check is one point of the contract, run for each object in a fresh world.
type check struct {
	name string
	when func(destinations.Object, Options) string // why it does not apply, or ""
	run  func(*world)
}

// inapplicable is why a check has nothing to ask of an object, or "".
func (c check) inapplicable(ob destinations.Object, o Options) string {
	for _, name := range []string{c.name, ob.Name + "/" + c.name} {
		if why, ok := o.Skip[name]; ok {
			return why
		}
	}
	if c.when == nil {
		return ""
	}
	return c.when(ob, o)
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
				if why := c.inapplicable(object, o); why != "" {
					t.Logf("%s: does not apply: %s", c.name, why)
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { c.run(open(t, d, object, o)) })
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
