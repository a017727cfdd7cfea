package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
)

// IdentityOptions shape what is told of identity.
type IdentityOptions struct {
	Values bool // tell identifiers themselves, which are personal data, and not only their types
	Limit  int  // examples of each kind
}

// beside builds an entity beside the tables in force, shows f both builds and drops the new one
// again, whatever happens. The build in force has no ID if there is none.
func (a *App) beside(ctx context.Context, in compile.Input, o build.Options, f func(s warehouse.Session, live compile.Build, res *build.Result) error) (err error) {
	b := &build.Builder{W: a.w, Progress: func(step string, i, n int) {
		a.emit(Event{Kind: "step.progress", Step: in.Entity, Text: step, Done: int64(i), Total: int64(n)})
	}}
	live, _, err := b.Live(ctx, in.Entity)
	if err != nil {
		return a.worldly(err)
	}
	name := make([]byte, 4)
	if _, err := rand.Read(name); err != nil {
		return err
	}
	o.Scratch = hex.EncodeToString(name)
	defer func() {
		dropped := a.worldly(b.Discard(context.WithoutCancel(ctx), o.Scratch))
		if err != nil && dropped != nil && err.Error() == dropped.Error() {
			return // a warehouse that is away is away for both
		}
		err = errors.Join(err, dropped)
	}()
	res, err := b.Build(ctx, in, o)
	if err != nil {
		return a.worldly(err)
	}
	return a.session(ctx, func(s warehouse.Session) error { return f(s, live, res) })
}

// liveBuild is the build in force of an entity; that there is none is an error.
func (a *App) liveBuild(ctx context.Context, s warehouse.Session, entity string) (compile.Build, time.Time, error) {
	b, ok, err := build.Live(ctx, s, a.w, entity)
	if err != nil {
		return b, time.Time{}, err
	}
	if !ok {
		return b, time.Time{}, &Error{Kind: Refused, Code: "build.none", Message: "there is no build of " + entity, Fix: "make one: weir build"}
	}
	at, err := build.AsOf(ctx, s, a.w, entity)
	return b, at, err
}

// identityInput is what building one of the entities that were picked needs, and their names.
func (a *App) identityInput(ctx context.Context) (compile.Input, []string, error) {
	names := a.chosenEntities()
	if len(names) == 0 {
		return compile.Input{}, nil, &Error{Kind: Refused, Code: "identity.no_entity", Message: "nothing that was picked has an identity", Fix: "name an entity: --select customer"}
	}
	in, err := a.input(ctx)
	return in, names, err
}

// rows reads a query.
func (a *App) rows(ctx context.Context, s warehouse.Session, q rel.Query) iter.Seq2[[]any, error] {
	return warehouse.Rows(ctx, s, a.w.Kind().Dialect(), q)
}

// has reports which of some tables a build has.
func (a *App) has(ctx context.Context, s warehouse.Session, entity string, b compile.Build, what ...string) (map[string]bool, error) {
	tables, err := s.Tables(ctx, b.Schema)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, w := range what {
		name := b.Table(entity, w)
		out[w] = slices.ContainsFunc(tables, func(t string) bool { return t[strings.LastIndexByte(t, '.')+1:] == name[len(name)-1] })
	}
	return out, nil
}

// text and integer read cells: an absent one is the empty text, and 0.
func text(v any) string {
	s, _ := v.(string)
	return s
}

func integer(v any) (int64, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case int64:
		return v, nil
	}
	return 0, fmt.Errorf("a count came as %T", v)
}

// cell writes a value of a row for people.
func cell(v any) string {
	if t, ok := v.(time.Time); ok {
		return t.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// DroppedCount counts what a rule keeps from joining people, of one identifier type.
type DroppedCount struct {
	Rule string `json:"rule"`
	Type string `json:"type"`
	N    int64  `json:"n"`
}

// dropped counts a build's dropped links, in the order of rules and types.
func (a *App) dropped(ctx context.Context, s warehouse.Session, entity string, b compile.Build) ([]DroppedCount, error) {
	out := []DroppedCount{}
	for row, err := range a.rows(ctx, s, compile.Dropped(entity, b)) {
		if err != nil {
			return nil, err
		}
		n, err := integer(row[2])
		if err != nil {
			return nil, err
		}
		out = append(out, DroppedCount{Rule: text(row[0]), Type: text(row[1]), N: n})
	}
	return out, nil
}
