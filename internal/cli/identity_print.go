package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/app"
)

// plural is "1 pair" or "3 pairs"; where adding an s is wrong, the second form is given.
func plural(n int64, one string, many ...string) string {
	word := one + "s"
	if n == 1 {
		word = one
	} else if len(many) > 0 {
		word = many[0]
	}
	return number(n) + " " + word
}

// likely renders a probability; what is nearly 1 keeps the digits that tell it from 1.
func likely(p float64) string {
	for digits := 1; digits < 6; digits++ {
		s := strconv.FormatFloat(p*100, 'f', digits, 64)
		if p == 1 || !strings.HasPrefix(s, "100") {
			return s + "%"
		}
	}
	return ">99.99999%"
}

func (s *session) printCheck(c *app.IdentityCheck) {
	if s.json {
		return
	}
	mark, word := s.ui.good("✔"), "equal"
	if !c.Equal {
		mark, word = s.ui.bad("✖"), "different"
	}
	s.out("%s %s: build %s and one from nothing are %s", mark, s.ui.bold(c.Entity), c.Build, word)
	time := "from nothing " + seconds(c.Seconds["full"])
	if live, ok := c.Seconds["live"]; ok {
		time = "this build " + seconds(live) + ", " + time
	}
	s.out("  %s", s.ui.dim(fmt.Sprintf("%s in both, as of %s; identity took: %s", plural(c.Members, "identifier or record", "identifiers and records"), c.AsOf.Format("2006-01-02 15:04 MST"), time)))
	if c.Equal {
		return
	}
	for _, x := range []struct {
		n    int64
		what string
	}{
		{c.LiveDiffer, "live profiles are made up differently"}, {c.FullDiffer, "profiles from nothing are made up differently"},
		{c.LiveMembers, "identifiers and records only live"}, {c.FullMembers, "identifiers and records only from nothing"}, {c.Renamed, "profiles did not keep their id"},
	} {
		if x.n > 0 {
			s.out("  %s %s", s.ui.bad(number(x.n)), x.what)
		}
	}
	for _, p := range c.Apart {
		s.out("    %s", apart(p))
	}
	for _, t := range c.Tables {
		if t.Live+t.Full > 0 {
			s.out("  %s: %s only live, %s only from nothing", t.Table, number(t.Live), number(t.Full))
			for _, e := range t.Examples {
				s.out("    %s", row(e))
			}
		}
	}
	s.printMoved(c.Moved)
	if c.Decided > 0 {
		s.out("  people decided on %s since it was built", plural(c.Decided, "pair"))
	}
}

// apart tells how a live profile and one from nothing do not agree.
func apart(p app.ApartProfiles) string {
	example := p.Type
	if p.Value != "" {
		example += " " + p.Value
	}
	switch {
	case p.Full == "":
		return fmt.Sprintf("%s has %s that no profile from nothing has: %s", p.Live, plural(p.Members, "member"), example)
	case p.Live == "":
		return fmt.Sprintf("%s, from nothing, has %s that no live profile has: %s", p.Full, plural(p.Members, "member"), example)
	}
	return fmt.Sprintf("%s shares %s with %s from nothing: %s", p.Live, plural(p.Members, "member"), p.Full, example)
}

// row writes an example row on one line.
func row(e map[string]string) string {
	parts := []string{map[string]string{"live": "only live:", "full": "only from nothing:"}[e["only"]]}
	for _, k := range slices.Sorted(maps.Keys(e)) {
		if k != "only" {
			parts = append(parts, k+" "+e[k])
		}
	}
	return strings.Join(parts, "  ")
}

func (s *session) printMoved(moved []app.SourceMoved) {
	for _, m := range moved {
		line := fmt.Sprintf("source %s: %s with an identifier, %s when it was built", m.Source, plural(m.Now, "row"), number(m.Rows))
		if !m.Newest.Equal(m.Last) && !m.Newest.IsZero() {
			line += "; the newest is of " + m.Newest.Format("2006-01-02 15:04")
		}
		s.out("  %s", line)
	}
}

func (s *session) printIdentityPlan(p *app.IdentityPlan) {
	if s.json {
		return
	}
	since := "there is no build yet"
	if p.Build != "" {
		since = "beside build " + p.Build
	}
	s.out("%s: %s → %s  %s\n", s.ui.bold(p.Entity), number(p.Before.Profiles), plural(p.After.Profiles, "profile"), s.ui.dim(since+", as of "+p.AsOf.Format("2006-01-02 15:04 MST")))
	if !p.Something() {
		s.out("  %s nothing would change\n", s.ui.dim("·"))
	}
	s.printMoved(p.Moved)
	if len(p.Moved) > 0 {
		s.out("  %s\n", s.ui.dim("Part of the change comes from these rows, not from the rules."))
	}
	if p.Build != "" && p.New+p.Merged+p.Split+p.Gone > 0 {
		s.printEvents(p)
	}
	rows := [][]string{{"  IDENTIFIERS", "BEFORE", "AFTER"}}
	for _, b := range p.Sizes {
		size := number(b.From)
		if b.To > b.From {
			size += "–" + number(b.To)
		}
		rows = append(rows, []string{"  " + size, number(b.Before), number(b.After)})
	}
	rows = append(rows, []string{"  largest", number(p.Before.Largest), number(p.After.Largest)})
	s.out("%s", table(rows, 1, 2))
	s.printLargest(p.Largest)
	s.printDropped(p.Dropped)
	if p.Fuzzy != nil {
		s.printFuzzy(p.Fuzzy)
	}
	if len(p.Segments) > 0 {
		s.printSegments(p.Segments)
	}
	for _, h := range p.Held {
		s.out("  %s %s", s.ui.bad("held:"), h.What)
		s.out("        %s", h.Fix)
	}
	s.out("%s", s.ui.dim("Nothing was changed. Build it:  weir build"))
}

func (s *session) printEvents(p *app.IdentityPlan) {
	for _, x := range []struct {
		kind, what string
		n          int64
		mark       string
	}{
		{"merge", "merged into others", p.Merged, s.ui.warn("~")}, {"split", "split off", p.Split, s.ui.warn("~")},
		{"new", "new", p.New, s.ui.good("+")}, {"", "gone", p.Gone, s.ui.bad("−")},
	} {
		if x.n == 0 {
			continue
		}
		var by []string
		for _, c := range p.Causes {
			if c.Kind == x.kind && c.Type != "" && x.kind != "new" {
				by = append(by, number(c.N)+" by "+c.Type)
			}
		}
		line := fmt.Sprintf("  %s %s %s", x.mark, plural(x.n, "profile"), x.what)
		if len(by) > 0 {
			line += ": " + strings.Join(by, ", ")
		}
		s.out("%s", line)
		for _, m := range p.Merges {
			if m.Kind == x.kind {
				s.out("      %s → %s  %s", m.From, m.To, s.ui.dim(strings.TrimSpace(m.Type+" "+m.Value)))
			}
		}
	}
	s.out("")
}

func (s *session) printLargest(all []app.LargeProfile) {
	if len(all) == 0 {
		return
	}
	rows := [][]string{{"  LARGEST", "BEFORE", "AFTER", "OF", "HELD TOGETHER BY"}}
	for _, x := range all {
		var types, ties []string
		for _, t := range slices.Sorted(maps.Keys(x.Types)) {
			types = append(types, number(x.Types[t])+" "+t)
		}
		told := map[string]bool{} // without values, one of each type says enough
		for _, t := range x.Ties {
			if t.Value == "" && told[t.Type] {
				continue
			}
			told[t.Type] = true
			ties = append(ties, strings.TrimSpace(t.Type+" "+t.Value)+" (with "+plural(t.Others, "other")+")")
		}
		if x.Pairs > 0 {
			ties = append(ties, plural(x.Pairs, "matched pair"))
		}
		rows = append(rows, []string{"  " + x.Profile, number(x.Before), number(x.Identifiers), strings.Join(types, ", "), strings.Join(ties, ", ")})
	}
	s.out("%s", table(rows, 1, 2))
}

func (s *session) printDropped(all []app.DroppedChange) {
	if len(all) == 0 {
		return
	}
	rows := [][]string{{"  KEPT FROM JOINING", "", "BEFORE", "AFTER"}}
	for _, d := range all {
		rows = append(rows, []string{"  " + d.Rule, d.Type, number(d.Before), number(d.After)})
	}
	s.out("%s", table(rows, 2, 3))
}

func (s *session) printFuzzy(f *app.FuzzyPlan) {
	s.out("  fuzzy matching: %s are likely to be one person, of %s; %s or more joins, %s or more is for review",
		plural(f.Pairs, "pair"), plural(f.Records, "record"), likely(f.Threshold), likely(f.Review))
	if f.BigBlocks > 0 {
		s.out("  %s too large to be compared: see %s", plural(f.BigBlocks, "block is", "blocks are"), "max_block, and the table big_blocks of a build")
	}
	rows := [][]string{{"  PROBABILITY", "PAIRS", "ONE ALREADY", "JOIN", "REVIEW", "APART"}}
	for _, b := range f.Bands {
		if b.Pairs > 0 {
			rows = append(rows, []string{"  " + fraction(b.From) + "–" + fraction(b.To), number(b.Pairs), number(b.One), number(b.Join), number(b.Review), number(b.Apart)})
		}
	}
	if len(rows) > 1 {
		s.out("%s", table(rows, 1, 2, 3, 4, 5))
	}
	rows = [][]string{{"  THRESHOLD", "PAIRS", "PROFILES JOINED", "LARGEST: PROFILES", "IDENTIFIERS", ""}}
	for _, t := range f.Thresholds {
		note := ""
		if t.Declared {
			note = "declared"
		}
		rows = append(rows, []string{"  " + fraction(t.Threshold), number(t.Pairs), number(t.Joined), number(t.Largest), number(t.LargestIdentifiers), note})
	}
	s.out("%s  %s\n", table(rows, 1, 2, 3, 4), s.ui.dim("Choose by what becomes of profiles: one pair too many joins everybody on both sides. Before limits."))
}

// fraction writes 0.999 as it is.
func fraction(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
