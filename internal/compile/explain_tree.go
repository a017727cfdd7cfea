package compile

import (
	"fmt"
	"slices"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// Tree is a condition, and where its answers stand in a row of Explained.Query.
type Tree struct {
	Path      string // in the project: "segments.vip.where.all[0]"
	Kind      string // the key of the condition: all, any, not, trait, segment, did, …; "everybody" if nothing is asked
	Condition *models.Condition
	Column    int // boolean, never NULL
	Facts     []Fact
	Questions []int // of Explained.Rows, of a leaf about rows
	// Children are the conditions below it. Those of a segment leaf are the condition of that
	// segment, where it stands first; where it stands again there are none.
	Children []*Tree
}

// Fact is something that a leaf looks at.
type Fact struct {
	Name   string // one of the Fact names
	Type   models.Type
	Column int
}

// Walk calls f for each node of a tree, outermost first.
func (t *Tree) Walk(f func(*Tree)) {
	f(t)
	for _, c := range t.Children {
		c.Walk(f)
	}
}

// Steps are the conditions that all must be true, in order: those of an all at the top, with those
// of every all directly in it.
func (t *Tree) Steps() []*Tree {
	if t.Kind != "all" {
		return []*Tree{t}
	}
	var out []*Tree
	for _, c := range t.Children {
		out = append(out, c.Steps()...)
	}
	return out
}

// Explained is a query that says of profiles of a build, condition by condition, whether they are
// in a segment, and what the conditions look at. Its first columns are profile_id and anonymous.
type Explained struct {
	Query    rel.Query
	Columns  []string // names, in order
	Tree     *Tree    // of the segment
	In       int      // boolean: in the segment
	Policies []*Tree  // of those that were asked for, in order
	Traits   map[string]int
	Bars     map[string]Bars // by purpose
	Rows     []RowQuestion
	Needs    Needs
}

// Asking says what Explain is asked for beside a segment.
type Asking struct {
	Profile  string // only this one; "" for all that may be in segments
	Policies []*models.Policy
	Purposes []Purpose // whose policies are asked
	Traits   []string  // that the rows hold too
}

// Purpose is a reason to reach people, and the kinds of destinations by which.
type Purpose struct {
	Name  string
	Kinds []destinations.Kind
}

// Bars are where the codes of policies stand that keep a profile out: policy.<name>, NULL if none
// does.
type Bars struct {
	Require int   // what the purpose requires
	Lists   []int // suppression lists, by kind in the order of Purpose.Kinds
	Any     int   // one of them that closes the purpose: what it requires, or lists for all kinds
}

// Explain compiles the condition of a segment as the models say now, on the profiles of a build.
// Segments in it are computed by their own conditions and not read from the build, so that the
// tree agrees with itself.
func Explain(in Input, segment string, ask Asking) (*Explained, []diag.Problem) {
	s := in.Model.Segment(segment)
	in.Entity = s.Entity
	x := &explaining{in: in, ask: ask, column: map[string]string{}, facts: map[string][]fact{}, seen: map[string]bool{segment: true},
		out: &Explained{Traits: map[string]int{}, Bars: map[string]Bars{}}}
	x.c = profileConditions(in)
	x.c.scans.at(factColumn)
	x.c.trait, x.c.segment = x.trait, func(name string) rel.Expr { return rel.C("p", x.column[name]) }
	if ask.Profile != "" {
		x.c.told = x.tell
	}
	if problem := x.segments(segment); problem != nil {
		return nil, []diag.Problem{*problem}
	}
	x.put("profile_id", rel.C("p", "profile_id"))
	x.put("anonymous", rel.C("p", "anonymous"))
	x.out.In = x.put("inside", rel.C("p", x.column[segment]))
	x.out.Tree = x.grow(s.RulePath(), s.Rule())
	for _, p := range ask.Policies {
		x.out.Policies = append(x.out.Policies, x.grow(models.Path("policies", p.Name, "require"), p.Require))
	}
	for _, p := range ask.Purposes {
		x.out.Bars[p.Name] = x.bars(p)
	}
	for i, name := range ask.Traits {
		x.out.Traits[name] = x.put(ranked("v", i), x.trait(name))
	}
	if diagHasError(x.c.problems) {
		return nil, x.c.problems
	}
	x.out.Query, x.out.Needs = x.query(), x.needs()
	return x.out, nil
}

// bars compiles the policies of a purpose.
func (x *explaining) bars(p Purpose) Bars {
	put := func(e rel.Expr) int { return x.put(ranked("b", len(x.top)), e) }
	requires := barred(x.c, guards(x.in.Model, x.in.Entity, p.Name))
	out := Bars{Require: put(requires)}
	var codes, closed []rel.Expr
	for _, k := range p.Kinds {
		code := suppressed(x.c, suppressing(x.in.Model, x.in.Entity, p.Name, k))
		out.Lists = append(out.Lists, put(code))
		codes, closed = append(codes, code), append(closed, notNull(code))
	}
	if len(codes) > 0 {
		requires = rel.F(rel.Coalesce, requires, when(and(closed), codes[0]))
	}
	out.Any = put(requires)
	return out
}

// explaining makes an Explained in layers: what is read of profiles and rows, the segments that
// refer to others above those, and every condition on top.
type explaining struct {
	in     Input
	ask    Asking
	c      *conditions
	traits []string
	column map[string]string // of a segment
	layers [][]rel.Column
	facts  map[string][]fact // by path
	seen   map[string]bool   // segments whose condition stands in a tree
	top    []rel.Column
	out    *Explained
}

func (x *explaining) trait(name string) rel.Expr {
	i := slices.Index(x.traits, name)
	if i < 0 {
		i = len(x.traits)
		x.traits = append(x.traits, name)
	}
	return rel.C("p", fmt.Sprintf("t%d", i+1))
}

func (x *explaining) tell(f fact) {
	if !slices.ContainsFunc(x.facts[f.path], func(o fact) bool { return o.name == f.name }) {
		x.facts[f.path] = append(x.facts[f.path], f)
	}
}

// put adds a column to the top and returns its place.
func (x *explaining) put(name string, e rel.Expr) int {
	x.top = append(x.top, rel.As(name, e))
	return len(x.top) - 1
}

// grow makes the tree of a condition.
func (x *explaining) grow(path string, w *models.Condition) *Tree {
	t := &Tree{Path: path, Kind: kindOf(w), Condition: w}
	t.Column = x.put(ranked("n", len(x.top)), rel.F(rel.IsTrue, x.c.predicate(path, w)))
	switch t.Kind {
	case "all", "any":
		list := w.All
		if t.Kind == "any" {
			list = w.Any
		}
		for i := range list {
			t.Children = append(t.Children, x.grow(fmt.Sprintf("%s.%s[%d]", path, t.Kind, i), &list[i]))
		}
	case "not":
		t.Children = []*Tree{x.grow(path+".not", w.Not)}
	case "segment":
		if s := x.in.Model.Segment(w.Segment); s != nil && !x.seen[s.Name] {
			x.seen[s.Name] = true
			t.Children = []*Tree{x.grow(s.RulePath(), s.Rule())}
		}
	}
	for _, f := range x.facts[path] {
		t.Facts = append(t.Facts, Fact{Name: f.name, Type: f.typ, Column: x.put(ranked("f", len(x.top)), f.expr)})
	}
	if t.Kind == "sql" && x.ask.Profile != "" {
		for _, name := range x.c.entity.SQLTraits(&models.Trait{SQL: w.SQL}) {
			t.Facts = append(t.Facts, Fact{Name: FactTrait + name, Type: TraitType(x.in, x.c.entity.Trait(name)), Column: x.put(ranked("f", len(x.top)), x.trait(name))})
		}
	}
	for _, q := range rowQuestions(path, w) {
		t.Questions = append(t.Questions, len(x.out.Rows))
		x.out.Rows = append(x.out.Rows, q)
	}
	return t
}

// kindOf is the key that says what a condition asks.
func kindOf(w *models.Condition) string {
	for _, k := range []struct {
		set  bool
		kind string
	}{
		{w.All != nil, "all"}, {w.Any != nil, "any"}, {w.Not != nil, "not"}, {w.Trait != "", "trait"}, {w.Segment != "", "segment"},
		{w.Did != "", "did"}, {w.Never != "", "never"}, {w.Every != "", "every"}, {len(w.Sequence) > 0, "sequence"},
		{w.Top != nil, "top"}, {w.Bottom != nil, "bottom"}, {w.Near != nil, "near"}, {w.SQL != "", "sql"},
	} {
		if k.set {
			return k.kind
		}
	}
	return "everybody"
}
