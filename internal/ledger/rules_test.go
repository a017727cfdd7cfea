//go:build cgo && !noduckdb

package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

var (
	ann  = person{key: "p1", email: "ann@example.com", name: "Ann"}
	bob  = person{key: "p2", email: "bob@example.com", name: "Bob"}
	cleo = person{key: "p3", email: "cleo@example.com", name: "Cleo"}
)

func (p person) with(change func(*person)) person { change(&p); return p }
func (p person) named(n string) person            { p.name = n; return p }
func (p person) at(email string) person           { p.email = email; return p }
func (p person) on(phone string) person           { p.phone = phone; return p }
func (p person) but(barred string) person         { p.barred = barred; return p }
func (p person) as(key string) person             { p.key = key; return p }

const (
	addAnn  = "add p1 email=ann@example.com name=Ann"
	addBob  = "add p2 email=bob@example.com name=Bob"
	addCleo = "add p3 email=cleo@example.com name=Cleo"
)

// Each step replaces who is wanted, and says what is then sent. Every plan is applied as a whole.
type step struct {
	want  []person
	sends []string
}

func TestWhatIsSent(t *testing.T) {
	mode := func(m syncs.Mode, l syncs.OnLeave) func(*Binding) {
		return func(b *Binding) { b.Sync.Mode, b.Sync.OnLeave = m, l }
	}
	for name, c := range map[string]struct {
		object string
		change func(*Binding)
		steps  []step
	}{
		"F09 members come, change and go, in the order remove, update, add": {steps: []step{
			{[]person{cleo, ann, bob}, []string{addAnn, addBob, addCleo}},
			{[]person{ann, bob, cleo}, nil},
			{[]person{ann, bob.named("Robert"), person{key: "p4", email: "dan@example.com"}},
				[]string{"remove p3 email=cleo@example.com", "~add p2 email=bob@example.com name=Robert", "add p4 email=dan@example.com"}},
			{[]person{ann, bob.named("Robert"), cleo}, []string{"remove p4 email=dan@example.com", addCleo}}, // who comes again is added once
			{nil, []string{"remove p1 email=ann@example.com", "remove p2 email=bob@example.com", "remove p3 email=cleo@example.com"}},
			{nil, nil},
		}},
		"a value that is cleared, and one that is empty, differ": {steps: []step{
			{[]person{ann}, []string{addAnn}},
			{[]person{ann.named("")}, []string{"~add p1 email=ann@example.com"}},
		}},
		"F55 a changed match value is a removal and an addition side by side": {steps: []step{
			{[]person{ann, bob, cleo}, []string{addAnn, addBob, addCleo}},
			{[]person{ann.named("Anna"), bob.at("bob@new.example.com"), person{key: "p0", email: "zoe@example.com"}}, []string{
				"remove p2 email=bob@example.com", "add p2 email=bob@new.example.com name=Bob", "remove p3 email=cleo@example.com",
				"~add p1 email=ann@example.com name=Anna", "add p0 email=zoe@example.com"}},
			{[]person{ann.named("Anna"), bob.at("bob@new.example.com"), person{key: "p0", email: "zoe@example.com"}}, nil},
		}},
		"of several profiles with one value the lowest has it": {steps: []step{
			{[]person{bob.at(ann.email), ann}, []string{addAnn}},
			{[]person{bob.at(ann.email), ann.at("ann@new.example.com")}, []string{ // it passes to the other: an update of its owner
				"~add p2 email=ann@example.com name=Bob", "add p1 email=ann@new.example.com name=Ann"}},
			{[]person{bob.at(ann.email), ann.at("ann@new.example.com")}, nil},
			{[]person{ann.at("ann@new.example.com")}, []string{"remove p2 email=ann@example.com"}},
		}},
		"of these, one that can be sent comes first": {steps: []step{
			{[]person{ann.with(func(p *person) { p.invalid = "syncs.missing_field" }), bob.at(ann.email)}, []string{"add p2 email=ann@example.com name=Bob"}},
		}},
		"a value that another still has is not removed": {steps: []step{
			{[]person{ann.on("+33639980001"), bob.on("+33639980001")}, []string{"add p1 email=ann@example.com phone=+33639980001 name=Ann", "add p2 email=bob@example.com phone=+33639980001 name=Bob"}},
			{[]person{bob.on("+33639980001")}, []string{"remove p1 email=ann@example.com"}},
			{nil, []string{"remove p2 email=bob@example.com", "remove p2 phone=+33639980001"}},
		}},
		"a further value that changes is removed beside the update": {steps: []step{
			{[]person{ann.on("+33639980001"), bob}, []string{"add p1 email=ann@example.com phone=+33639980001 name=Ann", addBob}},
			{[]person{ann.on("+33639980002"), bob.named("Rob")}, []string{
				"remove p1 phone=+33639980001", "~add p1 email=ann@example.com phone=+33639980002 name=Ann", "~add p2 email=bob@example.com name=Rob"}},
			{[]person{ann.on("+33639980002"), bob.named("Rob")}, nil},
		}},
		"who gains the first identifier keeps the other": {steps: []step{
			{[]person{{key: "p1", phone: "+33639980001"}}, []string{"add p1 phone=+33639980001"}},
			{[]person{{key: "p1", phone: "+33639980001", email: "ann@example.com"}}, []string{"add p1 email=ann@example.com phone=+33639980001"}},
			{[]person{{key: "p1", phone: "+33639980001", email: "ann@example.com"}}, nil},
			{nil, []string{"remove p1 email=ann@example.com", "remove p1 phone=+33639980001"}},
			{nil, nil},
		}},
		"an invalid row is not sent, and not removed": {steps: []step{
			{[]person{ann, bob}, []string{addAnn, addBob}},
			{[]person{ann.with(func(p *person) { p.name, p.invalid = "", "syncs.missing_field" }), bob}, nil},
			{[]person{person{key: "p1", invalid: "syncs.missing_match"}, bob}, []string{"remove p1 email=ann@example.com"}},
		}},
		"leaving by policy removes at the front": {steps: []step{
			{[]person{ann, bob, cleo}, []string{addAnn, addBob, addCleo}},
			{[]person{bob, cleo.but("policy.marketing_email")}, []string{"remove p3 email=cleo@example.com forced", "remove p1 email=ann@example.com"}},
			{[]person{bob, cleo.but("policy.marketing_email")}, nil},
		}},
		"a value of somebody kept out that another may have stays": {steps: []step{
			{[]person{ann, bob}, []string{addAnn, addBob}},
			{[]person{ann.but("policy.x"), bob, cleo.at(ann.email)}, []string{"~add p3 email=ann@example.com name=Cleo"}},
		}},
		"add: they come and change, and go by policy only": {change: mode(syncs.Add, ""), steps: []step{
			{[]person{ann, bob}, []string{addAnn, addBob}},
			{[]person{bob.named("Rob")}, []string{"~add p2 email=bob@example.com name=Rob"}},
			{[]person{bob.named("Rob"), ann}, nil},
			{[]person{bob.named("Rob").but("policy.x")}, []string{"remove p2 email=bob@example.com forced"}},
		}},
		"keep: nobody goes but by policy": {change: mode(syncs.Mirror, syncs.Keep), steps: []step{
			{[]person{ann, bob}, []string{addAnn, addBob}},
			{[]person{bob}, nil},
			{[]person{ann.but("policy.x"), bob}, []string{"remove p1 email=ann@example.com forced"}},
		}},
		"records are written, and kept": {object: "record", change: mode(syncs.Upsert, ""), steps: []step{
			{[]person{ann}, []string{"upsert p1 email=ann@example.com name=Ann"}},
			{[]person{ann.named("Anna")}, []string{"~upsert p1 email=ann@example.com name=Anna"}},
			{nil, nil},
			{[]person{ann.named("Anna")}, nil},
		}},
		"records are deleted": {object: "record", change: mode(syncs.Upsert, syncs.Remove), steps: []step{
			{[]person{ann}, []string{"upsert p1 email=ann@example.com name=Ann"}},
			{nil, []string{"delete p1 email=ann@example.com"}},
			{[]person{ann}, []string{"upsert p1 email=ann@example.com name=Ann"}},
		}},
		"records are cleared": {object: "record", change: mode(syncs.Upsert, syncs.Clear), steps: []step{
			{[]person{ann}, []string{"upsert p1 email=ann@example.com name=Ann"}},
			{nil, []string{"clear p1 email=ann@example.com name=null"}},
			{nil, nil},
			{[]person{ann}, []string{"upsert p1 email=ann@example.com name=Ann"}},
		}},
		"an absent value that clears is sent as null": {object: "record", change: func(b *Binding) { b.Sync.Mode = syncs.Upsert; b.Rows.Fields[0].Clear = true }, steps: []step{
			{[]person{ann}, []string{"upsert p1 email=ann@example.com name=Ann"}},
			{[]person{ann.named("")}, []string{"~upsert p1 email=ann@example.com name=null"}},
		}},
		"append: once and never again": {object: "message", change: appendWith("", syncs.Send), steps: []step{
			{[]person{ann.as("p1:1"), bob.as("p2:1")}, []string{"emit p1:1 email=ann@example.com name=Ann", "emit p2:1 email=bob@example.com name=Bob"}},
			{[]person{ann.as("p1:1").named("Anna")}, nil}, // a payload change never resends
			{[]person{ann.as("p1:2"), cleo.as("p3:1").at(bob.email)}, nil},
		}},
		"append: those who are in already are noted as not sent": {object: "message", change: appendWith("", ""), steps: []step{
			{[]person{ann.as("p1:1")}, nil},
			{[]person{ann.as("p1:1"), bob.as("p2:1")}, []string{"emit p2:1 email=bob@example.com name=Bob"}},
		}},
		"append: again on reentry, unless the value was told of to somebody who is still in": {object: "message", change: appendWith("on_reentry", syncs.Send), steps: []step{
			{[]person{ann.as("p1:1")}, []string{"emit p1:1 email=ann@example.com name=Ann"}},
			{[]person{ann.as("p1:1"), bob.as("p2:1").at(ann.email)}, nil},
			{[]person{bob.as("p2:1").at(ann.email)}, nil}, // the value never left
			{[]person{ann.as("p1:2")}, nil},
			{nil, nil},
			{[]person{bob.as("p2:2").at(ann.email)}, []string{"emit p2:2 email=ann@example.com name=Bob"}},
		}},
		"append: again on reentry of the same person": {object: "message", change: appendWith("on_reentry", syncs.Send), steps: []step{
			{[]person{ann.as("p1:1")}, []string{"emit p1:1 email=ann@example.com name=Ann"}},
			{[]person{ann.as("p1:2")}, []string{"emit p1:2 email=ann@example.com name=Ann"}}, // left and came back between two runs
			{nil, nil},
			{[]person{ann.as("p1:3")}, []string{"emit p1:3 email=ann@example.com name=Ann"}},
		}},
		"append: again on reentry, with a value that somebody took over who had another": {object: "message", change: appendWith("on_reentry", syncs.Send), steps: []step{
			{[]person{ann.as("p1:1"), bob.as("p2:1")}, []string{"emit p1:1 email=ann@example.com name=Ann", "emit p2:1 email=bob@example.com name=Bob"}},
			{[]person{bob.as("p2:1").at(ann.email)}, nil},
			{[]person{bob.as("p2:1").at(ann.email), cleo.as("p1:2").at(ann.email)}, nil},
			{[]person{bob.as("p2:1").at(ann.email), cleo.as("p3:1")}, []string{"emit p3:1 email=cleo@example.com name=Cleo"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			obj := list
			switch c.object {
			case "record":
				obj = record
			case "message":
				obj = message
			}
			w := newWorld(t, obj, c.change)
			for i, s := range c.steps {
				t.Logf("step %d", i+1)
				w.want(s.want...).sends(s.sends...)
			}
		})
	}
}

func appendWith(again string, first syncs.FirstRun) func(*Binding) {
	return func(b *Binding) { b.Sync.Mode, b.Sync.Again, b.Sync.FirstRun = syncs.Append, again, first }
}

func TestAppendAfterATime(t *testing.T) {
	w := newWorld(t, message, appendWith("30d", syncs.Send))
	w.want(ann.as("p1:1")).sends("emit p1:1 email=ann@example.com name=Ann")
	w.b.AsOf = time.Now().UTC().Add(29 * 24 * time.Hour)
	w.rebind()
	w.want(ann.as("p1:2")).sends()
	w.b.AsOf = time.Now().UTC().Add(31 * 24 * time.Hour)
	w.rebind()
	w.want(ann.as("p1:2")).sends("emit p1:2 email=ann@example.com name=Ann")
	w.sends()
}

func TestAHoldoutOnALiveSyncIsHeld(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob, cleo).sends(addAnn, addBob, addCleo)
	w.b.Rows.HeldOut = rel.Select{Columns: []rel.Column{rel.As("key", rel.T("p2"))}}
	w.rebind()
	ref := w.want(ann, bob).freeze()
	if len(ref.Holds) != 0 {
		t.Errorf("somebody who left of herself is taken for held out: %+v", ref.Holds)
	}
	ref = w.want(ann, cleo).freeze()
	if len(ref.Holds) != 1 || ref.Holds[0].Code != HoldHoldout || ref.Tally.Removed != 1 {
		t.Errorf("holds %+v, removed %d; want %s and 1", ref.Holds, ref.Tally.Removed, HoldHoldout)
	}
}

func TestAnArmNamedOnALiveSyncIsHeld(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob, cleo).sends(addAnn, addBob, addCleo)
	w.b.Rows.OtherArm = rel.Select{Columns: []rel.Column{rel.As("key", rel.T("p2"))}}
	w.rebind()
	if ref := w.want(ann, bob).freeze(); len(ref.Holds) != 0 {
		t.Errorf("somebody who left is taken for one of another arm: %+v", ref.Holds)
	}
	ref := w.want(ann, cleo).freeze()
	if len(ref.Holds) != 1 || ref.Holds[0].Code != HoldArm || ref.Tally.Removed != 1 {
		t.Errorf("holds %+v, removed %d; want %s and 1", ref.Holds, ref.Tally.Removed, HoldArm)
	}
}

// What was sent is done with: that a value of its text is gone since is no fault of a later run.
func TestAnEntryThatWasSentIsNotInvalidLater(t *testing.T) {
	for _, first := range []syncs.FirstRun{syncs.Send, syncs.Skip} {
		w := newWorld(t, message, appendWith("on_reentry", first))
		w.want(ann.as("p1:1"))
		if first == syncs.Send {
			w.sends("emit p1:1 email=ann@example.com name=Ann")
		} else {
			w.sends()
		}
		unnamed := ann.named("").as("p1:1")
		unnamed.invalid = "syncs.missing_field"
		if ref := w.want(unnamed).sends(); ref.Tally.Invalid != 0 || ref.Tally.Unchanged != 1 {
			t.Errorf("first_run %s: tally %+v, want one row unchanged and none invalid", first, ref.Tally)
		}
		next := unnamed.as("p1:2")
		if ref := w.want(next).sends(); ref.Tally.Invalid != 1 {
			t.Errorf("first_run %s: tally %+v, want the new entry invalid", first, ref.Tally)
		}
	}
}

func TestALedgerOfMessagesHoldsNoIdentifier(t *testing.T) {
	w := newWorld(t, message, appendWith("", syncs.Send))
	w.want(ann.as("p1:1")).sends("emit p1:1 email=ann@example.com name=Ann")
	got := w.rows("SELECT profile, id_1, grp FROM weir.ledger_vip")
	if len(got) != 1 || got[0] != "p1 - "+w.l.hash("email:ann@example.com") {
		t.Errorf("ledger: %q", got)
	}
}

func TestTally(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob, cleo).sends(addAnn, addBob, addCleo)
	w.want(ann, bob.named("Rob"), person{key: "p4", email: "dan@example.com"}, person{key: "p5", email: "dan@example.com"},
		person{key: "p6", invalid: "syncs.missing_match"}, person{key: "p7", email: "eve@example.com", barred: "policy.x"}, person{key: "p8", email: "f@example.com", invalid: "syncs.missing_field"})
	ref := w.freeze()
	want := syncs.Tally{Ledger: 3, Desired: 3, Added: 1, Updated: 1, Removed: 1, Unchanged: 1, Invalid: 3, Suppressed: 1, SourceRows: 7,
		Reasons: map[string]int64{"syncs.shared_match": 1, "syncs.missing_match": 1, "syncs.missing_field": 1}}
	if diff := cmp.Diff(want, ref.Tally); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
	if ref.Rows != 3 || ref.Forced != 0 {
		t.Errorf("rows %d, forced %d", ref.Rows, ref.Forced)
	}
}

func TestF01F02NullAndDoubledKeys(t *testing.T) {
	w := newWorld(t, record, func(b *Binding) { b.Sync.Segment, b.Sync.Source, b.Sync.Mode = "", "crm", syncs.Upsert })
	w.want(ann, bob, bob.at("other@example.com"), person{email: "nobody@example.com"}, person{email: "none@example.com"})
	ref := w.expect("upsert p1 email=ann@example.com name=Ann")
	want := syncs.Tally{Desired: 1, Added: 1, Invalid: 4, NullKeys: 2, DoubledKeys: 2, SourceRows: 5, Reasons: map[string]int64{"syncs.null_key": 2, "syncs.doubled_key": 2}}
	if diff := cmp.Diff(want, ref.Tally); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
}

func TestF06HashesDifferIfWhatIsSentDiffers(t *testing.T) {
	w := newWorld(t, list, nil)
	two := func(a, b models.Type) {
		w.b.Rows.Fields = []compile.RowColumn{{Name: "a", Type: a}, {Name: "b", Type: b}}
	}
	for _, c := range []struct {
		name   string
		a, b   string // the fields as SQL
		ta, tb models.Type
		c, d   string
		tc, td models.Type
		same   bool
	}{
		{"the same", "'a'", "'b'", "text", "text", "'a'", "'b'", "text", "text", true},
		{"empty and absent", "''", "'b'", "text", "text", "NULL", "'b'", "text", "text", false},
		{"where one ends", "'a'", "'bc'", "text", "text", "'ab'", "'c'", "text", "text", false},
		{"what looks like a length", "'1:b'", "''", "text", "text", "''", "'1:b'", "text", "text", false},
		{"number and text", "1", "'b'", "integer", "text", "'1'", "'b'", "text", "text", false},
		{"minus nought", "-0.0::DOUBLE", "'b'", "number", "text", "0.0::DOUBLE", "'b'", "number", "text", true},
		{"no number is absent", "'nan'::DOUBLE", "'b'", "number", "text", "NULL::DOUBLE", "'b'", "number", "text", true},
		{"composed and decomposed", "'\u00e9'", "'b'", "text", "text", "'e\u0301'", "'b'", "text", "text", false},
		{"zeros at the end", "1.50::DECIMAL(10,2)", "'b'", "number", "text", "1.5::DECIMAL(10,1)", "'b'", "number", "text", true},
		{"a time in another zone", "'2026-01-01 01:00:00+01'::TIMESTAMPTZ", "'b'", "timestamp", "text", "'2026-01-01 00:00:00+00'::TIMESTAMPTZ", "'b'", "timestamp", "text", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			hash := func(a, b string, ta, tb models.Type) (string, string) {
				two(ta, tb)
				w.rebind()
				q := rel.Select{Columns: []rel.Column{rel.As("h", w.src.(*source).payload("r"))}, From: rel.Sub{Alias: "r", Query: rel.Select{Columns: []rel.Column{
					rel.As("id_1", rel.T("x")), rel.As("id_2", rel.T("y")), rel.As("field_1", rel.RawExpr{SQL: a}), rel.As("field_2", rel.RawExpr{SQL: b})}}}}
				sql, err := w.l.d.Query(q)
				if err != nil {
					t.Fatal(err)
				}
				return w.rows(sql)[0], sql
			}
			h1, q1 := hash(c.a, c.b, c.ta, c.tb)
			h2, q2 := hash(c.c, c.d, c.tc, c.td)
			if (h1 == h2) != c.same {
				t.Errorf("hashes %s and %s, want same = %v\n%s\n%s", h1, h2, c.same, q1, q2)
			}
		})
	}
}

func TestF07ColumnOrderChangesNothing(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann.on("+33639980001")).sends("add p1 email=ann@example.com phone=+33639980001 name=Ann")
	p := func(c string) rel.Expr { return rel.C("p", c) }
	w.b.Rows.Query = rel.Select{Columns: []rel.Column{rel.As("barred", p("barred")), rel.As("field_1", p("name")), rel.As("id_1", p("phone")), rel.As("id_2", p("email")), rel.As("invalid", p("invalid")), rel.As("key", p("key"))},
		From: rel.Table{Name: people, Alias: "p"}}
	w.b.Rows.IDs[0], w.b.Rows.IDs[1] = w.b.Rows.IDs[1], w.b.Rows.IDs[0]
	w.b.Rows.Fingerprint = "map-2"
	w.rebind()
	if ref := w.expect(); !ref.Tally.Mapping || ref.Tally.Unchanged != 1 {
		t.Errorf("tally %+v, want a changed mapping and nothing to send", ref.Tally)
	}
}

func TestF08AMappingChangeSendsWhatItChanges(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob.named("")).sends(addAnn, "add p2 email=bob@example.com")
	w.b.Rows.Fields[0].Name, w.b.Rows.Fingerprint = "first_name", "map-2"
	w.rebind()
	ref := w.sends("~add p1 email=ann@example.com first_name=Ann", "~add p2 email=bob@example.com")
	if !ref.Tally.Mapping {
		t.Error("the plan does not say that the mapping changed")
	}
	if ref := w.expect(); ref.Tally.Mapping || ref.Tally.Columns {
		t.Error("a settled mapping is taken for a change")
	}
	// What is absent is sent as null from now on.
	w.b.Rows.Fields[0].Clear, w.b.Rows.Fingerprint = true, "map-3"
	w.rebind()
	w.sends("~add p1 email=ann@example.com first_name=Ann", "~add p2 email=bob@example.com first_name=null")
	w.b.Columns = []string{"email text", "name text"}
	w.rebind()
	if ref := w.expect(); !ref.Tally.Columns {
		t.Error("changed columns of the source are not seen")
	}
}

func TestAnIdentifierThatIsNoLongerMapped(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).sends(addAnn)
	p := func(c string) rel.Expr { return rel.C("p", c) }
	w.b.Rows.Query = rel.Select{Columns: []rel.Column{rel.As("key", p("key")), rel.As("id_1", p("phone")), rel.As("field_1", p("name")), rel.As("barred", p("barred")), rel.As("invalid", p("invalid"))},
		From: rel.Table{Name: people, Alias: "p"}}
	w.b.Rows.IDs, w.b.Rows.Fingerprint = w.b.Rows.IDs[1:], "map-2"
	w.rebind()
	ref := w.want(ann.on("+33639980001")).expect("add p1 phone=+33639980001 name=Ann")
	if len(ref.Holds) != 1 || ref.Holds[0].Code != HoldCutOff {
		t.Errorf("holds %+v, want %s", ref.Holds, HoldCutOff)
	}
}

func TestF10TheHashOfTheWarehouseChanges(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob).sends(addAnn, addBob)
	w.exec("UPDATE weir.ledgers SET canary = canary + 1", "UPDATE weir.ledger_vip SET hash = hash + 1")
	ref, err := w.src.Freeze(ctx, syncs.Grant{}, "preview")
	if err != nil || ref.Rows != 0 {
		t.Fatalf("a preview plans %d rows, %v", ref.Rows, err)
	}
	w.want(ann, bob, cleo).sends(addCleo)
	w.want(ann.named("Anna"), bob, cleo).sends("~add p1 email=ann@example.com name=Anna")
}

func TestTwoLedgersOnOnePlace(t *testing.T) { // SEMANTICS 2
	w := newWorld(t, list, nil)
	w.want(ann).sends(addAnn)
	other := w.b
	other.Sync.Name = "vip_too"
	_, err := w.l.Source(other).Freeze(ctx, syncs.Grant{}, "r")
	var be *BoundError
	if !errors.As(err, &be) || be.Other != "vip" || be.Code() != "ledger.shared_target" {
		t.Errorf("a second sync on one list: %v", err)
	}
	other.Sync.Into = "VIP too"
	if _, err := w.l.Source(other).Freeze(ctx, syncs.Grant{}, "r"); err != nil {
		t.Errorf("another list: %v", err)
	}
	w.b.Sync.Into = "elsewhere"
	w.rebind()
	_, err = w.src.Freeze(ctx, syncs.Grant{}, "r2")
	if !errors.As(err, &be) || be.Other != "" || be.Code() != "ledger.moved" {
		t.Errorf("a sync that moved: %v", err)
	}
}
