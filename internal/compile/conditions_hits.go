package compile

import (
	"fmt"
	"math"
	"strconv"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Many conditions ask how often people did something: did, never and times over the rows of one
// source. Asked as one column each, every row is held against every condition. Where they are many
// and most test one column for equality, such as the name of an event, they become rows instead:
//
//	source ⋈ conditions, by that column ─► counts: per profile and group  ─► hits: per profile, a bit
//	         value, span, filter, bit              of conditions, n and bits        for each condition
//
// A row meets only the conditions that name its value. Conditions that are true from the first row
// on share a group, in which their bits are put together; one that counts further has a group of
// its own, and its bit is set by the number of rows. A condition that is true of people without
// rows, such as never, is the bit of its opposite, inverted.
//
// The source is read once, for all of them, and the number of statements does not depend on how
// many there are.
type hits struct {
	in      Input
	sources []*hitSource
	byName  map[string]*hitSource
	asker   string
	settled bool
}

// hitSource is what is asked of one source.
type hitSource struct {
	source *models.Source
	rows   *rows
	alias  string
	asked  []*hit
	seen   map[string]*hit

	// Set where the conditions become rows.
	column  rel.Col     // that they test for equality
	typ     models.Type // of it
	at      rel.Expr    // the time of a row; nil without one
	placed  []*hit      // in the order of their bits
	filters []rel.Expr  // from number 1 on
	words   int         // masks of bits
	shared  int         // of these, from the first: those of conditions that are true from the first row on
}

// hit is a condition: at least lo and at most hi rows of a source pass a filter.
type hit struct {
	filter rel.Expr // nil for all
	lo, hi int      // hi is math.MaxInt for any number
	title  string
	askers []string

	word, bit int // of its mask; word is 0 while it has none, then from 1
	group     int // from 1
	values    []rel.Expr
	since     rel.Expr // nil for none
	until     rel.Expr
	number    int // of the rest of the filter; 0 for none
}

const (
	// wordBits is how many conditions a mask holds: an integer of 64 bits keeps its sign everywhere.
	wordBits = 62
	// fewest is how many conditions of a source are worth a reading of their own. Below it the
	// columns of a reading that holds every row against every condition cost less.
	fewest = 8
	// fewestValues is how many values of the column they must tell apart, for a row to meet few.
	fewestValues = 5
)

// planHits decides which conditions of the segments become rows.
func planHits(in Input, segments []*models.Segment) *hits {
	h := &hits{in: in, byName: map[string]*hitSource{}}
	f := newFlags(in.Model.Entity(in.Entity))
	c := &conditions{in: in, entity: f.entity, scans: newScans(in, "events").at(factColumn), trait: f.trait, segment: f.segment, raw: f.raw, hits: h}
	f.compile(c, segments) // what it finds wrong is found again when it is compiled
	h.settled = true
	var kept []*hitSource
	for _, s := range h.sources {
		if s.settle(in) {
			s.alias = "h" + strconv.Itoa(len(kept)+1)
			kept = append(kept, s)
		}
	}
	h.sources = kept
	return h
}

// test is the truth of a condition on the number of rows, or nil if it does not become a bit. While
// conditions are gathered it is any truth.
func (h *hits) test(source *models.Source, filter rel.Expr, w *models.Condition) rel.Expr {
	lo, hi, inverse, ok := countRange(w)
	if h == nil || !ok {
		return nil
	}
	s := h.byName[source.Name]
	key := fmt.Sprintf("%d %d %#v", lo, hi, filter)
	if !h.settled {
		if s == nil {
			s = &hitSource{source: source, seen: map[string]*hit{}}
			h.byName[source.Name] = s
			h.sources = append(h.sources, s)
		}
		one := s.seen[key]
		if one == nil {
			one = &hit{filter: filter, lo: lo, hi: hi, title: hitTitle(source.Name, w, lo, hi)}
			s.seen[key] = one
			s.asked = append(s.asked, one)
		}
		one.askers = withName(one.askers, h.asker)
		return rel.B(true)
	}
	if s == nil || s.seen[key] == nil || s.seen[key].word == 0 {
		return nil
	}
	one := s.seen[key]
	set := rel.F(rel.HasBit, factColumn(s.alias, wordName(one.word)), rel.I(int64(one.bit)))
	if inverse {
		return rel.F(rel.Not, set)
	}
	return set
}

// countRange is the numbers of rows for which a condition is true, from lo, which is at least 1, to
// hi; or, inverse, those for which it is false. It is not ok where every number or none will do.
func countRange(w *models.Condition) (lo, hi int, inverse, ok bool) {
	t := w.Times
	switch {
	case w.Never != "":
		return 1, math.MaxInt, true, true
	case t == nil, *t == models.CountTest{}:
		return 1, math.MaxInt, false, true
	}
	lo, hi = 0, math.MaxInt
	for _, x := range []struct {
		value    *int
		from, to bool
		step     int
	}{{t.Is, true, true, 0}, {t.AtLeast, true, false, 0}, {t.AtMost, false, true, 0}, {t.MoreThan, true, false, 1}, {t.LessThan, false, true, -1}} {
		if x.value == nil {
			continue
		}
		if x.from {
			lo = max(lo, *x.value+x.step)
		}
		if x.to {
			hi = min(hi, *x.value+x.step)
		}
	}
	switch {
	case lo > hi, lo <= 0 && hi == math.MaxInt:
		return 0, 0, false, false
	case lo <= 0:
		return hi + 1, math.MaxInt, true, true
	}
	return lo, hi, false, true
}

func wordName(n int) string { return "m" + strconv.Itoa(n) }

func withName(names []string, name string) []string {
	for _, n := range names {
		if n == name {
			return names
		}
	}
	return append(names, name)
}
