package compile

import (
	"fmt"
	"strconv"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// identity resolves the rows of an entity's sources to profiles, in the warehouse and to a
// fixpoint:
//
//	cut     up to where the rows of a source are counted for good     (identity_rows.go)
//	values  every value once, with its normal form or the rule that keeps it out, numbered in
//	        order of birth                                            (identity_dictionary.go)
//	nodes   every identifier once: the first number of a normal form
//	part    distinct combinations of nodes, as rows have them together (identity_tuples.go)
//	links   combinations without the identifiers that too many profiles share
//	edges → components                                                (identity_contract.go)
//	components over a limit → regrown                                 (identity_limits.go)
//	identifiers that only find → attached                             (identity_attach.go)
//	combinations → owners → profiles with ids                         (identity_owners, _ids.go)
//
// A build that goes on from another one finds what changed (identity_changes.go, _updates.go),
// does the same to what that can touch (identity_reach.go), and writes what differs (layers.go): all
// that is resolved are whole components of before, or what they grew by where nothing went away
// (identity_grow.go), so that the outcome equals that of a full build.
//
// Every choice has a total order over values that do not depend on the order of rows, nor on the
// numbers of nodes, so that equal data gives equal profiles. What is not kept is in temporary
// tables.
type identity struct {
	in      Input
	entity  *models.Entity
	ids     []models.Identifier // by rank, the strongest first
	sources []identitySource
	steps   []Step

	goesOn  bool // from the build in force
	all     bool // and resolves everything again
	rebase  bool // tables are written whole
	round   int  // of looking for what a change can touch
	links   []linked
	clus    rel.Name // node, component, cluster
	found   rel.Name // the same at last, with a in a build that goes on from another
	profile rel.Name // cluster, profile_id
}

// identitySource is a source with the identifiers that it brings.
type identitySource struct {
	*models.Source
	n    int // its place in the entity's list
	ids  []sourceID
	raw  []rel.Expr // by ids
	time rel.Expr
	key  rel.Expr
}

// identityPart compiles the identity of an entity.
func identityPart(in Input) (part, []diag.Problem) {
	x := &identity{in: in, entity: in.Model.Entity(in.Entity)}
	x.ids = x.entity.Identity.Identifiers
	var problems []diag.Problem
	report := func(p *diag.Problem, path string) {
		if p.Path == "" {
			p.Path = path
		}
		problems = append(problems, *p)
	}
	for n, name := range x.entity.Identity.From {
		src := in.Model.Source(name)
		if src == nil {
			report(&diag.Problem{Code: "models.unknown_source", What: fmt.Sprintf("there is no source %q", name)},
				models.Path("entities", in.Entity, "identity", fmt.Sprintf("from[%d]", n)))
			continue
		}
		s := identitySource{Source: src, n: n, ids: identifiersOf(x.entity, src)}
		for _, id := range s.ids {
			raw, p := rawIdentifier(in, src, id.in)
			if p != nil {
				report(p, models.Path("sources", name, "identifiers", id.Type))
			}
			s.raw = append(s.raw, raw)
		}
		at, p := rowTime(in, src)
		if p != nil {
			field := "time"
			if src.Time == "" {
				field = "updated_at"
			}
			report(p, models.Path("sources", name, field))
		}
		if at == nil {
			at = rel.Null(models.Timestamp)
		}
		s.time = at
		key, p := rowKey(in, src)
		if p != nil {
			report(p, models.Path("sources", name, "key"))
		}
		s.key = key
		x.sources = append(x.sources, s)
	}
	if len(problems) > 0 {
		return part{}, problems
	}
	how, why := x.mode()
	if x.goesOn {
		x.banned()
	}
	for _, s := range x.sources {
		x.rows(s)
	}
	if x.goesOn {
		x.updates()
		x.reach()
	} else {
		x.dictionary()
	}
	x.shared()
	x.components()
	x.limits()
	x.attach()
	x.owners()
	x.number()
	x.results()
	x.state()
	return part{steps: x.steps, tables: x.tables(), stats: x.stats(), mode: [2]string{how, why}}, nil
}

// tables are what people read of a build's identity.
func (x *identity) tables() []string {
	kept := []string{Identifiers, Records, Nodes, Tuples, Map, Clusters, Sequence, Merges, DroppedLinks}
	for _, s := range x.sources {
		if s.events() {
			kept = append(kept, Owners(s.Name))
		}
	}
	return kept
}

// events reports whether the rows of a source are events: they happened, and belong to nobody if
// nothing in them says to whom.
func (s *identitySource) events() bool { return s.UpdatedAt == "" }

// step appends a step.
func (x *identity) step(name string, do ...rel.Statement) {
	x.steps = append(x.steps, Step{Name: "identity: " + name, Do: do})
}

// work names a temporary table of this build.
func (x *identity) work(what string, parts ...int) rel.Name {
	for _, p := range parts {
		what += "_" + strconv.Itoa(p)
	}
	return workTable(x.in, what)
}

// table names a table of this build that stays.
func (x *identity) table(what string) rel.Name { return x.in.Build.Table(x.in.Entity, what) }

// before names a table of the build in force.
func (x *identity) before(what string) rel.Name { return x.in.Previous.Table(x.in.Entity, what) }

// first reports whether there is no build in force.
func (x *identity) first() bool { return x.in.Previous.ID == "" }

// linking lists the ranks of identifiers that join profiles.
func (x *identity) linking() []int {
	return x.ranks(func(id *models.Identifier) bool { return id.Role != "attach" })
}

func (x *identity) ranks(keep func(*models.Identifier) bool) []int {
	var out []int
	for rank := range x.ids {
		if keep(&x.ids[rank]) {
			out = append(out, rank)
		}
	}
	return out
}

// RecordType is the type of the identifier that a row without any has: itself, source:key.
const RecordType = "record"

// PairType is the type of what merged profiles where no identifier did: two records that matching,
// or a person, found to be one. Its value is both, source:key source:key.
const PairType = "pair"

// typeOf is the name of an identifier type by its rank.
func (x *identity) typeOf(rank rel.Expr) rel.Expr {
	var whens []rel.When
	for i, id := range x.ids {
		whens = append(whens, rel.When{If: eq(rank, rel.I(int64(i))), Then: rel.T(id.Type)})
	}
	return rel.Case{Whens: append(whens, rel.When{If: eq(rank, rel.I(int64(x.recordRank()))), Then: rel.T(RecordType)})}
}

// since is the beginning of a window before the run.
func (x *identity) since(d models.Duration) rel.Expr { return rel.At(x.in.AsOf.Add(-time.Duration(d))) }

// ranked names a column per identifier rank: n_0.
func ranked(prefix string, rank int) string { return prefix + "_" + strconv.Itoa(rank) }

// temp makes a temporary table and has it looked at.
func temp(name rel.Name, q rel.Query) []rel.Statement {
	return []rel.Statement{rel.CreateTable{Name: name, Temp: true, As: q}, rel.Analyze{Name: name}}
}

// keep makes a table that stays.
func keep(name rel.Name, q rel.Query) []rel.Statement {
	return []rel.Statement{rel.CreateTable{Name: name, As: q}, rel.Analyze{Name: name}}
}

func drop(names ...rel.Name) []rel.Statement {
	var out []rel.Statement
	for _, n := range names {
		out = append(out, rel.DropTable{Name: n})
	}
	return out
}

func eq(a, b rel.Expr) rel.Expr { return rel.F(rel.Eq, a, b) }

// same names a column as another one.
func same(table, name string) rel.Column { return rel.As(name, rel.C(table, name)) }

// from reads a stored table under an alias.
func from(name rel.Name, alias string) rel.Relation { return rel.Table{Name: name, Alias: alias} }

func join(kind rel.JoinKind, r rel.Relation, on ...rel.Expr) rel.Join {
	return rel.Join{Kind: kind, Rel: r, On: and(on)}
}

// union puts queries together, all rows.
func union(qs []rel.Query) rel.Query {
	if len(qs) == 1 {
		return qs[0]
	}
	return rel.Union{All: true, Queries: qs}
}

// sum adds integers; the sum of nothing is 0.
func sum(e rel.Expr) rel.Expr {
	return rel.F(rel.Coalesce, rel.Agg{Fn: rel.SumInt, Arg: e}, rel.I(0))
}

func least(e rel.Expr) rel.Expr    { return rel.Agg{Fn: rel.Min, Arg: e} }
func greatest(e rel.Expr) rel.Expr { return rel.Agg{Fn: rel.Max, Arg: e} }
func count() rel.Expr              { return rel.Agg{Fn: rel.CountRows} }
func notNull(e rel.Expr) rel.Expr  { return rel.F(rel.NotNull, e) }
func isNull(e rel.Expr) rel.Expr   { return rel.F(rel.IsNull, e) }
func either(es ...rel.Expr) rel.Expr {
	if len(es) == 1 {
		return es[0]
	}
	return rel.F(rel.Coalesce, es...)
}

// text says that a column is text, so that it is ordered by its bytes on every warehouse.
func text(e rel.Expr) rel.Expr { return rel.Cast{Expr: e, Type: models.Text, From: models.Text} }

// digits is an integer as text.
func digits(e rel.Expr) rel.Expr {
	return rel.Cast{Expr: e, Type: models.Text, From: models.Integer}
}

// countIf counts where a condition is true.
func countIf(e rel.Expr) rel.Expr {
	return rel.Agg{Fn: rel.Count, Arg: rel.Case{Whens: []rel.When{{If: e, Then: rel.I(1)}}}}
}

// oneIf is 1 where a condition is true, else 0.
func oneIf(e rel.Expr) rel.Expr {
	return rel.Case{Whens: []rel.When{{If: e, Then: rel.I(1)}}, Else: rel.I(0)}
}
