package syncstest

import (
	"context"
	"errors"
	"slices"

	"github.com/weir-data/weir/syncs"
)

var errDisk = errors.New("the disk says no")

// journal is a syncs.Journal in memory. It survives the crash of a machine.
type journal struct {
	w     *world
	runs  map[string]*journalRun
	order []string
	epoch map[string]int64 // newest, by sync
	jobs  []syncs.OpenJob
	next  int64
	memory
}

type journalRun struct {
	record  syncs.RunRecord
	marks   []journalMark
	settled bool
	ended   *syncs.Report
}

// journalMark is an attempt, or the verdicts on one.
type journalMark struct {
	attempt, lo, hi int64
	acked           bool
	rest            syncs.Verdict
	except          []syncs.Exception
}

func newJournal(w *world) *journal {
	return &journal{w: w, runs: map[string]*journalRun{}, epoch: map[string]int64{}}
}

// flaky does a write, or not, and says so, or not.
func (j *journal) flaky(do func() error) error {
	switch trip := j.w.trip; {
	case j.w.tripped(true):
		if trip == 2 {
			_ = do()
		}
		return errDisk
	}
	if j.w.chaos && j.w.chance(j.w.infra) {
		if j.w.chance(0.5) {
			_ = do()
		}
		return errDisk
	}
	return do()
}

func (j *journal) admit(run string, epoch int64) (*journalRun, error) {
	r := j.runs[run]
	if r == nil {
		return nil, errors.New("the journal does not know run " + run)
	}
	if epoch < j.epoch[r.record.Sync] && j.w.variant != NoFence {
		return nil, syncs.ErrFenced
	}
	return r, nil
}

func (j *journal) Begin(_ context.Context, r syncs.RunRecord) error {
	return j.flaky(func() error {
		if r.Epoch < j.epoch[r.Sync] && j.w.variant != NoFence {
			return syncs.ErrFenced
		}
		j.epoch[r.Sync] = max(j.epoch[r.Sync], r.Epoch)
		if have := j.runs[r.Run]; have != nil {
			have.record = r
			return nil
		}
		j.runs[r.Run] = &journalRun{record: r}
		j.order = append(j.order, r.Run)
		return nil
	})
}

func (j *journal) Record(_ context.Context, run string, epoch int64, acks []syncs.Ack, intents []syncs.Intent) error {
	for _, in := range intents {
		j.w.intended(run, in)
	}
	return j.flaky(func() error {
		r, err := j.admit(run, epoch)
		if err != nil {
			return err
		}
		for _, a := range acks {
			r.marks = append(r.marks, journalMark{attempt: a.Attempt, lo: a.Lo, hi: a.Hi, acked: true, rest: a.Rest, except: a.Exceptions})
			if a.Job != nil {
				j.next++
				job := *a.Job
				job.ID = j.next
				j.jobs = append(j.jobs, job)
			}
		}
		for _, in := range intents {
			r.marks = append(r.marks, journalMark{attempt: in.Attempt, lo: in.Lo, hi: in.Hi})
		}
		return nil
	})
}

func (j *journal) Unsettled(_ context.Context, sync string) ([]syncs.RunRecord, error) {
	var out []syncs.RunRecord
	for _, run := range j.order {
		if r := j.runs[run]; !r.settled && r.record.Sync == sync {
			out = append(out, r.record)
		}
	}
	return out, nil
}

// verdict derives what is known of a row; ok is false if it was never attempted.
func (j *journal) verdict(r *journalRun, seq int64) (e syncs.Exception, ok bool) {
	var last int64 = -1
	for _, m := range r.marks {
		if seq < m.lo || seq >= m.hi || m.attempt < last {
			continue
		}
		if j.w.variant == NotAppliedSurvives && !m.acked && ok && e.Verdict != syncs.InDoubt {
			continue
		}
		last, ok = m.attempt, true
		e = syncs.Exception{Seq: seq, Verdict: syncs.InDoubt}
		if m.acked {
			e.Verdict = m.rest
			for _, x := range m.except {
				if x.Seq == seq {
					e = x
				}
			}
		}
	}
	return e, ok
}

func (j *journal) Verdicts(_ context.Context, run string) (syncs.Verdicts, error) {
	r := j.runs[run]
	if r == nil {
		return syncs.Verdicts{}, errors.New("the journal does not know run " + run)
	}
	var v syncs.Verdicts
	var except []syncs.Exception
	rows := int64(0)
	for _, m := range r.marks {
		rows = max(rows, m.hi)
	}
	for seq := range rows {
		if e, ok := j.verdict(r, seq); ok {
			v.Ranges = append(v.Ranges, syncs.VerdictRange{Lo: seq, Hi: seq + 1, Verdict: syncs.NotTried})
			except = append(except, e)
		}
	}
	v.Exceptions = func(yield func(syncs.Exception, error) bool) {
		for _, e := range except {
			if !yield(e, nil) {
				return
			}
		}
	}
	return v, nil
}

func (j *journal) Jobs(_ context.Context, sync string) ([]syncs.OpenJob, error) {
	return slices.DeleteFunc(slices.Clone(j.jobs), func(o syncs.OpenJob) bool { return o.Plan.Sync != sync }), nil
}

func (j *journal) CloseJob(_ context.Context, _ string, id int64, _ []syncs.Exception) error {
	return j.flaky(func() error {
		j.jobs = slices.DeleteFunc(j.jobs, func(o syncs.OpenJob) bool { return o.ID == id })
		return nil
	})
}

func (j *journal) Settled(_ context.Context, run string) error {
	return j.flaky(func() error {
		if r := j.runs[run]; r != nil {
			r.settled = true
		}
		return nil
	})
}

func (j *journal) End(_ context.Context, run string, rep syncs.Report) error {
	return j.flaky(func() error {
		if r := j.runs[run]; r != nil {
			r.ended = &rep
		}
		return nil
	})
}

// forget drops what a journal that does not reach the disk loses in a crash: the newest intents.
func (j *journal) forget() {
	for _, run := range j.order {
		r := j.runs[run]
		acked := map[int64]bool{}
		for _, m := range r.marks {
			acked[m.attempt] = acked[m.attempt] || m.acked
		}
		r.marks = slices.DeleteFunc(r.marks, func(m journalMark) bool { return !acked[m.attempt] })
	}
}

// possiblySent reports whether some attempt at a row was recorded.
func (j *journal) possiblySent(run string, seq int64) bool {
	r := j.runs[run]
	if r == nil {
		return true // the journal was lost
	}
	for _, m := range r.marks {
		if seq >= m.lo && seq < m.hi {
			return true
		}
	}
	return false
}
