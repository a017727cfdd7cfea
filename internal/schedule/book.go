package schedule

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// Entry says when one sync runs: at Slots, or when the sync After ended well; neither is by hand.
type Entry struct {
	Sync  string
	Slots Slots
	After string
}

// Due is a sync whose time has come, for one slot.
type Due struct {
	Sync   string
	Slot   time.Time
	Missed bool // later slots have passed too, while nobody looked
}

// Skip is a slot that fell while the sync still ran.
type Skip struct {
	Sync string
	Slot time.Time
}

// Book knows for every sync the last slot it was run for. It is used by one goroutine at a time.
type Book struct {
	entries map[string]Entry
	fired   map[string]time.Time
	running map[string]bool
	owed    map[string]time.Time // slots taken before a restart that did not end
	ended   map[string]time.Time // of syncs that ended well, since the start
	next    map[string]following // so that a look asks no schedule twice
	jitter  time.Duration
}

// following is the slot after another.
type following struct{ slot, next time.Time }

// after is the first slot of a sync after the one that it was last run for; zero if there is none.
func (b *Book) after(e Entry) time.Time {
	f, ok := b.next[e.Sync]
	if slot := b.fired[e.Sync]; !ok || !f.slot.Equal(slot) {
		f = following{slot, e.Slots.Next(slot)}
		b.next[e.Sync] = f
	}
	return f.next
}

// NewBook opens a book. fired are the last slots by sync, from before a restart; a sync that is not
// there is first due at its next slot after now. With a jitter, each sync is due later than its
// slot by a part of it that follows from its name.
func NewBook(entries []Entry, fired map[string]time.Time, jitter time.Duration, now time.Time) *Book {
	b := &Book{fired: maps.Clone(fired), running: map[string]bool{}, owed: map[string]time.Time{}, ended: map[string]time.Time{}, jitter: jitter}
	if b.fired == nil {
		b.fired = map[string]time.Time{}
	}
	b.Replace(entries, now)
	return b
}

// Replace puts other entries in place, as after a reload. What was fired stays; a sync that is
// new here counts from now.
func (b *Book) Replace(entries []Entry, now time.Time) {
	b.entries, b.next = map[string]Entry{}, map[string]following{}
	for _, e := range entries {
		b.entries[e.Sync] = e
		if b.fired[e.Sync].IsZero() {
			b.fired[e.Sync] = now
		}
	}
}

// Owe makes slots due at once that were taken before a restart and did not end. Those of syncs that
// are not there are nobody's.
func (b *Book) Owe(slots []Due) {
	for _, d := range slots {
		if _, ok := b.entries[d.Sync]; ok {
			b.owed[d.Sync] = d.Slot
		}
	}
}

// Due returns what is due at now and does not run, by name, as one group that shares a build.
// However many slots of a sync have passed, it is due once, for the last of them.
func (b *Book) Due(now time.Time) []Due {
	var due []Due
	for _, name := range slices.Sorted(maps.Keys(b.entries)) {
		if b.running[name] {
			continue
		}
		slot, missed := b.passed(b.entries[name], now)
		if owed, ok := b.owed[name]; ok && slot.IsZero() {
			slot = owed
		} else if ok {
			missed = true
		}
		if !slot.IsZero() {
			due = append(due, Due{name, slot, missed})
		}
	}
	return due
}

// Begin counts what Due returned as running.
func (b *Book) Begin(due []Due) {
	for _, d := range due {
		b.running[d.Sync] = true
		delete(b.owed, d.Sync)
		if d.Slot.After(b.fired[d.Sync]) {
			b.fired[d.Sync] = d.Slot
		}
	}
}

// Late returns the slots that have passed of syncs that still run, by name. What waits for another
// sync is never late: it runs when it can.
func (b *Book) Late(now time.Time) []Skip {
	var late []Skip
	for _, name := range slices.Sorted(maps.Keys(b.running)) {
		if slot, _ := b.passed(b.entries[name], now); !slot.IsZero() {
			late = append(late, Skip{name, slot})
		}
	}
	return late
}

// Drop drops what Late returned.
func (b *Book) Drop(late []Skip) {
	for _, s := range late {
		b.fired[s.Sync] = s.Slot
	}
}

// wrong is how far ahead a slot is that no clock which is set a little can have fired.
const wrong = 24 * time.Hour

// passed returns the last slot of an entry that lies behind now and was not fired.
func (b *Book) passed(e Entry, now time.Time) (slot time.Time, missed bool) {
	if b.fired[e.Sync].After(now.Add(wrong)) {
		b.fired[e.Sync] = now // the clock was wrong, and would keep it from running until then
	}
	if e.After != "" {
		if at := b.ended[e.After]; at.After(b.fired[e.Sync]) && !b.running[e.Sync] {
			return at, false
		}
		return time.Time{}, false
	}
	if e.Slots == nil {
		return time.Time{}, false
	}
	late := b.shift(e.Sync)
	first := b.after(e)
	if first.IsZero() || first.Add(late).After(now) {
		return time.Time{}, false
	}
	// A long absence is not walked through slot by slot: look for the last one backwards, in
	// steps that double.
	for back := time.Minute; ; back *= 2 {
		from := now.Add(-late).Add(-back)
		if !from.After(first) {
			from = first
		}
		next := e.Slots.Next(from)
		if next.IsZero() || next.Add(late).After(now) {
			if from.Equal(first) {
				return first, false
			}
			continue
		}
		for slot = next; ; slot = next {
			if next = e.Slots.Next(slot); next.IsZero() || next.Add(late).After(now) {
				return slot, true
			}
		}
	}
}

// Done tells that a sync no longer runs; well, that it ended ok or degraded.
func (b *Book) Done(sync string, at time.Time, well bool) {
	delete(b.running, sync)
	if well {
		b.ended[sync] = at
	}
}

// Wake returns when something is due next; zero if never by itself.
func (b *Book) Wake() time.Time {
	var wake time.Time
	for name := range b.entries {
		if at := b.Next(name); !at.IsZero() && (wake.IsZero() || at.Before(wake)) {
			wake = at
		}
	}
	return wake
}

// Next returns when a sync is due next; zero if it waits for another one, or is run by hand.
func (b *Book) Next(sync string) time.Time {
	e := b.entries[sync]
	if e.Slots == nil || e.After != "" {
		return time.Time{}
	}
	at := b.after(e)
	if at.IsZero() {
		return at
	}
	return at.Add(b.shift(sync))
}

// shift is the part of the jitter that a sync gets.
func (b *Book) shift(sync string) time.Duration {
	if b.jitter <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(sync)) // a hash takes everything
	return time.Duration(h.Sum64() % uint64(b.jitter))
}
