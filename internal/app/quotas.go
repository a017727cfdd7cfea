package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/syncs"
)

// SpentQuota is a limit of a destination that leaves no room for now. Runs end degraded until it does.
type SpentQuota struct {
	Destination string    `json:"destination"`
	Resumes     time.Time `json:"resumes"` // UTC: a run after it sends again
	Why         string    `json:"why"`     // the destination's words, or what the project declares
	Syncs       []string  `json:"syncs"`   // those whose calls count against it, by name
}

// spentQuotas lists the limits that leave no room at now, by destination and time. past are the last
// runs of syncs. What is only counted, and was said by nobody, is asked for where a last run ended by
// it, so that looking never takes room from a run.
func (a *App) spentQuotas(ctx context.Context, past []pastRun, now time.Time) ([]SpentQuota, error) {
	if a.sends() != nil {
		return nil, nil //nolint:nilerr // a target that sends nothing spends nothing
	}
	st, err := a.journal(ctx)
	if err != nil {
		return nil, err
	}
	ended := map[string]bool{}
	for i := range past {
		if r := past[i].Report; r != nil && r.Code == "syncs.quota" && r.Resumes.After(now) {
			ended[r.Sync] = true
		}
	}
	var out []SpentQuota
	for i := range a.p.Destinations {
		d := &a.p.Destinations[i]
		dest, ok := destinations.Lookup(d.Type)
		if !ok {
			continue
		}
		account := a.account(d, dest.Spec())
		lessons, err := st.Recall(ctx, account, now)
		if err != nil {
			return nil, a.worldly(err)
		}
		for _, l := range lessons {
			if bucket, ok := strings.CutPrefix(l.About, syncs.AboutQuota); ok {
				if names := a.counting(d, dest, func(r destinations.Rate) bool { return bucket == "" || r.Bucket == bucket }); len(names) > 0 {
					out = append(out, SpentQuota{d.Name, l.Until.UTC(), cmp.Or(l.Text, "it asked to wait"), names})
				}
			}
		}
		for _, q := range a.quotasOf(d, dest) {
			names := a.counting(d, dest, func(r destinations.Rate) bool { return r == q })
			if !slices.ContainsFunc(names, func(n string) bool { return ended[n] }) {
				continue
			}
			got, err := st.Spend(ctx, account, q, 1, now)
			if err == nil && got.Got > 0 {
				_, err = st.Spend(ctx, account, q, -got.Got, now)
			}
			if err != nil {
				return nil, a.worldly(err)
			}
			if got.Got == 0 {
				out = append(out, SpentQuota{d.Name, got.Next, fmt.Sprintf("its quota of %s in %s is spent", count(int64(q.N), "call"), strings.TrimSuffix(q.Per.String(), "0m0s")), names})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y SpentQuota) int {
		return cmp.Or(cmp.Compare(x.Destination, y.Destination), x.Resumes.Compare(y.Resumes))
	})
	return out, nil
}

// rates are the limits of calls of a sync's object, with those that the project declares.
func rates(d *project.Destination, dest destinations.Destination, s *syncs.Sync) []destinations.Rate {
	obj, _ := dest.Spec().Object(s.Object) // checked when the project was read
	limit(&obj.Limits, dest, d.Settings, s)
	return obj.Limits.Rates
}

// quotasOf are the long limits that calls of any sync to a destination count against.
func (a *App) quotasOf(d *project.Destination, dest destinations.Destination) (out []destinations.Rate) {
	for i := range a.p.Syncs {
		if s := &a.p.Syncs[i]; s.Destination == d.Name {
			for _, r := range rates(d, dest, s) {
				if syncs.IsQuota(r) && !slices.Contains(out, r) {
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// counting names the syncs to a destination that have a limit of a kind; all of its account is a limit
// of any sync, which is asked with the zero Rate.
func (a *App) counting(d *project.Destination, dest destinations.Destination, is func(destinations.Rate) bool) (names []string) {
	for i := range a.p.Syncs {
		s := &a.p.Syncs[i]
		if s.Destination == d.Name && slices.ContainsFunc(append(rates(d, dest, s), destinations.Rate{}), is) {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// doctorQuotas tells what no run can send now, and until when.
func (a *App) doctorQuotas(ctx context.Context, x *Examination) bool {
	past, err := a.history(ctx, ledger.PastFilter{Last: true})
	if err != nil {
		a.doctorFail(x, "quotas", err)
		return true
	}
	spent, err := a.spentQuotas(ctx, past, time.Now())
	if err != nil {
		a.doctorFail(x, "quotas", err)
	}
	for _, q := range spent {
		x.add("quota of "+q.Destination, note, "nothing to do: a run after that sends what is due", "%s takes nothing more before %s: %s", q.Destination, q.Resumes.Format("2006-01-02 15:04 MST"), q.Why)
	}
	return true
}
