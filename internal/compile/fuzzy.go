package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// fuzzy finds records that may be one person though no identifier says so, in the warehouse:
//
//	rows        records with their fields made comparable, and their blocks   (fuzzy_rows.go)
//	candidates  pairs that agree on a block                                   (fuzzy_rows.go)
//	vectors     at which level each field of a pair agrees                    (fuzzy_compare.go)
//	weights     what each level says, learned once and then kept              (fuzzy_learn.go, fuzzy_solve.go, fuzzy_em.go)
//	pairs       the sum of what a pair's levels say, and what follows         (fuzzy_pairs.go)
//
// After Fellegi and Sunter, "A Theory for Record Linkage", 1969: a level that is m among records of
// one person and u among records of different ones adds log2(m/u) to the log of the odds.
//
// A pair's weight depends on its two records and on the weights, which are those of the build in
// force as long as the declaration stays, so that profiles do not drift. A build that follows
// another one compares only pairs in which a record changed or whose block became small enough; it
// gives what comparing everything would give.
type fuzzy struct {
	in     Input
	f      *models.Fuzzy
	fields []fuzzyField
	blocks []fuzzyBlock
	cmps   []fuzzyCompare
	steps  []Step
}

// fuzzyField is a field with its place, which names its column: f_0.
type fuzzyField struct {
	*models.FuzzyField
	n int
}

// fuzzyBlock is a list of fields, with its place: b_0.
type fuzzyBlock struct {
	n      int
	fields []int
}

// fuzzyCompare is a compared field, with its place among those: l_0.
type fuzzyCompare struct {
	*models.FuzzyCompare
	n     int
	field fuzzyField
	given []float64 // weights of the levels and of difference, nil to learn them
}

// fuzzyPart compiles the matching of an entity; nothing if none is declared.
func fuzzyPart(in Input) (part, []diag.Problem) {
	x := &fuzzy{in: in, f: in.Model.Entity(in.Entity).Identity.Fuzzy}
	if x.f == nil {
		return part{}, nil
	}
	for i := range x.f.Fields {
		x.fields = append(x.fields, fuzzyField{&x.f.Fields[i], i})
	}
	for i, b := range x.f.Block {
		block := fuzzyBlock{n: i}
		for _, name := range b.Fields {
			_, at := x.f.Field(name)
			block.fields = append(block.fields, at)
		}
		x.blocks = append(x.blocks, block)
	}
	for i := range x.f.Compare {
		c := fuzzyCompare{FuzzyCompare: &x.f.Compare[i], n: i}
		_, at := x.f.Field(c.Field)
		c.field = x.fields[at]
		for _, g := range x.f.Weights.Given {
			if g.Field == c.Field {
				c.given = g.Levels
			}
		}
		x.cmps = append(x.cmps, c)
	}
	sources, problems := x.sources()
	if len(problems) > 0 {
		return part{}, problems
	}
	x.before()
	x.rows(sources)
	x.candidates()
	x.vectors()
	x.weights()
	x.pairs()
	return part{steps: x.steps, tables: []string{Pairs, Weights, Frequencies, Compared, BigBlocks}, stats: x.stats()}, nil
}

// follows reports whether the build goes on from the pairs of the build in force.
func (x *fuzzy) follows() bool { return x.in.Previous.ID != "" && !x.in.Full }

// keepsWeights reports whether the weights of the build in force are used if they are of the same
// declaration. What is built beside the live tables to be compared with them has their weights.
func (x *fuzzy) keepsWeights() bool {
	return x.in.Previous.ID != "" && (!x.in.Full || x.in.Build.Scratch)
}

func (x *fuzzy) step(name string, do ...rel.Statement) {
	x.steps = append(x.steps, Step{Name: "matching: " + name, Do: do})
}

// work names a temporary table of this build, shortly: the entity's name may take 40 of the 63 bytes
// that PostgreSQL allows.
func (x *fuzzy) work(what string) rel.Name { return workTable(x.in, "fz_"+what) }

// table names a table of this build that stays.
func (x *fuzzy) table(what string) rel.Name { return x.in.Build.Table(x.in.Entity, what) }

// was names a table of the build in force.
func (x *fuzzy) was(what string) rel.Name { return x.in.Previous.Table(x.in.Entity, what) }

// reviews names the table in which people say which records are one person.
func (x *fuzzy) reviews() rel.Name { return x.in.Build.View(x.in.Entity, Reviews) }

// fuzzyTables are the tables that a build leaves behind for people and for the next build.
var fuzzyTables = map[string][]rel.Field{
	Pairs: {{Name: "source_a", Type: models.Text}, {Name: "key_a", Type: models.Text}, {Name: "source_b", Type: models.Text}, {Name: "key_b", Type: models.Text},
		{Name: "weight", Type: models.Number}, {Name: "probability", Type: models.Number}, {Name: "decision", Type: models.Text}, {Name: "by", Type: models.Text}, {Name: "reasons", Type: models.Text}},
	Weights: {{Name: "field", Type: models.Text}, {Name: "level", Type: models.Integer}, {Name: "label", Type: models.Text}, {Name: "m", Type: models.Number}, {Name: "u", Type: models.Number},
		{Name: "weight", Type: models.Number}, {Name: "origin", Type: models.Text}, {Name: "reason", Type: models.Text}, {Name: "declaration", Type: models.Text}},
	Frequencies: {{Name: "field", Type: models.Text}, {Name: "value", Type: models.Text}, {Name: "records", Type: models.Integer}, {Name: "weight", Type: models.Number}, {Name: "reason", Type: models.Text}},
	Compared:    {{Name: "source", Type: models.Text}, {Name: "key", Type: models.Text}, {Name: "print", Type: models.Integer}},
	BigBlocks:   {{Name: "block", Type: models.Text}, {Name: "value", Type: models.Text}, {Name: "records", Type: models.Integer}},
}

// before makes sure of the tables that are read: those of a build in force that knew no matching,
// or not all of it, are made empty, so that one program fits all.
func (x *fuzzy) before() {
	do := []rel.Statement{ReviewsTable(x.in.Build.Schema, x.in.Entity)}
	if x.in.Previous.ID != "" {
		for _, what := range []string{Pairs, Weights, Frequencies, Compared, BigBlocks} {
			do = append(do, rel.CreateTable{Name: x.was(what), IfNotExists: true, Columns: fuzzyTables[what]})
		}
	}
	var fns []rel.Fn
	for _, c := range x.cmps {
		for _, l := range c.Levels {
			switch {
			case l.JaroWinkler > 0 && !slices.Contains(fns, rel.JaroWinkler):
				fns = append(fns, rel.JaroWinkler)
			case l.Levenshtein > 0 && !slices.Contains(fns, rel.Levenshtein):
				fns = append(fns, rel.Levenshtein)
			}
		}
	}
	x.step("tables", append(do, rel.Provide{Fns: fns})...)
}

// columns names the columns of a kept table.
func fuzzyColumns(what string) []string {
	var out []string
	for _, f := range fuzzyTables[what] {
		out = append(out, f.Name)
	}
	return out
}

// declaration is a fingerprint of what weights are learned for: what is compared, and how.
func (x *fuzzy) declaration() string {
	return fuzzyPrint(struct {
		Version int
		Fields  []models.FuzzyField
		Block   []models.FuzzyBlock
		Compare []models.FuzzyCompare
		Given   []models.FuzzyGiven
	}{1, x.f.Fields, x.f.Block, x.f.Compare, x.f.Weights.Given})
}

// judgement is a fingerprint of everything by which a pair is kept.
func (x *fuzzy) judgement() string {
	return fuzzyPrint(struct {
		Declaration       string
		Threshold, Review float64
		MaxBlock          int
	}{x.declaration(), x.f.JoinFrom(), x.f.ReviewFrom(), x.f.BlockLimit()})
}

func fuzzyPrint(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("compile: a fingerprint of plain values: %v", err)) // strings and finite numbers always marshal
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// nthOf names a column by its place: f_0.
func nthOf(prefix string, n ...int) string {
	for _, i := range n {
		prefix += "_" + strconv.Itoa(i)
	}
	return prefix
}

// fuzzyWords is a name for people.
func fuzzyWords(name string) string { return strings.ReplaceAll(name, "_", " ") }
