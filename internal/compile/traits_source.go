package compile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// The aliases of a scan: a source's row, and the record that says whose it is.
const (
	rowAlias = "s"
	ownAlias = "r"
)

// zone is the project's time zone.
func (in Input) zone() *time.Location {
	if in.Timezone == nil {
		return time.UTC
	}
	return in.Timezone
}

// sourceRelation is a source under an alias.
func sourceRelation(s *models.Source, alias string) rel.Relation {
	if s.SQL != "" {
		return rel.Sub{Query: rel.RawQuery{SQL: s.SQL}, Alias: alias}
	}
	return rel.Table{Name: TableName(s.Table), Alias: alias}
}

// sourceColumn finds a column of a source, by its exact name or else whatever the case. While
// nothing is known of the source's columns, any name is a column of unknown type.
func sourceColumn(in Input, s *models.Source, name string) (models.Column, *diag.Problem) {
	columns := in.Columns[s.Name]
	if columns == nil {
		for _, c := range s.Columns {
			if c.Name == name {
				return c, nil
			}
		}
		return models.Column{Name: name}, nil
	}
	found := -1
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
		if c.Name == name {
			return c, nil
		}
		if strings.EqualFold(c.Name, name) {
			found = i
		}
	}
	if found >= 0 {
		return columns[found], nil
	}
	return models.Column{}, &diag.Problem{
		Code: "models.unknown_column",
		What: fmt.Sprintf("source %s has no column %q", s.Name, name),
		Fix:  diag.DidYouMean(name, names),
	}
}

// columnExpr reads a column of a source's row as a value of a model type: a timestamp without a
// zone becomes an instant in the source's zone. The name may lead to a row of another source.
func columnExpr(in Input, s *models.Source, name string) (rel.Expr, models.Type, *diag.Problem) {
	hops, column := in.Model.ColumnRoute(s.Name, name)
	return relatedColumn(in, s, hops, column)
}

// ownColumn is columnExpr for a column of the source itself.
func ownColumn(in Input, s *models.Source, name string) (rel.Expr, models.Type, *diag.Problem) {
	return relatedColumn(in, s, nil, name)
}

func typedColumn(in Input, s *models.Source, c models.Column, alias string) rel.Expr {
	e := rel.C(alias, c.Name)
	if c.Type == models.Timestamp && in.Naive[s.Name][c.Name] {
		return rel.F(rel.Instant, e, rel.T(sourceZone(s)))
	}
	if c.Type == models.List {
		return rel.F(rel.TextList, e)
	}
	return e
}

func sourceZone(s *models.Source) string {
	if s.Timezone == "" {
		return "UTC"
	}
	return s.Timezone
}

// rowTime is when a source's row happened or last changed, as an instant; nil if the source does
// not say. A date is its midnight in the project's zone.
func rowTime(in Input, s *models.Source) (rel.Expr, *diag.Problem) {
	e, typ, problem := timeColumn(in, s)
	if e == nil || problem != nil {
		return nil, problem
	}
	if typ == models.Date {
		e = rel.F(rel.Instant, e, rel.T(in.zone().String()))
	}
	return e, nil
}

// rowKey is the name of a source's row as text, as the records of identity have it.
func rowKey(in Input, s *models.Source) (rel.Expr, *diag.Problem) {
	c, problem := sourceColumn(in, s, s.Key)
	if problem != nil {
		return nil, problem
	}
	return rel.Cast{Expr: rel.C(rowAlias, c.Name), Type: models.Text, From: c.Type}, nil
}

// keyOf is the key of a source's row and the type that it is read as: numbers and times as they
// are, so that they are put in order by their size, anything else as text, by its bytes.
func keyOf(in Input, s *models.Source) (rel.Expr, models.Type, *diag.Problem) {
	c, problem := sourceColumn(in, s, s.Key)
	if problem != nil {
		return nil, models.Unknown, problem
	}
	switch c.Type {
	case models.Integer, models.Date, models.Timestamp:
		return rel.C(rowAlias, c.Name), c.Type, nil
	}
	e, problem := rowKey(in, s)
	return e, models.Text, problem
}

// rows are a source's rows, under rowAlias, each with the profile that it belongs to. Rows that
// belong to nobody are left out. Records are found by their key, events by their identifiers.
type rows struct {
	in     Input
	source *models.Source
	join   rel.Join
	forms  []form
}

// form is a column brought into the normal form of an identifier.
type form struct {
	name string
	id   models.Identifier
	raw  rel.Expr
}

// rowProfile is the profile's column where rows are read through layers.
const rowProfile = "weir_profile"

func rowsOf(in Input, s *models.Source) (*rows, *diag.Problem) {
	routes := in.Model.OwnerRoutes(in.Model.Entity(in.Entity), s.Name)
	if len(routes) != 1 {
		return nil, &diag.Problem{
			Code: "models.not_in_identity",
			What: fmt.Sprintf("the rows of %s belong to no %s, or nobody can say to which", s.Name, in.Entity),
			Fix:  fmt.Sprintf("add %s to entities.%s.identity.from, or relate it to one source that is there", s.Name, in.Entity),
		}
	}
	r := &rows{in: in, source: s}
	if len(routes[0]) > 0 {
		join, problem := relatedOwner(in, s, routes[0])
		r.join = join
		return r, problem
	}
	if s.UpdatedAt == "" {
		join, problem := eventOwner(in, s)
		r.join = join
		return r, problem
	}
	key, problem := rowKey(in, s)
	if problem != nil {
		return nil, problem
	}
	r.join = recordOwner(in, s, key)
	return r, nil
}

// recordOwner joins rows that say the key of a record, as text, with the profile that it belongs
// to.
func recordOwner(in Input, s *models.Source, key rel.Expr) rel.Join {
	return rel.Join{
		Rel: rel.Table{Name: in.Build.Table(in.Entity, Records), Alias: ownAlias},
		On: rel.F(rel.And,
			rel.F(rel.Eq, rel.C(ownAlias, "source"), rel.T(s.Name)),
			rel.F(rel.Eq, rel.C(ownAlias, "key"), key),
			rel.F(rel.NotNull, rel.C(ownAlias, "profile_id"))),
	}
}

// normal is a column of the rows in the normal form of an identifier, NULL where it has none.
func (r *rows) normal(id models.Identifier, raw rel.Expr) rel.Expr {
	for _, sid := range r.source.Identifiers {
		if byRow(&id) && sid.Type == id.Type {
			if both, problem := withCountry(r.in, r.source, sid, raw); problem == nil { // identity reports it
				raw = both
			}
		}
	}
	for _, f := range r.forms {
		if fmt.Sprintf("%#v", []any{f.id.Normalize, f.id.Country, f.id.ProviderRules, f.raw}) == fmt.Sprintf("%#v", []any{id.Normalize, id.Country, id.ProviderRules, raw}) {
			return rel.C(rowAlias, f.name)
		}
	}
	name := "weir_n" + strconv.Itoa(len(r.forms)+1)
	r.forms = append(r.forms, form{name: name, id: id, raw: raw})
	return rel.C(rowAlias, name)
}

// read is a query over the rows. Its select has no From; made is given the profile's column.
func (r *rows) read(made func(profile rel.Expr) rel.Select) rel.Select {
	own := rel.C(ownAlias, "profile_id")
	if len(r.forms) == 0 {
		return r.joined(made(own))
	}
	q := made(rel.C(rowAlias, rowProfile))
	q.Joins = slices.DeleteFunc(wayJoins(r.in, r.source, q), func(j rel.Join) bool { return j.On == nil })
	inner := r.joined(rel.Select{Columns: []rel.Column{rel.As(rowProfile, own)}})
	for _, name := range columnsUsed(q, rowAlias) {
		if name != rowProfile && !slices.ContainsFunc(r.forms, func(f form) bool { return f.name == name }) {
			inner.Columns = append(inner.Columns, rel.As(name, rel.C(rowAlias, name)))
		}
	}
	q.From = rel.Sub{Query: normalForms(inner, rowAlias, r.forms), Alias: rowAlias}
	return q
}

// joined puts a query over the rows, their owners and the rows that they lead to.
func (r *rows) joined(q rel.Select) rel.Select {
	q.From = sourceRelation(r.source, rowAlias)
	before := usedWays(r.in, r.source, rel.Select{}, r.join.On)
	var after []rel.Join
	for i, join := range wayJoins(r.in, r.source, q, r.join.On) {
		if len(before[i]) > 0 {
			q.Joins = append(q.Joins, join)
		} else if join.On != nil {
			after = append(after, join)
		}
	}
	q.Joins = slices.Concat(q.Joins, []rel.Join{r.join}, after)
	return q
}
