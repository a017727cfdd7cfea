// Package worldtest makes worlds of records for benchmarks and proofs of identity, with the truth
// of who is who: people with more or fewer records, one-off cookies, household phones, shared
// devices, junk values, kiosks and long chains. A world is the same for the same size and seed. It
// is for tests only.
package worldtest

import (
	"fmt"
	"iter"
	"math"
	"math/rand"
	"time"
)

// Shape of a world, as shares of its records unless said otherwise.
const (
	peopleShare   = 0.4    // people per record
	chainShare    = 0.02   // records of chains
	longestChain  = 2000   // records
	tail          = 1.55   // the chance of k records or more falls with k to this power
	mostRecords   = 1000   // no person has more than one record of so many
	phoneJunk     = 0.001  // records with the junk phone
	emailJunk     = 0.0005 // records with the junk email
	kioskShare    = 0.0006 // records on one of the kiosks
	kiosks        = 3
	household     = 0.03  // of people: their phone is also another one's
	oneOff        = 0.25  // of devices seen: a cookie that is never seen again
	sharedDevices = 0.004 // records on a device of about sharedRecords records
	sharedRecords = 40
)

// Columns of a world's rows: key and the identifiers are text, seen_at is a timestamp. An absent
// identifier is NULL.
var Columns = []string{"key", "seen_at", "user_id", "email", "phone", "device"}

// Identifiers are the columns that hold identifiers, the strongest first.
var Identifiers = Columns[2:]

// Junk are the five values that hold strangers together, by type: one phone, one email, three
// kiosks. They are in their normal form.
var Junk = map[string][]string{
	"phone":  {"+1 202 555 0100"},
	"email":  {"nobody@example.com"},
	"device": {"kiosk-0", "kiosk-1", "kiosk-2"},
}

// Start is the time of the oldest record. Base records lie in Days from there, later ones in the
// day after that.
var Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Days that base records are spread over.
const Days = 150

// World is a number of records and who they belong to.
type World struct {
	Records int // base records
	More    int // records that come later
	seed    int64
	// owner of each record by its place: a person from 0, or -1-c for chain c.
	owner []int32
	// link is the place of a record in its chain; 0 for other records.
	link []int32
}

// New makes a world of base records and of more that come later, both drawn from the same people.
func New(records, more int, seed int64) *World {
	w := &World{Records: records, More: more, seed: seed}
	n := records + more
	rng := rand.New(rand.NewSource(seed))
	w.owner, w.link = make([]int32, 0, n), make([]int32, n)
	chained := int(chainShare * float64(n))
	for c := int32(0); len(w.owner) < chained; c++ {
		for i, length := 0, min(2+rng.Intn(longestChain-1), chained-len(w.owner)); i < length; i++ {
			w.link[len(w.owner)] = int32(i)
			w.owner = append(w.owner, -1-c)
		}
	}
	people := int32(peopleShare * float64(n))
	for p := int32(0); len(w.owner) < n; p++ {
		// The tail of people is cut by the number of records, or filled up by single records.
		k := 1
		if p < people {
			k = min(int(math.Pow(1-rng.Float64(), -1/tail)), max(10, n/mostRecords))
		}
		for ; k > 0 && len(w.owner) < n; k-- {
			w.owner = append(w.owner, p)
		}
	}
	rng.Shuffle(n, func(i, j int) {
		w.owner[i], w.owner[j] = w.owner[j], w.owner[i]
		w.link[i], w.link[j] = w.link[j], w.link[i]
	})
	return w
}

// Owner is the person that record i belongs to, from 0, or a negative number for a chain.
func (w *World) Owner(i int) int32 { return w.owner[i] }

// Key is the key of record i.
func Key(i int) string { return fmt.Sprintf("r%d", i) }

// Base are the rows of the base records, in the order of Columns. The row is reused.
func (w *World) Base() iter.Seq2[[]any, error] { return w.rows(0, w.Records) }

// Later are the rows that come after the base.
func (w *World) Later() iter.Seq2[[]any, error] { return w.rows(w.Records, w.Records+w.More) }

func (w *World) rows(lo, hi int) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		row := make([]any, len(Columns))
		for i := lo; i < hi; i++ {
			w.row(i, row)
			if !yield(row, nil) {
				return
			}
		}
	}
}

// row writes record i. What a record says depends on its place and the seed alone.
func (w *World) row(i int, row []any) {
	rng := rand.New(&splitMix{uint64(w.seed)<<32 ^ uint64(i)})
	clear(row)
	at := Start.Add(time.Duration(rng.Int63n(Days*24*int64(time.Hour/time.Second))) * time.Second)
	row[0] = Key(i)
	if c := w.owner[i]; c < 0 {
		// Each record shares one value with the next of its chain. Every second chain was seen from
		// one end to the other, so that the smallest number has the longest way to go.
		chain, link := -1-c, w.link[i]
		row[3], row[5] = fmt.Sprintf("chain%d.%d@example.com", chain, (link+1)/2), fmt.Sprintf("chain-%d-%d", chain, link/2)
		if chain%2 == 0 {
			at = Start.Add(time.Duration(chain)*time.Hour%(Days-1)*24*time.Hour + time.Duration(link)*time.Second)
		}
	} else {
		w.person(rng, i, c, row)
	}
	if i >= w.Records {
		at = Start.Add(Days*24*time.Hour + time.Duration(rng.Int63n(86400))*time.Second)
	}
	row[1] = at
}

// person writes what a record of a person has: one to four identifiers, 1.55 on average.
func (w *World) person(rng *rand.Rand, i int, p int32, row []any) {
	left := [4]float64{0.29, 0.24, 0.08, 0.39} // how often user_id, email, phone and device come first
	for n := howMany(rng.Float64()); n > 0; n-- {
		x, t := rng.Float64()*(left[0]+left[1]+left[2]+left[3]), 0
		for ; t < 3 && (left[t] == 0 || x >= left[t]); t++ {
			x -= left[t]
		}
		left[t] = 0
		switch t {
		case 0:
			row[2] = fmt.Sprintf("u%d", p)
		case 1:
			name := "Person"
			if rng.Float64() < 0.2 { // not everybody writes it the same way each time
				name = "person"
			}
			row[3] = fmt.Sprintf("%s%d.%d@example.com", name, p, skewed(rng, 2))
			if rng.Float64() < emailJunk/0.34 { // about a third of the records have an email
				row[3] = Junk["email"][0]
			}
		case 2:
			home := p
			if uint32(p)*2654435761>>16%1000 < household*1000 {
				home = p ^ 1
			}
			row[4] = fmt.Sprintf("+1 202 555 0100 ext %d", home)
		case 3:
			row[5] = w.device(rng, i, p)
		}
	}
	switch x := rng.Float64(); {
	case x < phoneJunk:
		row[4] = Junk["phone"][0]
	case x < phoneJunk+kioskShare:
		row[5] = Junk["device"][rng.Intn(kiosks)]
	}
}

// howMany is the number of identifiers of a record.
func howMany(x float64) int {
	switch {
	case x < 0.6:
		return 1
	case x < 0.87:
		return 2
	case x < 0.975:
		return 3
	}
	return 4
}

// device is one of a person's own, a cookie that is seen once, or one that strangers share.
func (w *World) device(rng *rand.Rand, i int, p int32) string {
	x := rng.Float64()
	switch {
	case x < oneOff:
		return fmt.Sprintf("c-%08x-%d", uint32(i)*2654435761, i)
	case x < oneOff+sharedDevices/0.57: // more than half of the records have a device
		return fmt.Sprintf("shared-%d", rng.Intn(max(1, int(sharedDevices*float64(len(w.owner))/sharedRecords))))
	}
	return fmt.Sprintf("d-%08x-%d-%d", uint32(p)*2654435761, p, skewed(rng, 3))
}

// skewed is 0 in most cases, and below n.
func skewed(rng *rand.Rand, n int) int {
	x := rng.Float64()
	return int(x * x * x * float64(n))
}

// splitMix is a source of random numbers that costs nothing to begin (Steele, Lea and Flood, "Fast
// splittable pseudorandom number generators", 2014), so that each record has one of its own.
type splitMix struct{ state uint64 }

func (s *splitMix) Uint64() uint64 {
	s.state += 0x9e3779b97f4a7c15
	z := s.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (s *splitMix) Int63() int64    { return int64(s.Uint64() >> 1) }
func (s *splitMix) Seed(seed int64) { s.state = uint64(seed) }
