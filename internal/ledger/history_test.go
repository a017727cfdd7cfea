//go:build cgo && !noduckdb

package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/syncs"
)

// pasts tells of runs in a line each.
func (w *world) pasts(f PastFilter) (out []string) {
	w.t.Helper()
	list, err := w.l.History(ctx, f)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range list {
		status := syncs.Status("open")
		if p.Report != nil {
			status = p.Report.Status
		}
		out = append(out, fmt.Sprintf("%s %s %s settled=%v delivered=%d", p.Run, p.Sync, status, !p.Settled.IsZero(), p.Counts.Delivered))
	}
	return out
}

// ends records how a run ended.
func (w *world) ends(run string, status syncs.Status) {
	w.t.Helper()
	now := time.Now().UTC()
	err := w.l.Record(ctx, Past{Run: run, Sync: "vip", Asked: "eve", Started: now, Report: &syncs.Report{Run: run, Sync: "vip", Status: status, Started: now, Ended: now}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tells(f PastFilter, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.pasts(f)); diff != "" {
		w.t.Errorf("%+v (-want +got):\n%s", f, diff)
	}
}

// TestHistory tells of runs that were settled, that were not, and that are under way; and one that
// ended before anything of it was settled is settled all the same.
func TestHistory(t *testing.T) {
	w := newWorld(t, list, nil)
	w.tells(PastFilter{})
	w.want(ann).sends(addAnn)
	w.tells(PastFilter{}, "run_1 vip open settled=true delivered=1")
	w.ends("run_1", syncs.OK)
	w.ends("run_1", syncs.OK) // again, as after a restart
	w.ends("run_x", syncs.Held)
	w.want(ann, bob)
	ref := w.freeze()
	w.tells(PastFilter{}, "run_2 vip open settled=false delivered=0", "run_x vip held settled=false delivered=0", "run_1 vip ok settled=true delivered=1")
	w.ends("run_2", syncs.Failed) // what is left of it is for the next run
	open, err := w.src.Open(ctx)
	if err != nil || len(open) != 1 {
		t.Errorf("open plans: %v, %v", open, err)
	}
	if c := w.settle(ref, syncs.Applied); c.Delivered != 1 {
		t.Errorf("%+v", c)
	}
	if c := w.settle(ref, syncs.Applied); c.Delivered != 1 { // its marker is there
		t.Errorf("again: %+v", c)
	}
	if got := w.rows("SELECT run, rows, delivered, status, asked FROM weir.runs ORDER BY 1"); !cmp.Equal(got, []string{"run_1 1 1 ok eve", "run_2 1 1 failed eve", "run_x 0 0 held eve"}) {
		t.Errorf("%q", got)
	}
	w.tells(PastFilter{Last: true}, "run_2 vip failed settled=true delivered=1")
	w.tells(PastFilter{Run: "run_1"}, "run_1 vip ok settled=true delivered=1")
	w.tells(PastFilter{Sync: "vip", Limit: 1}, "run_2 vip failed settled=true delivered=1")
	w.tells(PastFilter{Sync: "other"})
	if n, err := w.l.Forget(ctx, time.Time{}, time.Now().Add(time.Hour)); n != 2 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	w.tells(PastFilter{}, "run_2 vip failed settled=true delivered=1")
	w.sends()
}

// TestHistoryOfAnOlderTable reads and brings up to date a table that has markers only.
func TestHistoryOfAnOlderTable(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).sends(addAnn)
	for _, c := range []string{"status", "code", "error", "fix", "asked", "started", "ended", "requests", "holds", "refused", "report"} {
		w.exec("ALTER TABLE weir.runs DROP COLUMN " + c)
	}
	w.l = New(w.w, Options{Key: []byte("a secret of sixteen bytes or more")})
	w.rebind()
	for _, last := range []bool{false, true} {
		w.tells(PastFilter{Last: last}, "run_1 vip open settled=true delivered=1")
	}
	w.want(ann, bob).sends("add p2 email=bob@example.com name=Bob")
	w.ends("run_2", syncs.OK)
	w.tells(PastFilter{}, "run_2 vip ok settled=true delivered=1", "run_1 vip open settled=true delivered=1")
}
