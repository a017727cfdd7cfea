package app

import (
	"context"
	"fmt"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/warehouse"
)

// doctorRights asks the warehouse about each right that weir needs. What is missing comes with the
// statement that gives it, to be run by somebody who may.
func (a *App) doctorRights(ctx context.Context, x *Examination) bool {
	var sources [][]string
	for _, s := range a.p.Model.Sources {
		if s.SQL == "" { // what a query reads is seen when it is run
			sources = append(sources, compile.TableName(s.Table))
		}
	}
	var rights []warehouse.Right
	err := a.session(ctx, func(s warehouse.Session) error {
		e, ok := warehouse.ExaminerOf(s)
		if !ok {
			return nil
		}
		var err error
		if rights, err = e.Rights(ctx, sources); err != nil {
			return fmt.Errorf("asking for rights: %w", err)
		}
		return nil
	})
	if err != nil {
		a.doctorFail(x, "rights", err)
		return true
	}
	held := int64(0)
	for _, r := range rights {
		if r.Held {
			held++
			continue
		}
		fix := r.Grant
		if fix == "" {
			fix = "see the check of that source below"
		}
		x.add("right", bad, fix, "weir may not %s", r.What)
	}
	if held > 0 {
		x.add("rights", fine, "", "%s that weir needs %s held", count(held, "right"), map[bool]string{true: "is", false: "are"}[held == 1])
	}
	return true
}
