package demo

import (
	"context"
	"fmt"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
)

// Quality is pairwise: of all pairs of rows that were put together, the share that is one person
// (precision), and of all pairs that some chain of evidence joins, the share put together
// (recall).
type Quality struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
}

// Measure compares owners, a query of source, key and profile_id, with the truth. Rows without
// an owner are each alone.
func Measure(ctx context.Context, s warehouse.Session, d dialect.Dialect, owners rel.Query) (Quality, error) {
	joined := rel.Select{
		Columns: []rel.Column{
			rel.As("person", rel.C("t", "person")), rel.As("chain", rel.C("t", "chain")), rel.As("profile_id", rel.C("o", "profile_id")),
			rel.As("lone", rel.Case{Whens: []rel.When{{If: rel.F(rel.IsNull, rel.C("o", "profile_id")), Then: rel.F(rel.Concat, rel.C("t", "source"), rel.T(":"), rel.C("t", "key"))}}, Else: rel.T("")}),
		},
		From: rel.Table{Name: Truth, Alias: "t"},
		Joins: []rel.Join{{Kind: rel.Left, Rel: rel.Sub{Query: owners, Alias: "o"},
			On: rel.F(rel.And, rel.F(rel.Eq, rel.C("o", "source"), rel.C("t", "source")), rel.F(rel.Eq, rel.C("o", "key"), rel.C("t", "key")))}},
	}
	// pairs is the number of pairs inside the groups of some columns.
	pairs := func(by ...string) rel.Query {
		group := rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Sub{Query: joined, Alias: "j"}}
		for _, c := range by {
			group.GroupBy = append(group.GroupBy, rel.C("j", c))
		}
		n := rel.C("g", "n")
		half := rel.F(rel.Divide, rel.F(rel.Multiply, n, rel.F(rel.Subtract, n, rel.I(1))), rel.I(2))
		return rel.Select{
			Columns: []rel.Column{rel.As("pairs", rel.Cast{Expr: rel.F(rel.Coalesce, rel.Agg{Fn: rel.Sum, Arg: half}, rel.N("0")), Type: rel.BigInt})},
			From:    rel.Sub{Query: group, Alias: "g"},
		}
	}
	var n [4]float64
	for i, q := range []rel.Query{
		pairs("profile_id", "lone"), pairs("profile_id", "lone", "person"),
		pairs("person", "chain"), pairs("person", "chain", "profile_id", "lone"),
	} {
		text, err := d.Query(q)
		if err != nil {
			return Quality{}, fmt.Errorf("measuring identity: %w", err)
		}
		for row, err := range s.Query(ctx, text) {
			if err != nil {
				return Quality{}, fmt.Errorf("measuring identity: %w", err)
			}
			v, ok := row[0].(int64)
			if !ok {
				return Quality{}, fmt.Errorf("measuring identity: a count came as %T", row[0])
			}
			n[i] = float64(v)
		}
	}
	return Quality{Precision: n[1] / max(n[0], 1), Recall: n[3] / max(n[2], 1)}, nil
}
