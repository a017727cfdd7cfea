package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// ScanCost is what a warehouse expects to scan of the sources, by its own reckoning. What weir reads
// of its own tables comes on top of it; it is little where the sources are large.
type ScanCost struct {
	Bytes    int64        `json:"bytes"`
	MaxBytes int64        `json:"max_bytes,omitempty"` // of the target
	Sources  []SourceCost `json:"sources"`             // most bytes first
	Untold   []string     `json:"untold,omitempty"`    // sources of which the warehouse does not tell
}

// SourceCost is the part of one source.
type SourceCost struct {
	Source string `json:"source"`
	Scans  int    `json:"scans"` // how often it is read
	Bytes  int64  `json:"bytes"`
}

// codeMaxBytes is the code of what max_bytes holds.
const codeMaxBytes = "build.max_bytes"

// Bytes writes a number of bytes for people: 1.25 GB.
func Bytes(n int64) string { return project.Size(n).String() }

// Scanned is what the last build, plan or run of this App was expected to scan; nil if the warehouse
// does not tell, or nothing was asked yet.
func (a *App) Scanned() *ScanCost { return a.scan }

// cost asks what the builds of some entities, and what follows for the syncs that were picked if they
// are to be planned, would scan, and holds them if that is more than the target's max_bytes. Nothing
// has been read by then.
func (a *App) cost(ctx context.Context, in compile.Input, entities []string, plans bool) error {
	a.scan = nil
	if _, untold := a.w.Kind().(warehouse.Unmetered); untold {
		return nil
	}
	scans, err := a.scans(ctx, in, entities, plans)
	if err != nil {
		return err
	}
	c := &ScanCost{MaxBytes: int64(a.p.Target.MaxBytes), Sources: []SourceCost{}}
	err = a.session(ctx, func(s warehouse.Session) error {
		e, ok := warehouse.EstimatorOf(s)
		if !ok {
			c = nil
			return nil
		}
		return a.weigh(ctx, e, scans, c)
	})
	if err != nil || c == nil {
		return err
	}
	a.scan = c
	return a.held(c)
}

// scans lists how the programs and the plans to come read the sources.
func (a *App) scans(ctx context.Context, in compile.Input, entities []string, plans bool) ([]compile.Scan, error) {
	var out []compile.Scan
	b := &build.Builder{W: a.w}
	for _, e := range entities {
		in := in
		in.Entity = e
		p, err := b.Program(ctx, in, build.Options{AsOf: a.o.AsOf, Full: a.o.Full})
		if err != nil {
			return nil, a.worldly(err)
		}
		out = append(out, p.Scans(in)...)
	}
	if !plans {
		return out, nil
	}
	aged := map[string]bool{} // sources whose newest row is asked for, once for all syncs
	for _, s := range a.chosenSyncs() {
		in := in
		in.Entity, in.Build = a.entityOf(s), compile.Build{Schema: a.w.Schema(), ID: "looked_at", Scratch: true}
		d := a.p.Destination(s.Destination)
		dest, _ := destinations.Lookup(d.Type) // checked when the project was read
		obj, _ := dest.Spec().Object(s.Object)
		if rows, _ := compile.Desired(in, *s, obj, dest.Spec().Kind, a.p.Purpose(s)); rows.Query != nil { // problems are told when it is planned
			out = append(out, compile.ScansOf(in, rows.Query)...)
		}
		names, _ := a.resting(s)
		for _, name := range names {
			if src := a.p.Model.Source(name); src != nil && src.FresherThan > 0 && !aged[name] {
				aged[name] = true
				if q, problem := compile.Newest(in, src); problem == nil {
					out = append(out, compile.ScansOf(in, q)...)
				}
			}
		}
	}
	return out, nil
}

// weigh asks for the bytes of each scan: once for those that are alike. A source of which the
// warehouse cannot tell is named.
func (a *App) weigh(ctx context.Context, e warehouse.Estimator, scans []compile.Scan, c *ScanCost) error {
	d := a.w.Kind().Dialect()
	known, sources, untold := map[string]int64{}, map[string]*SourceCost{}, map[string]bool{}
	for _, s := range scans {
		text, err := d.Query(s.Query)
		if err != nil {
			return fmt.Errorf("asking what reading source %s costs: %w", s.Source, err)
		}
		n, ok := known[text]
		if !ok {
			is, err := e.Estimate(ctx, text)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if n = is.Bytes; err != nil {
				n = -1 // whatever is wrong shows when it is run
			}
			known[text] = n
		}
		x := sources[s.Source]
		if x == nil {
			x = &SourceCost{Source: s.Source}
			sources[s.Source] = x
		}
		x.Scans++
		if n < 0 {
			untold[s.Source] = true
			continue
		}
		x.Bytes += n
		c.Bytes += n
	}
	for _, x := range sources {
		c.Sources = append(c.Sources, *x)
	}
	slices.SortFunc(c.Sources, func(a, b SourceCost) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Source, b.Source))
	})
	c.Untold = slices.Sorted(maps.Keys(untold))
	return nil
}

// held is the error that holds what would scan more than the target allows.
func (a *App) held(c *ScanCost) error {
	if c.MaxBytes == 0 || slices.Contains(a.o.Approve, codeMaxBytes) || c.Bytes <= c.MaxBytes && len(c.Untold) == 0 {
		return nil
	}
	limit := fmt.Sprintf("max_bytes of target %s is %s", a.p.Target.Name, Bytes(c.MaxBytes))
	e := &Error{Kind: Refused, Code: codeMaxBytes}
	where := "weir.yml"
	if file, line := a.place(models.Path("targets", a.p.Target.Name, "max_bytes")); file != "" {
		where = fmt.Sprintf("%s:%d", file, line)
	}
	raise := fmt.Sprintf("raise max_bytes (%s), pick less with --select, or let it through once: --approve %s", where, codeMaxBytes)
	if c.Bytes <= c.MaxBytes {
		e.Message = fmt.Sprintf("held before anything was read: the warehouse does not tell what reading %s would scan, and %s", strings.Join(c.Untold, ", "), limit)
		e.Fix = raise
		return e
	}
	e.Message = fmt.Sprintf("held before anything was read: %s of the sources would be scanned, and %s", Bytes(c.Bytes), limit)
	if len(c.Sources) > 0 {
		big := c.Sources[0]
		e.Message += fmt.Sprintf("; the largest is source %s, %s in %s", big.Source, Bytes(big.Bytes), count(int64(big.Scans), "scan"))
	}
	e.Fix = raise
	return e
}
