//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/weir-data/weir/internal/warehouse"
)

// plan is a node of EXPLAIN (FORMAT json).
type plan struct {
	Name     string         `json:"name"`
	Info     map[string]any `json:"extra_info"`
	Children []plan         `json:"children"`
}

// Estimate asks the planner, which runs nothing. The engine does not tell bytes: it reads the columns
// that it needs of a file on this machine.
func (s *session) Estimate(ctx context.Context, sql string) (warehouse.Estimate, error) {
	none := warehouse.Estimate{Bytes: -1, Rows: -1}
	st, err := s.prepare(ctx, sql)
	if err != nil {
		return none, s.explain(ctx, err)
	}
	if err := st.Close(); err != nil {
		return none, s.explain(ctx, err)
	}
	var text string
	for row, err := range s.Query(ctx, "EXPLAIN (FORMAT json)\n"+sql) {
		if err != nil {
			return none, err
		}
		text, _ = row[len(row)-1].(string)
	}
	var top []plan
	if err := json.Unmarshal([]byte(text), &top); err != nil || len(top) != 1 {
		return none, errors.New("reading the engine's plan: it is not of the form that EXPLAIN has")
	}
	return warehouse.Estimate{Bytes: -1, Rows: top[0].rows()}, nil
}

// passing are the nodes without an estimate of their own that give as many rows as come in.
var passing = map[string]bool{
	"PROJECTION": true, "ORDER_BY": true, "CREATE_TABLE_AS": true, "BATCH_CREATE_TABLE_AS": true, "INSERT": true, "BATCH_INSERT": true, "UPDATE": true, "DELETE": true,
}

// rows is how many come out of a node; -1 if the engine does not tell.
func (p plan) rows() int64 {
	if text, ok := p.Info["Estimated Cardinality"].(string); ok {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	switch {
	case p.Name == "UNGROUPED_AGGREGATE":
		return 1
	case passing[p.Name] && len(p.Children) == 1:
		return p.Children[0].rows()
	}
	return -1
}

// Rights are those of the file: whoever may write it may do everything in it.
func (s *session) Rights(context.Context, [][]string) ([]warehouse.Right, error) {
	if s.memory {
		return nil, nil
	}
	return fileRights(s.path, s.shown), nil
}

// fileRights looks at a file, and at its folder, where the log and the copies of the ledger lie.
func fileRights(path, shown string) []warehouse.Right {
	out := []warehouse.Right{{What: "make files beside " + shown, Held: writable(filepath.Dir(path)), Grant: fmt.Sprintf("chmod u+rwx %q", filepath.Dir(path))}}
	if _, err := os.Stat(path); err == nil {
		out = append(out, warehouse.Right{What: "write " + shown, Held: writable(path), Grant: fmt.Sprintf("chmod u+rw %q", path)})
	}
	return out
}

var (
	_ warehouse.Estimator = (*session)(nil)
	_ warehouse.Examiner  = (*session)(nil)
)
