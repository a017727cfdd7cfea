package syncstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// JournalContract is what the engine relies on in every syncs.Journal. open makes an empty one,
// and again opens the one made last as a new process would.
func JournalContract(t *testing.T, open, again func(t *testing.T) syncs.Journal) {
	tests := map[string]func(*testing.T, *contract){
		"verdicts of rows":           contractVerdicts,
		"an intent supersedes":       contractSupersedes,
		"a later ack replaces":       contractReplaces,
		"old epochs are refused":     contractFence,
		"begin is the fence":         contractBegin,
		"unsettled runs":             contractUnsettled,
		"jobs":                       contractJobs,
		"exceptions are in order":    contractOrder,
		"attempts on several ranges": contractRanges,
		"lessons about accounts":     contractLessons,
		"long quotas":                contractQuota,
	}
	if again != nil { // a journal in memory is gone with its process
		tests["what was written stays"] = contractDurable
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := &contract{T: t, j: open(t), again: again}
			test(t, c)
		})
	}
}

type contract struct {
	*testing.T
	j     syncs.Journal
	again func(t *testing.T) syncs.Journal
}

func (c *contract) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *contract) begin(run string, epoch int64) {
	c.Helper()
	c.must(c.j.Begin(context.Background(), syncs.RunRecord{Run: run, Sync: "vip", Epoch: epoch, Started: time.Now(), Asked: "test"}))
}

func (c *contract) intend(run string, attempt, lo, hi int64) {
	c.Helper()
	c.must(c.j.Record(context.Background(), run, 1, nil, []syncs.Intent{{Attempt: attempt, Lo: lo, Hi: hi, Key: fmt.Sprint("k", attempt)}}))
}

func (c *contract) ack(run string, attempt, lo, hi int64, rest syncs.Verdict, ex ...syncs.Exception) {
	c.Helper()
	c.must(c.j.Record(context.Background(), run, 1, []syncs.Ack{{Attempt: attempt, Lo: lo, Hi: hi, Rest: rest, Exceptions: ex}}, nil))
}

// verdicts writes what is known of every row as "row:verdict/code".
func (c *contract) verdicts(run string) string {
	c.Helper()
	v, err := c.j.Verdicts(context.Background(), run)
	c.must(err)
	known := map[int64]string{}
	last := int64(0)
	for _, r := range v.Ranges {
		if r.Lo < last || r.Lo >= r.Hi {
			c.Errorf("range %d to %d after row %d", r.Lo, r.Hi, last)
		}
		last = r.Hi
		for seq := r.Lo; seq < r.Hi; seq++ {
			known[seq] = fmt.Sprint(r.Verdict)
		}
	}
	for e, err := range v.Exceptions {
		c.must(err)
		if _, ok := known[e.Seq]; !ok {
			c.Errorf("row %d is an exception of no range", e.Seq)
		}
		known[e.Seq] = fmt.Sprint(e.Verdict)
		if e.Code != "" {
			known[e.Seq] += "/" + e.Code
		}
	}
	out := ""
	for seq := range last {
		if s, ok := known[seq]; ok {
			out += fmt.Sprintf("%d:%s ", seq, s)
		}
	}
	return out
}

func (c *contract) want(run, want string) {
	c.Helper()
	if got := c.verdicts(run); got != want {
		c.Errorf("verdicts %q, want %q", got, want)
	}
}

func contractVerdicts(_ *testing.T, c *contract) {
	c.begin("r1", 1)
	c.want("r1", "")
	c.intend("r1", 1, 0, 3)
	c.intend("r1", 2, 5, 7)
	c.want("r1", "0:1 1:1 2:1 5:1 6:1 ")
	c.ack("r1", 1, 0, 3, syncs.Applied, syncs.Exception{Seq: 1, Verdict: syncs.Rejected, Code: "odd", Reason: "it is odd"})
	c.want("r1", "0:6 1:2/odd 2:6 5:1 6:1 ")
}

func contractSupersedes(_ *testing.T, c *contract) {
	c.begin("r1", 1)
	c.intend("r1", 1, 0, 4)
	c.ack("r1", 1, 0, 4, syncs.NotTried)
	c.want("r1", "0:0 1:0 2:0 3:0 ")
	c.intend("r1", 2, 2, 4)
	c.want("r1", "0:0 1:0 2:1 3:1 ")
	c.ack("r1", 1, 0, 4, syncs.Applied) // about an attempt that is no longer the last on two rows
	c.want("r1", "0:6 1:6 2:1 3:1 ")
	c.ack("r1", 2, 2, 4, syncs.Applied, syncs.Exception{Seq: 3, Verdict: syncs.Barred, Code: "opted_out"})
	c.want("r1", "0:6 1:6 2:6 3:3/opted_out ")
}

func contractReplaces(_ *testing.T, c *contract) {
	c.begin("r1", 1)
	c.intend("r1", 1, 0, 2)
	c.ack("r1", 1, 0, 2, syncs.Taken, syncs.Exception{Seq: 0, Verdict: syncs.Taken, Code: "queued"})
	c.ack("r1", 1, 0, 2, syncs.Taken, syncs.Exception{Seq: 0, Verdict: syncs.Applied}, syncs.Exception{Seq: 1, Verdict: syncs.Rejected, Code: "odd"})
	c.want("r1", "0:6 1:2/odd ")
}

func contractFence(t *testing.T, c *contract) {
	ctx := context.Background()
	c.begin("r1", 1)
	c.intend("r1", 1, 0, 2)
	c.begin("r2", 2)
	if err := c.j.Record(ctx, "r1", 1, nil, []syncs.Intent{{Attempt: 2, Lo: 2, Hi: 3}}); !errors.Is(err, syncs.ErrFenced) {
		t.Errorf("an intent of an old epoch: %v", err)
	}
	if err := c.j.Record(ctx, "r1", 1, []syncs.Ack{{Attempt: 1, Lo: 0, Hi: 2, Rest: syncs.Applied}}, nil); !errors.Is(err, syncs.ErrFenced) {
		t.Errorf("a verdict of an old epoch: %v", err)
	}
	c.want("r1", "0:1 1:1 ")
}

func contractBegin(t *testing.T, c *contract) {
	ctx := context.Background()
	c.begin("r2", 2)
	if err := c.j.Begin(ctx, syncs.RunRecord{Run: "r1", Sync: "vip", Epoch: 1, Started: time.Now()}); !errors.Is(err, syncs.ErrFenced) {
		t.Errorf("a run of an old epoch: %v", err)
	}
	c.must(c.j.Begin(ctx, syncs.RunRecord{Run: "r1", Sync: "other", Epoch: 1, Started: time.Now()}))
	c.must(c.j.Begin(ctx, syncs.RunRecord{Run: "r2", Sync: "vip", Epoch: 2, Started: time.Now(), Plan: syncs.PlanRef{Sync: "vip", Run: "r2", Rows: 5}}))
	runs, err := c.j.Unsettled(ctx, "vip")
	c.must(err)
	if len(runs) != 1 || runs[0].Plan.Rows != 5 {
		t.Errorf("beginning again did not record the plan: %+v", runs)
	}
}

func contractUnsettled(t *testing.T, c *contract) {
	ctx := context.Background()
	names := func() string {
		runs, err := c.j.Unsettled(ctx, "vip")
		c.must(err)
		out := ""
		for _, r := range runs {
			out += r.Run + " "
		}
		return out
	}
	for i := range 4 {
		c.begin(fmt.Sprint("r", 9-i), int64(i+1)) // oldest first, whatever they are called
	}
	if got := names(); got != "r9 r8 r7 r6 " {
		t.Errorf("unsettled: %s", got)
	}
	c.must(c.j.End(ctx, "r8", syncs.Report{Run: "r8", Status: syncs.Failed}))
	c.must(c.j.Settled(ctx, "r9"))
	c.must(c.j.Settled(ctx, "r9"))
	c.must(c.j.End(ctx, "r9", syncs.Report{Run: "r9", Status: syncs.OK}))
	if got := names(); got != "r8 r7 r6 " {
		t.Errorf("unsettled: %s", got)
	}
}

func contractJobs(t *testing.T, c *contract) {
	ctx := context.Background()
	c.begin("r1", 1)
	c.intend("r1", 1, 2, 6)
	want := syncs.OpenJob{Run: "r1", Plan: syncs.PlanRef{Sync: "vip", Run: "r1", Rows: 9, Table: "plan_r1"}, Lo: 2, Hi: 6, Offset: 3, Batch: "k1",
		Job: destinations.Job{Ref: json.RawMessage(`{"id":7}`), After: 5 * time.Second, Until: time.Hour}, Started: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	job := want
	c.must(c.j.Record(ctx, "r1", 1, []syncs.Ack{{Attempt: 1, Lo: 2, Hi: 6, Rest: syncs.Taken, Job: &job}}, nil))
	c.must(c.j.Settled(ctx, "r1")) // an open job outlives its run
	jobs, err := c.j.Jobs(ctx, "vip")
	c.must(err)
	if len(jobs) != 1 || jobs[0].ID == 0 {
		t.Fatalf("jobs: %+v", jobs)
	}
	want.ID = jobs[0].ID
	if d := cmp.Diff(want, jobs[0]); d != "" {
		t.Error(d)
	}
	if other, err := c.j.Jobs(ctx, "other"); err != nil || len(other) != 0 {
		t.Errorf("jobs of another sync: %v, %v", other, err)
	}
	c.must(c.j.CloseJob(ctx, "r1", want.ID, []syncs.Exception{{Seq: 2, Verdict: syncs.Applied}}))
	if jobs, err = c.j.Jobs(ctx, "vip"); err != nil || len(jobs) != 0 {
		t.Errorf("after closing: %v, %v", jobs, err)
	}
}

func contractDurable(t *testing.T, c *contract) {
	c.begin("r1", 1)
	c.intend("r1", 1, 0, 2)
	c.ack("r1", 1, 0, 2, syncs.Applied)
	c.intend("r1", 2, 2, 4)
	c.j = c.again(t)
	c.want("r1", "0:6 1:6 2:1 3:1 ")
}

func contractOrder(t *testing.T, c *contract) {
	c.begin("r1", 1)
	for i := range int64(5) {
		lo := (4 - i) * 10
		c.intend("r1", i+1, lo, lo+10)
		c.ack("r1", i+1, lo, lo+10, syncs.Applied, syncs.Exception{Seq: lo + 7, Verdict: syncs.Rejected}, syncs.Exception{Seq: lo + 2, Verdict: syncs.Rejected})
	}
	v, err := c.j.Verdicts(context.Background(), "r1")
	c.must(err)
	for range 2 { // it can be ranged over again
		last, n := int64(-1), 0
		for e, err := range v.Exceptions {
			c.must(err)
			if e.Seq <= last {
				t.Errorf("row %d after row %d", e.Seq, last)
			}
			last = e.Seq
			n++
		}
		if n < 10 {
			t.Errorf("%d exceptions", n)
		}
	}
}

func contractRanges(_ *testing.T, c *contract) {
	c.begin("r1", 1)
	c.must(c.j.Record(context.Background(), "r1", 1, nil, []syncs.Intent{{Attempt: 1, Lo: 0, Hi: 2, Key: "k"}, {Attempt: 1, Lo: 4, Hi: 5, Key: "k"}}))
	c.want("r1", "0:1 1:1 4:1 ")
	c.ack("r1", 1, 0, 2, syncs.Applied)
	c.want("r1", "0:6 1:6 4:1 ")
	c.ack("r1", 1, 4, 5, syncs.Rejected)
	c.want("r1", "0:6 1:6 4:2 ")
}
