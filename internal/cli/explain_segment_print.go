package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/models"
)

func (p *sheet) segmentExplanation(x *app.SegmentExplanation) {
	for _, f := range x.Followed {
		p.out("%s", p.ui.dim(f))
	}
	head := p.ui.good("✓") + " " + p.ui.bold(x.ProfileID) + " is in " + p.ui.bold(x.Segment)
	if !x.In {
		head = p.ui.bad("✗") + " " + p.ui.bold(x.ProfileID) + " is not in " + p.ui.bold(x.Segment)
	}
	switch {
	case x.In && x.Since != nil:
		head += ", since " + p.at(x.Since)
	case !x.In && !x.Member && x.LeftAt != nil:
		head += "; they left on " + p.at(x.LeftAt)
	}
	p.out("%s  %s", head, p.ui.dim(fmt.Sprintf("as of %s %s, build %s", p.at(&x.AsOf), p.zone, x.Build)))
	if x.Moved != "" {
		p.say(p.ui.warn("!"), x.Moved)
	}
	if x.Excluded != "" {
		p.say(p.ui.bad("✗"), x.Excluded)
	}
	p.out("")
	p.branches(p.conditions(nil, x.Tree, "", ""))
	p.heldOut(x)
	p.purposes(x)
	for _, b := range x.Bars {
		what := "erased on " + p.at(b.At) + ": nothing is sent any more"
		if b.Code != "syncs.erased" {
			what = fmt.Sprintf("suppressed for %s on %s, by %s", b.Channel, p.at(b.At), b.Source)
		}
		p.say(p.ui.bad("✗"), what)
	}
	for _, c := range x.Caps {
		mark, what := p.ui.good("✓"), fmt.Sprintf("%s: had %d of %d messages in %s", c.Policy, c.Had, c.Max, c.Within)
		if c.Had >= c.Max {
			mark = p.ui.bad("✗")
			if c.Free != nil {
				what += ", the next from " + p.at(c.Free)
			}
			what += "; until then nothing by " + strings.Join(c.Syncs, ", ")
		}
		p.say(mark, what)
	}
	if len(x.Sent) > 0 {
		p.title("What destinations were last told", "")
		var rows [][]string
		for _, t := range x.Sent {
			rows = append(rows, []string{t.Sync, t.State, p.at(t.SentAt), t.Code})
		}
		p.rows(rows)
	}
}

// conditions lays a tree of conditions out. lead stands before its own line, under before those
// below it.
func (p *sheet) conditions(list []branch, n *app.ConditionNode, lead, under string) []branch {
	b := branch{lead: lead, mark: "✓", text: n.Text, cells: []string{n.Has}, place: place(n.File, n.Line)}
	if !n.Holds {
		b.mark = "✗"
	}
	if n.Again && n.Segment != "" {
		b.cells[0] = "as above"
	}
	list = append(list, b)
	for _, m := range n.Rows {
		list = append(list, p.matched(m, under, len(n.Rows) > 1)...)
	}
	for i, c := range n.Children {
		own, next := below(under, i == len(n.Children)-1)
		list = p.conditions(list, c, own, next)
	}
	return list
}

// matched lists the newest of the rows behind a condition.
func (p *sheet) matched(m app.MatchedRows, under string, several bool) []branch {
	var out []branch
	indent := under + "     "
	if several && m.Count > 0 {
		var what string
		switch {
		case m.Step > 0:
			what = fmt.Sprintf("step %d, %s of any time", m.Step, m.Source)
		case m.Failing:
			what = "do not pass"
		default:
			what = "pass"
		}
		out = append(out, branch{lead: indent, text: fmt.Sprintf("%s: %s", what, counted(m.Count, "row")), dim: true})
		indent += "  "
	}
	var rows [][]string
	for _, e := range m.Latest {
		row := []string{p.at(e.At), e.Key}
		for _, v := range e.Values {
			row = append(row, v.Column+" "+p.value(v.Value, ""))
		}
		rows = append(rows, row)
	}
	for _, line := range strings.Split(strings.TrimSuffix(table(rows), "\n"), "\n") {
		if line != "" {
			out = append(out, branch{lead: indent, text: strings.TrimRight(line, " "), dim: true})
		}
	}
	if more := m.Count - int64(len(m.Latest)); more > 0 && len(m.Latest) > 0 {
		out = append(out, branch{lead: indent, text: fmt.Sprintf("… and %s more", number(more)), dim: true})
	}
	return out
}

// heldOut says which arm somebody is in.
func (p *sheet) heldOut(x *app.SegmentExplanation) {
	var rows [][]string
	if !slices.ContainsFunc(x.Arms, func(a app.Arm) bool { return a.Segment == x.Segment }) && x.Arm != "" {
		rows = append(rows, []string{x.Segment, x.Arm})
	}
	if len(x.Arms)+len(rows) == 0 {
		return
	}
	p.title("Arms", "")
	for _, a := range x.Arms {
		name := a.Segment
		if name == models.UniversalSegment {
			name = "every segment of " + x.Entity
		}
		row := []string{name, a.Arm, "since " + p.at(a.Since)}
		if a.Arm == models.ArmHoldout {
			row = append(row, "held out: no sync sends them")
		}
		if a.Contaminated {
			row = append(row, "contaminated: two arms met when profiles merged")
		}
		rows = append(rows, row)
	}
	p.rows(rows)
}

// purposes says for what somebody may be reached, and what keeps them out.
func (p *sheet) purposes(x *app.SegmentExplanation) {
	if len(x.Purposes) == 0 {
		return
	}
	p.title("May be reached for", "")
	for _, v := range x.Purposes {
		line := v.Purpose
		if len(v.Syncs) > 0 {
			line += "  " + p.ui.dim(strings.Join(v.Syncs, ", "))
		}
		switch {
		case v.Open && v.Unguarded:
			p.out("  %s %s  %s", p.ui.good("✓"), line, p.ui.dim("no policy is about it"))
		case v.Open:
			p.out("  %s %s", p.ui.good("✓"), line)
		default:
			p.out("  %s %s  kept out by %s", p.ui.bad("✗"), line, strings.Join(v.ClosedBy, ", "))
		}
		var list []branch
		for i, q := range v.Policies {
			own, under := below("  ", i == len(v.Policies)-1)
			list = p.conditions(list, q.Tree, own, under)
			n := len(list)
			for j := len(list) - 1; j >= 0; j-- {
				if list[j].lead == own {
					n = j
				}
			}
			list[n].text = "policy " + q.Policy + ": " + list[n].text
		}
		p.branches(list)
		for _, d := range v.Lists {
			p.say(p.ui.bad("✗"), fmt.Sprintf("the list of policy %s has an identifier of theirs (%s)", d.Policy, d.Kind))
		}
		for _, d := range v.Denied {
			p.say(p.ui.bad("✗"), fmt.Sprintf("policy %s denies %s data to %s (%s), and who is in this segment tells of it", d.Policy, strings.Join(d.PII, ", "), d.Kind, d.Destination))
		}
		if len(v.Suppressed) > 0 {
			p.say(p.ui.bad("✗"), "suppressed for "+strings.Join(v.Suppressed, ", "))
		}
	}
}

// place writes where a condition stands.
func place(file string, line int) string {
	if file == "" || line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// nearMisses prints who would be in but for one condition.
func (p *sheet) nearMisses(n *app.SegmentCount) {
	p.out("%s  %s", p.ui.bold(n.Segment)+"  "+number(n.Size)+" of "+number(n.Total), p.ui.dim(fmt.Sprintf("as of %s %s, build %s", p.at(&n.AsOf), p.zone, n.Build)))
	p.out("")
	var list []branch
	for _, s := range n.Steps {
		list = append(list, branch{text: s.Text, cells: []string{number(s.MissOnly)}, place: place(s.File, s.Line)})
	}
	p.out("  %s", p.ui.dim("would be in but for this condition alone"))
	p.branches(list, 0)
	if text := n.Differs(); text != "" {
		p.out("")
		p.say(p.ui.warn("!"), text)
	}
}
