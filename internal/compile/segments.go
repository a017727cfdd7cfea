package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// segmentPart makes memberships, their history and the arms of holdouts. All segments of the
// entity are compiled together: each source is read once for the leaves of all of them, and the
// number of statements depends on the number of sources, not of segments.
//
//	hits and scans over sources ─► flags: per profile, what segments look at ─► memberships
//	                                                        previous build ─┘ ├► history
//	                                                                          └► assignments
func segmentPart(in Input) (part, []diag.Problem) {
	steps, problems := segmentSteps(in)
	return part{
		steps:  steps,
		tables: []string{Memberships, History, Assignments},
		stats:  segmentStats(in),
	}, problems
}

func segmentSteps(in Input) ([]Step, []diag.Problem) {
	segments, err := in.Model.SegmentOrder(in.Entity)
	if err != nil {
		return nil, []diag.Problem{{Path: "segments", Code: "models.circle", What: err.Error(), Fix: "take one of these references out"}}
	}
	f := newFlags(in.Model.Entity(in.Entity))
	c := &conditions{in: in, entity: f.entity, scans: newScans(in, "events").at(factColumn), trait: f.trait, segment: f.segment, raw: f.raw, hits: planHits(in, segments)}
	f.compile(c, segments)

	table := workTable(in, "flags")
	var steps []Step
	drops := append(c.hits.drops(), c.scans.drops()...)
	if len(segments) > 0 {
		steps = append(slices.Concat(c.hits.steps(), c.scans.steps()), Step{
			Name: "segments: who is in",
			Do: []rel.Statement{
				rel.CreateTable{Name: table, Temp: true, As: f.query(c), Comment: f.comment(in, segments)},
				rel.Analyze{Name: table},
			},
		})
		drops = append(drops, rel.DropTable{Name: table})
	}
	steps = append(steps, membershipSteps(in, f.members(table, segments))...)
	if len(drops) > 0 {
		last := &steps[len(steps)-1]
		last.Do = append(last.Do, drops...)
	}
	return steps, c.problems
}

// flags is a query with one row per profile and what the segments look at: traits, masks of
// conditions, answers of scans, and a column for each segment that another one refers to. Segments
// that refer to others are computed in a layer above them, by membership in the same build.
type flags struct {
	entity *models.Entity
	column map[string]string   // of a segment that another refers to
	is     map[string]rel.Expr // the truth of each other segment over the flags
	traits []string            // that the segments use
	raws   []rel.Expr          // truths of sql conditions
	layers [][]rel.Column
}

func newFlags(e *models.Entity) *flags {
	return &flags{entity: e, column: map[string]string{}, is: map[string]rel.Expr{}}
}

// The columns of the flags bear short names, since warehouses cut long ones off.
func (f *flags) trait(name string) rel.Expr {
	i := slices.Index(f.traits, name)
	if i < 0 {
		i = len(f.traits)
		f.traits = append(f.traits, name)
	}
	return rel.C("p", fmt.Sprintf("t%d", i+1))
}

func (f *flags) segment(name string) rel.Expr { return rel.C("p", f.column[name]) }

// compile puts each segment that others refer to into the layer above those that it refers to.
func (f *flags) compile(c *conditions, segments []*models.Segment) {
	referred := map[string]bool{}
	for _, s := range segments {
		for _, name := range s.Refers() {
			referred[name] = true
		}
	}
	level := map[string]int{}
	for i, s := range segments {
		at := 0
		for _, name := range s.Refers() {
			at = max(at, level[name]+1)
		}
		level[s.Name] = at
		asker := c.in.called(s.Name, "segments", s.Name)
		c.scans.asker, c.hits.asker = asker, asker
		c.ranks = false
		in := c.predicate(s.RulePath(), s.Rule())
		if !referred[s.Name] && !c.ranks { // a window stands in a list of columns only
			f.is[s.Name] = in
			continue
		}
		for len(f.layers) <= at {
			f.layers = append(f.layers, nil)
		}
		f.column[s.Name] = fmt.Sprintf("s%d", i+1)
		f.layers[at] = append(f.layers[at], rel.As(f.column[s.Name], rel.F(rel.IsTrue, in)))
	}
}

// comment says which column is what.
func (f *flags) comment(in Input, segments []*models.Segment) string {
	lines := []string{"what segments look at"}
	for i, name := range f.traits {
		lines = append(lines, fmt.Sprintf("t%d: trait %s", i+1, in.called(name, "entities", in.Entity, "traits", name)))
	}
	for _, s := range segments {
		if f.column[s.Name] != "" {
			lines = append(lines, f.column[s.Name]+": segment "+in.called(s.Name, "segments", s.Name))
		}
	}
	return strings.Join(lines, "\n")
}

// query gathers what the segments look at into one row per profile and puts the layers over it.
// Where the entity keeps anonymous profiles out, they are out before any condition is asked.
func (f *flags) query(c *conditions) rel.Query {
	q := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", rel.C("p", "profile_id"))},
		From:    f.profiles(c.in),
		Joins:   append(c.hits.joins(rel.C("p", "profile_id")), c.scans.joins(rel.C("p", "profile_id"), false)...),
	}
	if f.entity.Anonymous == "exclude" {
		q.Where = rel.F(rel.Not, rel.C("p", "anonymous"))
	}
	for i, name := range f.traits {
		q.Columns = append(q.Columns, rel.As(fmt.Sprintf("t%d", i+1), rel.C("p", name)))
	}
	for i := range f.raws {
		q.Columns = append(q.Columns, rel.As(fmt.Sprintf("x%d", i+1), rel.C("p", fmt.Sprintf("weir_x%d", i+1))))
	}
	q.Columns = slices.Concat(q.Columns, c.hits.answers(), c.scans.answers())
	for _, layer := range f.layers {
		next := rel.Select{From: rel.Sub{Query: q, Alias: "p"}}
		for _, col := range q.Columns {
			next.Columns = append(next.Columns, rel.As(col.As, rel.C("p", col.As)))
		}
		next.Columns = append(next.Columns, layer...)
		q = next
	}
	return q
}

// members is a query of profile_id, segment and arm over the flags; the arm is that of a priority,
// and NULL elsewhere.
func (f *flags) members(table rel.Name, segments []*models.Segment) rel.Query {
	if len(segments) == 0 {
		return nil
	}
	var each []rel.Query
	for _, s := range segments {
		each = append(each, rel.Select{
			Columns: []rel.Column{rel.As("profile_id", rel.C("p", "profile_id")), rel.As("segment", rel.T(s.Name)), rel.As("arm", f.arm(s))},
			From:    rel.Table{Name: table, Alias: "p"},
			Where:   f.in(s.Name),
		})
	}
	if len(each) == 1 {
		return each[0]
	}
	return rel.Union{All: true, Queries: each}
}

// in is the truth of a segment over the flags.
func (f *flags) in(segment string) rel.Expr {
	if is := f.is[segment]; is != nil {
		return is
	}
	return rel.C("p", f.column[segment])
}
