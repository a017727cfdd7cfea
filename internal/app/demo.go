package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/weir-data/weir/examples"
	"github.com/weir-data/weir/internal/demo"
	"github.com/weir-data/weir/syncs"
)

// DemoOptions shape the demonstration.
type DemoOptions struct {
	Dir      string // made anew; refused if it holds something that is not a demonstration
	People   int
	Seed     uint64
	Once     bool
	Addr     string
	Progress func(Event)
	// Say is called after each stage, with what is known by then.
	Say func(DemoStage, *DemoResult)
}

// DemoStage is a part of the story.
type DemoStage int

// The stages, in order.
const (
	DemoHello DemoStage = iota
	DemoData
	DemoBuilt
	DemoPlanned
	DemoFirst
	DemoSecond
	DemoChanged
	DemoDone
)

// demoMark is the file that tells a folder that a demonstration made, and may make anew.
const demoMark = ".weir/demo"

// Demo invents a shop and does the main job on it twice. On an error or a signal the result holds
// what was done so far, and the folder is ready for `weir plan` and `weir run`.
func Demo(ctx context.Context, o DemoOptions) (*DemoResult, error) {
	if o.People < 1 || o.People > 10_000_000 {
		return nil, &Error{Kind: Refused, Code: "demo.people", Message: fmt.Sprintf("%d people cannot be invented", o.People), Fix: "give --people between 1 and 10000000"}
	}
	start := time.Now()
	r := &DemoResult{Dir: o.Dir, People: o.People, Seconds: map[string]float64{}}
	phase := func(name string, since time.Time) { r.Seconds[name] = time.Since(since).Seconds() }
	say := func(s DemoStage) {
		if o.Say != nil {
			o.Say(s, r)
		}
	}
	if err := demoFolder(o.Dir); err != nil {
		return nil, err
	}
	say(DemoHello)

	a, findings, err := Load(ctx, Options{Dir: o.Dir, Progress: o.Progress})
	if err != nil {
		return r, err
	}
	defer a.Close()
	if len(findings) > 0 {
		return r, &Error{Kind: Failed, Code: "demo.findings", Message: "the example project has findings", Findings: findings}
	}
	t := time.Now()
	if err := a.invent(ctx, o, r); err != nil {
		return r, err
	}
	phase("data", t)
	say(DemoData)

	box, err := a.Sandbox(ctx, SandboxOptions{Addr: o.Addr, Seed: o.Seed})
	if err != nil {
		return r, err
	}
	defer func() {
		if box != nil {
			box.Close()
		}
	}()
	r.Address = box.URL()

	t = time.Now()
	builds, err := a.Build(ctx)
	if err != nil {
		return r, err
	}
	phase("build", t)
	r.Profiles, r.Segments, r.Stats = builds[0].Profiles, builds[0].Segments, builds[0].Stats
	t = time.Now()
	if err := a.judge(ctx, r); err != nil {
		return r, err
	}
	phase("check", t)
	say(DemoBuilt)

	t = time.Now()
	p, err := a.Plan(ctx, PlanOptions{})
	if err != nil {
		return r, err
	}
	phase("plan", t)
	r.Plan = p.Plans
	say(DemoPlanned)

	for _, x := range []struct {
		name  string
		into  *[]syncs.Report
		stage DemoStage
	}{{"first_run", &r.FirstRun, DemoFirst}, {"second_run", &r.SecondRun, DemoSecond}} {
		t = time.Now()
		run, err := a.Run(ctx)
		if run != nil {
			*x.into = run.Runs
		}
		if err != nil {
			return r, err
		}
		r.Sandbox = box.Members()
		phase(x.name, t)
		say(x.stage)
		if ctx.Err() != nil {
			return r, Worst(run.Runs)
		}
	}

	t = time.Now()
	changed, err := changedModel(ctx, o)
	if err != nil {
		return r, err
	}
	r.Change, r.ChangePlan = changed.Segments, changed.Plans
	phase("change", t)
	say(DemoChanged)
	phase("total", start)
	say(DemoDone)

	if !o.Once {
		a.release()
		<-ctx.Done()
	}
	err = box.Close()
	box = nil
	if err != nil {
		return r, err
	}
	return r, errors.Join(unfit(r.FirstRun), unfit(r.SecondRun))
}

// unfit is Worst, but for degraded runs: that some people have no phone is part of the story.
func unfit(reports []syncs.Report) error {
	var bad []syncs.Report
	for _, r := range reports {
		if r.Status != syncs.Degraded {
			bad = append(bad, r)
		}
	}
	return Worst(bad)
}

// demoFolder makes the folder anew, if it is empty, absent, or an earlier demonstration.
func demoFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return &Error{Kind: Unavailable, Code: "demo.folder", Message: err.Error(), Fix: "give another folder: weir demo --dir DIR", Err: err}
	case len(entries) > 0:
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(demoMark))); err != nil {
			return &Error{Kind: Refused, Code: "demo.folder", Message: dir + " holds something else than a demonstration", Fix: "give an empty or new folder: weir demo --dir DIR"}
		}
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return &Error{Kind: Unavailable, Code: "demo.folder", Message: err.Error(), Fix: "end what still uses the folder, or give another one: weir demo --dir DIR", Err: err}
			}
		}
	}
	mark := filepath.Join(dir, filepath.FromSlash(demoMark))
	if err := os.MkdirAll(filepath.Dir(mark), 0o755); err != nil {
		return &Error{Kind: Unavailable, Code: "demo.folder", Message: err.Error(), Fix: "give a folder that can be written: weir demo --dir DIR", Err: err}
	}
	if err := os.WriteFile(mark, []byte("made by weir demo, which may make it anew\n"), 0o644); err != nil {
		return err
	}
	_, err = writeProject(examples.Shop(), dir)
	return err
}

// invent fills the shop's tables.
func (a *App) invent(ctx context.Context, o DemoOptions, r *DemoResult) error {
	w, err := a.warehouse()
	if err != nil {
		return err
	}
	s, err := w.Session(ctx)
	if err != nil {
		return a.worldly(err)
	}
	defer s.Close()
	now, err := s.Now(ctx)
	if err != nil {
		return a.worldly(err)
	}
	done := a.step("data", "inventing people")
	r.Rows, err = demo.Generate(ctx, s, w.Kind().Dialect(), demo.Options{
		People: o.People, Seed: o.Seed, Now: now,
		Progress: func(n int) { a.progress("data", int64(n), int64(o.People)) },
	})
	if err != nil {
		return a.worldly(err)
	}
	for _, n := range r.Rows {
		r.Records += n
	}
	done("")
	return nil
}

// changedModel plans a copy of the project in which the segment vip begins at 800. It publishes
// and sends nothing.
func changedModel(ctx context.Context, o DemoOptions) (*PlanResult, error) {
	dir := filepath.Join(o.Dir, ".weir", "change")
	defer os.RemoveAll(dir)
	for name, edit := range map[string][2]string{
		"weir.yml":              {"path: shop.duckdb", "path: ../../shop.duckdb"},
		"segments/segments.yml": {"trait: lifetime_value, at_least: 500", "trait: lifetime_value, at_least: 800"},
	} {
		b, err := fs.ReadFile(examples.Shop(), name)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(b, []byte(edit[0])) {
			return nil, fmt.Errorf("changing %s: %q is not there", name, edit[0])
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(b, []byte(edit[0]), []byte(edit[1])), 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := writeProject(examples.Shop(), dir); err != nil {
		return nil, err
	}
	// The same warehouse is read, so the same secret goes with it.
	key, err := os.ReadFile(filepath.Join(o.Dir, ".weir", "secret.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, ".weir", "secret.key"), key, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("copying the project: %w", err)
	}
	a, _, err := Load(ctx, Options{Dir: dir, Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	defer a.Close()
	return a.Plan(ctx, PlanOptions{})
}
