package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
)

// run executes statements on one session and remembers what it made.
type run struct {
	builder *Builder
	s       warehouse.Session
	d       dialect.Dialect
	schema  string
	entity  string
	epoch   int64 // of the lease; 0 for none
	token   string

	temp  map[string]rel.Name // temporary tables that are there
	made  map[string]rel.Name // tables that stay, of this build
	views map[string]rel.Name // its views
}

func (r *run) name(table string) rel.Name { return rel.Name{r.schema, table} }

// exec renders and runs one statement. A statement that a warehouse has no need of has no text.
func (r *run) exec(ctx context.Context, st rel.Statement) (int64, error) {
	text, err := r.d.Statement(st)
	if err != nil {
		return 0, err
	}
	if strings.TrimSpace(text) == "" {
		return 0, nil
	}
	r.remember(st)
	return r.s.Exec(ctx, text)
}

func (r *run) remember(st rel.Statement) {
	switch st := st.(type) {
	case rel.CreateTable:
		into := &r.made
		if st.Temp {
			into = &r.temp
		} else if st.IfNotExists {
			return
		}
		if *into == nil {
			*into = map[string]rel.Name{}
		}
		(*into)[strings.Join(st.Name, ".")] = st.Name
	case rel.CreateView:
		if r.views == nil {
			r.views = map[string]rel.Name{}
		}
		r.views[strings.Join(st.Name, ".")] = st.Name
	case rel.DropTable:
		delete(r.temp, strings.Join(st.Name, "."))
		delete(r.made, strings.Join(st.Name, "."))
	}
}

// integer asks for one integer.
func (r *run) integer(ctx context.Context, q rel.Query) (int64, error) {
	text, err := r.d.Query(q)
	if err != nil {
		return 0, err
	}
	var n int64
	rows := 0
	for row, err := range r.s.Query(ctx, text) {
		if err != nil {
			return 0, err
		}
		rows++
		if n, err = asInteger(row[0]); err != nil {
			return 0, err
		}
	}
	if rows != 1 {
		return 0, fmt.Errorf("a count gave %d rows", rows)
	}
	return n, nil
}

// program runs the steps and asks for the numbers.
func (r *run) program(ctx context.Context, p *compile.Program, res *Result) error {
	before := "identity: rows"
	for i, step := range p.Steps {
		if step.Name == "" {
			step.Name = before // it belongs to the step above
		}
		before = step.Name
		if r.builder.Progress != nil {
			r.builder.Progress(step.Name, i+1, len(p.Steps))
		}
		began := time.Now()
		if err := r.step(ctx, step, step.Name); err != nil {
			return err
		}
		phase, _, _ := strings.Cut(step.Name, ":")
		res.Seconds[phase] += time.Since(began).Seconds()
	}
	for _, st := range p.Stats {
		if st.Each {
			if err := r.each(ctx, st, res.Stats); err != nil {
				return fmt.Errorf("counting %s: %w", st.Name, err)
			}
			continue
		}
		n, err := r.integer(ctx, st.Query)
		if err != nil {
			return fmt.Errorf("counting %s: %w", st.Name, err)
		}
		res.Stats[st.Name] = n
	}
	return nil
}

// each asks for several numbers by one query.
func (r *run) each(ctx context.Context, st compile.Stat, stats map[string]int64) error {
	text, err := r.d.Query(st.Query)
	if err != nil {
		return err
	}
	for row, err := range r.s.Query(ctx, text) {
		if err != nil {
			return err
		}
		n, err := asInteger(row[1])
		if err != nil {
			return err
		}
		stats[st.Name+fmt.Sprint(row[0])] = n
	}
	return nil
}

// asInteger reads a count; none at all is 0.
func asInteger(v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case float64:
		return int64(v), nil
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return 0, fmt.Errorf("reading a count: %w", err)
		}
		return n, nil
	case nil:
		return 0, nil
	}
	return 0, fmt.Errorf("a count is a %T", v)
}

func (r *run) step(ctx context.Context, step compile.Step, name string) error {
	for _, st := range step.Do {
		if _, err := r.exec(ctx, st); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if step.Solve != nil {
		if err := r.solve(ctx, step.Solve); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if step.If != nil {
		n, err := r.integer(ctx, step.If.Query)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		then := step.If.Else
		if n > 0 {
			then = step.If.Then
		}
		if err := r.steps(ctx, then, name); err != nil {
			return err
		}
	}
	if step.Loop == nil {
		return nil
	}
	done := 0
	for {
		left, err := r.integer(ctx, step.Loop.Rest(done))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if left <= step.Loop.Small {
			break
		}
		if done == step.Loop.Max {
			return fmt.Errorf("%s: not at rest after %d rounds", name, done)
		}
		done++
		if err := r.steps(ctx, step.Loop.Body(done), name); err != nil {
			return err
		}
	}
	if step.Loop.After == nil {
		return nil
	}
	return r.steps(ctx, step.Loop.After(done), name)
}

// solve reads rows, has them worked on in this process and loads what comes of it.
func (r *run) solve(ctx context.Context, do *compile.Solve) error {
	var read []iter.Seq2[[]any, error]
	for _, q := range do.Read {
		text, err := r.d.Query(q)
		if err != nil {
			return err
		}
		read = append(read, r.s.Query(ctx, text))
	}
	// A session does one thing at a time: reading ends before loading begins.
	wide := len(do.Into.Columns)
	var rows []any // one after the other
	for row, err := range do.Run(read) {
		if err != nil {
			return err
		}
		if len(row) != wide {
			return fmt.Errorf("a row of %d values for the %d columns of %s", len(row), wide, strings.Join(do.Into.Name, "."))
		}
		rows = append(rows, row...)
	}
	if _, err := r.exec(ctx, do.Into); err != nil {
		return err
	}
	var columns []string
	for _, c := range do.Into.Columns {
		columns = append(columns, c.Name)
	}
	load := func(yield func([]any, error) bool) {
		for row := range slices.Chunk(rows, wide) {
			if !yield(row, nil) {
				return
			}
		}
	}
	if _, err := r.s.Load(ctx, do.Into.Name, columns, load); err != nil {
		return err
	}
	_, err := r.exec(ctx, rel.Analyze{Name: do.Into.Name})
	return err
}

func (r *run) steps(ctx context.Context, steps []compile.Step, name string) error {
	for _, s := range steps {
		if err := r.step(ctx, s, name); err != nil {
			return err
		}
	}
	return nil
}

// clean drops temporary tables, and with failed the tables of this build.
func (r *run) clean(ctx context.Context, failed bool) error {
	var errs []error
	drop := func(tables map[string]rel.Name) {
		for _, name := range tables {
			text, err := r.d.Statement(rel.DropTable{Name: name})
			if err == nil {
				_, err = r.s.Exec(ctx, text)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("dropping %s: %w", strings.Join(name, "."), err))
			}
		}
	}
	drop(r.temp)
	if failed {
		var names []string
		for _, v := range r.views {
			names = append(names, v[len(v)-1])
		}
		for _, t := range r.made {
			names = append(names, t[len(t)-1])
		}
		errs = append(errs, r.dropAll(ctx, names))
	}
	r.temp = nil
	return errors.Join(errs...)
}
