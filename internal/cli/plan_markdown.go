package cli

import (
	"fmt"
	"html"
	"strings"

	"github.com/weir-data/weir/internal/app"
)

// planMarkdown is a plan as a comment on a pull request: what is held first, since that needs a
// person, then the totals, then the tables folded away. It holds names of the project and numbers,
// and nothing of any person.
func planMarkdown(p *app.PlanResult) string {
	var b strings.Builder
	var add, update, remove int64
	held := 0
	for _, x := range p.Plans {
		add, update, remove = add+x.Counts.Added, update+x.Counts.Updated, remove+x.Counts.Removed
		if len(x.Holds) > 0 {
			held++
		}
	}
	fmt.Fprintf(&b, "### weir plan on target %s\n\n", cell(p.Target))
	fmt.Fprintf(&b, "**%s to add, %s to update, %s to remove**", number(add), number(update), number(remove))
	if held > 0 {
		fmt.Fprintf(&b, " · **%d held by a guard**", held)
	}
	fmt.Fprintf(&b, "\n\nAs of %s. Nothing was sent.", p.AsOf.UTC().Format("2006-01-02 15:04:05 UTC"))
	if p.Estimate.Calls > 0 {
		fmt.Fprintf(&b, " At the destinations' limits: %s.", estimate(p.Estimate))
	}
	if line := scanned(p.Scan); line != "" {
		fmt.Fprintf(&b, " %s.", cell(line))
	}
	b.WriteString("\n")
	if p.Saved != nil {
		fmt.Fprintf(&b, "\nSaved until %s; to send exactly this: `weir run --plan %s`\n", p.Saved.Expires.Format("2006-01-02 15:04 UTC"), strings.ReplaceAll(p.Saved.File, "`", ""))
	}
	for _, x := range p.Plans {
		for _, h := range x.Holds {
			fmt.Fprintf(&b, "\n- **%s is held** (%s): %s.", cell(x.Sync), cell(h.Code), cell(h.What))
			if h.Fix != "" {
				fmt.Fprintf(&b, " What to do: %s", cell(h.Fix))
			}
		}
	}
	if held > 0 {
		b.WriteString("\n")
	}
	for _, x := range p.Plans {
		for _, w := range x.Warnings {
			fmt.Fprintf(&b, "\n%s: %s.\n", cell(x.Sync), cell(w))
		}
	}
	for _, o := range p.Orphans {
		fmt.Fprintf(&b, "\n%s is not in the project any more; %s rows of it are still at %s.\n", cell(o.Sync), number(o.Rows), cell(o.Place))
	}
	for _, x := range p.Paused {
		fmt.Fprintf(&b, "\n%s is paused: a run leaves it out.\n", cell(x.Sync))
	}
	markdownSegments(&b, p.Segments)
	markdownSyncs(&b, p.Plans)
	return b.String()
}

// markdownSegments writes the segments that change, and how many do not.
func markdownSegments(b *strings.Builder, all []app.SegmentChange) {
	var rows []string
	for _, g := range all {
		if g.Join == 0 && g.Leave == 0 && !g.New {
			continue
		}
		before := number(g.Before)
		if g.New {
			before = "new"
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | +%s | −%s |\n",
			cell(g.Segment), before, number(g.After), number(g.Join), number(g.Leave)))
	}
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "\n<details><summary>Segments: %d changed, %d unchanged</summary>\n\n", len(rows), len(all)-len(rows))
	if len(rows) > 0 {
		b.WriteString("| segment | before | after | join | leave |\n|---|--:|--:|--:|--:|\n" + strings.Join(rows, ""))
	}
	b.WriteString("\n</details>\n")
}

// markdownSyncs writes what a run would send for each sync.
func markdownSyncs(b *strings.Builder, plans []app.SyncPlan) {
	if len(plans) == 0 {
		return
	}
	fmt.Fprintf(b, "\n<details><summary>Syncs: %d</summary>\n\n", len(plans))
	b.WriteString("| sync | destination | add | update | remove | unchanged | invalid | suppressed | calls | time | held by |\n|---|---|--:|--:|--:|--:|--:|--:|--:|---|---|\n")
	for _, x := range plans {
		to, c := x.Destination+" "+x.Object, x.Counts
		if x.Into != "" {
			to += " “" + x.Into + "”"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", cell(x.Sync), cell(to), number(c.Added), number(c.Updated),
			number(c.Removed), number(c.Unchanged), number(c.Invalid), number(c.Suppressed), number(x.Estimate.Calls), x.Estimate.Text, cell(strings.Join(x.HeldBy, ", ")))
	}
	b.WriteString("\n</details>\n")
}

// cell is text that ends neither the cell of a table nor the line, and that no renderer reads as
// HTML, emphasis, code or a link: names of lists come from people.
func cell(s string) string {
	s = html.EscapeString(strings.Join(strings.Fields(s), " "))
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`).Replace(s)
}
