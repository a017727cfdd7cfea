package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
)

// plan is a node of EXPLAIN (FORMAT JSON, VERBOSE), as PostgreSQL's manual has it under EXPLAIN.
type plan struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Schema   string  `json:"Schema"`
	Parent   string  `json:"Parent Relationship"` // Outer, Inner, InitPlan, SubPlan, Member
	Rows     float64 `json:"Plan Rows"`           // of one execution of the node
	Plans    []plan  `json:"Plans"`
}

// scan is one reading of a table.
type scan struct {
	table string  // quoted
	rows  float64 // that an index leads to; -1 for all pages
}

// page is how much the server reads from a table at a time, in bytes. A server that was compiled
// with another size is rare, and off by at most that factor.
const page = 8192

// Estimate asks the planner, which runs nothing. Bytes are the pages of the tables that the plan
// scans: all of a table that is read from end to end, and a page for each row that an index leads
// to, but never more than the table has. What the server finds in its memory counts too. A foreign
// table's bytes are not known.
func (s *session) Estimate(ctx context.Context, sql string) (warehouse.Estimate, error) {
	none := warehouse.Estimate{Bytes: -1, Rows: -1}
	if err := s.check(ctx, sql); err != nil {
		return none, err
	}
	var text string
	for row, err := range s.Query(ctx, "EXPLAIN (FORMAT JSON, VERBOSE)\n"+sql) {
		if err != nil {
			return none, err
		}
		text, _ = row[0].(string)
	}
	var top []struct{ Plan plan }
	if err := json.Unmarshal([]byte(text), &top); err != nil || len(top) != 1 {
		return none, errors.New("reading the server's plan: it is not of the form that EXPLAIN has")
	}
	root := top[0].Plan
	out := warehouse.Estimate{Bytes: -1, Rows: int64(root.Rows)}
	if root.Type == "ModifyTable" && len(root.Plans) > 0 { // it gives nothing out; its rows are those that come in
		out.Rows = int64(root.Plans[0].Rows)
	}
	scans, known := root.scans(nil, 1)
	if !known {
		return out, nil
	}
	bytes, err := s.sizes(ctx, scans)
	if err != nil {
		return out, fmt.Errorf("asking for the sizes of tables: %w", err)
	}
	out.Bytes = bytes
	return out, nil
}

// scans lists the tables that a plan reads when it is executed so many times. It is false if one
// lies elsewhere.
func (p plan) scans(to []scan, times float64) ([]scan, bool) {
	known := p.Type != "Foreign Scan"
	if p.Relation != "" && p.Type != "ModifyTable" {
		one := scan{table: quote(p.Schema) + "." + quote(p.Relation), rows: -1}
		if strings.HasPrefix(p.Type, "Index") || strings.HasPrefix(p.Type, "Bitmap") || p.Type == "Tid Scan" {
			one.rows = max(1, p.Rows) * times
		}
		to = append(to, one)
	}
	outer := 1.0
	for _, child := range p.Plans {
		n := times
		if child.Parent == "Inner" && p.Type == "Nested Loop" || child.Parent == "SubPlan" {
			n *= outer
		}
		if child.Parent == "Outer" {
			outer = max(1, child.Rows)
		}
		var ok bool
		if to, ok = child.scans(to, n); !ok {
			known = false
		}
	}
	return to, known
}

// sizes adds up what scans read. A table is as large as it and what it keeps out of line.
func (s *session) sizes(ctx context.Context, scans []scan) (int64, error) {
	if len(scans) == 0 {
		return 0, nil
	}
	at := map[string]int{}
	var ask []string
	for _, c := range scans {
		if _, ok := at[c.table]; !ok {
			at[c.table] = len(ask)
			ask = append(ask, "pg_table_size("+text(c.table)+"::regclass)")
		}
	}
	var sum float64
	for row, err := range s.Query(ctx, "SELECT "+strings.Join(ask, ", ")) {
		if err != nil {
			return 0, err
		}
		for _, c := range scans {
			size, ok := row[at[c.table]].(int64)
			if !ok {
				return 0, fmt.Errorf("table %s has gone", c.table)
			}
			if c.rows >= 0 {
				sum += min(float64(size), c.rows*page)
			} else {
				sum += float64(size)
			}
		}
	}
	return int64(min(sum, 1<<62)), nil
}

var _ warehouse.Estimator = (*session)(nil)
