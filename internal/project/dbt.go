package project

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/weir-data/weir/internal/dbt"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// DBT says where dbt's project is, and what its exposures tell of weir.
type DBT struct {
	Project  string   `yaml:"project" doc:"Folder with dbt_project.yml, from the folder of this project. Defaults to the folder above it." like:"dir,path,folder"`
	Manifest string   `yaml:"manifest" doc:"Manifest that dbt wrote, from the folder of dbt's project. Defaults to target/manifest.json."`
	Owner    DBTOwner `yaml:"owner" doc:"Who owns weir's exposures. Needed by weir dbt exposures."`
	URL      string   `yaml:"url" doc:"Page that exposures lead to."`
	Maturity string   `yaml:"maturity" enum:"high,medium,low" doc:"Maturity of exposures."`
}

// DBTOwner is the owner of exposures: dbt wants a name or an address.
type DBTOwner struct {
	Name  string `yaml:"name,scalar" doc:"Name of a person or a team."`
	Email string `yaml:"email" doc:"Address."`
}

// dbt finds the tables of the sources that say dbt:. A manifest that cannot be read is told once.
func (l *loader) dbt() {
	p := l.p
	d := &p.DBT
	for _, s := range []struct{ key, text string }{{"dbt.project", d.Project}, {"dbt.manifest", d.Manifest}} {
		l.references(s.key, s.text)
	}
	first := ""
	for i := range p.Model.Sources {
		if p.Model.Sources[i].DBT != "" {
			first = models.Path("sources", p.Model.Sources[i].Name, "dbt")
			break
		}
	}
	if first == "" {
		return
	}
	m, err := p.Manifest()
	if err != nil {
		at := first
		for _, key := range []string{"dbt.manifest", "dbt.project", "dbt"} {
			if doc := p.owner(key); doc != nil && doc.Has(key) {
				at = key
				break
			}
		}
		l.fault(at, err)
		return
	}
	if m.Adapter != "" && p.Target.Type != "" && m.Adapter != p.Target.Type {
		l.fail(first, "dbt.other_warehouse", fmt.Sprintf("let dbt write it for the warehouse of target %s: dbt parse --target NAME", p.Target.Name),
			"dbt wrote %s for %s, and target %s is %s: the names of tables differ", p.manifestFile(), m.Adapter, p.Target.Name, p.Target.Type)
		return
	}
	database := ""
	for i := range p.Model.Sources {
		s := &p.Model.Sources[i]
		if s.DBT == "" || s.Table != "" || s.SQL != "" {
			continue
		}
		at := models.Path("sources", s.Name, "dbt")
		n, err := resolveNode(m, s.DBT)
		if err != nil {
			l.fault(at, err)
			continue
		}
		if s.Table, err = m.Table(n); err != nil {
			l.fault(at, err)
			continue
		}
		if m.Adapter == "duckdb" && n.Database != "" {
			if database != "" && n.Database != database {
				l.fail(at, "dbt.relation", "refer to models in one database, or copy it with dbt", "%s lies in the database %s, and others in %s: weir opens one file", s.DBT, n.Database, database)
			}
			database = n.Database
		}
	}
}

func resolveNode(m *dbt.Manifest, text string) (*dbt.Node, error) {
	r, err := dbt.ParseReference(text)
	if err != nil {
		return nil, err
	}
	return m.Resolve(r)
}

// fault reports what is wrong with dbt's files at a path of the project.
func (l *loader) fault(path string, err error) {
	var f *dbt.Fault
	if !errors.As(err, &f) {
		f = &dbt.Fault{Code: "dbt.manifest", What: err.Error()}
	}
	if f.File != "" {
		l.findings = append(l.findings, diag.Finding{File: f.File, Line: f.Line, Col: f.Col, Severity: diag.Error, Code: f.Code, What: f.What, Fix: f.Fix})
		return
	}
	what := f.What
	if f.Line > 0 {
		what += fmt.Sprintf(" (line %d, column %d)", f.Line, f.Col)
	}
	l.add(diag.Problem{Path: path, Code: f.Code, What: what, Fix: f.Fix})
}

// profile finds the output of dbt that the chosen target connects by, and what kind of warehouse
// that is. Its values stay in it: they are often secrets, written in plain outside of the project.
func (l *loader) profile(t *Target) {
	if t.DBTProfile == "" {
		return
	}
	at := models.Path("targets", t.Name)
	dir, _ := l.p.dbtDir() // profiles are found without a project of dbt too
	fail := func(err error) {
		var f *dbt.Fault
		if key := "dbt_profile"; errors.As(err, &f) {
			if f.Code == "dbt.unknown_target" && t.DBTTarget != "" {
				key = "dbt_target"
			}
			l.fault(at+"."+key, err)
		}
	}
	path, err := dbt.FindProfiles(dir, os.LookupEnv)
	if err != nil {
		fail(err)
		return
	}
	l.p.beside = append(l.p.beside, path)
	ps, err := dbt.ReadProfiles(path, l.p.shown(path))
	if err != nil {
		fail(err)
		return
	}
	if dir == "" {
		dir = filepath.Dir(path)
	}
	o, err := ps.Output(t.DBTProfile, t.DBTTarget, dir, os.LookupEnv)
	if err != nil {
		fail(err)
		return
	}
	if t.Type != "" && t.Type != o.Type {
		l.fail(at+".type", "dbt.other_warehouse", "take type out: the profile says it", "target %s is %s, and its profile of dbt is %s", t.Name, t.Type, o.Type)
		return
	}
	t.Type, t.profile = o.Type, o
}

// dbtDir is the folder of dbt's project. With none named it is the folder above this one, if dbt's
// project is there.
func (p *Project) dbtDir() (string, error) {
	if p.DBT.Project == "" {
		dir := filepath.Dir(p.Dir)
		if _, err := os.Stat(filepath.Join(dir, dbt.ProjectFile)); err != nil {
			return "", &dbt.Fault{Code: "dbt.no_project", What: "nothing says where dbt's project is, and it is not in the folder above", Fix: "add dbt: {project: ../FOLDER} to weir.yml, with the folder of dbt_project.yml"}
		}
		return dir, nil
	}
	v, err := p.Resolve(p.DBT.Project)
	if err != nil {
		return "", &dbt.Fault{Code: "dbt.no_project", What: err.Error(), Fix: "set it, or write the folder itself"}
	}
	dir := v.Reveal()
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(p.Dir, filepath.FromSlash(dir))
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return "", &dbt.Fault{Code: "dbt.no_project", What: "there is no folder " + p.shown(dir), Fix: "name the folder of dbt_project.yml, from the folder of weir.yml"}
	}
	return dir, nil
}

// Manifest is what dbt last wrote of its project, read once. An error is a *dbt.Fault.
func (p *Project) Manifest() (*dbt.Manifest, error) {
	if p.manifest != nil {
		return p.manifest, nil
	}
	dir, err := p.dbtDir()
	if err != nil {
		return nil, err
	}
	name := p.DBT.Manifest
	if name == "" {
		name = "target/manifest.json"
	}
	v, err := p.Resolve(name)
	if err != nil {
		return nil, &dbt.Fault{Code: "dbt.no_manifest", What: err.Error(), Fix: "set it, or write the path itself"}
	}
	path := filepath.FromSlash(v.Reveal())
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	p.manifestPath = path
	p.beside = append(p.beside, path)
	p.manifest, err = dbt.ReadManifest(path, p.shown(path))
	return p.manifest, err
}

// manifestFile is how findings name the manifest.
func (p *Project) manifestFile() string { return p.shown(p.manifestPath) }

// shown is a path from the project's folder, with slashes.
func (p *Project) shown(path string) string {
	if rel, err := filepath.Rel(p.Dir, path); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(path)
}
