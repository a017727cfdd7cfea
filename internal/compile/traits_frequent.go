package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// mostFrequent is a query of profile_id and v, the value that most rows of the profile have. Of
// several the one seen last wins, then the first source's, then the first key's.
func mostFrequent(in Input, pieces []piece) (rel.Query, *diag.Problem) {
	var each []rel.Query
	for i, p := range pieces {
		r, problem := rowsOf(in, p.source)
		if problem != nil {
			return nil, problem
		}
		v := p.value
		if p.normal != nil {
			v = r.normal(*p.normal, v)
		}
		at, problem := rowTime(in, p.source)
		if problem != nil {
			return nil, problem
		}
		if at == nil {
			at = rel.Null(models.Timestamp)
		}
		key := rel.Expr(rel.Null(models.Text))
		if p.source.Key != "" {
			named := rowKey
			if len(pieces) == 1 {
				named = keyOrder
			}
			if key, problem = named(in, p.source); problem != nil {
				return nil, problem
			}
		}
		if p.typ == models.Text {
			v = rel.Cast{Expr: v, Type: models.Text, From: models.Text}
		}
		each = append(each, r.read(func(profile rel.Expr) rel.Select {
			return rel.Select{
				Columns: []rel.Column{
					rel.As("profile_id", profile), rel.As("v", v), rel.As("n", rel.Agg{Fn: rel.CountRows}),
					rel.As("at", rel.Agg{Fn: rel.Max, Arg: at}), rel.As("rank", rel.I(int64(i))), rel.As("key", rel.Agg{Fn: rel.Min, Arg: key}),
				},
				Where:   rel.F(rel.NotNull, v),
				GroupBy: []rel.Expr{profile, v},
			}
		}))
	}
	counted := each[0]
	if len(each) > 1 {
		counted = rel.Select{
			Columns: []rel.Column{
				rel.As("profile_id", rel.C("u", "profile_id")), rel.As("v", rel.C("u", "v")),
				rel.As("n", rel.Agg{Fn: rel.Sum, Arg: rel.C("u", "n")}), rel.As("at", rel.Agg{Fn: rel.Max, Arg: rel.C("u", "at")}),
				rel.As("rank", rel.Agg{Fn: rel.Min, Arg: rel.C("u", "rank")}), rel.As("key", rel.Agg{Fn: rel.Min, Arg: rel.C("u", "key")}),
			},
			From:    rel.Sub{Query: rel.Union{All: true, Queries: each}, Alias: "u"},
			GroupBy: []rel.Expr{rel.C("u", "profile_id"), rel.C("u", "v")},
		}
	}
	return rel.Select{
		Columns: []rel.Column{
			rel.As("profile_id", rel.C("n", "profile_id")),
			rel.As("v", rel.Agg{Fn: rel.First, Arg: rel.C("n", "v"), OrderBy: []rel.Order{
				{Expr: rel.C("n", "n"), Desc: true}, {Expr: rel.C("n", "at"), Desc: true}, {Expr: rel.C("n", "rank")},
				{Expr: rel.C("n", "key")}, {Expr: rel.Cast{Expr: rel.C("n", "v"), Type: models.Text, From: pieces[0].typ}},
			}}),
		},
		From:    rel.Sub{Query: counted, Alias: "n"},
		GroupBy: []rel.Expr{rel.C("n", "profile_id")},
	}, nil
}
