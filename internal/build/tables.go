package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
)

// scratchTime is how long a scratch build is left alone whose process may still be there.
const scratchTime = 24 * time.Hour

// views points the plain names at the build.
func (r *run) views(ctx context.Context, in compile.Input, tables []string) error {
	for _, what := range tables {
		table := in.Build.Table(in.Entity, what)
		columns, err := r.s.Columns(ctx, table)
		if err != nil {
			return fmt.Errorf("replacing view %s_%s: %w", in.Entity, what, err)
		}
		q := rel.Select{From: rel.Table{Name: table, Alias: "t"}}
		for _, c := range columns {
			q.Columns = append(q.Columns, rel.As(c.Name, rel.C("t", c.Name)))
		}
		view := in.Build.View(in.Entity, what)
		// Replacing a view in place may not change its columns everywhere.
		for _, st := range []rel.Statement{rel.DropView{Name: view}, rel.CreateView{Name: view, As: q}} {
			if _, err := r.exec(ctx, st); err != nil {
				return fmt.Errorf("replacing view %s_%s: %w", in.Entity, what, err)
			}
		}
	}
	return nil
}

// collect drops the tables of builds of the entity that are neither the one in force nor the one
// before it, and scratch builds that somebody left behind. It is called with the lease held, so
// no other build of the entity is on its way.
func (r *run) collect(ctx context.Context, live compile.Build) error {
	id, err := strconv.ParseInt(live.ID, 10, 64)
	if live.ID != "" && err != nil {
		return fmt.Errorf("collecting old builds: %w", err)
	}
	before, err := r.integer(ctx, rel.Select{
		Columns: []rel.Column{rel.As("n", rel.F(rel.Coalesce, rel.Agg{Fn: rel.Max, Arg: rel.C("b", "build")}, rel.I(0)))},
		From:    rel.Table{Name: r.name(buildsTable), Alias: "b"},
		Where:   rel.F(rel.And, rel.F(rel.Eq, rel.C("b", "entity"), rel.T(r.entity)), rel.F(rel.Lt, rel.C("b", "build"), rel.I(id))),
	})
	if err != nil {
		return fmt.Errorf("collecting old builds: %w", err)
	}
	tables, err := r.s.Tables(ctx, r.schema)
	if err != nil {
		return fmt.Errorf("listing tables: %w", err)
	}
	for _, t := range tables {
		n, ok := buildOf(bare(t), r.entity)
		if !ok || n == id || n == before {
			continue
		}
		if _, err := r.exec(ctx, rel.DropTable{Name: r.name(bare(t))}); err != nil {
			return fmt.Errorf("dropping %s: %w", t, err)
		}
	}
	return r.collectScratch(ctx)
}

// buildOf is the number of the build of an entity that a table belongs to.
func buildOf(table, entity string) (int64, bool) {
	rest, ok := strings.CutPrefix(table, entity+"_")
	i := strings.LastIndex(rest, "_b")
	if !ok || i < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(rest[i+2:], 10, 64)
	if err != nil || !slices.Contains(compile.BuildTables, rest[:i]) && !strings.HasPrefix(rest[:i], compile.Owners("")) {
		return 0, false
	}
	return n, true
}

// bare is a table's name without its schema.
func bare(table string) string { return table[strings.LastIndex(table, ".")+1:] }

// register notes a scratch build, so that it is dropped even if this process dies.
func (r *run) register(ctx context.Context, id string, now time.Time) error {
	_, err := r.exec(ctx, rel.Insert{
		Into: r.name(scratchesTable), Columns: []string{"id", "entity", "holder", "began"},
		From: rel.Select{Columns: []rel.Column{rel.As("id", rel.T(id)), rel.As("entity", rel.T(r.entity)), rel.As("holder", rel.T(r.token)), rel.As("began", rel.At(now))}},
	})
	if err != nil {
		return fmt.Errorf("registering the scratch build: %w", err)
	}
	return nil
}

// discard drops every table of a scratch build, of all entities, and forgets it.
func (r *run) discard(ctx context.Context, id string) error {
	tables, err := r.s.Tables(ctx, r.schema)
	if err != nil {
		return fmt.Errorf("listing tables: %w", err)
	}
	var errs []error
	for _, t := range tables {
		if !strings.HasPrefix(bare(t), "scratch_"+id+"_") {
			continue
		}
		if _, err := r.exec(ctx, rel.DropTable{Name: r.name(bare(t))}); err != nil {
			errs = append(errs, fmt.Errorf("dropping %s: %w", t, err))
		}
	}
	if len(errs) > 0 || !slices.ContainsFunc(tables, func(t string) bool { return bare(t) == scratchesTable }) {
		return errors.Join(errs...)
	}
	if _, err := r.exec(ctx, rel.Delete{From: r.name(scratchesTable), Where: rel.F(rel.Eq, rel.C("t", "id"), rel.T(id))}); err != nil {
		return fmt.Errorf("forgetting the scratch build: %w", err)
	}
	return nil
}

// collectScratch drops scratch builds whose process is dead or that are a day old.
func (r *run) collectScratch(ctx context.Context) error {
	now, err := r.s.Now(ctx)
	if err != nil {
		return fmt.Errorf("asking for the time: %w", err)
	}
	text, err := r.d.Query(rel.Select{
		Columns: []rel.Column{rel.As("id", rel.C("t", "id")), rel.As("holder", rel.C("t", "holder")), rel.As("began", rel.C("t", "began"))},
		From:    rel.Table{Name: r.name(scratchesTable), Alias: "t"},
	})
	if err != nil {
		return err
	}
	var ids []string
	for row, err := range r.s.Query(ctx, text) {
		if err != nil {
			return fmt.Errorf("reading %s: %w", scratchesTable, err)
		}
		id, _ := row[0].(string)
		holder, _ := row[1].(string)
		at, _ := row[2].(time.Time)
		if dead(holder) || at.Before(now.Add(-scratchTime)) {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if err := r.discard(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
