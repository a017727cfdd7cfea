package modeltests

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// Run runs tests of a project, several at a time, and calls done with each result in the order of the
// tests, from one goroutine at a time. Results are in that order too. The error says that there is no engine to run them
// on, or that ctx ended.
func Run(ctx context.Context, p *project.Project, tests []project.Test, done func(Result)) ([]Result, error) {
	kind, _ := warehouse.Lookup("duckdb")
	engine, ok := kind.(warehouse.Ephemeral)
	if !ok {
		return nil, errors.New("tests run on the embedded engine, and this weir was built without it")
	}
	r := &runner{p: p, model: model(&p.Model), columns: usedColumns(p), engine: engine}
	r.columns.m = r.model
	out, ran, told := make([]Result, len(tests)), make([]bool, len(tests)), 0
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range min(len(tests), runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range next {
				res := r.run(ctx, &tests[i])
				mu.Lock()
				out[i], ran[i] = res, true
				for ; told < len(tests) && ran[told]; told++ {
					if done != nil {
						done(out[told])
					}
				}
				mu.Unlock()
			}
		})
	}
	for i := range tests {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return out, ctx.Err()
}

// runner runs tests; it is used by several goroutines and does not change.
type runner struct {
	p       *project.Project
	model   *models.Model
	columns *columns
	engine  warehouse.Ephemeral
}

func (r *runner) run(ctx context.Context, t *project.Test) Result {
	start := time.Now()
	res := Result{Name: t.Name, Failures: []Failure{}}
	at := models.Path("tests", t.Name)
	res.File, res.Line = r.place(at)
	w, err := r.world(ctx, t)
	if err == nil {
		for _, x := range t.Expect {
			f, err := w.check(ctx, x)
			if err != nil {
				f = r.broken(err, at, x.Of)
			}
			if f != nil {
				f.Of = x.Of
				if f.Line == 0 {
					f.File, f.Line = r.place(at + ".expect." + x.Of)
				}
				for i := range f.Missing {
					if f.Missing[i].Line >= 0 { // the number of the row
						_, f.Missing[i].Line = r.place(fmt.Sprintf("%s.expect.%s[%d]", at, x.Of, f.Missing[i].Line))
					}
				}
				res.Failures = append(res.Failures, *f)
			}
		}
	} else {
		res.Failures = append(res.Failures, *r.broken(err, at, ""))
	}
	if w != nil {
		if err := w.close(); err != nil {
			res.Failures = append(res.Failures, *r.broken(err, at, ""))
		}
	}
	res.OK = len(res.Failures) == 0
	res.Seconds = time.Since(start).Seconds()
	return res
}

// broken is the failure of a test that could not be run.
func (r *runner) broken(err error, at, of string) *Failure {
	f := &Failure{Of: of, Message: err.Error()}
	f.File, f.Line = r.place(at)
	var cell *cellError
	var problems *build.ProblemsError
	var held *build.HeldError
	switch {
	case errors.As(err, &cell):
		f.File, f.Line = r.place(at + "." + cell.path)
		f.Message = cell.what + "; " + cell.fix
	case errors.As(err, &problems):
		var lines []string
		for _, one := range r.p.Findings(problems.Problems) {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s:%d: %s %s", one.File, one.Line, one.What, one.Fix)))
		}
		f.Message = "the models do not fit the rows: " + strings.Join(lines, "; ")
	case errors.As(err, &held):
		f.Message = "a guard holds the build: " + held.Error()
	}
	return f
}

// place is where a path of the project stands.
func (r *runner) place(path string) (file string, line int) {
	f := r.p.Findings([]diag.Problem{{Path: path, OnKey: true}})
	return f[0].File, f[0].Line
}

// world is the warehouse of one test after its builds.
type world struct {
	r     *runner
	w     warehouse.Warehouse
	s     warehouse.Session
	in    compile.Input
	built map[string]*people // by entity
}

// world fills a warehouse with the rows of a test and builds every entity that it expects
// something of.
func (r *runner) world(ctx context.Context, t *project.Test) (*world, error) {
	wh, err := r.engine.Memory("weir")
	if err != nil {
		return nil, err
	}
	w := &world{r: r, w: wh, built: map[string]*people{}}
	if w.s, err = wh.Session(ctx); err != nil {
		return w, err
	}
	zone := r.p.Timezone
	now, _ := instant(t.Now.Text, zone)
	if err := fill(ctx, w.s, r.engine.Dialect(), r.columns, zone, t); err != nil {
		return w, err
	}
	w.in = compile.Input{Model: r.model, Timezone: zone, AsOf: now}
	problems, err := build.Sources(ctx, w.s, &w.in, nil)
	if err != nil {
		return w, err
	}
	problems = append(problems, models.CheckColumns(r.model, w.in.Columns)...)
	asked, err := build.Expressions(ctx, w.s, r.engine.Dialect(), w.in)
	if err != nil {
		return w, err
	}
	problems = append(problems, asked...)
	if diag.HasError(r.p.Findings(problems)) {
		return w, &build.ProblemsError{Problems: problems}
	}
	for _, e := range r.entities(t) {
		in := w.in
		in.Entity = e
		b := &build.Builder{W: wh}
		// Scratch, because nobody needs the views. What a guard would hold may be what a test is about.
		res, err := b.Build(ctx, in, build.Options{AsOf: now, Scratch: "test"})
		if err != nil {
			return w, err
		}
		in.Build = res.Build
		if w.built[e], err = w.read(ctx, in); err != nil {
			return w, err
		}
	}
	return w, nil
}

// entities are those that a test expects something of, in the order of the model.
func (r *runner) entities(t *project.Test) []string {
	want := map[string]bool{}
	for _, x := range t.Expect {
		kind, name := x.Expected()
		switch kind {
		case project.ExpectSegment:
			want[r.model.Segment(name).Entity] = true
		case project.ExpectPolicy:
			i := slices.IndexFunc(r.model.Policies, func(p models.Policy) bool { return p.Name == name })
			want[r.model.Policies[i].Entity] = true
		case project.ExpectSync:
			s := r.p.Sync(name)
			want[compile.EntityOf(r.model, *s, r.p.Purpose(s))] = true
		default:
			want[name] = true
		}
	}
	var out []string
	for _, e := range r.model.Entities {
		if want[e.Name] {
			out = append(out, e.Name)
		}
	}
	return out
}

func (w *world) close() error {
	var err error
	if w.s != nil {
		err = w.s.Close()
	}
	return errors.Join(err, w.w.Close())
}
