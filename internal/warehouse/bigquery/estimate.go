package bigquery

import (
	"context"
	"errors"

	"github.com/weir-data/weir/internal/warehouse"
)

// Estimate dry-runs a statement, which costs nothing. Bytes are those that BigQuery would bill at most;
// how many rows come out is not told. Source: /bigquery/docs/running-queries#dry-run.
func (s *session) Estimate(ctx context.Context, sql string) (warehouse.Estimate, error) {
	none := warehouse.Estimate{Bytes: -1, Rows: -1}
	if err := s.check(ctx, sql); err != nil {
		return none, err
	}
	q := s.query(sql)
	q.DryRun = true
	d, err := s.run(ctx, q)
	if err != nil {
		return none, s.explain(ctx, err)
	}
	if d.status.Statistics == nil {
		return none, errors.New("the dry run of the statement told no bytes")
	}
	return warehouse.Estimate{Bytes: d.status.Statistics.TotalBytesProcessed, Rows: -1}, nil
}

var _ warehouse.Estimator = (*session)(nil)
