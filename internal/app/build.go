package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/trace"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// Program is the SQL of one entity.
type Program struct {
	Entity  string `json:"entity"`
	Dialect string `json:"dialect"`
	SQL     string `json:"sql"`
}

// Compile renders the programs of the entities, or of one, in a dialect; "" means the target's.
func (a *App) Compile(ctx context.Context, entity, name string) ([]Program, error) {
	if entity != "" && a.p.Model.Entity(entity) == nil {
		var names []string
		for _, e := range a.p.Model.Entities {
			names = append(names, e.Name)
		}
		return nil, &Error{Kind: Refused, Code: "models.unknown_entity", Message: fmt.Sprintf("there is no entity %q", entity), Fix: diag.DidYouMean(entity, names)}
	}
	w, err := a.warehouse()
	if err != nil {
		return nil, err
	}
	d := w.Kind().Dialect()
	if name != "" {
		var ok bool
		if d, ok = dialect.ByName(name); !ok {
			return nil, &Error{Kind: Refused, Code: "compile.dialect", Message: fmt.Sprintf("there is no dialect %q", name), Fix: diag.DidYouMean(name, dialect.Names())}
		}
	}
	in, err := a.input(ctx)
	if err != nil {
		return nil, err
	}
	var out []Program
	for _, e := range a.chosenEntities() {
		if entity != "" && e != entity {
			continue
		}
		in := in
		in.Entity = e
		in.Build = compile.Build{Schema: w.Schema(), ID: "1"}
		in.Previous = compile.Build{Schema: w.Schema()}
		in.Place = func(path string) string {
			file, line := a.place(path)
			return fmt.Sprintf("%s:%d", file, line)
		}
		if in.AsOf.IsZero() {
			if in.AsOf, err = a.now(ctx); err != nil {
				return nil, err
			}
		}
		text, problems, err := compile.Print(in, d)
		if len(problems) > 0 {
			return nil, a.mismatch(problems)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Program{Entity: e, Dialect: d.Name(), SQL: text})
	}
	return out, nil
}

// Columns reads the columns of every source, writes them for validate, and returns them with the
// file's path: also where the models do not fit them, which err then says, since whoever mends the
// models needs to see the columns.
func (a *App) Columns(ctx context.Context) (Columns, string, error) {
	in, refused := a.input(ctx)
	if e := (*Error)(nil); refused != nil && (!errors.As(refused, &e) || e.Code != mismatched) {
		return nil, "", refused
	}
	if err := project.WriteColumns(a.p.Dir, a.p.Target.Name, in.Columns); err != nil {
		return nil, "", a.worldly(err)
	}
	return in.Columns, filepath.Join(a.p.Dir, project.StateDir, "columns."+a.p.Target.Name+".json"), refused
}

// input asks the warehouse for the columns of every source and checks the models against them.
func (a *App) input(ctx context.Context) (in compile.Input, err error) {
	in = compile.Input{Model: &a.p.Model, Timezone: a.p.Timezone, AsOf: a.o.AsOf}
	w, err := a.warehouse()
	if err != nil {
		return in, err
	}
	s, err := w.Session(ctx)
	if err != nil {
		return in, a.worldly(err)
	}
	defer s.Close()
	problems, err := build.Sources(ctx, s, &in, nil)
	if err != nil {
		return in, a.worldly(err)
	}
	for _, sync := range a.chosenSyncs() {
		if sync.SQL == "" {
			continue
		}
		cols, err := s.QueryColumns(ctx, sync.SQL)
		if err != nil {
			problems = append(problems, diag.Problem{Path: models.Path("syncs", sync.Name, "sql"), Code: "build.sql", What: "the warehouse does not accept this query: " + firstLine(err)})
			continue
		}
		src := compile.SQLSource(*sync).Name
		in.Naive[src] = map[string]bool{}
		for _, c := range cols {
			in.Columns[src] = append(in.Columns[src], models.Column{Name: c.Name, Type: c.Type})
			in.Naive[src][c.Name] = c.Naive
		}
	}
	problems = append(problems, models.CheckColumns(&a.p.Model, in.Columns)...)
	asked, err := build.Expressions(ctx, s, w.Kind().Dialect(), in)
	if err != nil {
		return in, a.worldly(err)
	}
	problems = append(problems, asked...)
	if len(problems) > 0 {
		return in, a.mismatch(problems)
	}
	return in, nil
}

// mismatched is the code of models that do not fit the warehouse.
const mismatched = "models.mismatch"

// mismatch is the error that the models do not fit the warehouse; nil for warnings only.
func (a *App) mismatch(problems []diag.Problem) error {
	findings := a.p.Findings(problems)
	if !diag.HasError(findings) {
		return nil
	}
	return &Error{Kind: Refused, Code: mismatched, Message: "the models do not fit the warehouse", Findings: findings}
}

// Build builds and publishes the entities that were picked.
func (a *App) Build(ctx context.Context) ([]BuildResult, error) {
	results, _, err := a.build(ctx, "", false)
	return results, err
}

// built is an entity's build, with what a sync of it needs.
type built struct {
	result *build.Result
	before compile.Build // in force when it was made
}

// build builds the entities: published, or scratch under a name, to be dropped by discard. plans says
// whether the syncs are planned after it, for what that costs.
func (a *App) build(ctx context.Context, scratch string, plans bool) ([]BuildResult, map[string]built, error) {
	in, err := a.input(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := a.cost(ctx, in, a.chosenEntities(), plans); err != nil {
		return nil, nil, err
	}
	var out []BuildResult
	made := map[string]built{}
	for _, e := range a.chosenEntities() {
		in := in
		in.Entity = e
		bctx, end := trace.Begin(ctx, "build "+e, trace.String("weir.entity", e))
		bctx, steps := trace.InSteps(bctx)
		b := &build.Builder{W: a.w, Progress: func(step string, i, n int) {
			steps.Next(step)
			a.emit(Event{Kind: "step.progress", Step: e, Text: step, Done: int64(i), Total: int64(n)})
		}}
		before, _, err := b.Live(bctx, e)
		if err != nil {
			end(spanCode(err))
			return out, made, a.worldly(err)
		}
		done := a.step(e, "building")
		res, err := b.Build(bctx, in, build.Options{AsOf: a.o.AsOf, Scratch: scratch, Accept: a.o.Approve, Full: a.o.Full})
		err = a.worldly(err)
		steps.Done(spanCode(err))
		end(spanCode(err))
		if err != nil {
			return out, made, err
		}
		made[e] = built{res, before}
		r := BuildResult{Entity: e, Build: res.Build.ID, AsOf: res.AsOf, Records: res.Stats["records"], Profiles: res.Stats["profiles"], Identity: res.Identity, Why: res.Why, Segments: map[string]int64{}, Stats: res.Stats, Seconds: res.Seconds}
		for k, v := range res.Stats {
			if seg, ok := strings.CutPrefix(k, "segment."); ok {
				r.Segments[seg] = v
			}
		}
		r.Arms = a.armsOf(e, func(segment, arm string) int64 { return res.Stats["arm."+segment+"."+arm] })
		out = append(out, r)
		done(fmt.Sprintf("%d profiles", r.Profiles))
	}
	return out, made, nil
}

// entityOf is the entity whose build a sync reads, or "".
func (a *App) entityOf(s *syncs.Sync) string {
	return compile.EntityOf(&a.p.Model, *s, a.p.Purpose(s))
}
