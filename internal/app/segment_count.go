package app

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
)

// SegmentCount is how many people a segment's conditions are true for, alone and together.
type SegmentCount struct {
	Segment  string    `json:"segment"`
	Entity   string    `json:"entity"`
	Build    string    `json:"build"`
	AsOf     time.Time `json:"as_of"`
	Timezone string    `json:"timezone"`
	Total    int64     `json:"total"` // profiles that may be in segments
	Size     int64     `json:"size"`  // by the conditions as they are written now
	Built    int64     `json:"built"` // members by the build
	Joins    int64     `json:"joins"` // in Size, and no members of the build
	Leaves   int64     `json:"leaves"`
	// Known is false if the build has never had anybody in the segment.
	Known    bool           `json:"known"`
	Tree     *CountNode     `json:"tree"`
	Steps    []CountStep    `json:"steps"`
	Purposes []PurposeCount `json:"purposes"` // of the segment's syncs
	Seconds  float64        `json:"seconds"`  // that counting took
}

// CountNode is a condition with how many it is true for.
type CountNode struct {
	Kind     string       `json:"kind"`
	Path     string       `json:"path"`
	File     string       `json:"file,omitempty"`
	Line     int          `json:"line,omitempty"`
	Text     string       `json:"text"`
	Alone    int64        `json:"alone"`              // for how many it is true
	Together *int64       `json:"together,omitempty"` // of a condition that all must be true: together with those above it
	Segment  string       `json:"segment,omitempty"`
	Again    bool         `json:"again,omitempty"` // the condition of this segment stands further up
	Children []*CountNode `json:"children,omitempty"`
}

// CountStep is one of the conditions that all must be true.
type CountStep struct {
	Path     string `json:"path"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Text     string `json:"text"`
	Alone    int64  `json:"alone"`
	Together int64  `json:"together"`  // with those before it
	MissOnly int64  `json:"miss_only"` // who would be in but for this one
}

// PurposeCount is how many of a segment may be reached for a purpose.
type PurposeCount struct {
	Purpose string `json:"purpose"`
	KeptOut int64  `json:"kept_out"` // by policies
	Barred  int64  `json:"barred"`   // of the others: by erasures, or suppressions of every channel of the purpose
	Left    int64  `json:"left"`
}

// CountSegment counts a segment by its conditions as they are written now, on the build in force,
// and compares with its membership there, in one query. If anybody is erased or suppressed, another
// one for each purpose counts those.
func (a *App) CountSegment(ctx context.Context, name string) (*SegmentCount, error) {
	seg, err := a.segmentNamed(name)
	if err != nil {
		return nil, err
	}
	out := &SegmentCount{Segment: name, Entity: seg.Entity, Timezone: a.p.Timezone.String(), Purposes: []PurposeCount{}}
	names, bySync := a.purposesOf(name)
	var purposes []compile.Purpose
	for _, p := range names {
		purposes = append(purposes, compile.Purpose{Name: p, Kinds: kindsIn(a.reachOf(p, bySync[p], nil))})
	}
	err = a.onSegment(ctx, seg, func(l *lookup) error {
		out.Build, out.AsOf = l.in.Build.ID, l.in.AsOf
		c, problems := compile.CountSegment(l.in, name, purposes)
		if c == nil {
			return a.misfit(problems)
		}
		if err := l.built(ctx, c.Explained.Needs); err != nil {
			return err
		}
		start := time.Now()
		err := l.each(ctx, c.Query, func(row cells) error {
			a.counted(out, c, purposes, row)
			return nil
		})
		if err != nil {
			return err
		}
		for i, p := range purposes {
			n, err := l.countBarred(ctx, compile.Reachable(c.Explained, p.Name), p.Kinds)
			if err != nil {
				return err
			}
			out.Purposes[i].Barred, out.Purposes[i].Left = n, out.Purposes[i].Left-n
		}
		out.Seconds = time.Since(start).Seconds()
		out.Known, err = a.knownSegment(ctx, l.s, seg.Entity, l.in.Build, name)
		return err
	})
	return out, err
}

// countBarred counts whom of people, a query of profile_id, erasures and suppressions keep out.
func (l *lookup) countBarred(ctx context.Context, people rel.Query, kinds []destinations.Kind) (int64, error) {
	var types []string
	for _, i := range l.e.Identity.Identifiers {
		types = append(types, i.Type)
	}
	ids := rel.Select{Columns: columns("n", "profile_id", "type", "value"), From: l.table(compile.Nodes, "n")}
	n, err := l.a.led.CountBarred(ctx, people, ids, types, kinds)
	return n, l.a.worldly(err)
}

// counted reads the row of counts.
func (a *App) counted(out *SegmentCount, c *compile.Counted, purposes []compile.Purpose, row cells) {
	out.Total, out.Size, out.Joins, out.Leaves = row.int(c.Total), row.int(c.Size), row.int(c.Joins), row.int(c.Leaves)
	out.Built = out.Size - out.Joins + out.Leaves
	for _, p := range purposes {
		n := row.int(c.KeptOut[p.Name])
		out.Purposes = append(out.Purposes, PurposeCount{Purpose: p.Name, KeptOut: n, Left: out.Size - n})
	}
	together := map[*compile.Tree]int64{}
	for i, t := range c.Steps {
		s := CountStep{Path: t.Path, Text: stepWords(t), Alone: row.int(t.Column), Together: row.int(c.Together[i]), MissOnly: row.int(c.Misses[i])}
		s.File, s.Line = a.place(t.Path)
		together[t] = s.Together
		out.Steps = append(out.Steps, s)
	}
	out.Tree = a.countNode(c.Tree, together, row)
}

func (a *App) countNode(t *compile.Tree, together map[*compile.Tree]int64, row cells) *CountNode {
	n := &CountNode{Kind: t.Kind, Path: t.Path, Text: conditionWords(t.Kind, t.Condition), Alone: row.int(t.Column), Segment: t.Condition.Segment}
	n.File, n.Line = a.place(t.Path)
	n.Again = t.Kind == "segment" && len(t.Children) == 0
	if k, ok := together[t]; ok {
		n.Together = &k
	}
	for _, c := range t.Children {
		n.Children = append(n.Children, a.countNode(c, together, row))
	}
	return n
}

// stepWords writes a condition in one line, with those inside it.
func stepWords(t *compile.Tree) string {
	text := conditionWords(t.Kind, t.Condition)
	if t.Kind == "segment" {
		return text
	}
	inner := ""
	for i, c := range t.Children {
		if i > 0 {
			inner += map[string]string{"any": " or ", "all": " and "}[t.Kind]
		}
		words := stepWords(c)
		if (c.Kind == "all" || c.Kind == "any") && len(c.Children) > 1 {
			words = "(" + words + ")"
		}
		inner += words
	}
	switch {
	case t.Kind == "not":
		if k := t.Children[0].Kind; k == "all" || k == "any" {
			inner = "(" + inner + ")"
		}
		return "not " + inner
	case inner != "":
		return inner
	case t.Kind == "all":
		return "everybody"
	case t.Kind == "any":
		return "nobody"
	}
	return text
}

// Differs says how the count differs from the build, in words; "" if it does not.
func (c *SegmentCount) Differs() string {
	switch {
	case c.Joins+c.Leaves == 0:
		return ""
	case !c.Known:
		return fmt.Sprintf("build %s does not have this segment yet", c.Build)
	}
	return fmt.Sprintf("build %s has %d: %d would join, %d would leave", c.Build, c.Built, c.Joins, c.Leaves)
}
