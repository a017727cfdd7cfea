package snowflake

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/weir-data/weir/internal/warehouse"
)

// Estimate compiles a statement, which runs nothing and needs no virtual warehouse. Bytes are those of
// the micro-partitions that are left when the ones that cannot match are put aside; how many rows come
// out is not told. Source: docs.snowflake.com/en/sql-reference/sql/explain.
func (s *session) Estimate(ctx context.Context, sql string) (warehouse.Estimate, error) {
	none := warehouse.Estimate{Bytes: -1, Rows: -1}
	if err := s.check(ctx, sql); err != nil {
		return none, err
	}
	var answer string
	for row, err := range s.rows(ctx, "EXPLAIN USING JSON\n"+sql) {
		if err != nil {
			return none, err
		}
		answer, _ = row[0].(string)
	}
	var plan struct {
		GlobalStats *struct {
			BytesAssigned int64 `json:"bytesAssigned"`
		}
	}
	if err := json.Unmarshal([]byte(answer), &plan); err != nil || plan.GlobalStats == nil {
		return none, errors.New("reading the server's plan: it is not of the form that EXPLAIN has")
	}
	return warehouse.Estimate{Bytes: plan.GlobalStats.BytesAssigned, Rows: -1}, nil
}

var _ warehouse.Estimator = (*session)(nil)
