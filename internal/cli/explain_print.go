package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/app"
)

// meant lists who may have been meant, or why somebody finds nobody and who is beside.
func (p *sheet) meant(m app.Meant) {
	title := "Near to it"
	if len(m.Candidates) == 1 && m.Candidates[0].ProfileID == "" {
		for _, d := range m.Candidates[0].Barred {
			p.say("○", d.Text)
		}
		title = "Profiles whose rows have it"
	} else {
		p.found("It may be", m.Candidates)
	}
	p.found(title, m.Near)
}

// found lists identifiers and profiles.
func (p *sheet) found(title string, list []*app.Found) {
	if len(list) == 0 {
		return
	}
	p.out("%s", p.ui.bold(title))
	var rows [][]string
	for _, f := range list {
		var row []string
		switch {
		case f.Type != "":
			row = append(row, f.Type+"="+f.Value)
		case f.Source != "":
			row = append(row, f.Source+"="+f.Key)
		}
		row = append(row, f.ProfileID)
		if len(f.Barred) > 0 {
			row = append(row, f.Barred[0].Text)
		}
		rows = append(rows, row)
	}
	p.rows(rows)
}

func (p *sheet) explanation(x *app.Explanation) {
	p.followed(x.A)
	p.followed(x.B)
	mark := map[string]string{app.VerdictTogether: p.ui.good("✔"), app.VerdictApart: p.ui.bad("✖"), app.VerdictUnlinked: p.ui.warn("○"), app.VerdictProfile: p.ui.good("✔")}[x.Verdict]
	for i, line := range wrap(x.Summary, p.width-2) {
		if i == 0 {
			p.out("%s %s", mark, line)
		} else {
			p.out("  %s", line)
		}
	}
	p.chain(x)
	if x.Weakest != "" {
		p.out("")
		p.say("", "The weakest link is "+x.Weakest+".")
	}
	if len(x.Reasons) > 0 {
		title := "What keeps them apart"
		if x.B == nil || x.A.ProfileID == "" || x.B.ProfileID == "" {
			title = "Why"
		}
		p.title(title, "")
	}
	for _, r := range x.Reasons {
		p.say(p.ui.bad("✖"), r.Text)
		if r.Fix != "" {
			p.say(" ", p.ui.dim(r.Fix))
		}
	}
	p.alike(x.Alike)
	if x.Profile != nil {
		p.anatomy(x.Profile)
	}
	if x.Cut != "" {
		p.out("")
		p.say(p.ui.warn("!"), x.Cut)
	}
}

// followed says where a profile that was merged away went.
func (p *sheet) followed(f *app.Found) {
	if f == nil {
		return
	}
	for _, e := range f.Followed {
		p.out("%s", p.ui.dim(p.event(e)))
	}
}

// event writes a line of the history of profiles.
func (p *sheet) event(e app.IdentityEvent) string {
	by := ""
	if e.Value != "" {
		by = " by " + e.Type + " " + e.Value
	}
	on := " on " + p.day(&e.At)
	switch e.Kind {
	case "merge":
		return e.From + " was merged into " + e.To + on + by
	case "split":
		return e.To + " was split from " + e.From + on + by
	}
	return e.To + " is known since" + strings.TrimPrefix(on, " on") + by
}

// chain prints the steps of a chain: identifiers at the margin, the rows that they share between.
func (p *sheet) chain(x *app.Explanation) {
	if len(x.Chain) == 0 {
		return
	}
	p.out("")
	types, sources := 0, 0
	for _, l := range x.Chain {
		types = max(types, len([]rune(l.Type)))
		sources = max(sources, len([]rune(rowName(l))))
	}
	profile, hidden := "", 0
	for i, l := range x.Chain {
		if !shown(x.Chain, i) {
			hidden++
			continue
		}
		if hidden > 0 {
			p.out("  %s", p.ui.dim(fmt.Sprintf("⋮  %s more steps, which --json has", number(int64(hidden)))))
			hidden = 0
		}
		switch l.Kind {
		case "identifier":
			line := fmt.Sprintf("%-*s  %s", types, l.Type, l.Value)
			if x.Verdict != app.VerdictTogether && l.ProfileID != profile {
				profile = l.ProfileID
				owner := profile
				if owner == "" {
					owner = "finds nobody"
				}
				line += "  " + owner
			}
			p.out("  %s", p.cut(line, 2))
		case "row":
			line := fmt.Sprintf("%-*s  %s", sources, rowName(l), p.span(l.FirstSeen, l.LastSeen))
			line = strings.TrimRight(p.cut(line, 5), " ")
			if l.Apart {
				p.out("  %s  %s", p.ui.bad("✖"), line)
			} else {
				p.out("  %s  %s", p.ui.dim("│"), line)
			}
		case "match":
			line := p.cut(likeness(*l.Match), 5)
			if l.Apart {
				p.out("  %s  %s", p.ui.bad("✖"), line)
			} else {
				p.out("  %s  %s", p.ui.dim("≈"), line)
			}
			if l.Match.Why != "" {
				p.out("     %s", p.ui.dim(p.cut(l.Match.Why, 5)))
			}
		}
	}
}

// shown is whether a step of a chain is printed: of a long one its ends, and where it breaks.
func shown(chain []app.Link, i int) bool {
	const ends, around = 20, 4
	if len(chain) <= 3*ends || i < ends || i >= len(chain)-ends {
		return true
	}
	return slices.ContainsFunc(chain[max(i-around, 0):min(i+around+1, len(chain))], func(l app.Link) bool { return l.Apart })
}

// rowName names a record by its key, events by how many they are.
func rowName(l app.Link) string {
	switch {
	case l.Kind != "row":
		return ""
	case l.Key != "":
		return l.Source + " " + l.Key
	case l.Rows == 1:
		return l.Source + ", 1 row"
	}
	return l.Source + ", " + number(l.Rows) + " rows"
}

// likeness writes what matching says of two records.
func likeness(x app.Alike) string {
	weight := fmt.Sprintf("weight %.1f, probability %s", x.Weight, app.Probable(x.Probability))
	a, b := x.SourceA+" "+x.KeyA, x.SourceB+" "+x.KeyB
	switch {
	case x.By == "person" && x.Decision == "join":
		return a + " and " + b + " are one, as a person said; " + weight
	case x.By == "person":
		return a + " and " + b + " are two, as a person said; " + weight
	}
	return a + " looks like " + b + ": " + weight
}

// alike prints pairs of records that look like one person and were not joined.
func (p *sheet) alike(list []app.Alike) {
	if len(list) == 0 {
		return
	}
	p.title("Records that look alike", "")
	for _, x := range list {
		text := likeness(x)
		switch {
		case x.Decision == "review":
			text += "; it waits for a person: weir identity review"
		case x.By != "person":
			text += "; too little to join them"
		}
		p.say("≈", text)
		if x.Why != "" {
			p.say(" ", p.ui.dim(x.Why))
		}
	}
}

// anatomy prints what a profile consists of.
func (p *sheet) anatomy(x *app.Anatomy) {
	more := ""
	if n := x.More["identifiers"]; n > 0 {
		more = number(int64(n)) + " more are not listed"
	}
	p.title("Identifiers", more)
	var rows [][]string
	for _, m := range x.Identifiers {
		rows = append(rows, []string{m.Type, m.Value, m.Source, p.span(m.FirstSeen, m.LastSeen), number(m.Seen), memberMark(m)})
	}
	p.rows(rows, 4)
	p.title("Rows", "")
	rows = nil
	for _, source := range slices.Sorted(maps.Keys(x.Sources)) {
		rows = append(rows, []string{source, number(x.Sources[source])})
	}
	p.rows(rows, 1)
	if len(x.Bridges) > 0 {
		more = "without one of these it would fall into parts; the weakest first"
		if n := x.More["bridges"]; n > 0 {
			more += ", " + number(int64(n)) + " more"
		}
		p.title("Bridges", more)
		rows = nil
		for _, b := range x.Bridges {
			name, value := b.Type, b.Value
			if b.Match != nil {
				name, value = "match", likeness(*b.Match)
			}
			var parts []string
			for _, part := range b.Parts {
				parts = append(parts, partName(part))
			}
			rows = append(rows, []string{name, value, counted(b.Rows, "row"), strings.Join(parts, " | ")})
		}
		p.rows(rows, 2)
	}
	if len(x.Shared) > 0 {
		p.title("On its rows, and joining nobody", "")
		for _, d := range x.Shared {
			p.say("○", d.Text)
		}
	}
	p.history(x.History)
}

// memberMark says what is special about an identifier.
func memberMark(m app.Member) string {
	switch {
	case m.Attach:
		return "only finds"
	case m.Bridge:
		return "bridge"
	}
	return ""
}

func partName(x app.Part) string {
	if x.Identifiers == 0 {
		return counted(int64(x.Records), "record")
	}
	return counted(int64(x.Identifiers), "identifier")
}

// counted writes 1 row, 2 rows.
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(n) + " " + what + "s"
}

// history prints what happened to a profile.
func (p *sheet) history(list []app.IdentityEvent) {
	if len(list) == 0 {
		return
	}
	p.title("History", "")
	for _, e := range list {
		p.say("", p.event(e))
	}
}
