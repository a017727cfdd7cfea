package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// place opens the store of a test, empty at first, and again as another process would.
type place func() (*Store, error)

// newPlace is where the stores under test lie.
var newPlace = inFile

func inFile(t testing.TB) place {
	path := filepath.Join(t.TempDir(), ".weir", "dev.db")
	return func() (*Store, error) { return Open(context.Background(), path) }
}

// open opens the store until the test ends.
func (p place) open(t testing.TB) *Store {
	t.Helper()
	s, err := p()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fresh(t testing.TB) *Store {
	t.Helper()
	return newPlace(t).open(t)
}

func begin(t testing.TB, s *Store, run, sync string, epoch int64) {
	t.Helper()
	rec := syncs.RunRecord{Run: run, Sync: sync, Epoch: epoch, Started: time.UnixMicro(1_700_000_000_000_000), Asked: "command"}
	if err := s.Begin(context.Background(), rec); err != nil {
		t.Fatal(err)
	}
}

// told reads all verdicts into one per row.
func told(t rapid.TB, s *Store, run string) map[int64]syncs.Exception {
	t.Helper()
	v, err := s.Verdicts(context.Background(), run)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int64]syncs.Exception{}
	last := int64(-1)
	for i, r := range v.Ranges {
		if r.Lo >= r.Hi || r.Lo < last {
			t.Fatalf("range %d [%d,%d) is empty or overlaps the one before", i, r.Lo, r.Hi)
		}
		if i > 0 && r.Lo == last && v.Ranges[i-1].Verdict == r.Verdict {
			t.Fatalf("ranges %d and %d are not merged", i-1, i)
		}
		last = r.Hi
		for seq := r.Lo; seq < r.Hi; seq++ {
			out[seq] = syncs.Exception{Seq: seq, Verdict: r.Verdict}
		}
	}
	last = -1
	for e, err := range v.Exceptions {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq <= last {
			t.Fatalf("exception %d after %d", e.Seq, last)
		}
		if _, ok := out[e.Seq]; !ok {
			t.Fatalf("exception %d lies in no range", e.Seq)
		}
		last, out[e.Seq] = e.Seq, e
	}
	return out
}

func TestVerdictsEqualRowByRow(t *testing.T) {
	s := fresh(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		n++
		run := fmt.Sprintf("r%d", n)
		if err := s.Begin(ctx, syncs.RunRecord{Run: run, Sync: run, Epoch: 1, Started: time.Now()}); err != nil {
			t.Fatal(err)
		}
		model := map[int64]syncs.Exception{} // row to what is known of it
		newest := map[int64]int64{}          // row to its newest attempt
		attempt := int64(0)
		var open []syncs.Intent
		verdict := rapid.SampledFrom([]syncs.Verdict{syncs.NotTried, syncs.Rejected, syncs.Barred, syncs.Malformed, syncs.Taken, syncs.Applied})
		for range rapid.IntRange(1, 14).Draw(t, "steps") {
			if len(open) == 0 || rapid.Bool().Draw(t, "intend") {
				var ins []syncs.Intent
				for range rapid.IntRange(1, 3).Draw(t, "intents") {
					attempt++
					lo := rapid.Int64Range(0, 30).Draw(t, "lo")
					in := syncs.Intent{Attempt: attempt, Lo: lo, Hi: lo + rapid.Int64Range(1, 12).Draw(t, "rows"), Key: "k"}
					for seq := in.Lo; seq < in.Hi; seq++ {
						model[seq], newest[seq] = syncs.Exception{Seq: seq, Verdict: syncs.InDoubt}, attempt
					}
					ins = append(ins, in)
				}
				open = append(open, ins...)
				if err := s.Intend(ctx, run, 1, ins); err != nil {
					t.Fatal(err)
				}
				continue
			}
			i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
			in := open[i]
			open = append(open[:i:i], open[i+1:]...)
			a := syncs.Ack{Attempt: in.Attempt, Lo: in.Lo, Hi: in.Hi, Rest: verdict.Draw(t, "rest")}
			for seq := in.Lo; seq < in.Hi; seq++ {
				e := syncs.Exception{Seq: seq, Verdict: a.Rest}
				if rapid.IntRange(0, 3).Draw(t, "named") == 0 {
					e = syncs.Exception{Seq: seq, Verdict: verdict.Draw(t, "verdict"), Code: rapid.SampledFrom([]string{"", "bad", "gone"}).Draw(t, "code"),
						Reason: "because", RemoteID: rapid.SampledFrom([]string{"", "id-1"}).Draw(t, "id"), Permanent: rapid.Bool().Draw(t, "permanent")}
					a.Exceptions = append(a.Exceptions, e)
				}
				if newest[seq] == in.Attempt {
					model[seq] = e
				}
			}
			if err := s.Ack(ctx, run, 1, []syncs.Ack{a}); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(model, told(t, s, run)); diff != "" {
			t.Fatalf("verdicts differ from the row-by-row model (-want +got):\n%s", diff)
		}
	})
}

func TestPackIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) syncs.Exception {
			return syncs.Exception{
				Seq: rapid.Int64Range(0, 1<<40).Draw(t, "seq"), Verdict: syncs.Verdict(rapid.IntRange(0, 6).Draw(t, "verdict")),
				Code: rapid.String().Draw(t, "code"), Reason: rapid.String().Draw(t, "reason"), RemoteID: rapid.String().Draw(t, "id"), Permanent: rapid.Bool().Draw(t, "permanent"),
			}
		}), 1, 40, func(e syncs.Exception) int64 { return e.Seq }).Draw(t, "rows")
		b := pack(rows)
		got, err := unpack(b)
		if err != nil {
			t.Fatal(err)
		}
		want := map[int64]syncs.Exception{}
		for _, e := range rows {
			want[e.Seq] = e
		}
		have := map[int64]syncs.Exception{}
		for i, e := range got {
			if i > 0 && got[i-1].Seq >= e.Seq {
				t.Fatalf("row %d is out of order", i)
			}
			have[e.Seq] = e
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatal(diff)
		}
		if _, err := unpack(b[:len(b)-1]); err == nil {
			t.Fatal("a cut value was taken for whole")
		}
	})
}

func TestFence(t *testing.T) {
	ctx := context.Background()
	s := fresh(t)
	begin(t, s, "old", "vip", 3)
	if err := s.Intend(ctx, "old", 3, []syncs.Intent{{Attempt: 1, Lo: 0, Hi: 10}}); err != nil {
		t.Fatal(err)
	}
	begin(t, s, "new", "vip", 4)
	begin(t, s, "other", "ads", 1)
	for name, err := range map[string]error{
		"intend": s.Intend(ctx, "old", 3, []syncs.Intent{{Attempt: 2, Lo: 0, Hi: 10}}),
		"ack":    s.Ack(ctx, "old", 3, []syncs.Ack{{Attempt: 1, Lo: 0, Hi: 10, Rest: syncs.Applied}}),
		"begin":  s.Begin(ctx, syncs.RunRecord{Run: "older", Sync: "vip", Epoch: 2}),
	} {
		if !errors.Is(err, syncs.ErrFenced) {
			t.Errorf("%s under an old epoch: %v, want ErrFenced", name, err)
		}
	}
	if got := told(t, s, "old")[5]; got.Verdict != syncs.InDoubt {
		t.Errorf("row of a fenced ack is %v, want in doubt", got.Verdict)
	}
	if err := s.Ack(ctx, "other", 1, []syncs.Ack{{Attempt: 1, Lo: 0, Hi: 1, Rest: syncs.Applied}}); err != nil {
		t.Errorf("another sync was fenced: %v", err)
	}
	if n, err := s.Epoch(ctx, "vip"); n != 4 || err != nil {
		t.Errorf("epoch = %d, %v; want 4", n, err)
	}
	if err := s.Intend(ctx, "nobody", 9, nil); !errors.Is(err, ErrUnknownRun) {
		t.Errorf("unknown run: %v", err)
	}
}

func TestARowOutsideItsBatchIsRefused(t *testing.T) {
	ctx := context.Background()
	s := fresh(t)
	begin(t, s, "r", "vip", 1)
	err := s.Ack(ctx, "r", 1, []syncs.Ack{{Attempt: 1, Lo: 0, Hi: 2, Rest: syncs.Applied, Exceptions: []syncs.Exception{{Seq: 2, Verdict: syncs.Rejected}}}})
	if err == nil || !strings.Contains(err.Error(), "row 2 is not of attempt 1") {
		t.Fatalf("got %v", err)
	}
	if got := told(t, s, "r"); len(got) != 0 {
		t.Fatalf("something was recorded: %v", got)
	}
}

func TestJobs(t *testing.T) {
	ctx := context.Background()
	s := fresh(t)
	begin(t, s, "r", "vip", 1)
	started := time.UnixMicro(1_700_000_000_000_123).UTC()
	want := syncs.OpenJob{
		ID: 1, Run: "r", Plan: syncs.PlanRef{Sync: "vip", Run: "r", Table: "plan_vip_r", Rows: 9, Tally: syncs.Tally{Added: 9}}, Lo: 0, Hi: 4, Offset: 3, Batch: "key",
		Job: destinations.Job{Ref: []byte(`{"id":"j1"}`), After: time.Second, Until: time.Hour}, Started: started,
	}
	asked := want
	asked.ID, asked.Run = 0, ""
	err := s.Ack(ctx, "r", 1, []syncs.Ack{
		{Attempt: 1, Lo: 0, Hi: 4, Rest: syncs.Taken, Job: &asked, Exceptions: []syncs.Exception{{Seq: 1, Verdict: syncs.Taken, RemoteID: "one"}}},
		{Attempt: 2, Lo: 4, Hi: 9, Rest: syncs.Applied},
	})
	if err != nil {
		t.Fatal(err)
	}
	open, err := s.Jobs(ctx, "vip")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]syncs.OpenJob{want}, open); diff != "" {
		t.Fatalf("open jobs (-want +got):\n%s", diff)
	}
	final := []syncs.Exception{{Seq: 1, Verdict: syncs.Applied}, {Seq: 3, Verdict: syncs.Rejected, Code: "bounce", Reason: "no such mailbox"}}
	for range 2 { // the second time changes nothing
		if err := s.CloseJob(ctx, "r", 1, final); err != nil {
			t.Fatal(err)
		}
		final = []syncs.Exception{{Seq: 0, Verdict: syncs.Rejected}}
	}
	if open, err := s.Jobs(ctx, "vip"); err != nil || len(open) != 0 {
		t.Fatalf("jobs after closing: %v, %v", open, err)
	}
	got := told(t, s, "r")
	for seq, want := range map[int64]syncs.Exception{
		0: {Seq: 0, Verdict: syncs.Taken}, 1: {Seq: 1, Verdict: syncs.Applied, RemoteID: "one"},
		3: {Seq: 3, Verdict: syncs.Rejected, Code: "bounce", Reason: "no such mailbox"}, 4: {Seq: 4, Verdict: syncs.Applied},
	} {
		if diff := cmp.Diff(want, got[seq]); diff != "" {
			t.Errorf("row %d (-want +got):\n%s", seq, diff)
		}
	}
}

func TestSettledRunsKeepTheirSummary(t *testing.T) {
	ctx := context.Background()
	s := fresh(t)
	for i := range 4 {
		run := fmt.Sprintf("r%d", i)
		begin(t, s, run, "vip", int64(i+1))
		err := s.Ack(ctx, run, int64(i+1), []syncs.Ack{{Attempt: 1, Lo: 0, Hi: 20, Rest: syncs.Applied, Exceptions: []syncs.Exception{
			{Seq: 3, Verdict: syncs.Rejected, Code: "bad", Reason: "no @"}, {Seq: 4, Verdict: syncs.Rejected, Code: "bad", Reason: "no @"},
			{Seq: 5, Verdict: syncs.Barred, Code: "consent"}, {Seq: 6, Verdict: syncs.Applied, RemoteID: "x"},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		if open, err := s.Unsettled(ctx, "vip"); err != nil || len(open) != 1 || open[0].Run != run {
			t.Fatalf("unsettled before settling: %v, %v", open, err)
		}
		for range 2 {
			if err := s.Settled(ctx, run); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.End(ctx, run, syncs.Report{Run: run, Sync: "vip", Status: syncs.Degraded, Requests: 7, Counts: syncs.Counts{Added: 20}, Ended: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if open, err := s.Unsettled(ctx, "vip"); err != nil || len(open) != 0 {
		t.Fatalf("unsettled after settling: %v, %v", open, err)
	}
	want := []Reject{{Verdict: "rejected", Code: "bad", Reason: "no @", Rows: 2, Seqs: []int64{3, 4}}, {Verdict: "barred", Code: "consent", Rows: 1, Seqs: []int64{5}}}
	for _, run := range []string{"r0", "r3"} {
		got, err := s.Rejects(ctx, run)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rejects of %s (-want +got):\n%s", run, diff)
		}
	}
	if got := len(told(t, s, "r1")); got != 0 {
		t.Errorf("details of the third last settled run are kept: %d rows", got)
	}
	if got := len(told(t, s, "r2")); got != 20 {
		t.Errorf("details of the second last settled run: %d rows, want 20", got)
	}
	if err := s.Forget(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	runs, err := s.Runs(ctx, Filter{})
	if err != nil || len(runs) != 1 || runs[0].Run != "r3" || runs[0].Report.Requests != 7 || runs[0].Settled.IsZero() {
		t.Errorf("runs after forgetting: %+v, %v; want r3 alone", runs, err)
	}
}

func TestHistory(t *testing.T) {
	ctx := context.Background()
	s := fresh(t)
	for i := range 5 {
		run, sync := fmt.Sprintf("r%d", i), []string{"vip", "ads"}[i%2]
		begin(t, s, run, sync, int64(i+1))
		if i == 4 {
			continue // its process died
		}
		rep := syncs.Report{Run: run, Sync: sync, Status: []syncs.Status{syncs.OK, syncs.Held}[i/2], Holds: []syncs.Hold{{Code: "syncs.max_removed", What: "9 of 10"}}, Rejects: map[string]int64{"bad": 2}}
		if err := s.End(ctx, run, rep); err != nil {
			t.Fatal(err)
		}
	}
	names := func(f Filter) (out []string) {
		runs, err := s.Runs(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			out = append(out, r.Run)
		}
		return out
	}
	for _, c := range []struct {
		name string
		f    Filter
		want []string
	}{
		{"all", Filter{}, []string{"r4", "r3", "r2", "r1", "r0"}},
		{"of a sync", Filter{Sync: "ads"}, []string{"r3", "r1"}},
		{"by status", Filter{Status: syncs.Held}, []string{"r3", "r2"}},
		{"a page", Filter{Limit: 2}, []string{"r4", "r3"}},
		{"the next page", Filter{Limit: 2, Before: "r3"}, []string{"r2", "r1"}},
		{"open", Filter{Open: true, Sync: "vip"}, []string{"r4", "r2", "r0"}},
	} {
		if diff := cmp.Diff(c.want, names(c.f)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	r, err := s.Run(ctx, "r3")
	if err != nil || r.Report.Holds[0].Code != "syncs.max_removed" || r.Report.Rejects["bad"] != 2 || r.Ended.IsZero() {
		t.Errorf("run r3 = %+v, %v", r, err)
	}
	if r, err := s.Run(ctx, "r4"); err != nil || r.Report != nil || !r.Ended.IsZero() {
		t.Errorf("run r4 = %+v, %v; want one without an end", r, err)
	}
	if _, err := s.Run(ctx, "r9"); !errors.Is(err, ErrUnknownRun) {
		t.Errorf("run r9: %v", err)
	}
	if err := s.End(ctx, "r9", syncs.Report{}); !errors.Is(err, ErrUnknownRun) {
		t.Errorf("ending run r9: %v", err)
	}
	last, err := s.Last(ctx)
	if err != nil || last["vip"].Run != "r4" || last["ads"].Run != "r3" {
		t.Errorf("last = %v, %v", last, err)
	}
}

// TestRename carries what is known of a sync over to another name, twice, and leaves others alone.
func TestRename(t *testing.T) {
	ctx := t.Context()
	s := fresh(t)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	begin(t, s, "r0", "old", 7)
	begin(t, s, "r1", "new", 2)
	begin(t, s, "r2", "other", 3)
	job := &syncs.OpenJob{Lo: 0, Hi: 2, Batch: "b"}
	if err := s.Record(ctx, "r0", 7, []syncs.Ack{{Attempt: 1, Lo: 0, Hi: 2, Rest: syncs.Taken, Job: job}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.End(ctx, "r0", syncs.Report{Run: "r0", Sync: "old", Status: syncs.OK}); err != nil {
		t.Fatal(err)
	}
	if err := s.Take(ctx, []Slot{{"old", noon}, {"other", noon}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Tell(ctx, []Told{{"ops", "new", "status", "failed", noon}, {"ops", "old", "status", "held", noon}, {"ops", "other", "status", "held", noon}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Rename(ctx, "old", "new"); err != nil {
			t.Fatal(err)
		}
		type known struct {
			Runs         []string
			Jobs         int
			Told         []Told
			Fired, Taken []Slot
			Epoch        int64
		}
		var got known
		for _, name := range []string{"old", "new", "other"} {
			runs, err := s.Runs(ctx, Filter{Sync: name})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range runs {
				if r.Report != nil && r.Report.Sync != name {
					t.Errorf("a report of %s says it is of %s", name, r.Report.Sync)
				}
				got.Runs = append(got.Runs, name+" "+r.Run)
			}
			jobs, err := s.Jobs(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			if got.Jobs += len(jobs); len(jobs) > 0 && name != "new" {
				t.Errorf("%d jobs are still of %s", len(jobs), name)
			}
			at, err := s.Fired(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			if !at.IsZero() {
				got.Fired = append(got.Fired, Slot{name, at})
			}
		}
		var err error
		if got.Told, err = s.Told(ctx); err != nil {
			t.Fatal(err)
		}
		if got.Taken, err = s.Taken(ctx); err != nil {
			t.Fatal(err)
		}
		if got.Epoch, err = s.Epoch(ctx, "new"); err != nil {
			t.Fatal(err)
		}
		want := known{
			Runs: []string{"new r1", "new r0", "other r2"}, Jobs: 1, Epoch: 2,
			Told:  []Told{{"ops", "new", "status", "held", noon}, {"ops", "other", "status", "held", noon}},
			Fired: []Slot{{"new", noon}, {"other", noon}}, Taken: []Slot{{"other", noon}},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

func TestMemory(t *testing.T) {
	ctx := context.Background()
	s := fresh(t)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if at, err := s.Fired(ctx, "vip"); err != nil || !at.IsZero() {
		t.Fatalf("fired before anything: %v, %v", at, err)
	}
	for _, slot := range []time.Time{noon, noon.Add(-time.Hour)} {
		if err := s.Fire(ctx, "vip", slot); err != nil {
			t.Fatal(err)
		}
	}
	if at, err := s.Fired(ctx, "vip"); err != nil || !at.Equal(noon) {
		t.Errorf("fired = %v, %v; want noon", at, err)
	}
}

func TestFileIsPrivateAndKeepsItsID(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a b%20?#", ".weir", "dev.db")
	s, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	id := s.ID()
	for _, end := range []string{"", "-wal", "-shm"} {
		st, err := os.Stat(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%q has mode %v", end, st.Mode().Perm())
		}
	}
	if st, _ := os.Stat(filepath.Dir(path)); st.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", st.Mode().Perm())
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := s.Fire(ctx, "vip", time.Now()); !errors.Is(err, ErrClosed) {
		t.Errorf("writing to a closed store: %v", err)
	}
	if s, err = Open(ctx, path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(id) != 16 || s.ID() != id || s.Aside() != "" {
		t.Errorf("id %q became %q, aside %q", id, s.ID(), s.Aside())
	}
}

func TestF45ADamagedFileIsPutAside(t *testing.T) {
	ctx := context.Background()
	for name, damage := range map[string]func([]byte) []byte{
		"no database": func(b []byte) []byte { return []byte(strings.Repeat("not a database ", 1000)) },
		"a torn page": func(b []byte) []byte { copy(b[4096+8:2*4096], make([]byte, 4000)); return b },
		"cut short":   func(b []byte) []byte { return b[:len(b)/2/4096*4096] },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dev.db")
			s, err := Open(ctx, path)
			if err != nil {
				t.Fatal(err)
			}
			id := s.ID()
			begin(t, s, "r", "vip", 7)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(ctx, path); err != nil {
				t.Fatalf("opening over a damaged file: %v", err)
			}
			defer s.Close()
			if s.Aside() == "" || s.ID() == id {
				t.Errorf("aside = %q, id %q was %q: want a new store", s.Aside(), s.ID(), id)
			}
			if _, err := os.Stat(s.Aside()); err != nil {
				t.Error(err)
			}
			if runs, err := s.Runs(ctx, Filter{}); err != nil || len(runs) != 0 {
				t.Errorf("runs = %v, %v", runs, err)
			}
			begin(t, s, "r", "vip", 1)
		})
	}
}

// The log goes aside with the file: beside a new one, SQLite would replay it.
func TestF45TheLogGoesAsideToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dev.db")
	ends := []string{"", "-wal", "-shm"}
	for _, end := range ends {
		if err := os.WriteFile(path+end, []byte("of the old one"+end), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	aside, err := putAside(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range ends {
		if b, err := os.ReadFile(aside + end); err != nil || string(b) != "of the old one"+end {
			t.Errorf("%q is %q, %v", end, b, err)
		}
		if _, err := os.Stat(path + end); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q is still there: %v", end, err)
		}
	}
}

func TestANewerFileIsRefused(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "dev.db")
	s, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.reads.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	var newer *NewerError
	if _, err := Open(ctx, path); !errors.As(err, &newer) || newer.Have != 99 {
		t.Fatalf("got %v, want *NewerError", err)
	}
	if all, _ := filepath.Glob(path + ".damaged*"); len(all) != 0 {
		t.Errorf("it was put aside: %v", all)
	}
}

func TestF43AFullDisk(t *testing.T) {
	ctx := context.Background()
	s := fresh(t)
	begin(t, s, "r", "vip", 1)
	limit := func(pages int) {
		err := s.change(ctx, "limiting", func(w *writing) error {
			_, err := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // SQLite takes the present size when the limit is below it
	var err error
	intents := 0
	for ; err == nil && intents < 10_000; intents++ {
		err = s.Intend(ctx, "r", 1, []syncs.Intent{{Attempt: int64(intents + 1), Lo: int64(intents), Hi: int64(intents + 1), Key: strings.Repeat("k", 64)}})
	}
	if !errors.Is(err, ErrNoSpace) {
		t.Fatalf("after %d intents: %v, want ErrNoSpace", intents, err)
	}
	if got := len(told(t, s, "r")); got != intents-1 {
		t.Errorf("%d rows are in doubt, want %d: those of the intents that returned nil", got, intents-1)
	}
	limit(1 << 20)
	if err := s.Intend(ctx, "r", 1, []syncs.Intent{{Attempt: 99_999, Lo: 0, Hi: 1}}); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

func TestAFileInAFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var pe *fs.PathError
	if _, err := Open(context.Background(), filepath.Join(file, "dev.db")); !errors.As(err, &pe) {
		t.Fatalf("got %v, want an error that names the path", err)
	}
}

func TestTwoStoresOnOnePlace(t *testing.T) {
	ctx := context.Background()
	at := newPlace(t)
	a, b := at.open(t), at.open(t)
	if a.ID() != b.ID() {
		t.Errorf("ids %s and %s of one place", a.ID(), b.ID())
	}
	begin(t, a, "r", "vip", 1)
	var wg sync.WaitGroup
	for i, s := range []*Store{a, b} {
		wg.Go(func() {
			for n := range 50 {
				at := int64(i*50 + n)
				if err := s.Intend(ctx, "r", 1, []syncs.Intent{{Attempt: at + 1, Lo: at, Hi: at + 1}}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := len(told(t, a, "r")); got != 100 {
		t.Errorf("%d rows, want 100", got)
	}
}

func TestOneBadRequestDoesNotUndoItsGroup(t *testing.T) {
	ctx := context.Background()
	s := fresh(t)
	begin(t, s, "r", "vip", 1)
	var wg sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		wg.Go(func() {
			hi := int64(i + 1)
			if i%10 == 0 {
				hi = int64(i) // no rows
			}
			// The first intent is sound: a request that fails leaves nothing of itself.
			errs[i] = s.Intend(ctx, "r", 1, []syncs.Intent{{Attempt: 1, Lo: int64(i), Hi: int64(i + 1)}, {Attempt: 2, Lo: int64(i), Hi: hi}})
		})
	}
	wg.Wait()
	got := told(t, s, "r")
	for i, err := range errs {
		_, there := got[int64(i)]
		if bad := i%10 == 0; bad != (err != nil) || bad == there {
			t.Errorf("request %d: err = %v, recorded = %v", i, err, there)
		}
	}
}
