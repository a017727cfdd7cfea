package app

import (
	"context"

	"github.com/weir-data/weir/internal/trace"
)

// RunSyncs runs some syncs of the project, named, together, at most limit of them at once; 0
// means the usual number. It closes what it opened, so that other commands can work in between.
func (a *App) RunSyncs(ctx context.Context, names []string, limit int) (*RunResult, error) {
	g := &App{o: a.o, p: a.p, buckets: a.buckets, picked: map[node]bool{}}
	g.o.Limit = limit
	for _, n := range names {
		g.picked[node{"sync", n}] = true
	}
	defer g.Close() //nolint:errcheck // what it did is in the result
	ctx, end := trace.Begin(ctx, "weir serve", trace.String("weir.target", a.p.Target.Name), trace.Int("weir.syncs", int64(len(names))))
	res, err := g.Run(ctx)
	end(spanCode(err))
	return res, err
}
