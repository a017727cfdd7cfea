package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/dbt"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// ProposalResult is a project that was proposed from dbt's files, and written.
type ProposalResult struct {
	Dir     string           `json:"dir"`
	Files   []string         `json:"files"`
	DBT     DBTSeen          `json:"dbt"`
	Target  string           `json:"target"`
	Entity  string           `json:"entity"`
	Sources []ProposedSource `json:"sources"`
	Left    []LeftOut        `json:"left_out"`
	Others  int              `json:"others"`  // nodes that are about no people, as far as their columns tell
	Unknown int              `json:"unknown"` // nodes of which no column is known
}

// DBTSeen is what a proposal rests on.
type DBTSeen struct {
	Project  string `json:"project"`
	Version  string `json:"version"`
	Manifest int    `json:"manifest_version"`
	Adapter  string `json:"adapter"`
	Catalog  bool   `json:"catalog"`
	Profile  string `json:"profile,omitempty"` // that the target connects by; "" if it is not to be had
}

// ProposedSource is a source of a proposal.
type ProposedSource struct {
	Name        string            `json:"name"`
	DBT         string            `json:"dbt"`
	Key         string            `json:"key"`
	KeyWhy      string            `json:"key_why"`
	Time        string            `json:"time,omitempty"`
	UpdatedAt   string            `json:"updated_at,omitempty"`
	Identifiers map[string]string `json:"identifiers"`
}

// LeftOut is a node of dbt's that is not proposed.
type LeftOut struct {
	DBT string `json:"dbt"`
	Why string `json:"why"`
}

// InitFromDBT proposes a project from the manifest and catalog of the dbt project in from, and
// writes it into dir. If one of its files is there already nothing is written. What it wrote has no
// findings, or they come back as the error's.
func InitFromDBT(ctx context.Context, dir, from string) (*ProposalResult, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	home, err := filepath.Abs(from)
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(from); err != nil || !st.IsDir() {
		return nil, &Error{Kind: Refused, Code: "dbt.no_project", Message: "there is no folder " + from, Fix: "name the folder of dbt_project.yml"}
	}
	d, err := dbt.ReadProject(home, filepath.ToSlash(from))
	if err != nil {
		return nil, faultError(err)
	}
	if err := clearOf(dir, home, from, d); err != nil {
		return nil, err
	}
	shown := filepath.ToSlash(filepath.Join(from, d.Target))
	m, err := dbt.ReadManifest(filepath.Join(home, d.Target, "manifest.json"), shown+"/manifest.json")
	if err != nil {
		return nil, faultError(err)
	}
	if _, ok := warehouse.Lookup(m.Adapter); !ok {
		return nil, &Error{Kind: Refused, Code: "dbt.unknown_warehouse", Message: fmt.Sprintf("dbt wrote the manifest for %q, which weir does not have", m.Adapter), Fix: "weir has " + strings.Join(warehouse.Kinds(), ", ")}
	}
	c, err := dbt.ReadCatalog(filepath.Join(home, d.Target, "catalog.json"), shown+"/catalog.json")
	if err != nil {
		return nil, faultError(err)
	}
	p := dbt.Propose(m, c)
	if len(p.Identifiers) == 0 {
		return nil, nobody(p, shown, c != nil)
	}
	rel, err := filepath.Rel(dir, home)
	if err != nil {
		rel = home // on another drive
	}
	t := &proposalText{p: p, m: m, d: d, catalog: c != nil, dbt: filepath.ToSlash(rel)}
	t.target(home)
	files := t.files()
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); err == nil {
			return nil, &Error{Kind: Refused, Code: "init.exists", Message: filepath.Join(dir, f.name) + " exists already", Fix: "give an empty folder: weir init NEW_FOLDER --from-dbt " + from}
		}
	}
	res := &ProposalResult{Dir: dir, Target: t.name, Entity: p.Entity, Others: p.Others, Unknown: p.Unknown, Sources: []ProposedSource{}, Left: []LeftOut{},
		DBT: DBTSeen{Project: cmp.Or(m.Project, d.Name), Version: m.DBT, Manifest: m.Version, Adapter: m.Adapter, Catalog: c != nil, Profile: t.profile}}
	if res.Files, err = writeFiles(files, dir); err != nil {
		return res, err
	}
	for _, s := range p.Sources {
		x := ProposedSource{Name: s.Name, DBT: s.Ref.String(), Key: s.Key.Value, KeyWhy: s.Key.Why, Time: s.Time.Value, UpdatedAt: s.UpdatedAt.Value, Identifiers: map[string]string{}}
		for _, id := range s.Identifiers {
			x.Identifiers[id.Name] = id.Column
		}
		res.Sources = append(res.Sources, x)
	}
	for _, l := range p.Left {
		res.Left = append(res.Left, LeftOut{l.Ref.String(), l.Why})
	}
	return res, checked(ctx, dir)
}

// clearOf checks that the new project and dbt's do not read each other's files.
func clearOf(dir, home, from string, d *dbt.Project) error {
	rel, err := filepath.Rel(home, dir)
	if err != nil {
		return nil //nolint:nilerr // on another drive
	}
	rel = filepath.ToSlash(rel)
	fix := "give a folder of its own: weir init " + filepath.ToSlash(filepath.Join(from, "weir")) + " --from-dbt " + from
	if rel == "." {
		return &Error{Kind: Refused, Code: "init.inside", Message: "this is the folder of dbt's project, whose YAML weir would read as its own", Fix: fix}
	}
	if i := slices.IndexFunc(d.Own, func(own string) bool { return rel == own || strings.HasPrefix(rel, own+"/") }); i >= 0 {
		return &Error{Kind: Refused, Code: "init.inside", Message: "dbt reads the files in " + d.Own[i] + ", and weir's are none of its own", Fix: fix}
	}
	return nil
}

// nobody says that a manifest is about no people, and what would help.
func nobody(p *dbt.Proposal, shown string, catalog bool) error {
	e := &Error{Kind: Refused, Code: "init.no_people", Message: fmt.Sprintf("nothing in %s/manifest.json says whom its rows are about: no table has a column such as customer_id, email or phone, and a column that names a row", shown),
		Fix: "write the sources yourself: weir init"}
	if !catalog || p.Unknown > 0 {
		e.Fix = "let dbt write the columns of all tables, and try again: dbt docs generate; or " + e.Fix
	}
	for _, l := range p.Left {
		e.Message += fmt.Sprintf("; %s: %s", l.Ref, l.Why)
	}
	return e
}

// checked is what weir validate says of the project in dir.
func checked(ctx context.Context, dir string) error {
	a, findings, err := Load(ctx, Options{Dir: dir, Offline: true})
	if err == nil {
		return a.Close()
	}
	var e *Error
	if errors.As(err, &e) {
		e.Findings = append(e.Findings, findings...)
	}
	return err
}

// faultError turns a fault of dbt's files into an error for people.
func faultError(err error) error {
	var f *dbt.Fault
	if !errors.As(err, &f) {
		return err
	}
	e := &Error{Kind: Refused, Code: f.Code, Message: f.What, Fix: f.Fix, Err: err}
	if f.File != "" && f.Line > 0 {
		e.Findings = []diag.Finding{{File: f.File, Line: f.Line, Col: f.Col, Severity: diag.Error, Code: f.Code, What: f.What, Fix: f.Fix}}
	}
	return e
}

// target chooses how the project connects: by dbt's profile where it can be read and is of the
// manifest's warehouse, else by variables of the environment.
func (t *proposalText) target(home string) {
	t.name = "dev"
	reason := func(err error) string { return strings.TrimSuffix(err.Error(), ".") }
	if t.d.Profile == "" {
		t.why = "dbt_project.yml names no profile"
	} else if path, err := dbt.FindProfiles(home, os.LookupEnv); err != nil {
		t.why = "there is no profiles.yml where dbt looks for it" // its folders are of this machine
	} else if all, err := dbt.ReadProfiles(path, dbt.ProfilesFile); err != nil {
		t.why = reason(err)
	} else if o, err := all.Output(t.d.Profile, "", home, os.LookupEnv); err != nil {
		t.why = reason(err)
	} else if _, err := o.Settings(nil); err != nil {
		t.why = reason(err)
	} else if o.Type != t.m.Adapter {
		t.why = fmt.Sprintf("its profile %s leads to %s, and the manifest was written for %s", t.d.Profile, o.Type, t.m.Adapter)
	} else {
		t.profile = t.d.Profile
		if what, _ := models.NameProblem(o.Target); what == "" {
			t.name = o.Target
		}
	}
}
