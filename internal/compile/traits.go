package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// traitPart makes the profiles: every profile of identity with its traits. Each source is read
// once for all that is kept or computed of its rows; only the most frequent value of a column
// needs a reading of its own.
func traitPart(in Input) (part, []diag.Problem) {
	steps, problems := traitSteps(in)
	profiles := rel.Table{Name: in.Build.Table(in.Entity, Profiles), Alias: "p"}
	tables := []string{Profiles}
	if len(ProvenanceOf(in.Model.Entity(in.Entity))) > 0 {
		tables = append(tables, Provenance)
	}
	stats := []Stat{{Name: "profiles", Query: rel.Select{
		Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: profiles,
	}}}
	if predicts(in.Model.Entity(in.Entity)) {
		tables, stats = append(tables, Predictions), append(stats, unfitted(in))
	}
	return part{steps: steps, tables: tables, stats: stats}, problems
}

func traitSteps(in Input) ([]Step, []diag.Problem) {
	entity := in.Model.Entity(in.Entity)
	t := traits{in: in, entity: entity, scans: newScans(in, "traits"), read: map[string]reading{}}
	layers, problems := t.layers()
	t.problems = append(t.problems, problems...)

	query := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", rel.C("c", "profile_id")), rel.As("anonymous", rel.C("c", "anonymous"))},
		From:    rel.Table{Name: in.Build.Table(in.Entity, Clusters), Alias: "c"},
	}
	for _, tr := range layers[0] {
		query.Columns = append(query.Columns, rel.As(tr.Name, t.value(tr)))
	}
	query.Joins = t.scans.joins(rel.C("c", "profile_id"), false)
	for _, layer := range layers[1:] {
		query = t.over(query, layer)
	}
	name := in.Build.Table(in.Entity, Profiles)
	steps := slices.Concat(t.predictionSteps(), t.scans.steps(), t.provenance(), t.made)
	steps = append(steps, Step{
		Name: "traits: profiles",
		Do: append([]rel.Statement{
			rel.CreateTable{Name: name, As: t.inOrder(query, len(layers) > 1), Comment: t.comment()},
			rel.Analyze{Name: name},
		}, append(t.scans.drops(), t.drops...)...),
	})
	return steps, t.problems
}

// traits compiles the traits of one entity.
type traits struct {
	in       Input
	entity   *models.Entity
	scans    *scans
	read     map[string]reading // by trait
	origins  []origin           // of the traits that keep a column's value
	problems []diag.Problem

	predictions map[string]*prediction

	made   []Step // after the scans, for traits that are not computed in one query
	drops  []rel.Statement
	tables int // how many of these there are, for their names
}

func (t *traits) path(tr *models.Trait, key string) string {
	return models.Path("entities", t.entity.Name, "traits", tr.Name, key)
}

// called is a trait for comments.
func (t *traits) called(tr *models.Trait) string {
	return t.in.called(tr.Name, "entities", t.entity.Name, "traits", tr.Name)
}

// comment says what the profiles are, and where their traits are declared.
func (t *traits) comment() string {
	lines := []string{t.entity.Name + " profiles with their traits"}
	if t.in.Place != nil {
		for i := range t.entity.Traits {
			lines = append(lines, t.called(&t.entity.Traits[i]))
		}
	}
	return strings.Join(lines, "\n")
}

// value is a trait that is read from sources, in the scans that it joins.
func (t *traits) value(tr *models.Trait) rel.Expr {
	t.scans.asker = t.called(tr)
	if tr.Predict != nil {
		return t.predict(tr)
	}
	if kind, _ := aggregateOf(tr.Aggregate); kind != "" {
		return t.aggregate(tr)
	}
	return t.column(tr)
}

// aggregate is a trait over the rows of one source.
func (t *traits) aggregate(tr *models.Trait) rel.Expr {
	if len(tr.From) != 1 || t.in.Model.Source(tr.From[0]) == nil {
		return t.fail(unknownSource(t.in, t.path(tr, "from"), firstOf(tr.From)))
	}
	source := t.in.Model.Source(tr.From[0])
	path := models.Path("entities", t.entity.Name, "traits", tr.Name)
	filter, problems := rowFilter(t.in, source, path, tr.Where, tr.Within, tr.Between)
	if len(problems) > 0 {
		return t.fail(problems...)
	}
	m, problems := t.scans.aggregate(source, path, tr.Aggregate, filter)
	if len(problems) > 0 {
		return t.fail(problems...)
	}
	if tr.Type != models.Unknown && tr.Type != m.typ {
		return rel.Cast{Expr: m.expr, Type: tr.Type, Try: true, From: m.typ}
	}
	return m.expr
}

// fail records problems and stands in for the value, so that every trait is looked at.
func (t *traits) fail(problems ...diag.Problem) rel.Expr {
	t.problems = append(t.problems, problems...)
	return rel.Null(models.Text)
}

// inOrder gives the profiles their columns in the order in which the traits are written.
func (t *traits) inOrder(q rel.Select, layered bool) rel.Select {
	if !layered {
		return q
	}
	columns := []rel.Column{rel.As("profile_id", rel.C("p", "profile_id")), rel.As("anonymous", rel.C("p", "anonymous"))}
	for _, tr := range t.entity.Traits {
		columns = append(columns, rel.As(tr.Name, rel.C("p", tr.Name)))
	}
	return rel.Select{Columns: columns, From: rel.Sub{Query: q, Alias: "p"}}
}

func unknownSource(in Input, path, name string) diag.Problem {
	var names []string
	for _, s := range in.Model.Sources {
		names = append(names, s.Name)
	}
	return diag.Problem{
		Path: path,
		Code: "models.unknown_source",
		What: fmt.Sprintf("there is no source %q", name),
		Fix:  diag.DidYouMean(name, names),
	}
}

func firstOf(xs []string) string {
	if len(xs) == 0 {
		return ""
	}
	return xs[0]
}
