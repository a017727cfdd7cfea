package compile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// scans gathers what has to be known of the rows of each profile, so that each source is read
// once for everything that is asked of it. Equal questions are asked once.
type scans struct {
	in     Input
	what   string // of the tables: "traits", "events"
	parts  []*scan
	byName map[string]*scan
	column func(alias, name string) rel.Expr // how an answer is named where it is used
	asker  string                            // the model that asks now, for comments
}

// scan is one reading of rows: a query with one row per profile.
type scan struct {
	alias   string
	title   string // for people: "orders"
	rows    *rows
	columns []rel.Column
	seen    map[string]string
	askers  map[string][]string // the models that ask for a column
	ready   rel.Query           // in place of rows and columns

	sequences *sequences // likewise
}

func newScans(in Input, what string) *scans {
	return &scans{in: in, what: what, byName: map[string]*scan{}, column: func(alias, name string) rel.Expr { return rel.C(alias, name) }}
}

// at gives the answers other names where they are used: those of answers.
func (s *scans) at(column func(alias, name string) rel.Expr) *scans {
	s.column = column
	return s
}

// factColumn names an answer in the rows of answers.
func factColumn(alias, name string) rel.Expr { return rel.C("p", alias+"_"+name) }

// answers lists every answer under the name that factColumn gives it.
func (s *scans) answers() []rel.Column {
	var out []rel.Column
	for _, sc := range s.parts {
		for _, name := range sc.names() {
			out = append(out, rel.As(sc.alias+"_"+name, rel.C(sc.alias, name)))
		}
	}
	return out
}

// of is the reading of a source's rows.
func (s *scans) of(source *models.Source) (*scan, *diag.Problem) {
	if sc := s.byName[source.Name]; sc != nil {
		return sc, nil
	}
	r, problem := rowsOf(s.in, source)
	if problem != nil {
		return nil, problem
	}
	sc := s.add(&scan{title: source.Name, rows: r, seen: map[string]string{}})
	s.byName[source.Name] = sc
	return sc, nil
}

// ask puts an aggregate over the rows of a source and returns the column with the answer, which
// is NULL for a profile without rows.
func (s *scans) ask(source *models.Source, agg rel.Agg) (rel.Expr, *diag.Problem) {
	sc, problem := s.of(source)
	if problem != nil {
		return nil, problem
	}
	canon := fmt.Sprintf("%#v", agg)
	name, ok := sc.seen[canon]
	if !ok {
		name = "v" + strconv.Itoa(len(sc.columns)+1)
		sc.seen[canon] = name
		sc.columns = append(sc.columns, rel.As(name, agg))
	}
	sc.asked(name, s.asker)
	return s.column(sc.alias, name), nil
}

// askQuery takes a query of the columns profile_id and v, with at most one row per profile.
func (s *scans) askQuery(title string, q rel.Query) rel.Expr {
	return s.column(s.made(title, q).alias, "v")
}

// made is the reading that a query is. It has the columns profile_id and v, and maybe others that
// are named by its alias.
func (s *scans) made(title string, q rel.Query) *scan {
	canon := fmt.Sprintf("%#v", q)
	sc := s.byName[canon]
	if sc == nil {
		sc = s.add(&scan{title: title, ready: q})
		s.byName[canon] = sc
	}
	sc.asked("v", s.asker)
	return sc
}

func (s *scans) add(sc *scan) *scan {
	s.parts = append(s.parts, sc)
	sc.alias = s.what[:1] + strconv.Itoa(len(s.parts))
	sc.askers = map[string][]string{}
	return sc
}

func (sc *scan) asked(column, by string) {
	if by != "" && !slices.Contains(sc.askers[column], by) {
		sc.askers[column] = append(sc.askers[column], by)
	}
}

// comment says what each column of a scan is for.
func (s *scans) comment(sc *scan) string {
	lines := []string{s.what + " over " + sc.title}
	for _, name := range sc.names() {
		if by := sc.askers[name]; len(by) > 0 {
			lines = append(lines, name+": "+strings.Join(by, "; "))
		}
	}
	return strings.Join(lines, "\n")
}

// names lists the columns with the answers.
func (sc *scan) names() []string {
	if sc.sequences != nil {
		return sc.sequences.names()
	}
	columns := sc.columns
	if q, ok := sc.ready.(rel.Select); ok {
		columns = q.Columns
	}
	var out []string
	for _, c := range columns {
		if c.As != "profile_id" {
			out = append(out, c.As)
		}
	}
	return out
}

func (sc *scan) query() rel.Query {
	if sc.sequences != nil {
		return sc.sequences.query()
	}
	if sc.ready != nil {
		return sc.ready
	}
	return sc.rows.read(func(profile rel.Expr) rel.Select {
		return rel.Select{
			Columns: append([]rel.Column{rel.As("profile_id", profile)}, sc.columns...),
			GroupBy: []rel.Expr{profile},
		}
	})
}

// table is the name of the temporary table of a scan. It has the build in it, so that what a
// broken build left on a connection is never met.
func (s *scans) table(sc *scan) rel.Name {
	return workTable(s.in, s.what+"_"+sc.alias)
}

func workTable(in Input, what string) rel.Name {
	tag := "b" + in.Build.ID
	if in.Build.Scratch {
		tag = "s" + in.Build.ID
	}
	return rel.Name{"weir_" + tag + "_" + in.Entity + "_" + what}
}

// steps makes each scan a temporary table.
func (s *scans) steps() []Step {
	var steps []Step
	for _, sc := range s.parts {
		steps = append(steps, Step{
			Name: s.what + ": " + sc.title,
			Do: []rel.Statement{
				rel.CreateTable{Name: s.table(sc), Temp: true, As: sc.query(), Comment: s.comment(sc)},
				rel.Analyze{Name: s.table(sc)},
			},
		})
	}
	return steps
}

// drops removes the temporary tables.
func (s *scans) drops() []rel.Statement {
	var out []rel.Statement
	for _, sc := range s.parts {
		out = append(out, rel.DropTable{Name: s.table(sc)})
	}
	return out
}

// joins adds the scans to profiles: as temporary tables, or inline as queries.
func (s *scans) joins(profile rel.Expr, inline bool) []rel.Join {
	var out []rel.Join
	for _, sc := range s.parts {
		out = append(out, s.join(sc, profile, inline))
	}
	return out
}

func (s *scans) join(sc *scan, profile rel.Expr, inline bool) rel.Join {
	var r rel.Relation = rel.Table{Name: s.table(sc), Alias: sc.alias}
	if inline {
		r = rel.Sub{Query: sc.query(), Alias: sc.alias}
	}
	return rel.Join{Kind: rel.Left, Rel: r, On: rel.F(rel.Eq, rel.C(sc.alias, "profile_id"), profile)}
}
