package app

import (
	"context"
	"fmt"

	"github.com/weir-data/weir/syncs"
)

// ResetWords tells what resetting a sync would forget, and what its next run would then do. It
// changes nothing.
func (a *App) ResetWords(ctx context.Context, name string, adopt bool) (*SyncWord, error) {
	s, _, err := a.lifeOf(ctx, name)
	if err != nil {
		return nil, err
	}
	held, err := a.ledgerOf(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	w := &SyncWord{Sync: s.Name, Action: "reset", Rows: held["rows"], Then: []string{}}
	say := func(format string, args ...any) { w.Then = append(w.Then, fmt.Sprintf(format, args...)) }
	place := s.Object + " of " + s.Destination
	if s.Into != "" {
		place = fmt.Sprintf("%s %q of %s", s.Object, s.Into, s.Destination)
	}
	say("weir forgets that it sent %s to %s; nothing is removed there", count(w.Rows, "row"), place)
	if n := held["in_doubt"]; n > 0 {
		say("%s may or may not have arrived; that is forgotten too, and nobody is asked about it any more", count(n, "row"))
	}
	first := s.FirstRun
	if adopt {
		first = map[bool]syncs.FirstRun{true: syncs.Skip, false: syncs.Adopt}[s.Mode == syncs.Append]
	}
	switch first {
	case syncs.Skip:
		say("the next run sends nothing to anybody who is in by then, and notes them as not sent; who enters later is sent to")
	case syncs.Send:
		say("the next run sends to everybody who is in by then, AGAIN to those who were sent to before; --adopt sends to none of them")
	case syncs.Replace:
		say("the next run is the first: it is held until a person has read its plan, since first_run: replace is about everybody who is there; --adopt touches none of them")
	default:
		say("the next run sends everybody who is wanted by then as new; where they are there already, they are written once more")
		if s.Mode != syncs.Add {
			say("members who are there and not wanted are not touched, also those whom weir once put there: take them out there by hand, or run the sync before it is reset")
		}
	}
	return w, nil
}

// ResetSync forgets what a sync's destination was told, so that its next run is its first. With
// adopt, that run touches nobody who is there already, whatever first_run says.
func (a *App) ResetSync(ctx context.Context, name string, adopt bool) (*SyncWord, error) {
	w, err := a.ResetWords(ctx, name, adopt)
	if err != nil {
		return nil, err
	}
	err = a.leased(ctx, w.Sync, func(g syncs.Grant) (syncs.Grant, error) { return g, a.led.Reset(ctx, w.Sync, g, adopt) })
	if err != nil {
		return nil, err
	}
	w.Done = true
	return w, nil
}
