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

// point points the plain names at the build, and takes away those that it has nothing for.
func (r *run) point(ctx context.Context, in compile.Input, tables []string) error {
	defer func() { r.views = nil }() // they are of no build: a fault later on leaves them
	there, err := r.s.Tables(ctx, r.schema)
	if err != nil {
		return fmt.Errorf("listing tables: %w", err)
	}
	for _, t := range there {
		what, ok := strings.CutPrefix(bare(t), in.Entity+"_")
		if _, _, built := buildOf(bare(t), in.Entity); built || !ok || !compile.Made(what) || slices.Contains(tables, what) {
			continue
		}
		if _, err := r.exec(ctx, rel.DropView{Name: r.name(bare(t))}); err != nil {
			return fmt.Errorf("dropping view %s: %w", bare(t), err)
		}
	}
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
// before it, nor hold the bases of these, and scratch builds that somebody left behind. It is
// called with the lease held, so no other build of the entity is on its way.
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
	bases := map[int64]bool{}
	for _, n := range []int64{id, before} {
		st, err := r.state(ctx, compile.Build{Schema: r.schema, ID: strconv.FormatInt(n, 10)})
		if err != nil {
			return fmt.Errorf("collecting old builds: %w", err)
		}
		if n, err := strconv.ParseInt(st.Base, 10, 64); err == nil {
			bases[n] = true
		}
	}
	tables, err := r.s.Tables(ctx, r.schema)
	if err != nil {
		return fmt.Errorf("listing tables: %w", err)
	}
	var old []string
	for _, t := range tables {
		n, what, ok := buildOf(bare(t), r.entity)
		if !ok || n == id || n == before || bases[n] && compile.IsBase(what) {
			continue
		}
		old = append(old, bare(t))
	}
	if err := r.dropAll(ctx, old); err != nil {
		return err
	}
	return r.collectScratch(ctx)
}

// state reads what a build left for the one after it; the zero state if it left none.
func (r *run) state(ctx context.Context, b compile.Build) (compile.State, error) {
	var st compile.State
	if b.ID == "" || b.ID == "0" {
		return st, nil
	}
	tables, err := r.s.Tables(ctx, r.schema)
	if err != nil {
		return st, fmt.Errorf("listing tables: %w", err)
	}
	name := b.Table(r.entity, compile.StateTable)
	if !slices.ContainsFunc(tables, func(t string) bool { return bare(t) == name[len(name)-1] }) {
		return st, nil
	}
	text, err := r.d.Query(compile.StateQuery(b, r.entity))
	if err != nil {
		return st, err
	}
	for row, err := range r.s.Query(ctx, text) {
		if err != nil {
			return st, fmt.Errorf("reading the state of build %s: %w", b.ID, err)
		}
		if err := st.Scan(row); err != nil {
			return st, err
		}
	}
	return st, nil
}

// dropAll drops relations of builds, views before what they read.
func (r *run) dropAll(ctx context.Context, names []string) error {
	rank := func(name string) int {
		what := name
		if rest, ok := strings.CutPrefix(name, "scratch_"); ok {
			what = rest
		} else if i := strings.LastIndex(name, "_b"); i >= 0 {
			what = name[:i]
		}
		for i := range what { // the entity's name may have any number of parts
			if (i == 0 || what[i-1] == '_') && compile.Made(what[i:]) {
				return compile.Rank(what[i:])
			}
		}
		return 2
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	var errs []error
	for _, name := range names {
		drop := rel.Statement(rel.DropTable{Name: r.name(name)})
		if rank(name) < 2 {
			drop = rel.DropView{Name: r.name(name)}
		}
		text, err := r.d.Statement(drop)
		if err == nil {
			_, err = r.s.Exec(ctx, text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("dropping %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// buildOf is the number of the build of an entity that a relation belongs to, and what it is.
func buildOf(table, entity string) (n int64, what string, ok bool) {
	rest, ok := strings.CutPrefix(table, entity+"_")
	i := strings.LastIndex(rest, "_b")
	if !ok || i < 0 {
		return 0, "", false
	}
	n, err := strconv.ParseInt(rest[i+2:], 10, 64)
	if err != nil || !compile.Made(rest[:i]) {
		return 0, "", false
	}
	return n, rest[:i], true
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
	var mine []string
	for _, t := range tables {
		if strings.HasPrefix(bare(t), "scratch_"+id+"_") {
			mine = append(mine, bare(t))
		}
	}
	if err := r.dropAll(ctx, mine); err != nil {
		return err
	}
	if !slices.ContainsFunc(tables, func(t string) bool { return bare(t) == scratchesTable }) {
		return nil
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
