package build

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models/diag"
)

// Builder builds entities in one warehouse. The zero value with a warehouse is ready; it may be
// used from several goroutines for different entities.
type Builder struct {
	W warehouse.Warehouse
	// Progress, if set, is told before each step: its name, its place from 1, and how many there
	// are.
	Progress func(step string, i, n int)

	beat time.Duration // how often a lease is renewed; 0 is as usual
}

// Options say how an entity is built. The zero value builds and publishes.
type Options struct {
	AsOf    time.Time // the run's time; zero means the warehouse's clock
	Scratch string    // with a name, builds beside the tables in force and publishes nothing
	Accept  []string  // codes of guards that a person let through
	Full    bool      // identity from nothing, with the ids of before, though it could go on from the build in force
	Only    string    // "identity": no traits and no segments; for scratch builds
}

// Result is what a build made.
type Result struct {
	Build   compile.Build
	AsOf    time.Time
	Stats   map[string]int64   // by the names of package compile: "profiles", "dropped.limit", "segment.vip"
	Seconds map[string]float64 // by phase: "identity", "traits", "segments"
	// Identity says how identity was made: "incremental" from the build in force, or "full" and Why.
	Identity, Why string
	Held          []HeldError // guards that hold it; a build that is not scratch returns the first as its error
}

// ProblemsError says that the models do not fit the warehouse.
type ProblemsError struct{ Problems []diag.Problem }

// Error counts the problems and names the first.
func (e *ProblemsError) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].What
	}
	return fmt.Sprintf("%s, and %d more problems", e.Problems[0].What, len(e.Problems)-1)
}

// Build builds an entity and, unless it is scratch, publishes it. Input needs Model, Entity,
// Columns, Naive and Timezone; the rest is filled in. Tables of a scratch build stay until
// Discard; after an error nothing stays.
//
// The error is a *ProblemsError if the models do not fit the warehouse, a *HeldError if a guard
// holds the build, a *BusyError if another process builds the entity, and ErrLost if this process
// lost its lease on the way.
func (b *Builder) Build(ctx context.Context, in compile.Input, opts Options) (res *Result, err error) {
	s, err := b.W.Session(ctx)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", in.Entity, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r := &run{builder: b, s: s, d: b.W.Kind().Dialect(), schema: b.W.Schema(), entity: in.Entity}
	defer func() { err = errors.Join(err, r.clean(context.WithoutCancel(ctx), err != nil)) }()
	res, err = r.build(ctx, in, opts)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", in.Entity, err)
	}
	return res, nil
}

func (r *run) build(ctx context.Context, in compile.Input, opts Options) (res *Result, err error) {
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	now, err := r.s.Now(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the time: %w", err)
	}
	if opts.AsOf.IsZero() {
		opts.AsOf = now
	}
	in.AsOf = opts.AsOf.UTC().Truncate(time.Microsecond)
	in.Full, in.Only = opts.Full, opts.Only
	if in.Previous, _, err = r.live(ctx); err != nil {
		return nil, err
	}
	building, published := ctx, false // building ends too if the lease is lost
	if opts.Scratch != "" {
		in.Build = compile.Build{Schema: r.schema, ID: opts.Scratch, Scratch: true}
		if err := r.register(ctx, opts.Scratch, now); err != nil {
			return nil, err
		}
	} else {
		if err := r.acquire(ctx, now); err != nil {
			return nil, err
		}
		defer r.release(context.WithoutCancel(ctx))
		held, stop := r.hold(ctx)
		defer func() {
			if lost := stop(err); !published {
				err = lost
			}
		}()
		building = held
		// The build in force may have changed before the lease was ours.
		if in.Previous, _, err = r.live(ctx); err != nil {
			return nil, err
		}
		in.Build = compile.Build{Schema: r.schema, ID: strconv.FormatInt(r.epoch, 10)}
		if err := r.collect(ctx, in.Previous); err != nil {
			return nil, err
		}
	}
	if in.State, err = r.state(ctx, in.Previous); err != nil {
		return nil, err
	}
	program, problems := compile.Entity(in)
	if program == nil {
		return nil, &ProblemsError{Problems: problems}
	}
	res = &Result{Build: in.Build, AsOf: in.AsOf, Identity: program.Identity, Why: program.Why, Stats: map[string]int64{}, Seconds: map[string]float64{}}
	if err := r.program(building, program, res); err != nil {
		return nil, err
	}
	res.Held = guards(in.Model.Entity(in.Entity), res.Stats, opts.Accept)
	if opts.Scratch != "" {
		return res, nil
	}
	if len(res.Held) > 0 {
		return nil, &res.Held[0]
	}
	if err := r.publish(building, in.AsOf); err != nil {
		return nil, err
	}
	// From here on the build is in force: what is left is tidying.
	published = true
	r.made, r.views = nil, nil
	if err := r.point(ctx, in, program.Tables); err != nil {
		return nil, err
	}
	return res, r.collect(ctx, in.Build)
}

// Program is what Build would run for an entity, as things stand, with tables of no build: to be
// looked at. Input and errors are those of Build. Nothing is made.
func (b *Builder) Program(ctx context.Context, in compile.Input, opts Options) (p *compile.Program, err error) {
	s, err := b.W.Session(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r := &run{builder: b, s: s, d: b.W.Kind().Dialect(), schema: b.W.Schema(), entity: in.Entity}
	if in.AsOf = opts.AsOf.UTC().Truncate(time.Microsecond); opts.AsOf.IsZero() {
		if in.AsOf, err = s.Now(ctx); err != nil {
			return nil, fmt.Errorf("asking for the time: %w", err)
		}
	}
	in.Full, in.Only = opts.Full, opts.Only
	if in.Previous, _, err = Live(ctx, s, b.W, in.Entity); err != nil {
		return nil, err
	}
	if in.State, err = r.state(ctx, in.Previous); err != nil {
		return nil, err
	}
	in.Build = compile.Build{Schema: r.schema, ID: "looked_at", Scratch: true}
	p, problems := compile.Entity(in)
	if p == nil {
		return nil, &ProblemsError{Problems: problems}
	}
	return p, nil
}

// Live returns the build of an entity that is in force; false if there is none.
func (b *Builder) Live(ctx context.Context, entity string) (build compile.Build, ok bool, err error) {
	s, err := b.W.Session(ctx)
	if err != nil {
		return compile.Build{}, false, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return Live(ctx, s, b.W, entity)
}

// Live is Builder.Live on a session that is open already.
func Live(ctx context.Context, s warehouse.Session, w warehouse.Warehouse, entity string) (compile.Build, bool, error) {
	r := &run{s: s, d: w.Kind().Dialect(), schema: w.Schema(), entity: entity}
	tables, err := s.Tables(ctx, r.schema)
	if err != nil {
		return compile.Build{}, false, fmt.Errorf("listing tables: %w", err)
	}
	for _, t := range tables {
		if bare(t) == buildsTable {
			return r.live(ctx)
		}
	}
	return compile.Build{}, false, nil
}

// AsOf is the time of the build in force: the windows of its traits and segments end there. It is
// zero if there is none.
func AsOf(ctx context.Context, s warehouse.Session, w warehouse.Warehouse, entity string) (time.Time, error) {
	build, ok, err := Live(ctx, s, w, entity)
	if err != nil || !ok {
		return time.Time{}, err
	}
	id, err := strconv.ParseInt(build.ID, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading %s: %w", buildsTable, err)
	}
	d := w.Kind().Dialect()
	text, err := d.Query(rel.Select{
		Columns: []rel.Column{rel.As("as_of", rel.C("b", "as_of"))},
		From:    rel.Table{Name: rel.Name{w.Schema(), buildsTable}, Alias: "b"},
		Where:   rel.F(rel.And, rel.F(rel.Eq, rel.C("b", "entity"), rel.T(entity)), rel.F(rel.Eq, rel.C("b", "build"), rel.I(id))),
	})
	if err != nil {
		return time.Time{}, err
	}
	var at time.Time
	for row, err := range s.Query(ctx, text) {
		if err != nil {
			return time.Time{}, fmt.Errorf("reading %s: %w", buildsTable, err)
		}
		at, _ = row[0].(time.Time)
	}
	return at, nil
}

// Discard drops the tables of a scratch build. It is no error if there are none.
func (b *Builder) Discard(ctx context.Context, scratch string) (err error) {
	s, err := b.W.Session(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r := &run{builder: b, s: s, d: b.W.Kind().Dialect(), schema: b.W.Schema()}
	return r.discard(ctx, scratch)
}

// live reads the build in force.
func (r *run) live(ctx context.Context) (compile.Build, bool, error) {
	id, err := r.integer(ctx, rel.Select{
		Columns: []rel.Column{rel.As("n", rel.F(rel.Coalesce, rel.Agg{Fn: rel.Max, Arg: rel.C("b", "build")}, rel.I(0)))},
		From:    rel.Table{Name: r.name(buildsTable), Alias: "b"}, Where: rel.F(rel.Eq, rel.C("b", "entity"), rel.T(r.entity)),
	})
	if err != nil {
		return compile.Build{}, false, fmt.Errorf("reading %s: %w", buildsTable, err)
	}
	if id == 0 {
		return compile.Build{Schema: r.schema}, false, nil
	}
	return compile.Build{Schema: r.schema, ID: strconv.FormatInt(id, 10)}, true, nil
}
