package redshift

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
)

// step is a node of a plan, as "EXPLAIN" has it: its name, rows and bytes of a row.
var step = regexp.MustCompile(`^[\s>-]*(?:XN |LD )?(.+?)\s+\(cost=[0-9.]+\.\.[0-9.]+ rows=([0-9]+) width=([0-9]+)\)`)

// Estimate asks the planner, which runs nothing. Bytes are what it expects to take from tables: rows times
// the width of the columns that are read, since only those are. What an external table has is not known.
func (s *session) Estimate(ctx context.Context, sql string) (warehouse.Estimate, error) {
	out := warehouse.Estimate{Bytes: -1, Rows: -1}
	if err := s.check(ctx, sql); err != nil {
		return out, err
	}
	var lines []string
	for row, err := range s.Query(ctx, "EXPLAIN\n"+sql) {
		if err != nil {
			return out, err
		}
		line, _ := row[0].(string)
		lines = append(lines, line)
	}
	return read(lines)
}

// read adds up a plan.
func read(lines []string) (warehouse.Estimate, error) {
	out := warehouse.Estimate{Bytes: -1, Rows: -1}
	var bytes float64
	known := true
	for _, line := range lines {
		m := step.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		rows, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return out, errors.New("reading the server's plan: it is not of the form that EXPLAIN has")
		}
		width, _ := strconv.ParseFloat(m[3], 64)
		if out.Rows < 0 {
			out.Rows = int64(min(rows, 1<<62))
		}
		switch {
		case strings.Contains(m[1], "S3 ") || strings.Contains(m[1], "PartitionInfo"):
			known = false
		case strings.Contains(m[1], "Seq Scan on "):
			bytes += rows * width
		}
	}
	if out.Rows < 0 {
		return out, errors.New("reading the server's plan: it is not of the form that EXPLAIN has")
	}
	if known {
		out.Bytes = int64(min(bytes, 1<<62))
	}
	return out, nil
}

var _ warehouse.Estimator = (*session)(nil)
