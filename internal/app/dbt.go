package app

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/dbt"
	"github.com/weir-data/weir/models/diag"
)

// ExposuresResult is what of the project stands in dbt's lineage.
type ExposuresResult struct {
	File      string     `json:"file,omitempty"`
	Exposures []Exposure `json:"exposures"`
	// Left are entities, segments and syncs that use nothing of dbt's.
	Left []string `json:"left"`
	Text string   `json:"-"`
}

// Exposure is one thing of the project that uses models of dbt.
type Exposure struct {
	Name      string   `json:"name"`
	Of        string   `json:"of"` // as "sync vip_to_klaviyo"
	DependsOn []string `json:"depends_on"`
}

// Exposures describes the entities, segments and syncs that were picked for dbt: which of its
// models and sources each of them comes from. With out the YAML is written there; a file that weir
// did not write is not touched. It connects to nothing.
func (a *App) Exposures(out string) (*ExposuresResult, error) {
	d := a.p.DBT
	if d.Owner.Name == "" && d.Owner.Email == "" {
		e := &Error{Kind: Refused, Code: "dbt.no_owner", Message: "nothing says who owns weir's exposures, and dbt wants an owner", Fix: `add to weir.yml: dbt: {owner: {name: Data team, email: data@example.com}}`}
		e.Findings = a.p.Findings([]diag.Problem{{Path: "dbt", OnKey: true, Code: e.Code, What: "there is no owner for exposures", Fix: "add owner: {name: …, email: …}"}})
		return nil, e
	}
	m, err := a.p.Manifest()
	if err != nil {
		return nil, a.faulty(err)
	}
	refs := map[string]dbt.Reference{} // by source
	for _, s := range a.p.Model.Sources {
		if s.DBT == "" {
			continue
		}
		r, err := dbt.ParseReference(s.DBT)
		if err != nil {
			return nil, a.faulty(err)
		}
		n, err := m.Resolve(r)
		if err != nil {
			return nil, a.faulty(err)
		}
		refs[s.Name] = m.Reference(n)
	}
	res := &ExposuresResult{File: out, Exposures: []Exposure{}, Left: []string{}}
	var all []dbt.Exposure
	g := newGraph(&a.p.Model, a.p.Syncs)
	up := g.up()
	for _, n := range g.nodes {
		if n.kind == "source" || !a.picked[n] {
			continue
		}
		needs := map[node]bool{}
		spread(n, up, needs)
		e := a.exposure(n)
		for need := range needs {
			if r, ok := refs[need.name]; need.kind == "source" && ok && !slices.Contains(e.DependsOn, r) {
				e.DependsOn = append(e.DependsOn, r)
			}
		}
		if len(e.DependsOn) == 0 {
			res.Left = append(res.Left, n.kind+" "+n.name)
			continue
		}
		slices.SortFunc(e.DependsOn, func(a, b dbt.Reference) int { return cmp.Compare(a.String(), b.String()) })
		shown := Exposure{Name: e.Name, Of: n.kind + " " + n.name}
		for _, r := range e.DependsOn {
			shown.DependsOn = append(shown.DependsOn, r.String())
		}
		all, res.Exposures = append(all, e), append(res.Exposures, shown)
	}
	// In the order of names: moving a thing to another file changes nothing.
	slices.SortFunc(all, func(a, b dbt.Exposure) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(res.Exposures, func(a, b Exposure) int { return cmp.Compare(a.Name, b.Name) })
	text := dbt.WriteExposures(all, m.DBT)
	res.Text = string(text)
	if out == "" {
		return res, nil
	}
	was, err := os.ReadFile(out)
	switch {
	case err == nil && !bytes.HasPrefix(was, []byte(dbt.Written)):
		return nil, &Error{Kind: Refused, Code: "dbt.not_ours", Message: out + " is there, and weir did not write it", Fix: "name another file, such as models/weir_exposures.yml"}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, a.worldly(fmt.Errorf("reading %s: %w", out, err))
	}
	if err := replaceFile(out, text); err != nil {
		return nil, a.worldly(fmt.Errorf("writing %s: %w", out, err))
	}
	return res, nil
}

// exposure describes a thing, without what it depends on.
func (a *App) exposure(n node) dbt.Exposure {
	d := a.p.DBT
	e := dbt.Exposure{
		Name: "weir_" + n.kind + "_" + n.name, Label: "weir " + n.kind + " " + n.name, Type: "analysis",
		URL: d.URL, Maturity: cmp.Or(d.Maturity, "medium"), OwnerName: d.Owner.Name, OwnerEmail: d.Owner.Email,
		Meta: [][2]string{{"weir_project", a.p.Name}, {"weir_" + n.kind, n.name}},
	}
	switch n.kind {
	case "entity":
		e.Description = fmt.Sprintf("Profiles of %s: one row per %s, with %d traits.", n.name, n.name, len(a.p.Model.Entity(n.name).Traits))
	case "segment":
		s := a.p.Model.Segment(n.name)
		e.Description = cmp.Or(s.Description, "Segment of "+s.Entity+".")
		e.Meta = append(e.Meta, [2]string{"entity", s.Entity})
	case "sync":
		s := a.p.Sync(n.name)
		e.Type = "application"
		into := s.Object
		if s.Into != "" {
			into += " " + s.Into
		}
		e.Description = cmp.Or(s.Description, strings.TrimSpace("Kept true at "+s.Destination+": "+into)+".")
		for _, m := range [][2]string{{"segment", s.Segment}, {"entity", s.Entity}, {"source", s.Source}, {"destination", s.Destination}, {"object", s.Object}} {
			if m[1] != "" {
				e.Meta = append(e.Meta, m)
			}
		}
	}
	return e
}

// faulty turns a fault of dbt's files into an error for people.
func (a *App) faulty(err error) error {
	var f *dbt.Fault
	if !errors.As(err, &f) {
		return a.worldly(err)
	}
	return &Error{Kind: Refused, Code: f.Code, Message: f.What, Fix: f.Fix, Err: err}
}

// replaceFile writes a file as a whole, or not at all.
func replaceFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".weir-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
