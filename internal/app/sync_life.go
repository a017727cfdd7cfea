package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// Pause says since when a sync is paused, and by whom.
type Pause struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// PausedSync is a sync that a run leaves out.
type PausedSync struct {
	Sync string `json:"sync"`
	Pause
}

// SyncWord is what a person's word on a sync does.
type SyncWord struct {
	Sync    string   `json:"sync"`
	Action  string   `json:"action"` // pause, resume, reset, full or retry
	Done    bool     `json:"done"`   // false if it only tells what would be done
	Rows    int64    `json:"rows"`   // that it is about
	Pause   *Pause   `json:"pause,omitempty"`
	Running string   `json:"running,omitempty"` // the run that is under way, if that matters
	Then    []string `json:"then"`              // what follows, a sentence each
}

// personTTL is how long a person's command may hold a sync.
const personTTL = 2 * time.Minute

// PauseSync keeps a sync from running, on every machine that uses the warehouse, until ResumeSync.
// A run that is under way goes on to its end.
func (a *App) PauseSync(ctx context.Context, name, by, reason string) (*SyncWord, error) {
	s, h, err := a.lifeOf(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := a.led.Pause(ctx, s.Name, by, reason); err != nil {
		return nil, a.worldly(err)
	}
	w := &SyncWord{Sync: s.Name, Action: "pause", Done: true, Then: []string{
		"no run sends it, on any machine that uses this warehouse, until: weir sync resume " + s.Name,
		"what a policy, a suppression or an erasure demands is not sent either while it is paused",
	}}
	all, err := a.paused(ctx)
	if err != nil {
		return nil, err
	}
	if p, ok := all[s.Name]; ok {
		w.Pause = &p
	}
	running, err := a.led.Running(ctx, s.Name, h)
	if err != nil {
		return nil, a.worldly(err)
	}
	if running != nil {
		w.Running = running.Error()
		w.Then = append(w.Then, "a run of it is under way and goes on to its end: "+w.Running)
	}
	return w, nil
}

// ResumeSync ends a pause.
func (a *App) ResumeSync(ctx context.Context, name string) (*SyncWord, error) {
	s, _, err := a.lifeOf(ctx, name)
	if err != nil {
		return nil, err
	}
	was, err := a.led.Resume(ctx, s.Name)
	if err != nil {
		return nil, a.worldly(err)
	}
	w := &SyncWord{Sync: s.Name, Action: "resume", Done: was, Then: []string{"it was not paused"}}
	if was {
		w.Then = []string{"the next run sends what is due by then: weir plan --select " + s.Name}
	}
	return w, nil
}

// FullSync makes the next run of a sync send every row once more, whether it changed or not.
func (a *App) FullSync(ctx context.Context, name string) (*SyncWord, error) {
	s, _, err := a.lifeOf(ctx, name)
	if err != nil {
		return nil, err
	}
	if s.Mode == syncs.Append {
		return nil, &Error{Kind: Refused, Code: "syncs.full_append", Message: "sync " + s.Name + " sends messages, and what was sent is not sent again",
			Fix: "for those that were refused: weir runs retry " + s.Name}
	}
	st, err := a.journal(ctx)
	if err != nil {
		return nil, err
	}
	seen, err := st.Epoch(ctx, s.Name)
	if err != nil {
		return nil, a.worldly(err)
	}
	held, err := a.ledgerOf(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	err = a.leased(ctx, s.Name, func(g syncs.Grant) (syncs.Grant, error) { return a.led.Full(ctx, s.Name, g, seen) })
	if err != nil {
		return nil, err
	}
	w := &SyncWord{Sync: s.Name, Action: "full", Done: true, Rows: held["rows"]}
	if w.Rows == 0 {
		w.Then = []string{"nothing was sent yet: the next run sends everything anyway"}
		return w, nil
	}
	w.Then = []string{
		fmt.Sprintf("the next run sends every row that is still wanted, of %s that were sent, whether it changed or not; runs after it send changes again", count(w.Rows, "row")),
		"rows that were refused are tried again too",
	}
	return w, nil
}

// RetryRejects makes the rows of a sync that were refused, quarantined ones included, due at once,
// and lets the next run ask a destination again whose quota was spent.
func (a *App) RetryRejects(ctx context.Context, name string) (*SyncWord, error) {
	s, _, err := a.lifeOf(ctx, name)
	if err != nil {
		return nil, err
	}
	w := &SyncWord{Sync: s.Name, Action: "retry", Then: []string{"none of its rows was refused"}}
	err = a.leased(ctx, s.Name, func(g syncs.Grant) (syncs.Grant, error) {
		w.Rows, err = a.led.Retry(ctx, s.Name, g)
		return g, err
	})
	if err != nil {
		return nil, err
	}
	if w.Rows > 0 {
		w.Done, w.Then = true, []string{"the next run tries them again, as they are by then: weir run --select " + s.Name}
	}
	asks, err := a.asksAgain(ctx, s)
	if err != nil {
		return nil, err
	}
	if asks != "" {
		w.Done, w.Then = true, append(w.Then, asks)
	}
	return w, nil
}

// lifeOf finds a sync that a person means, and who asks.
func (a *App) lifeOf(ctx context.Context, name string) (*syncs.Sync, syncs.Holder, error) {
	s := a.p.Sync(name)
	if s == nil {
		var names []string
		for i := range a.p.Syncs {
			names = append(names, a.p.Syncs[i].Name)
		}
		e := &Error{Kind: Refused, Code: "syncs.unknown", Message: "there is no sync " + name, Fix: diag.DidYouMean(name, names)}
		if e.Fix == "" {
			e.Fix = "see: weir status"
		}
		return nil, syncs.Holder{}, e
	}
	if _, err := a.warehouse(); err != nil {
		return nil, syncs.Holder{}, err
	}
	h, err := a.holder(ctx)
	return s, h, err
}

// holder names this process and its store.
func (a *App) holder(ctx context.Context) (syncs.Holder, error) {
	st, err := a.journal(ctx)
	if err != nil {
		return syncs.Holder{}, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return syncs.Holder{Store: st.ID(), Host: host, PID: os.Getpid()}, nil
}

// leased does something to a sync's ledger while no run can: whoever runs it now is named in the
// error. f returns the grant that is to be given up.
func (a *App) leased(ctx context.Context, name string, f func(syncs.Grant) (syncs.Grant, error)) error {
	h, err := a.holder(ctx)
	if err != nil {
		return err
	}
	g, err := a.led.Acquire(ctx, name, h, personTTL)
	if err != nil {
		return a.worldly(err)
	}
	g, err = f(g)
	return a.worldly(errors.Join(err, a.led.Release(context.WithoutCancel(ctx), g)))
}

// paused lists the syncs that are paused.
func (a *App) paused(ctx context.Context) (map[string]Pause, error) {
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	list, err := a.led.Paused(ctx)
	if err != nil {
		return nil, a.worldly(err)
	}
	out := map[string]Pause{}
	for name, p := range list {
		out[name] = Pause(p)
	}
	return out, nil
}

// unpaused are the syncs that were picked and may run, and those that are paused.
func (a *App) unpaused(ctx context.Context) (may []*syncs.Sync, not []PausedSync, err error) {
	all, err := a.paused(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range a.chosenSyncs() {
		if p, ok := all[s.Name]; ok {
			not = append(not, PausedSync{s.Name, p})
			continue
		}
		may = append(may, s)
	}
	return may, not, nil
}

// count writes how many of something there are.
func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
