package syncs

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
)

// fakeSource is a warehouse with one plan of n rows, made by row.
type fakeSource struct {
	mu        sync.Mutex
	n         int64
	row       func(seq int64) Change
	tally     *Tally
	forced    int64
	version   string
	holder    *Holder
	epoch     int64
	dirty     bool // the last release was not clean
	plans     map[string]PlanRef
	order     []string
	verdicts  []Verdict
	reasons   map[int64]Exception
	settled   int
	discarded int
	settleErr error
	renewals  int
	renewErr  error
	barred    map[int64]string
	refined   []Exception
	decided   []string
	gone      map[string]bool
	told      map[string]Counts // of settled runs
}

func newSource(n int64) *fakeSource {
	return &fakeSource{n: n, version: "v1", plans: map[string]PlanRef{}, reasons: map[int64]Exception{}, barred: map[int64]string{}, gone: map[string]bool{}, told: map[string]Counts{},
		row: func(seq int64) Change {
			return Change{Op: destinations.Add, Move: Adding, Key: fmt.Sprint("p", seq), IDs: []any{fmt.Sprintf("p%d@example.com", seq)}, Fields: []any{"x"}, Hash: seq + 1}
		}}
}

func (s *fakeSource) Acquire(_ context.Context, h Holder, ttl time.Duration) (Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holder != nil {
		return Grant{}, &HeldError{Sync: "vip", Holder: *s.holder, Until: time.Now().Add(ttl)}
	}
	s.epoch++
	s.holder = &h
	return Grant{Sync: "vip", Epoch: s.epoch, Clean: !s.dirty}, nil
}

func (s *fakeSource) Renew(_ context.Context, g Grant, _ time.Duration) (Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewals++
	return g, s.renewErr
}

func (s *fakeSource) Release(_ context.Context, _ Grant, clean bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holder, s.dirty = nil, !clean
	return nil
}

func (s *fakeSource) Freeze(_ context.Context, g Grant, run string) (PlanRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ref, ok := s.plans[run]; ok {
		ref.Epoch = g.Epoch
		s.plans[run] = ref
		return ref, nil
	}
	t := Tally{Added: s.n, Desired: s.n, SourceRows: max(s.n, 1)}
	if s.tally != nil {
		t = *s.tally
	}
	ref := PlanRef{Sync: "vip", Run: run, Epoch: g.Epoch, Rows: s.n, Forced: s.forced, Tally: t, Hash: "h1", Version: s.version}
	s.plans[run] = ref
	s.order = append(s.order, run)
	return ref, nil
}

func (s *fakeSource) Plan(_ context.Context, run string) (PlanRef, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref, ok := s.plans[run]
	return ref, ok, nil
}

func (s *fakeSource) Open(context.Context) ([]PlanRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []PlanRef
	for _, run := range s.order {
		if ref, ok := s.plans[run]; ok && ref.Epoch > 0 && !s.gone[run] {
			out = append(out, ref)
		}
	}
	return out, nil
}

func (s *fakeSource) Read(_ context.Context, _ PlanRef, lo, hi int64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for seq := lo; seq < hi; seq++ {
			c := s.row(seq)
			c.Seq = seq
			s.mu.Lock()
			c.Barred = s.barred[seq]
			s.mu.Unlock()
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (s *fakeSource) Settle(_ context.Context, _ Grant, ref PlanRef, v Verdicts) (Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settleErr != nil {
		return Counts{}, s.settleErr
	}
	s.verdicts = make([]Verdict, ref.Rows)
	for _, r := range v.Ranges {
		for seq := r.Lo; seq < r.Hi; seq++ {
			s.verdicts[seq] = r.Verdict
		}
	}
	for e, err := range v.Exceptions {
		if err != nil {
			return Counts{}, err
		}
		s.verdicts[e.Seq] = e.Verdict
		s.reasons[e.Seq] = e
	}
	var c Counts
	for _, x := range s.verdicts {
		switch x {
		case Applied:
			c.Delivered++
		case Taken:
			c.Accepted++
		case Rejected:
			c.Rejected++
		case InDoubt:
			c.InDoubt++
		case Barred:
			c.Suppressed++
		case Malformed:
			c.Invalid++
		default:
			c.Due++
		}
	}
	s.settled++
	s.told[ref.Run] = Counts{Delivered: c.Delivered, Accepted: c.Accepted, Rejected: c.Rejected, InDoubt: c.InDoubt, Due: c.Due}
	s.gone[ref.Run] = true
	if !v.Keep {
		delete(s.plans, ref.Run)
	}
	return c, nil
}

func (s *fakeSource) Refine(_ context.Context, _ Grant, _ PlanRef, final []Exception) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refined = append(s.refined, final...)
	return nil
}

func (s *fakeSource) Decide(_ context.Context, _ Grant, run string, sent bool, keys []string) (int64, error) {
	s.decided = append(s.decided, fmt.Sprint(run, sent, keys))
	return int64(len(keys)), nil
}

func (s *fakeSource) Discard(_ context.Context, ref PlanRef) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discarded++
	delete(s.plans, ref.Run)
	return nil
}

func (s *fakeSource) Version(context.Context) (string, error) { return s.version, nil }

type rowOf struct {
	run string
	seq int64
}

// fakeJournal remembers the last word on every row.
type fakeJournal struct {
	mu        sync.Mutex
	begun     []RunRecord
	settled   map[string]bool
	reports   map[string]Report
	last      map[rowOf]int64
	verdict   map[rowOf]Exception
	jobs      []OpenJob
	intends   int
	intendErr error
	ackErr    error
	unsure    int64 // rows of the intents of a write that failed with ackErr
	onIntend  func()
	lessons   map[string]Lesson // by account and About
	spent     map[string]map[int64]int64
}

func newFakeJournal() *fakeJournal {
	return &fakeJournal{settled: map[string]bool{}, reports: map[string]Report{}, last: map[rowOf]int64{}, verdict: map[rowOf]Exception{},
		lessons: map[string]Lesson{}, spent: map[string]map[int64]int64{}}
}

func (j *fakeJournal) Begin(_ context.Context, r RunRecord) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begun = append(j.begun, r)
	return nil
}

func (j *fakeJournal) Record(_ context.Context, run string, _ int64, acks []Ack, ins []Intent) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(acks) > 0 && j.ackErr != nil {
		for _, in := range ins {
			j.unsure += in.Hi - in.Lo
		}
		return j.ackErr
	}
	if len(ins) > 0 {
		j.intends++
		if j.onIntend != nil {
			j.onIntend()
		}
		if j.intendErr != nil {
			return j.intendErr
		}
	}
	j.ack(run, acks)
	for _, in := range ins {
		for seq := in.Lo; seq < in.Hi; seq++ {
			if in.Attempt >= j.last[rowOf{run, seq}] {
				j.last[rowOf{run, seq}] = in.Attempt
				j.verdict[rowOf{run, seq}] = Exception{Seq: seq, Verdict: InDoubt}
			}
		}
	}
	return nil
}

func (j *fakeJournal) ack(run string, acks []Ack) {
	for _, a := range acks {
		for seq := a.Lo; seq < a.Hi; seq++ {
			if a.Attempt >= j.last[rowOf{run, seq}] {
				j.verdict[rowOf{run, seq}] = Exception{Seq: seq, Verdict: a.Rest}
			}
		}
		for _, e := range a.Exceptions {
			if a.Attempt >= j.last[rowOf{run, e.Seq}] {
				j.verdict[rowOf{run, e.Seq}] = e
			}
		}
		if a.Job != nil {
			o := *a.Job
			o.ID = int64(len(j.jobs) + 1)
			j.jobs = append(j.jobs, o)
		}
	}
}

func (j *fakeJournal) Unsettled(context.Context, string) ([]RunRecord, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seen := map[string]bool{}
	var out []RunRecord
	for _, r := range j.begun {
		if !j.settled[r.Run] && !seen[r.Run] {
			out = append(out, r)
			seen[r.Run] = true
		}
	}
	return out, nil
}

func (j *fakeJournal) Verdicts(_ context.Context, run string) (Verdicts, error) {
	return Verdicts{Exceptions: func(yield func(Exception, error) bool) {
		for at, e := range j.verdict {
			if at.run == run && !yield(e, nil) {
				return
			}
		}
	}}, nil
}

func (j *fakeJournal) Jobs(context.Context, string) ([]OpenJob, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]OpenJob(nil), j.jobs...), nil
}

func (j *fakeJournal) CloseJob(_ context.Context, _ string, id int64, _ []Exception) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.jobs {
		if j.jobs[i].ID == id {
			j.jobs = append(j.jobs[:i:i], j.jobs[i+1:]...)
			return nil
		}
	}
	return nil
}

func (j *fakeJournal) Settled(_ context.Context, run string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.settled[run] = true
	return nil
}

func (j *fakeJournal) End(_ context.Context, run string, rep Report) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reports[run] = rep
	return nil
}

func (j *fakeJournal) Recall(_ context.Context, account string, now time.Time) ([]Lesson, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []Lesson
	for at, l := range j.lessons {
		if strings.HasPrefix(at, account+" ") && now.Before(l.Until) {
			out = append(out, l)
		}
	}
	return out, nil
}

func (j *fakeJournal) Learn(_ context.Context, account string, l Lesson, _ time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lessons[account+" "+l.About] = l
	return nil
}

func (j *fakeJournal) Spend(_ context.Context, account string, q destinations.Rate, n int64, now time.Time) (Allowance, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key := account + " " + q.Bucket
	if j.spent[key] == nil {
		j.spent[key] = map[int64]int64{}
	}
	a := TakeQuota(q, j.spent[key], n, now)
	j.spent[key][a.Slot] += a.Got
	return a, nil
}

// vendor is a destination whose answers a test writes.
type vendor struct {
	mu      sync.Mutex
	write   func(n int, b destinations.Batch) (destinations.Outcome, error) // n counts calls from 1
	took    time.Duration                                                   // of a call
	calls   []destinations.Batch
	at      []time.Time
	inCall  int
	most    int // calls at once
	refresh func() error
	poll    func(n int, j destinations.Job, b destinations.Batch) (destinations.Outcome, bool, error)
	polls   int
	closed  bool
}

var delivered = destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered}}

func (v *vendor) Check(context.Context) error { return nil }
func (v *vendor) Close(context.Context) error { v.closed = true; return nil }

func (v *vendor) Write(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	v.mu.Lock()
	v.calls = append(v.calls, b)
	v.at = append(v.at, time.Now())
	n := len(v.calls)
	v.inCall++
	v.most = max(v.most, v.inCall)
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		v.inCall--
		v.mu.Unlock()
	}()
	if v.took > 0 {
		select {
		case <-time.After(v.took):
		case <-ctx.Done():
			return destinations.Outcome{}, ctx.Err()
		}
	}
	if v.write == nil {
		return delivered, nil
	}
	return v.write(n, b)
}

func (v *vendor) Refresh(context.Context) error {
	if v.refresh == nil {
		return fmt.Errorf("there is nothing to refresh")
	}
	return v.refresh()
}

func (v *vendor) Poll(_ context.Context, j destinations.Job, b destinations.Batch) (destinations.Outcome, bool, error) {
	v.polls++
	return v.poll(v.polls, j, b)
}

// scene is one run in its own time.
type scene struct {
	t       *testing.T
	src     *fakeSource
	journal *fakeJournal
	vendor  *vendor
	task    *Task
	runner  *Runner
	opened  int
	events  []Event
}

func newScene(t *testing.T, n int64) *scene {
	s := &scene{t: t, src: newSource(n), journal: newFakeJournal(), vendor: &vendor{}}
	s.task = &Task{Sync: Sync{Name: "vip", Mode: Mirror}, Account: "acme", Source: s.src,
		Columns: destinations.Columns{IDs: []string{"email"}, Fields: []string{"name"}},
		Object: destinations.Object{Name: "list", Idempotent: true, Identifiers: []destinations.Identifier{{Name: "email"}},
			Limits: destinations.Limits{Rows: 1000, Concurrency: 1}},
		Session: func() (destinations.Session, error) { s.opened++; return s.vendor, nil }}
	s.runner = &Runner{Journal: s.journal, Holder: Holder{Store: "s", Host: "h", PID: 1}, Buckets: NewBuckets(),
		Random: func() float64 { return 0.5 }, Events: func(e Event) { s.events = append(s.events, e) }}
	return s
}

// run runs and checks what holds of every run.
func (s *scene) run() *Report { return s.runWith(s.t.Context(), RunOptions{}) }

func (s *scene) runWith(ctx context.Context, o RunOptions) *Report {
	s.t.Helper()
	r, err := s.runner.Run(ctx, s.task, o)
	if err != nil {
		s.t.Fatalf("run: %v", err)
	}
	c := r.Counts
	if c.Added+c.Updated+c.Removed != c.Delivered+c.Accepted+c.Rejected+c.Due+c.InDoubt {
		s.t.Errorf("counts do not add up: %+v", c)
	}
	for name, n := range map[string]int64{"delivered": c.Delivered, "accepted": c.Accepted, "rejected": c.Rejected, "due": c.Due, "in doubt": c.InDoubt} {
		if n < 0 {
			s.t.Errorf("%d rows are %s: a row was counted twice: %+v", n, name, c)
		}
	}
	if told, ok := s.src.told[r.Run]; ok { // what people read is what the ledger was told
		if d := cmp.Diff(told, Counts{Delivered: c.Delivered, Accepted: c.Accepted, Rejected: c.Rejected, InDoubt: c.InDoubt, Due: c.Due}); d != "" {
			s.t.Errorf("the report is not what the ledger was told: %s", d)
		}
	}
	if s.src.holder != nil && r.Code != "syncs.fenced" && r.Code != "syncs.lease_lost" {
		s.t.Error("the lease was not released")
	}
	if s.opened > 1 {
		s.t.Errorf("the destination was opened %d times", s.opened)
	}
	if s.opened == 1 && !s.vendor.closed {
		s.t.Error("the destination was not closed")
	}
	return r
}

// want checks the numbers of a report and what the ledger was told.
func (s *scene) want(r *Report, status Status, code string, want Counts) {
	s.t.Helper()
	if r.Status != status || r.Code != code {
		s.t.Errorf("ended %s %q (%s); want %s %q", r.Status, r.Code, r.Error, status, code)
	}
	if r.Counts != want {
		s.t.Errorf("counts %+v; want %+v", r.Counts, want)
	}
}

// inItsTime runs a test with a clock of its own.
func inItsTime(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }
