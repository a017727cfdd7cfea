package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/syncs"
)

// Verified is how a destination differs from what it was last told.
type Verified struct {
	Sync        string   `json:"sync"`
	Told        int64    `json:"told"`         // rows that should be there
	There       int64    `json:"there"`        // members that the destination told of
	Missing     int64    `json:"missing"`      // told, and not there: drift
	Unconfirmed int64    `json:"unconfirmed"`  // of missing, those of whom it only said that it took them
	Extra       int64    `json:"extra"`        // there, and not known to the ledger: left alone
	Pending     int64    `json:"pending"`      // rows whose job is open, not compared
	InDoubt     int64    `json:"in_doubt"`     // rows that may or may not have arrived, not compared
	Due         int64    `json:"due"`          // of missing, those that the next run adds
	MissingKeys []string `json:"missing_keys"` // a few of them, masked where they are not ids of profiles
	ExtraValues []string `json:"extra_values"` // a few of them, masked
	Then        []string `json:"then"`         // what follows, a sentence each
}

// Drifts reports whether somebody who was sent is not there and was not made due again.
func (v *Verified) Drifts() bool { return v.Missing > v.Due }

// Verify reads a sync's destination back and compares it with the ledger. With fix, who is missing
// is noted as absent there, so that the next run adds those who are still wanted. It writes nothing
// to the destination.
func (a *App) Verify(ctx context.Context, name string, fix bool) (*Verified, error) {
	s, h, err := a.lifeOf(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := a.sends(); err != nil {
		return nil, err
	}
	d := a.p.Destination(s.Destination)
	dest, _ := destinations.Lookup(d.Type) // checked when the project was read
	obj, ok := a.objectOf(s)
	if !ok {
		return nil, fmt.Errorf("sync %s: %s has no object %s", s.Name, d.Type, s.Object)
	}
	if s.Mode == syncs.Append {
		return nil, cannotVerify(s, "it sends messages, and a message that was sent is nowhere to be read back")
	}
	running, err := a.led.Running(ctx, s.Name, h)
	if err != nil {
		return nil, a.worldly(err)
	}
	if running != nil {
		return nil, a.worldly(running)
	}
	held, err := a.ledgerOf(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	if len(held) == 0 {
		return nil, &Error{Kind: Refused, Code: "verify.never_ran", Message: "sync " + s.Name + " never ran, so that there is nothing to compare with", Fix: "run it: weir run --select " + s.Name}
	}
	session, err := a.open(ctx, dest, d)
	if err != nil {
		return nil, a.unread(s, err)
	}
	defer func() { _ = session.Close(context.WithoutCancel(ctx)) }() // it was only read
	lister, ok := session.(destinations.Lister)
	if !ok || !obj.Listed {
		return nil, cannotVerify(s, whyNot(d.Type, dest.Spec().Kind))
	}
	v := ledger.Verifying{Sync: s.Name, Object: obj, Account: a.account(d, dest.Spec()), Into: s.Into,
		Members: func(ctx context.Context, columns destinations.Columns, yield func([]any) bool) error {
			return membersOf(ctx, lister, obj, s.Into, columns, yield)
		}}
	if fix {
		v.Leased = func(ctx context.Context, f func(syncs.Grant) error) error {
			return a.leased(ctx, s.Name, func(g syncs.Grant) (syncs.Grant, error) { return g, f(g) })
		}
	}
	drift, err := a.led.Verify(ctx, v)
	if err != nil {
		return nil, a.unread(s, err)
	}
	return verified(s, drift), nil
}

// membersOf reads who is at a destination. Of a list that is not there nobody is.
func membersOf(ctx context.Context, l destinations.Lister, obj destinations.Object, into string, columns destinations.Columns, yield func([]any) bool) error {
	target := ""
	if obj.Target {
		var err error
		if target, err = l.Find(ctx, obj.Name, into); err != nil || target == "" {
			return err
		}
	}
	return l.Members(ctx, obj.Name, target, columns, yield)
}

// replaced reads who is at a sync's destination already, for a first run that replaces them.
func (a *App) replaced(s *syncs.Sync, dest destinations.Destination, obj destinations.Object) ledger.Members {
	return func(ctx context.Context, columns destinations.Columns, yield func([]any) bool) (err error) {
		session, err := a.open(ctx, dest, a.p.Destination(s.Destination))
		if err != nil {
			return a.unread(s, err)
		}
		defer func() { _ = session.Close(context.WithoutCancel(ctx)) }() // it was only read
		lister, ok := session.(destinations.Lister)
		if !ok {
			return fmt.Errorf("%s has no way to read members back", dest.Spec().Type)
		}
		if err := membersOf(ctx, lister, obj, s.Into, columns, yield); err != nil {
			return a.unread(s, err)
		}
		return nil
	}
}

// verified puts a drift in words. Keys are ids of profiles, or the user's own, which are masked.
func verified(s *syncs.Sync, d *ledger.Drift) *Verified {
	v := &Verified{Sync: s.Name, Told: d.Told, There: d.There, Missing: d.Missing, Unconfirmed: d.Unconfirmed, Extra: d.Extra,
		Pending: d.Pending, InDoubt: d.InDoubt, Due: d.Due, MissingKeys: []string{}, ExtraValues: []string{}, Then: []string{}}
	for _, k := range d.Keys {
		if s.Segment == "" && s.Entity == "" {
			k = maskedKey(k)
		}
		v.MissingKeys = append(v.MissingKeys, k)
	}
	for _, values := range d.Strangers {
		for _, x := range values {
			if x != "" {
				v.ExtraValues = append(v.ExtraValues, maskedKey(x))
				break
			}
		}
	}
	say := func(n int64, format string, args ...any) {
		if n > 0 {
			v.Then = append(v.Then, fmt.Sprintf(format, args...))
		}
	}
	say(v.Unconfirmed, "of %d of those missing the destination only said that it took them, and never confirmed it", v.Unconfirmed)
	say(v.Pending, "jobs are open for %s, which the next run asks about: not compared", count(v.Pending, "row"))
	say(v.InDoubt, "%s may or may not have arrived: not compared", count(v.InDoubt, "row"))
	say(v.Extra, "weir did not put those extra there, or took them out before and somebody put them back: it leaves them alone")
	say(v.Missing-v.Due, "to add those missing again: weir verify %s --fix", s.Name)
	say(v.Due, "%s noted as absent; the next run adds those who are still wanted: weir run --select %s", count(v.Due, "row"), s.Name)
	return v
}

func cannotVerify(s *syncs.Sync, why string) *Error {
	return &Error{Kind: Refused, Code: "verify.cannot_list", Message: "sync " + s.Name + " cannot be verified: " + why,
		Fix: "see what its destination was told: weir status, weir runs show"}
}

// whyNot says why a destination does not tell who is there.
func whyNot(kind string, of destinations.Kind) string {
	switch of {
	case destinations.Ads:
		return "a " + kind + " audience tells how large it is, and not who is in it"
	case destinations.SMS, destinations.Messaging:
		return kind + " delivers messages, and holds no members"
	case destinations.HTTP:
		return "weir knows how to send requests to it, and of none that reads members back"
	}
	return kind + " has no way to read members back"
}

// unread is an error of reading a destination back.
func (a *App) unread(s *syncs.Sync, err error) error {
	var f *destinations.Fault
	switch {
	case errors.Is(err, ledger.ErrMoved):
		return &Error{Kind: Unavailable, Code: "verify.moved", Message: "verifying " + s.Name + ": a run changed the ledger meanwhile", Fix: "verify again when no run is under way", Err: err}
	case errors.As(err, &f):
		e := &Error{Kind: Unavailable, Code: "verify.unread", Message: "reading " + s.Destination + " back: " + firstLine(f), Fix: "try again later", Err: err}
		switch f.Class {
		case destinations.Throttled, destinations.Transient, destinations.Ambiguous:
		default:
			e.Kind, e.Fix = Refused, "see: weir doctor"
		}
		return e
	}
	return a.worldly(err)
}
