package modeltests

import (
	"context"
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/models"
)

// why tells of each expected member who is not in a segment which conditions are false, with what
// they look at. Where nobody or several people are meant it tells nothing.
func (w *world) why(ctx context.Context, p *people, segment string, x project.TestRows, f *Failure) error {
	for i := range f.Missing {
		d := &f.Missing[i]
		var meant []*person
		for _, one := range p.profiles {
			all := true
			for _, cell := range x.Rows[d.Line] {
				if cell.Column == "arm" && p.entity.Trait("arm") == nil {
					continue // nobody outside the segment has one
				}
				ok, err := w.fits(ctx, p, one, "", x, cell)
				if err != nil {
					return err
				}
				all = all && ok
			}
			if _, in := p.segments[segment][one.id]; all && !in {
				meant = append(meant, one)
			}
		}
		if len(meant) != 1 {
			continue
		}
		said, problems := compile.Explain(p.in, segment, compile.Asking{Profile: meant[0].id})
		if len(problems) > 0 {
			continue // the segment was compiled: what is wrong is told elsewhere
		}
		err := w.each(ctx, said.Query, func(row []any) { d.Why = w.falsehoods(said.Tree, row) })
		if err != nil {
			return err
		}
		if len(d.Why) > 0 {
			d.Nearest = "" // the conditions say more
		}
	}
	return nil
}

// falsehoods are the leaves because of which a condition is false, with their places.
func (w *world) falsehoods(t *compile.Tree, row []any) []string {
	if holds, _ := row[t.Column].(bool); holds {
		return nil
	}
	if t.Kind == "all" || t.Kind == "any" || t.Kind == "segment" && len(t.Children) > 0 {
		var out []string
		for _, c := range t.Children {
			out = append(out, w.falsehoods(c, row)...)
		}
		return out
	}
	file, line := w.r.place(t.Path)
	var facts []string
	for _, f := range t.Facts {
		name := strings.TrimPrefix(f.Name, compile.FactTrait)
		facts = append(facts, name+": "+shownValue(row[f.Column]))
	}
	text := fmt.Sprintf("%s is false", subject(t.Kind, t.Condition))
	if len(facts) > 0 {
		text += "  {" + strings.Join(facts, ", ") + "}"
	}
	return []string{fmt.Sprintf("%s  (%s:%d)", text, file, line)}
}

// subject is a condition in short: "trait lifetime_value".
func subject(kind string, c *models.Condition) string {
	name := map[string]string{"trait": c.Trait, "segment": c.Segment, "did": c.Did, "never": c.Never, "every": c.Every, "top": c.By, "bottom": c.By}[kind]
	if name == "" {
		return kind
	}
	return kind + " " + name
}
