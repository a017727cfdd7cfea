package compile

import "github.com/weir-data/weir/internal/rel"

// merged lists what every profile that is no more was merged into, over all builds. An id is
// merged away once: it is never given again.
func (d *desired) merged() rel.Query {
	if d.source != nil || d.in.Entity == "" {
		return nil
	}
	m := func(c string) rel.Expr { return rel.C("m", c) }
	return rel.Select{
		Columns: []rel.Column{rel.As("from_id", m("from_id")), rel.As("to_id", rel.Agg{Fn: rel.Min, Arg: m("to_id")})},
		From:    rel.Table{Name: d.in.Build.Table(d.in.Entity, Merges), Alias: "m"},
		Where:   rel.F(rel.And, rel.F(rel.Eq, m("kind"), rel.T("merge")), rel.F(rel.NotNull, m("from_id"))),
		GroupBy: []rel.Expr{m("from_id")},
	}
}
