package syncs

import (
	"sync"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Buckets keeps the rates of destinations over all syncs of a process. Calls that share an
// account and a Rate.Bucket share one limit. It reads no clock: every method is told the time.
// It may be used from several goroutines at once.
type Buckets struct {
	mu sync.Mutex
	m  map[bucketKey]*bucket
}

type bucketKey struct{ account, name string }

// bucket is what is known of one limit, or, under the name "", of all limits of an account.
type bucket struct {
	paused  time.Time // nothing leaves before
	windows map[destinations.Rate]*window
}

// window remembers when the last calls left: the exact form of "N per Per", since a token
// bucket that starts full lets almost twice N through in its first window.
type window struct {
	slots  []time.Time // a ring; slots[next] is the oldest
	next   int
	each   int // calls per slot
	filled int // calls in the newest slot
	// share of N that is used: halved when the destination says that it was too much, and one
	// eighth more for each window that passes.
	share  float64
	since  time.Time
	halved time.Time // last
}

// maxSlots bounds the memory of a window. A limit of more calls than that is kept in slots of
// several calls each, which errs on the slow side.
const maxSlots = 1024

// NewBuckets returns buckets that are all full.
func NewBuckets() *Buckets { return &Buckets{m: map[bucketKey]*bucket{}} }

// Take takes one call from every rate and returns the zero time, or takes nothing and returns
// when to ask again.
func (b *Buckets) Take(now time.Time, account string, rates []destinations.Rate) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	var at time.Time
	later := func(t time.Time) {
		if t.After(now) && t.After(at) {
			at = t
		}
	}
	later(b.of(account, "").paused)
	for _, r := range rates {
		k := b.of(account, r.Bucket)
		later(k.paused)
		later(k.window(r).free(now, r))
	}
	if at.IsZero() {
		for _, r := range rates {
			b.of(account, r.Bucket).window(r).take(now)
		}
	}
	return at
}

// Sent records that a call that was taken at some time leaves only now: what stands between the
// two, such as a slow disk, must not let calls gather.
func (b *Buckets) Sent(now time.Time, account string, rates []destinations.Rate, taken time.Time) {
	if taken.Equal(now) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range rates {
		w := b.of(account, r.Bucket).window(r)
		for i := range w.slots {
			at := (w.next + len(w.slots) - 1 - i) % len(w.slots) // newest first
			if w.slots[at].Equal(taken) {
				w.slots[at] = now
				break
			}
			if w.slots[at].Before(taken) {
				break
			}
		}
	}
}

// Throttled records that the destination asked a call, which had left at some time, to wait until
// then: all syncs of the account wait, and go on at half the rate. Calls that left before a rate was
// halved do not halve it again. No name means every bucket of the account.
func (b *Buckets) Throttled(now, left time.Time, account, name string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.of(account, name)
	if until.After(k.paused) {
		k.paused = until
	}
	for key, k := range b.m {
		if key.account != account || (name != "" && key.name != name) {
			continue
		}
		for r, w := range k.windows {
			if !w.halved.IsZero() && !left.After(w.halved) {
				continue
			}
			w.recover(now, r)
			w.share, w.halved = max(w.share/2, 1.0/16), now
		}
	}
}

// Forgive ends waits of an account that are longer than until: the journal, which knows of such, has
// none of them, so that a person took them back.
func (b *Buckets) Forgive(now time.Time, account string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, k := range b.m {
		if key.account == account && k.paused.After(until) {
			k.paused = now
		}
	}
}

func (b *Buckets) of(account, name string) *bucket {
	key := bucketKey{account, name}
	k := b.m[key]
	if k == nil {
		k = &bucket{windows: map[destinations.Rate]*window{}}
		b.m[key] = k
	}
	return k
}

func (k *bucket) window(r destinations.Rate) *window {
	w := k.windows[r]
	if w == nil {
		n := min(r.N, maxSlots)
		w = &window{slots: make([]time.Time, n), each: r.N / n, share: 1}
		w.filled = w.each
		k.windows[r] = w
	}
	return w
}

// free returns when the next call may leave.
func (w *window) free(now time.Time, r destinations.Rate) time.Time {
	w.recover(now, r)
	if w.filled < w.each && w.share == 1 {
		return time.Time{}
	}
	n := len(w.slots)
	use := max(1, int(float64(n)*w.share))
	last := w.slots[(w.next+n-use)%n] // the oldest of the last `use` slots
	if last.IsZero() {
		return time.Time{}
	}
	return last.Add(r.Per)
}

func (w *window) take(now time.Time) {
	if w.filled < w.each {
		w.filled++
		w.slots[(w.next+len(w.slots)-1)%len(w.slots)] = now
		return
	}
	w.slots[w.next] = now
	w.next = (w.next + 1) % len(w.slots)
	w.filled = 1
}

func (w *window) recover(now time.Time, r destinations.Rate) {
	if w.share < 1 {
		for !now.Before(w.since.Add(r.Per)) && w.share < 1 {
			w.share = min(1, w.share+1.0/8)
			w.since = w.since.Add(r.Per)
		}
	}
	if w.share == 1 || w.since.IsZero() {
		w.since = now
	}
}
