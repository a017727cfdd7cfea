package syncs

import (
	"fmt"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Load is what one sync of a plan asks of its destination.
type Load struct {
	Account string // what rates are shared by
	Object  destinations.Object
	Columns destinations.Columns
	// RequestRows is how many rows fit into one of the requests that a batch becomes, where it may
	// become several; see destinations.Splitter. 0 means that a batch is a request.
	RequestRows int
	Added       int64
	Updated     int64
	Removed     int64
}

// Estimate is how many calls a plan needs and how long they take at the least, by the limits
// that the destination documents.
type Estimate struct {
	Calls   int64   `json:"calls"`
	Seconds float64 `json:"seconds"`
	Text    string  `json:"text"` // in words: "about 12 min"; "" without a call
}

// callTime is how long one call is taken to last where no rate is slower.
const callTime = 500 * time.Millisecond

// guessed sizes of a value in bytes, for calls that are bounded by size: nothing of the rows is read.
const (
	guessedID    = 32
	guessedField = 16
)

// Estimates reckons the calls and the time of each sync of a plan, and of all of them side by
// side. Rates are those of the account: syncs that share one wait for each other, and each is
// given the time until all of them are through. Calls that are split or repeated are not in it,
// nor what a destination needs beside writing, as finding its list.
func Estimates(loads []Load) (each []Estimate, all Estimate) {
	type shared struct {
		account string
		rate    destinations.Rate
	}
	used := map[shared]int64{}
	each = make([]Estimate, len(loads))
	for i, l := range loads {
		each[i].Calls = l.calls()
		for _, r := range l.Object.Limits.Rates {
			used[shared{l.Account, r}] += each[i].Calls
		}
	}
	var longest time.Duration
	for i, l := range loads {
		e := &each[i]
		if e.Calls == 0 {
			continue
		}
		flight := int64(max(1, l.Object.Limits.Concurrency))
		took := time.Duration((e.Calls+flight-1)/flight) * callTime
		for _, r := range l.Object.Limits.Rates {
			took = max(took, paced(used[shared{l.Account, r}], r))
		}
		e.Seconds, e.Text = took.Seconds(), About(took)
		all.Calls += e.Calls
		longest = max(longest, took)
	}
	if all.Calls > 0 {
		all.Seconds, all.Text = longest.Seconds(), About(longest)
	}
	return each, all
}

// paced is when the last of n calls may leave, counted from the first.
func paced(n int64, r destinations.Rate) time.Duration {
	if n < 1 || r.N < 1 {
		return 0
	}
	return time.Duration((n-1)/int64(r.N)) * r.Per
}

// calls counts the requests of the batches: full ones of each operation that may not share a call.
func (l Load) calls() int64 {
	per := int64(Config{}.rows(l.Object.Limits))
	if b := l.Object.Limits.Bytes; b > 0 {
		p := newPreparer(&Task{Object: l.Object, Columns: l.Columns})
		size := p.names + guessedID*len(l.Columns.IDs) + guessedField*len(l.Columns.Fields)
		per = max(1, min(per, int64(b/size)))
	}
	requests := func(rows int64) int64 {
		if r := int64(l.RequestRows); r > 0 && r < per {
			return (rows + r - 1) / r
		}
		return 1
	}
	full := func(rows int64) int64 {
		n := rows / per * requests(per)
		if rest := rows % per; rest > 0 {
			n += requests(rest)
		}
		return n
	}
	if l.Object.GroupBy == destinations.ByOp {
		return full(l.Added+l.Updated) + full(l.Removed)
	}
	return full(l.Added + l.Updated + l.Removed)
}

// rows is the largest batch.
func (c Config) rows(l destinations.Limits) int {
	n := or(c.BatchRows, defaultBatchRows)
	if l.Rows > 0 {
		n = min(n, l.Rows)
	}
	return n
}

// About says a duration as people do, with no more figures than an estimate has.
func About(d time.Duration) string {
	n := func(unit time.Duration, one, many string) string {
		k := int64((d + unit/2) / unit)
		if k == 1 {
			return "about 1 " + one
		}
		return fmt.Sprintf("about %d %s", k, many)
	}
	switch {
	case d < time.Second:
		return "less than a second"
	case d < 90*time.Second:
		return n(time.Second, "s", "s")
	case d < 90*time.Minute:
		return n(time.Minute, "min", "min")
	case d < 36*time.Hour:
		return n(time.Hour, "hour", "hours")
	}
	return n(24*time.Hour, "day", "days")
}
