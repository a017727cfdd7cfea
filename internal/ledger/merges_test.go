//go:build cgo && !noduckdb

package ledger

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// newMergingWorld is a world whose identity tells of merges, in the table merged.
func newMergingWorld(t *testing.T, object string, change func(*Binding)) *world {
	obj := list
	switch object {
	case "record":
		obj = record
	case "message":
		obj = message
	}
	w := newWorld(t, obj, func(b *Binding) {
		m := func(c string) rel.Expr { return rel.C("m", c) }
		b.Rows.Merged = rel.Select{Columns: []rel.Column{rel.As("from_id", m("from_id")), rel.As("to_id", m("to_id"))}, From: rel.Table{Name: rel.Name{"shop", "merged"}, Alias: "m"}}
		p := func(c string) rel.Expr { return rel.C("p", c) }
		b.Rows.Barred = rel.Select{Columns: []rel.Column{rel.As("key", p("key")), rel.As("barred", p("barred"))}, From: rel.Table{Name: people, Alias: "p"}, Where: notNull(p("barred"))}
		if change != nil {
			change(b)
		}
	})
	w.exec("CREATE TABLE shop.merged (from_id VARCHAR, to_id VARCHAR)")
	return w
}

func (w *world) merges(pairs ...[2]string) *world {
	for _, p := range pairs {
		w.exec(fmt.Sprintf("INSERT INTO shop.merged VALUES ('%s', '%s')", p[0], p[1]))
	}
	return w
}

// mergeStep is what identity did since the last run, who is wanted now, and what is then sent.
type mergeStep struct {
	merges [][2]string
	want   []person
	sends  []string
}

func TestMergedProfiles(t *testing.T) {
	mode := func(m syncs.Mode, l syncs.OnLeave) func(*Binding) {
		return func(b *Binding) { b.Sync.Mode, b.Sync.OnLeave = m, l }
	}
	const phone1, phone2 = "+33639980001", "+33639980002"
	into := func(pairs ...[2]string) [][2]string { return pairs }
	two := mergeStep{nil, []person{ann, bob}, []string{addAnn, addBob}}
	twoRecords := mergeStep{nil, []person{ann, bob}, []string{"upsert p1 email=ann@example.com name=Ann", "upsert p2 email=bob@example.com name=Bob"}}
	p2p1 := [2]string{"p2", "p1"}
	for name, c := range map[string]struct {
		object string
		change func(*Binding)
		steps  []mergeStep
		ledger []string // key, match value, state and code at the end, where that is to be seen
	}{
		"mirror: a value that the survivor does not send goes": {steps: []mergeStep{two,
			{into(p2p1), []person{ann}, []string{"remove p1 email=bob@example.com"}},
			{nil, []person{ann}, nil},
		}},
		"mirror: a value that the survivor takes over is not sent again": {steps: []mergeStep{two,
			{into(p2p1), []person{bob.as("p1")}, []string{"remove p1 email=ann@example.com"}},
			{nil, []person{bob.as("p1")}, nil},
		}, ledger: []string{"p1 email:bob@example.com sent -"}},
		"mirror: with another payload it is an update": {steps: []mergeStep{two,
			{into(p2p1), []person{bob.as("p1").named("Ann")}, []string{"remove p1 email=ann@example.com", "~add p1 email=bob@example.com name=Ann"}},
			{nil, []person{bob.as("p1").named("Ann")}, nil},
		}},
		"mirror: several merges between two runs": {steps: []mergeStep{
			{nil, []person{ann, bob, cleo}, []string{addAnn, addBob, addCleo}},
			{into([2]string{"p3", "p2"}, p2p1), []person{cleo.as("p1")}, []string{"remove p1 email=ann@example.com", "remove p1 email=bob@example.com"}},
			{nil, []person{cleo.as("p1")}, nil},
		}, ledger: []string{"p1 email:cleo@example.com sent -"}},
		"mirror: several merges with runs between": {steps: []mergeStep{
			{nil, []person{ann, cleo}, []string{addAnn, addCleo}},
			{into([2]string{"p3", "p2"}), []person{ann, cleo.as("p2")}, nil},
			{into(p2p1), []person{cleo.as("p1")}, []string{"remove p1 email=ann@example.com"}},
		}, ledger: []string{"p1 email:cleo@example.com sent -"}},
		"mirror: a further value passes to the survivor": {steps: []mergeStep{
			{nil, []person{ann.on(phone1), bob.on(phone2)}, []string{"add p1 email=ann@example.com phone=" + phone1 + " name=Ann", "add p2 email=bob@example.com phone=" + phone2 + " name=Bob"}},
			{into(p2p1), []person{ann.on(phone2)}, []string{"remove p1 email=bob@example.com", "remove p1 phone=" + phone1, "~add p1 email=ann@example.com phone=" + phone2 + " name=Ann"}},
			{nil, []person{ann.on(phone2)}, nil},
			{nil, nil, []string{"remove p1 email=ann@example.com", "remove p1 phone=" + phone2}},
		}},
		"mirror: the survivor leaves with it": {steps: []mergeStep{two,
			{into(p2p1), nil, []string{"remove p1 email=ann@example.com", "remove p1 email=bob@example.com"}},
		}},
		"mirror: the survivor said no, so both go at the front": {steps: []mergeStep{two,
			{into(p2p1), []person{ann.but("policy.x"), cleo}, []string{"remove p1 email=ann@example.com forced", "remove p1 email=bob@example.com forced", addCleo}},
		}},
		"mirror, keep: what the survivor does not send stays under its name, until it says no": {change: mode(syncs.Mirror, syncs.Keep), steps: []mergeStep{two,
			{into(p2p1), []person{ann}, nil},
			{nil, []person{ann}, nil},
			{nil, []person{ann.but("policy.x")}, []string{"remove p1 email=ann@example.com forced", "remove p1 email=bob@example.com forced"}},
		}},
		"add: nobody goes, and nobody is added twice": {change: mode(syncs.Add, ""), steps: []mergeStep{two,
			{into(p2p1), []person{ann}, nil},
			{nil, []person{bob.as("p1")}, nil},
			{nil, []person{ann}, nil},
		}, ledger: []string{"p1 email:ann@example.com sent -", "p1 email:bob@example.com sent -"}},
		"upsert, keep: the row is closed": {object: "record", change: mode(syncs.Upsert, syncs.Keep), steps: []mergeStep{twoRecords,
			{into(p2p1), []person{ann}, nil},
			{nil, []person{ann}, nil},
		}, ledger: []string{"p1 email:ann@example.com sent -", "p1 email:bob@example.com sent syncs.merged"}},
		"upsert, keep: a value that the survivor takes over": {object: "record", change: mode(syncs.Upsert, syncs.Keep), steps: []mergeStep{twoRecords,
			{into(p2p1), []person{bob.as("p1")}, nil},
			{nil, []person{bob.as("p1")}, nil},
		}, ledger: []string{"p1 email:ann@example.com sent -", "p1 email:bob@example.com sent -"}},
		"upsert, keep: closed, and wanted again": {object: "record", change: mode(syncs.Upsert, syncs.Keep), steps: []mergeStep{twoRecords,
			{into(p2p1), []person{ann}, nil},
			{nil, []person{bob.as("p1").named("Ann")}, []string{"~upsert p1 email=bob@example.com name=Ann"}},
		}, ledger: []string{"p1 email:ann@example.com sent -", "p1 email:bob@example.com sent -"}},
		"upsert, keep: the survivor said no": {object: "record", change: mode(syncs.Upsert, syncs.Keep), steps: []mergeStep{twoRecords,
			{into(p2p1), []person{ann}, nil},
			{nil, []person{ann.but("policy.x")}, []string{"delete p1 email=ann@example.com forced", "delete p1 email=bob@example.com forced"}},
		}},
		"upsert, remove: the second record is deleted": {object: "record", change: mode(syncs.Upsert, syncs.Remove), steps: []mergeStep{twoRecords,
			{into(p2p1), []person{ann.named("Anna")}, []string{"delete p1 email=bob@example.com", "~upsert p1 email=ann@example.com name=Anna"}},
			{nil, []person{ann.named("Anna")}, nil},
		}},
		"upsert, clear: the second record is cleared": {object: "record", change: mode(syncs.Upsert, syncs.Clear), steps: []mergeStep{twoRecords,
			{into(p2p1), []person{ann}, []string{"clear p1 email=bob@example.com name=null"}},
			{nil, []person{ann}, nil},
		}},
		"upsert: a merge that was taken back": {object: "record", change: mode(syncs.Upsert, syncs.Remove), steps: []mergeStep{twoRecords,
			{into(p2p1), []person{ann}, []string{"delete p1 email=bob@example.com"}},
			{nil, []person{ann, bob.as("p4")}, []string{"upsert p4 email=bob@example.com name=Bob"}},
		}},
		"mirror: a split moves a value to a new profile": {steps: []mergeStep{
			{nil, []person{ann, cleo}, []string{addAnn, addCleo}},
			{nil, []person{ann.as("p4").named("Anna"), bob.as("p1"), cleo}, []string{"~add p4 email=ann@example.com name=Anna", "add p1 email=bob@example.com name=Bob"}},
			{nil, []person{ann.as("p4").named("Anna"), bob.as("p1"), cleo}, nil},
		}},
		"mirror: a split where the value stays": {steps: []mergeStep{
			{nil, []person{ann}, []string{addAnn}},
			{nil, []person{ann, bob.as("p4")}, []string{"add p4 email=bob@example.com name=Bob"}},
		}},
		"append: the survivor was told as the other": {object: "message", change: appendWith("", syncs.Send), steps: []mergeStep{
			{nil, []person{bob.as("p2:1")}, []string{"emit p2:1 email=bob@example.com name=Bob"}},
			{into(p2p1), []person{ann.as("p1:1")}, nil},
			{nil, []person{ann.as("p1:2")}, nil},
		}},
		"append, on reentry: an entry goes on under another name": {object: "message", change: appendWith("on_reentry", syncs.Send), steps: []mergeStep{
			{nil, []person{bob.as("p2:1")}, []string{"emit p2:1 email=bob@example.com name=Bob"}},
			{into(p2p1), []person{ann.as("p1:1")}, nil},
			{nil, []person{ann.as("p1:1")}, nil},
			{nil, nil, nil},
			{nil, []person{ann.as("p1:2")}, []string{"emit p1:2 email=ann@example.com name=Ann"}},
		}},
		"append, on reentry: with the value of the other": {object: "message", change: appendWith("on_reentry", syncs.Send), steps: []mergeStep{
			{nil, []person{bob.as("p2:1")}, []string{"emit p2:1 email=bob@example.com name=Bob"}},
			{into(p2p1), []person{bob.as("p1:1")}, nil},
			{nil, []person{bob.as("p1:1")}, nil},
			{nil, nil, nil},
			{nil, []person{bob.as("p1:2")}, []string{"emit p1:2 email=bob@example.com name=Bob"}},
		}},
		"append, on reentry: both were told": {object: "message", change: appendWith("on_reentry", syncs.Send), steps: []mergeStep{
			{nil, []person{ann.as("p1:1"), bob.as("p2:1")}, []string{"emit p1:1 email=ann@example.com name=Ann", "emit p2:1 email=bob@example.com name=Bob"}},
			{into(p2p1), []person{bob.as("p1:1")}, nil},
			{nil, nil, nil},
			{nil, []person{bob.as("p1:2")}, []string{"emit p1:2 email=bob@example.com name=Bob"}},
		}},
		"append, on reentry: the other had left before": {object: "message", change: appendWith("on_reentry", syncs.Send), steps: []mergeStep{
			{nil, []person{bob.as("p2:1")}, []string{"emit p2:1 email=bob@example.com name=Bob"}},
			{nil, nil, nil},
			{into(p2p1), nil, nil},
			{nil, []person{ann.as("p1:1")}, []string{"emit p1:1 email=ann@example.com name=Ann"}},
		}},
		"append, on reentry: several merges between two runs": {object: "message", change: appendWith("on_reentry", syncs.Send), steps: []mergeStep{
			{nil, []person{cleo.as("p3:1")}, []string{"emit p3:1 email=cleo@example.com name=Cleo"}},
			{into([2]string{"p3", "p2"}, p2p1), []person{ann.as("p1:2")}, nil},
			{nil, []person{ann.as("p1:2")}, nil},
		}},
		"append, on reentry: a split takes a value away": {object: "message", change: appendWith("on_reentry", syncs.Send), steps: []mergeStep{
			{nil, []person{bob.as("p1:1")}, []string{"emit p1:1 email=bob@example.com name=Bob"}},
			{nil, []person{ann.as("p1:1"), bob.as("p4:1")}, nil},
			{nil, []person{ann.as("p1:1"), bob.as("p4:1")}, nil},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMergingWorld(t, c.object, c.change)
			for i, s := range c.steps {
				t.Logf("step %d", i+1)
				w.merges(s.merges...).want(s.want...).sends(s.sends...)
			}
			if c.ledger != nil {
				if diff := cmp.Diff(c.ledger, w.rows("SELECT key, grp, state, code FROM weir.ledger_vip ORDER BY key, grp")); diff != "" {
					t.Errorf("ledger (-want +got):\n%s", diff)
				}
			}
		})
	}
}
