package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/syncs"
)

// pastRun is a run as the warehouse tells of it, and of what is not over yet as this machine does.
type pastRun struct {
	store.Run
	settled syncs.Counts    // what the warehouse holds of a run without a report
	refused *[]store.Reject // nil if the warehouse does not tell
	here    bool            // this machine's journal knows it
}

// begun is when it began, for the order.
func (r *pastRun) begun() time.Time {
	if r.Report != nil {
		return r.Report.Started
	}
	return r.Started
}

// report is a run's report; for one whose end is not known, what is.
func (r *pastRun) report() syncs.Report {
	if r.Report != nil {
		return *r.Report
	}
	out := syncs.Report{Run: r.Run.Run, Sync: r.Sync, Status: "open", Started: r.Started, Notes: []string{"it runs, or its process died; the next run settles it"}}
	if !r.Settled.IsZero() {
		out.Counts, out.Notes = r.settled, []string{"what it sent is settled; its process ended before it could say how it went"}
	}
	return out
}

// history lists runs, newest first: the warehouse's, whichever machine ran them, and what only this
// machine's journal knows. Without the warehouse it is the journal alone, and that is told.
func (a *App) history(ctx context.Context, f ledger.PastFilter) ([]pastRun, error) {
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	st, err := a.journal(ctx)
	if err != nil {
		return nil, err
	}
	byRun := map[string]*pastRun{}
	if err := a.localHistory(ctx, st, f, func(r store.Run) { byRun[r.Run] = &pastRun{Run: r, here: true} }); err != nil {
		return nil, a.worldly(err)
	}
	past, err := a.led.History(ctx, f)
	if err != nil {
		var typed *Error
		if err = a.worldly(err); !errors.As(err, &typed) || typed.Kind != Unavailable {
			return nil, err
		}
		a.emit(Event{Kind: "history.here", Step: "history", Text: "only what this machine ran, since the warehouse is away: " + firstLine(err)})
	}
	for _, p := range past {
		r := byRun[p.Run]
		if r == nil {
			r = &pastRun{Run: store.Run{RunRecord: syncs.RunRecord{Run: p.Run, Started: p.Started}}}
			byRun[p.Run] = r
		}
		r.Sync, r.settled, r.Settled = p.Sync, p.Counts, p.Settled
		if p.Report == nil {
			continue
		}
		r.Report, r.Asked, r.Ended, r.refused = p.Report, p.Asked, p.Report.Ended, &[]store.Reject{}
		if p.Refused != "" {
			if err := json.Unmarshal([]byte(p.Refused), r.refused); err != nil {
				return nil, fmt.Errorf("the history of run %s: %w", p.Run, err)
			}
		}
	}
	out := make([]pastRun, 0, len(byRun))
	for _, r := range slices.SortedFunc(maps.Values(byRun), func(x, y *pastRun) int {
		return cmp.Or(y.begun().Compare(x.begun()), cmp.Compare(y.Run.Run, x.Run.Run))
	}) {
		out = append(out, *r)
	}
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

// localHistory yields the runs of this machine's journal.
func (a *App) localHistory(ctx context.Context, st *store.Store, f ledger.PastFilter, yield func(store.Run)) error {
	switch {
	case f.Run != "":
		r, err := st.Run(ctx, f.Run)
		if errors.Is(err, store.ErrUnknownRun) {
			return nil
		}
		if err != nil {
			return err
		}
		yield(r)
	case f.Last:
		last, err := st.Last(ctx)
		if err != nil {
			return err
		}
		for _, r := range last {
			yield(r)
		}
	default:
		list, err := st.Runs(ctx, store.Filter{Sync: f.Sync, Limit: f.Limit})
		if err != nil {
			return err
		}
		for _, r := range list {
			yield(r)
		}
	}
	return nil
}

// pastRun finds one run.
func (a *App) pastRun(ctx context.Context, run string) (*pastRun, bool, error) {
	list, err := a.history(ctx, ledger.PastFilter{Run: run})
	if err != nil || len(list) == 0 {
		return nil, false, err
	}
	return &list[0], true, nil
}

// telling is the journal of runs. How one ended it tells the warehouse too, for all who look there.
type telling struct {
	*store.Store
	a *App
}

// End records how a run ended. What the warehouse could not be told is told after a later run.
func (t telling) End(ctx context.Context, run string, rep syncs.Report) error {
	if err := t.Store.End(ctx, run, rep); err != nil {
		return err
	}
	r, err := t.Run(ctx, run)
	if err == nil {
		err = t.a.tellRun(ctx, t.Store, r)
	}
	if err != nil {
		t.a.emit(Event{Kind: "history.untold", Step: "history", Text: fmt.Sprintf("the end of run %s could not be recorded in the warehouse: %s", run, firstLine(t.a.worldly(err)))})
	}
	return nil
}

// tellRun writes a run that ended into the warehouse's history. What a vendor said of a row can name
// somebody, and many read the warehouse: such words lose what differs from row to row.
func (a *App) tellRun(ctx context.Context, st *store.Store, r store.Run) error {
	rejects, err := st.Rejects(ctx, r.Run)
	if err != nil {
		return err
	}
	refused := ""
	if len(rejects) > 0 {
		for i := range rejects {
			rejects[i].Reason = commonWords(rejects[i].Reason)
		}
		text, err := json.Marshal(rejects)
		if err != nil {
			return err
		}
		refused = string(text)
	}
	rep := *r.Report
	rep.Error = nameless(rep.Error)
	rep.Notes = slices.Clone(rep.Notes)
	for i, n := range rep.Notes {
		rep.Notes[i] = nameless(n)
	}
	rep.Reasons = maps.Clone(rep.Reasons)
	for code, reason := range rep.Reasons {
		rep.Reasons[code] = commonWords(reason)
	}
	return a.led.Record(ctx, ledger.Past{Run: r.Run, Sync: rep.Sync, Asked: r.Asked, Started: r.Started, Report: &rep, Refused: refused})
}

// lateFor bounds how old a run may be of which the warehouse is told late.
const lateFor = 7 * 24 * time.Hour

// tellLate tells the warehouse of runs whose end it could not be told when it was away.
func (a *App) tellLate(ctx context.Context) error {
	const newest = 50
	st, err := a.journal(ctx)
	if err != nil {
		return err
	}
	list, err := st.Runs(ctx, store.Filter{Limit: newest})
	if err != nil {
		return err
	}
	past, err := a.led.History(ctx, ledger.PastFilter{Limit: 4 * newest})
	if err != nil {
		return err
	}
	told := map[string]bool{}
	for _, p := range past {
		told[p.Run] = p.Report != nil
	}
	since := time.Now().Add(-lateFor)
	if keep := time.Duration(a.p.Keep.Runs); keep > 0 && keep < lateFor {
		since = time.Now().Add(-keep)
	}
	for _, r := range list {
		if r.Report == nil || told[r.Run] || r.Started.Before(since) || a.p.Sync(r.Sync) == nil {
			continue
		}
		if err := a.tellRun(ctx, st, r); err != nil {
			return err
		}
	}
	return nil
}
