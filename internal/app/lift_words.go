package app

import (
	"fmt"
	"strconv"
	"strings"
)

// Below these a comparison of arms is said to be of few: people, and in either arm people who
// reached the goal, or did not, that are to be expected if the arms are alike (Cochran, W., Some
// methods for strengthening the common χ² tests, 1954).
const (
	fewPeople = 100
	fewHits   = 5
)

// verdict says in plain words what came of an arm.
func (m *LiftArm) verdict(base *LiftArm) string {
	switch {
	case m.People == 0:
		return fmt.Sprintf("nobody to compare in %s yet", m.Arm)
	case base.People == 0:
		return fmt.Sprintf("nobody to compare with in %s yet", base.Arm)
	case m.Converted+base.Converted == 0:
		return "nobody has reached the goal yet, in either arm"
	}
	out := []string{m.rateWords(base)}
	if m.Means != nil {
		out = append(out, m.meanWords(base))
	}
	return strings.Join(out, " ")
}

func (m *LiftArm) rateWords(base *LiftArm) string {
	c := m.Rates
	head := fmt.Sprintf("%s reached the goal in %s, %s in %s.", percentWords(*m.Rate), m.Arm, percentWords(*base.Rate), base.Arm)
	if c.P == nil { // all of both arms did
		return head + " There is no difference."
	}
	if !c.Significant {
		text := head + " The difference could be chance: it is not significant yet."
		if c.Needed > 0 && c.Needed < 100_000_000 {
			text += fmt.Sprintf(" To tell one of this size from chance takes about %s people in each arm.", thousands(c.Needed))
		}
		return text
	}
	return fmt.Sprintf("%s That is %s, with 95 %% confidence from %s to %s; chance alone makes such a difference in %s of 100 cases.",
		head, points(c.Difference), points(*c.Low), points(*c.High), outOf100(*c.P))
}

func (m *LiftArm) meanWords(base *LiftArm) string {
	c := m.Means
	head := fmt.Sprintf("Per person it is %s in %s and %s in %s", amount(*m.Mean), m.Arm, amount(*base.Mean), base.Arm)
	switch {
	case c.P == nil:
		return head + "; there is too little to tell how sure that is."
	case !c.Significant:
		return head + ": that difference could be chance, too."
	}
	return fmt.Sprintf("%s: %s, with 95 %% confidence from %s to %s.", head, signed(c.Difference), signed(*c.Low), signed(*c.High))
}

// notes says what to mind.
func (x *SegmentLift) notes() {
	var contaminated, universal, early int64
	few, pairs := false, 0
	base := x.Arms[0]
	for i, m := range x.Arms {
		contaminated, universal, early = contaminated+m.Contaminated, universal+m.Universal, early+m.Early
		if i == 0 || m.People == 0 || base.People == 0 {
			continue
		}
		pairs++
		rate := float64(m.Converted+base.Converted) / float64(m.People+base.People)
		least := float64(min(m.People, base.People))
		few = few || least < fewPeople || least*min(rate, 1-rate) < fewHits
	}
	add := func(format string, args ...any) { x.Notes = append(x.Notes, fmt.Sprintf(format, args...)) }
	if few {
		add("There are few people, or few who reached the goal: read these numbers with care, and wait for more before deciding.")
	}
	if pairs > 1 {
		add("There are %d comparisons with %s: to call one of them sure, its p should be below %s.", pairs, x.Base, strconv.FormatFloat(Significance/float64(pairs), 'f', 3, 64))
	}
	if contaminated > 0 {
		add("%s left out: two arms met in one person, when profiles merged or an arm went away.", areLeft(contaminated))
	}
	if universal > 0 {
		add("%s left out: the holdout of %s keeps them out of everything.", areLeft(universal), x.Entity)
	}
	if early > 0 {
		add("%s left out: %s have not gone by since they were given their arm.", areLeft(early), x.Within)
	}
}

func areLeft(n int64) string {
	if n == 1 {
		return "1 person is"
	}
	return thousands(n) + " people are"
}

// thousands writes a whole number with separators.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func percentWords(share float64) string { return strconv.FormatFloat(share*100, 'f', 2, 64) + " %" }

// points writes a difference of shares in percentage points.
func points(d float64) string { return fmt.Sprintf("%+.2f points", d*100) }

func signed(v float64) string { return fmt.Sprintf("%+.2f", v) }

func amount(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

func outOf100(p float64) string {
	if p < 0.0001 {
		return "less than 0.01"
	}
	return strconv.FormatFloat(p*100, 'g', 2, 64)
}
