package syncstest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

var errWarehouse = errors.New("the warehouse does not answer")

// people, names and values of the world. Small, so that they meet often.
const (
	people = 4
	idents = 6
	values = 3
)

// person is a row of the source.
type person struct {
	ident string
	value int64
}

// entry is a row of the ledger.
type entry struct {
	present bool
	value   int64
	profile string
	doubt   bool
	tried   int64 // what is in doubt, as a payload hash
	job     bool  // taken, and the result is not known
	version int64
	run     string

	rejected  int64 // the payload that was rejected
	times     int
	next      time.Time
	permanent bool
}

// warehouse is a syncs.Source in memory, with the fences of the real one.
type warehouse struct {
	w       *world
	source  map[string]person // by profile; for messages, by entry
	barred  map[string]bool   // identifiers
	ledger  map[string]*entry // by identifier; for messages, by entry
	plans   map[string]*plan
	order   []string // of plans
	marker  map[string]bool
	settled map[string]syncs.Counts
	epoch   int64
	holder  int // process that holds the lease; -1 is nobody
	expiry  time.Time
	clean   bool
	writes  int64
	deaf    int // settles whose answer gets lost
}

type plan struct {
	ref  syncs.PlanRef
	rows []syncs.Change
	held bool
}

func newWarehouse(w *world) *warehouse {
	s := &warehouse{w: w, source: map[string]person{}, barred: map[string]bool{}, ledger: map[string]*entry{},
		plans: map[string]*plan{}, marker: map[string]bool{}, settled: map[string]syncs.Counts{}, holder: -1, clean: true}
	for i := range people {
		if w.plot == nil && (w.emit || w.chance(0.7)) {
			s.source[s.profile(i)] = person{s.ident(i), int64(w.rng.IntN(values))}
		}
	}
	return s
}

func (s *warehouse) profile(i int) string { return profileNames[i] }
func (s *warehouse) ident(i int) string   { return identNames[i] }

var (
	profileNames = names("p", 2*people)
	identNames   = names("id", 2*people)
)

func names(prefix string, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint(prefix, i))
	}
	return out
}

// mutate changes the source: people come, go, change and come back as they were.
func (s *warehouse) mutate() {
	w := s.w
	p := s.profile(w.rng.IntN(people))
	if w.emit {
		p = s.profile(w.rng.IntN(2 * people))
		if _, there := s.source[p]; !there {
			s.source[p] = person{s.ident(len(s.source)), int64(w.rng.IntN(values))}
		}
	}
	at := s.source[p]
	switch k := w.rng.IntN(12); {
	case k < 5 && !w.emit:
		s.source[p] = person{or(at.ident, s.ident(w.rng.IntN(idents))), int64(w.rng.IntN(values))}
	case k < 7 && !w.emit:
		s.source[p] = person{s.ident(w.rng.IntN(idents)), at.value}
	case k < 9 && !w.emit:
		delete(s.source, p)
	case k == 9:
		at.ident = or(at.ident, s.ident(w.rng.IntN(idents)))
		at.value = poison
		s.source[p] = at
	case k == 10:
		s.barred[s.ident(w.rng.IntN(idents))] = true
	case !w.emit && w.chance(0.2):
		clear(s.source)
	}
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// desired says who should be at the destination: of several people with one identifier, the
// first.
func (s *warehouse) desired() map[string]person {
	out := map[string]person{}
	for i := range 2 * people {
		p := s.profile(i)
		at, ok := s.source[p]
		if !ok || s.barred[at.ident] {
			continue
		}
		key := at.ident
		if s.w.emit {
			key = p
		}
		if _, taken := out[key]; !taken {
			out[key] = person{p, at.value}
		}
	}
	return out
}

func (s *warehouse) fence(g syncs.Grant) error {
	if g.Epoch != s.epoch && s.w.variant != NoFence {
		return syncs.ErrFenced
	}
	return nil
}

func (s *warehouse) fault() error {
	if s.w.tripped(false) {
		return errWarehouse
	}
	if s.w.chaos && s.w.chance(s.w.infra) {
		return errWarehouse
	}
	return nil
}

func (s *warehouse) Acquire(_ context.Context, h syncs.Holder, ttl time.Duration) (syncs.Grant, error) {
	if err := s.fault(); err != nil {
		return syncs.Grant{}, err
	}
	if s.holder >= 0 && s.w.now.Before(s.expiry) && s.w.procs[s.holder].m != nil && s.w.variant != NoFence && s.holder != h.PID {
		return syncs.Grant{}, &syncs.HeldError{Sync: "vip", Holder: syncs.Holder{PID: s.holder}, Until: s.expiry}
	}
	g := syncs.Grant{Sync: "vip", Epoch: s.epoch + 1, Clean: s.holder < 0 && s.clean || s.w.variant == NoHold, Expiry: s.w.now.Add(ttl)}
	s.epoch, s.holder, s.expiry, s.clean = g.Epoch, h.PID, g.Expiry, false
	if s.fault() != nil {
		return syncs.Grant{}, errWarehouse // granted, but nobody heard
	}
	return g, nil
}

func (s *warehouse) Renew(_ context.Context, g syncs.Grant, ttl time.Duration) (syncs.Grant, error) {
	if err := s.fault(); err != nil {
		return syncs.Grant{}, err
	}
	if err := s.fence(g); err != nil {
		return syncs.Grant{}, err
	}
	s.expiry = s.w.now.Add(ttl)
	g.Expiry = s.expiry
	return g, nil
}

func (s *warehouse) Release(_ context.Context, g syncs.Grant, clean bool) error {
	if err := s.fault(); err != nil {
		return err
	}
	if g.Epoch == s.epoch {
		s.holder, s.clean = -1, clean
	}
	return nil
}

func (s *warehouse) Freeze(_ context.Context, g syncs.Grant, run string) (syncs.PlanRef, error) {
	if g.Epoch != 0 {
		if err := s.fault(); err != nil {
			return syncs.PlanRef{}, err
		}
		if err := s.fence(g); err != nil {
			return syncs.PlanRef{}, err
		}
		if p := s.plans[run]; p != nil && !s.marker[run] {
			p.ref.Epoch = g.Epoch
			return p.ref, nil
		}
	}
	p := s.diff()
	p.ref.Run, p.ref.Epoch, p.ref.Sync = run, g.Epoch, "vip"
	p.ref.Version, p.ref.AsOf = fmt.Sprint(s.writes), s.w.now
	s.plans[run] = p
	s.order = append(s.order, run)
	if s.w.variant == AckAtPlan && g.Epoch != 0 {
		for _, c := range p.rows {
			s.apply(c, run)
		}
	}
	if g.Epoch != 0 && s.fault() != nil {
		return syncs.PlanRef{}, errWarehouse
	}
	return p.ref, nil
}

// removed is the payload hash of a removal.
const removed = -1

// diff compares what should be with what is known to be.
func (s *warehouse) diff() *plan {
	var t syncs.Tally
	var forced, first, rest []syncs.Change
	want := s.desired()
	var keys []string
	for i := range idents {
		keys = append(keys, s.ident(i))
	}
	if s.w.emit {
		keys = nil
		for i := range 2 * people {
			keys = append(keys, s.profile(i))
		}
	}
	t.SourceRows = int64(len(s.source))
	for _, key := range keys {
		d, wanted := want[key]
		e := s.ledger[key]
		if e != nil && e.present {
			t.Ledger++
		}
		c := syncs.Change{Key: d.ident, Group: d.ident, IDs: []any{key}, Fields: []any{d.value}, Hash: d.value}
		if e != nil {
			c.Version, c.Doubt = e.version, e.doubt && s.w.variant != RepeatsHarm
		}
		there := e != nil && e.present
		switch {
		case s.w.emit && (there || e != nil && e.doubt && s.w.variant != RepeatsHarm || !wanted):
			if e != nil && e.doubt {
				t.InDoubt++
			}
			continue
		case s.w.emit:
			c.Op, c.Move, c.Key, c.Group, c.IDs = destinations.Emit, syncs.Adding, key, key, []any{key}
		case wanted && there && e.value == d.value && !e.doubt:
			t.Unchanged++
			continue
		case wanted && there:
			c.Op, c.Move = destinations.Add, syncs.Updating
		case wanted:
			c.Op, c.Move = destinations.Add, syncs.Adding
		case there || e != nil && e.doubt:
			c.Op, c.Move, c.Hash, c.Fields = destinations.Remove, syncs.Removing, removed, []any{nil}
			c.Key, c.Group = e.profile, e.profile
			c.Forced = s.barred[key]
		default:
			continue
		}
		if e != nil && e.times > 0 && e.rejected == c.Hash && (e.permanent || s.w.now.Before(e.next)) {
			t.Waiting++
			continue
		}
		switch c.Move {
		case syncs.Adding:
			t.Added++
		case syncs.Updating:
			t.Updated++
		case syncs.Removing:
			t.Removed++
		}
		switch {
		case c.Forced:
			t.Forced++
			c.Key, c.Group = "forced "+key, ""
			forced = append(forced, c)
		case c.Move == syncs.Removing:
			first = append(first, c)
		default:
			rest = append(rest, c)
		}
	}
	// Rows of one person stand together, where the first of them is.
	rows := forced
	for _, c := range append(first, rest...) {
		if i := slices.IndexFunc(rows[t.Forced:], func(x syncs.Change) bool { return x.Group == c.Group }); i >= 0 {
			rows = slices.Insert(rows, int(t.Forced)+i+1, c)
			continue
		}
		rows = append(rows, c)
	}
	for i := range rows {
		rows[i].Seq = int64(i)
	}
	held := t.SourceRows == 0 && t.Ledger > 0
	if s.w.variant == BlindGuard {
		t.SourceRows = max(t.SourceRows, 1)
	}
	ref := syncs.PlanRef{Rows: int64(len(rows)), Forced: t.Forced, Tally: t, Hash: fmt.Sprint(rows)}
	return &plan{ref: ref, rows: rows, held: held}
}

func (s *warehouse) Plan(_ context.Context, run string) (syncs.PlanRef, bool, error) {
	p := s.plans[run]
	if p == nil {
		return syncs.PlanRef{}, false, nil
	}
	return p.ref, true, nil
}

func (s *warehouse) Open(context.Context) ([]syncs.PlanRef, error) {
	if err := s.fault(); err != nil {
		return nil, err
	}
	var out []syncs.PlanRef
	for _, run := range s.order {
		if p := s.plans[run]; p != nil && p.ref.Epoch != 0 && !s.marker[run] {
			out = append(out, p.ref)
		}
	}
	return out, nil
}

func (s *warehouse) Read(_ context.Context, ref syncs.PlanRef, lo, hi int64) iter.Seq2[syncs.Change, error] {
	return func(yield func(syncs.Change, error) bool) {
		p := s.plans[ref.Run]
		if p == nil {
			yield(syncs.Change{}, fmt.Errorf("plan %s is gone", ref.Run))
			return
		}
		if err := s.fault(); err != nil && ref.Epoch != 0 {
			yield(syncs.Change{}, err)
			return
		}
		for _, c := range p.rows[lo:min(hi, int64(len(p.rows)))] {
			id, _ := c.IDs[0].(string)
			if s.w.emit {
				id = s.source[id].ident
			}
			if s.barred[id] {
				c.Barred = "syncs.suppressed"
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// apply records that a row is at the destination.
func (s *warehouse) apply(c syncs.Change, run string) *entry {
	key, _ := c.IDs[0].(string)
	e := s.ledger[key]
	if e == nil {
		e = &entry{}
		s.ledger[key] = e
	}
	*e = entry{present: c.Op != destinations.Remove, value: c.Hash, profile: c.Key, version: e.version + 1, run: run}
	delete(s.w.since, key)
	return e
}

func (s *warehouse) Settle(_ context.Context, g syncs.Grant, ref syncs.PlanRef, v syncs.Verdicts) (syncs.Counts, error) {
	if err := s.fault(); err != nil {
		return syncs.Counts{}, err
	}
	if err := s.fence(g); err != nil {
		return syncs.Counts{}, err
	}
	p := s.plans[ref.Run]
	if s.marker[ref.Run] || p == nil {
		return syncs.Counts{}, nil
	}
	s.writes++
	s.marker[ref.Run] = true
	lost := s.w.variant == MarkerApart && (s.w.chaos && s.w.chance(0.1) || s.w.trip > 0)
	known := map[int64]syncs.Exception{}
	for _, r := range v.Ranges {
		for seq := r.Lo; seq < r.Hi; seq++ {
			known[seq] = syncs.Exception{Seq: seq, Verdict: r.Verdict}
		}
	}
	for e, err := range v.Exceptions {
		if err != nil {
			return syncs.Counts{}, err
		}
		known[e.Seq] = e
	}
	var n syncs.Counts
	for _, c := range p.rows {
		x := known[c.Seq]
		count(&n, x.Verdict)
		if !lost {
			s.settleRow(c, x, ref.Run)
		}
	}
	s.settled[ref.Run] = n
	if !v.Keep {
		delete(s.plans, ref.Run)
	}
	if s.w.variant == NoHold {
		n.InDoubt = 0
	}
	if s.deaf > 0 {
		s.deaf--
		return syncs.Counts{}, errWarehouse
	}
	if s.fault() != nil {
		return syncs.Counts{}, errWarehouse // settled, but nobody heard
	}
	return n, nil
}

func count(n *syncs.Counts, v syncs.Verdict) {
	switch v {
	case syncs.Applied:
		n.Delivered++
	case syncs.Taken:
		n.Accepted++
	case syncs.Rejected:
		n.Rejected++
	case syncs.InDoubt:
		n.InDoubt++
	case syncs.Barred:
		n.Suppressed++
	case syncs.Malformed:
		n.Invalid++
	default:
		n.Due++
	}
}

func (s *warehouse) settleRow(c syncs.Change, x syncs.Exception, run string) {
	v := x.Verdict
	switch s.w.variant {
	case AckAtPlan:
		return
	case SnapshotAtEnd:
		v = syncs.Applied
	case NoDoubt:
		if v == syncs.InDoubt {
			v = syncs.NotTried
		}
	}
	key, _ := c.IDs[0].(string)
	switch v {
	case syncs.Applied:
		s.apply(c, run)
	case syncs.Taken:
		s.apply(c, run).job = true
	case syncs.InDoubt:
		e := s.row(key, c)
		if e.doubt && e.tried != c.Hash || s.w.variant == FreshKeys {
			e.version++ // another payload was on its way before: never the same key for both
		}
		e.doubt, e.tried, e.run, e.job = true, c.Hash, run, false
	case syncs.Rejected, syncs.Malformed:
		s.reject(s.row(key, c), c.Hash, x.Permanent)
	}
}

func (s *warehouse) row(key string, c syncs.Change) *entry {
	e := s.ledger[key]
	if e == nil {
		e = &entry{profile: c.Key}
		s.ledger[key] = e
	}
	return e
}

func (s *warehouse) reject(e *entry, hash int64, permanent bool) {
	if e.rejected != hash {
		e.times = 0
	}
	e.rejected, e.permanent = hash, permanent
	e.times++
	e.next = s.w.now.Add([]time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}[min(e.times, 3)-1])
}

func (s *warehouse) Refine(_ context.Context, g syncs.Grant, ref syncs.PlanRef, final []syncs.Exception) error {
	if err := s.fault(); err != nil {
		return err
	}
	if err := s.fence(g); err != nil {
		return err
	}
	p := s.plans[ref.Run]
	if p == nil {
		return fmt.Errorf("plan %s is gone", ref.Run)
	}
	for _, x := range final {
		c := p.rows[x.Seq]
		key, _ := c.IDs[0].(string)
		e := s.ledger[key]
		if e == nil || !e.job || e.run != ref.Run || e.value != c.Hash {
			continue
		}
		if x.Verdict != syncs.Applied {
			s.w.since[key] = map[string]string{says(c.Key, c.Op, c.IDs, c.Fields): ""}
		}
		switch e.job = false; x.Verdict {
		case syncs.Rejected:
			s.reject(e, c.Hash, x.Permanent)
			e.doubt, e.tried = true, c.Hash
		case syncs.InDoubt, syncs.NotTried:
			e.doubt, e.tried = true, c.Hash
		}
	}
	s.writes++
	return nil
}

func (s *warehouse) Decide(_ context.Context, g syncs.Grant, run string, sent bool, keys []string) (int64, error) {
	if err := s.fence(g); err != nil {
		return 0, err
	}
	var n int64
	for key, e := range s.ledger {
		if !e.doubt || e.run != run || (len(keys) > 0 && !slices.Contains(keys, key)) {
			continue
		}
		n++
		delete(s.w.since, key)
		if sent {
			*e = entry{present: true, value: e.tried, profile: e.profile, version: e.version + 1, run: run}
			continue
		}
		e.doubt = false
		e.version++
	}
	return n, nil
}

func (s *warehouse) Discard(_ context.Context, ref syncs.PlanRef) error {
	delete(s.plans, ref.Run)
	s.marker[ref.Run] = true
	return nil
}

func (s *warehouse) Version(context.Context) (string, error) { return fmt.Sprint(s.writes), nil }
