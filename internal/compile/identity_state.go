package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// State is what a build needs to know of the one before it, to go on from there. It is in the
// table State of that build: a row for the entity, with source ”, and one per source.
type State struct {
	Base    string    // the build that holds the bases of the layered tables; "" if there is no state
	Shape   string    // fingerprint of what combinations are made of: sources, identifiers, normalisers
	Rules   string    // fingerprint of what joins: limits, max_links, roles
	Ignored string    // JSON of identifier type to globs
	AsOf    time.Time // of that build
	Rows    int64     // of the bases of identifiers and combinations
	Changed int64     // how many rows lie over them
	Sources map[string]SourceState
}

// SourceState is what was read of a source.
type SourceState struct {
	// Cut is where reading goes on: rows before it were counted for good, those from it on are
	// read again. Zero if the source has no time.
	Cut time.Time
	// Rows and Sum are the number and the exclusive or of the hashes of the keys: of an event
	// source's rows before the cut, of all rows of a source of records.
	Rows, Sum int64
	Doubled   int64 // rows of records without a key, or with one that another row has
}

// StateQuery reads the state that a build left.
func StateQuery(build Build, entity string) rel.Query {
	q := rel.Select{From: from(build.Table(entity, StateTable), "t")}
	for _, c := range stateColumns {
		q.Columns = append(q.Columns, same("t", c.Name))
	}
	return q
}

var stateColumns = []rel.Field{
	{Name: "source", Type: models.Text}, {Name: "cut", Type: models.Timestamp}, {Name: "rows", Type: models.Integer},
	{Name: "sum", Type: models.Integer}, {Name: "doubled", Type: models.Integer}, {Name: "base", Type: models.Text},
	{Name: "shape", Type: models.Text}, {Name: "rules", Type: models.Text}, {Name: "ignored", Type: models.Text},
	{Name: "as_of", Type: models.Timestamp}, {Name: "kept", Type: models.Integer}, {Name: "changed", Type: models.Integer},
}

// Scan adds a row of StateQuery. A value of another type than its column has is an error.
func (s *State) Scan(row []any) error {
	if len(row) != len(stateColumns) {
		return fmt.Errorf("reading the state of identity: %d columns, want %d", len(row), len(stateColumns))
	}
	var fault error
	wrong := func(i int) {
		if row[i] != nil && fault == nil {
			fault = fmt.Errorf("reading the state of identity: %s came as %T", stateColumns[i].Name, row[i])
		}
	}
	str := func(i int) string {
		v, ok := row[i].(string)
		if !ok {
			wrong(i)
		}
		return v
	}
	num := func(i int) int64 {
		v, ok := row[i].(int64)
		if !ok {
			wrong(i)
		}
		return v
	}
	at := func(i int) time.Time {
		v, ok := row[i].(time.Time)
		if !ok {
			wrong(i)
		}
		return v
	}
	if str(0) == "" {
		s.Base, s.Shape, s.Rules, s.Ignored, s.AsOf, s.Rows, s.Changed = str(5), str(6), str(7), str(8), at(9), num(10), num(11)
		return fault
	}
	if s.Sources == nil {
		s.Sources = map[string]SourceState{}
	}
	s.Sources[str(0)] = SourceState{Cut: at(1), Rows: num(2), Sum: num(3), Doubled: num(4)}
	return fault
}

// rebaseShare is the share of rows over the bases, one in so many, from which bases are written again.
const rebaseShare = 5

// mode decides how this build is made: from nothing, and then why; or from the build in force.
// With all, every identifier is resolved again from the combinations that are known; with rebase,
// tables are written whole.
func (x *identity) mode() (how, why string) {
	st := x.in.State
	x.rebase = true
	switch {
	case x.in.Previous.ID == "":
		return "full", "there is no build yet"
	case st.Base == "":
		return "full", "the build in force left no state"
	case x.in.Full:
		return "full", "asked for"
	case st.Shape != x.shape():
		return "full", "sources, identifiers or normalisers changed"
	}
	x.goesOn = true
	x.all = st.Rules != x.rules() || x.in.AsOf.Before(st.AsOf) && x.windowed()
	x.rebase = !x.in.Build.Scratch && (x.all || st.Changed*rebaseShare > st.Rows)
	if x.all && x.in.Build.Scratch {
		x.rebase = true
	}
	return "incremental", ""
}

// windowed reports whether a limit counts within a window.
func (x *identity) windowed() bool {
	return slices.ContainsFunc(x.ids, func(id models.Identifier) bool { return id.Limit.Max > 0 && id.Limit.Within > 0 })
}

// layout counts how often what a build leaves for the next one has changed.
const layout = 3

// shape is a fingerprint of everything that decides what combinations and identifiers there are,
// but for what is ignored.
func (x *identity) shape() string {
	h := sha256.New()
	fmt.Fprintln(h, layout)
	for _, s := range x.sources {
		bare := s
		bare.ids = slices.Clone(s.ids)
		for i, id := range s.ids {
			plain := *id.Identifier
			plain.Ignore, plain.Limit, plain.MaxLinks = nil, models.Limit{}, nil
			bare.ids[i].Identifier = &plain
		}
		q := x.normalised(bare, rel.Select{From: sourceRelation(s.Source, rowAlias)}, nil)
		fmt.Fprintf(h, "%s %v %#v\n", s.Name, s.events(), q)
		fmt.Fprintf(h, "%#v %#v %#v\n", s.raw, s.time, s.key)
	}
	fmt.Fprintf(h, "matched %v\n", x.paired())
	lost := x.lostRanks()
	for rank, id := range x.ids {
		fmt.Fprintf(h, "%s %s %s %v\n", id.Type, normalizer(&id), id.Country, lost[rank])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// rules is a fingerprint of what decides which identifiers join.
func (x *identity) rules() string {
	h := sha256.New()
	for _, id := range x.ids {
		fmt.Fprintf(h, "%s %v %v %s\n", id.Type, id.Limit, id.MaxLinks, id.Role)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// ignored is what is ignored, by identifier type, as JSON.
func (x *identity) ignored() string {
	by := map[string][]string{}
	for _, id := range x.ids {
		if len(id.Ignore) > 0 {
			globs := slices.Clone(id.Ignore)
			slices.Sort(globs)
			by[id.Type] = globs
		}
	}
	text, err := json.Marshal(by) // of strings: cannot fail, and keys are in order
	if err != nil {
		panic(err)
	}
	return string(text)
}

// ignoredAnew lists the ranks whose globs are not those of the build in force.
func (x *identity) ignoredAnew() []int {
	before := map[string][]string{}
	if err := json.Unmarshal([]byte(x.in.State.Ignored), &before); err != nil {
		return x.ranks(func(*models.Identifier) bool { return true })
	}
	return x.ranks(func(id *models.Identifier) bool {
		globs := slices.Clone(id.Ignore)
		slices.Sort(globs)
		return !slices.Equal(globs, before[id.Type])
	})
}

// written counts the rows of the bases, or else of what lies over them, of the tables where that is
// felt when it grows.
func (x *identity) written(alias string, base bool) rel.Relation {
	var each []rel.Query
	count := func(build Build, what string) {
		each = append(each, rel.Select{Columns: []rel.Column{rel.As("n", count())}, From: from(build.Table(x.in.Entity, what), "t")})
	}
	tables := []string{Nodes}
	for _, s := range x.sources {
		tables = append(tables, Combos(s.Name))
	}
	for _, what := range tables {
		switch {
		case !base:
			count(x.in.Build, what+deltaOf)
			if what != Nodes {
				count(x.in.Build, what+patchOf)
			}
		case x.rebase:
			count(x.in.Build, what+baseOf)
		default:
			count(Build{Schema: x.in.Build.Schema, ID: x.in.State.Base}, what+baseOf)
		}
	}
	return rel.Sub{Alias: alias, Query: rel.Select{Columns: []rel.Column{rel.As("n", sum(rel.C("c", "n")))}, From: rel.Sub{Query: union(each), Alias: "c"}}}
}

// state writes what the next build needs.
func (x *identity) state() {
	row := func(values map[string]rel.Expr, r rel.Relation, where rel.Expr) rel.Select {
		q := rel.Select{From: r, Where: where}
		for _, c := range stateColumns {
			e := values[c.Name]
			if e == nil {
				e = rel.Null(c.Type)
			}
			q.Columns = append(q.Columns, rel.As(c.Name, e))
		}
		return q
	}
	base := x.in.State.Base
	changed := rel.Expr(rel.I(0))
	if x.rebase {
		base = x.in.Build.ID
	} else {
		changed = rel.C("d", "n")
	}
	one := row(map[string]rel.Expr{"source": rel.T(""), "base": rel.T(base), "shape": rel.T(x.shape()), "rules": rel.T(x.rules()),
		"ignored": rel.T(x.ignored()), "as_of": rel.At(x.in.AsOf), "kept": rel.C("n", "n"), "changed": changed}, x.written("n", true), nil)
	if !x.rebase {
		one.Joins = []rel.Join{{Kind: rel.Cross, Rel: x.written("d", false)}}
	}
	qs := []rel.Query{one}
	for _, s := range x.sources {
		v := map[string]rel.Expr{"source": rel.T(s.Name)}
		switch {
		case !s.events():
			known := rel.Select{Columns: []rel.Column{
				rel.As("rows", sum(rel.C("c", "seen"))), rel.As("sum", rel.F(rel.Coalesce, rel.Agg{Fn: rel.BitXor, Arg: rel.C("c", "h")}, rel.I(0))),
				rel.As("doubled", sum(oneIf(rel.F(rel.Or, rel.F(rel.Ne, rel.C("c", "nth"), rel.I(1)), rel.F(rel.Gt, rel.C("c", "seen"), rel.I(1))))))},
				From: from(x.table(Combos(s.Name)), "c")}
			q := row(map[string]rel.Expr{"source": rel.T(s.Name), "cut": rel.C("u", "cut"), "rows": rel.C("k", "rows"), "sum": rel.C("k", "sum"), "doubled": rel.C("k", "doubled")},
				rel.Sub{Query: known, Alias: "k"}, nil)
			q.Joins = []rel.Join{{Kind: rel.Cross, Rel: from(x.work("cut", s.n), "u")}}
			qs = append(qs, q)
		case s.timed():
			v["cut"], v["rows"], v["sum"] = rel.C("u", "cut"), rel.C("u", "rows"), rel.C("u", "sum")
			qs = append(qs, row(v, from(x.work("cut", s.n), "u"), nil))
		default:
			qs = append(qs, row(v, nil, nil))
		}
	}
	x.step("state", keep(x.table(StateTable), union(qs))...)
}
