package project

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// Load reads the project in the folder dir for a target; "" means the default one. Findings are
// sorted by file and line. The project is never nil; with an error among the findings it holds
// what could be read, and must not be built, planned or run. It never connects.
func Load(dir, target string) (*Project, []diag.Finding) {
	return load(dir, target, true)
}

// LoadLive is Load for what asks the warehouse itself: columns that were written down earlier may
// have changed since, so they are not read.
func LoadLive(dir, target string) (*Project, []diag.Finding) {
	return load(dir, target, false)
}

func load(dir, target string, recorded bool) (*Project, []diag.Finding) {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	p := &Project{Dir: dir, Timezone: time.UTC, owners: map[string]*yamldoc.Doc{}}
	docs, files, findings := read(dir)
	p.docs = docs
	l := &loader{p: p, findings: findings, recorded: recorded}
	l.merge(files)
	l.check(target)
	p.Model.FillDefaults()
	p.Hash = p.hash()
	secrets := secretKeys()
	for i := range l.findings {
		l.findings[i].Source = maskAddresses(yamldoc.MaskKeys(l.findings[i].Source, secrets))
	}
	diag.Sort(l.findings)
	return p, l.findings
}

// secretKeys lists the settings that any warehouse, destination or alert keeps secret: no finding
// shows their values.
func secretKeys() []string {
	var out []string
	for _, k := range warehouse.Kinds() {
		kind, _ := warehouse.Lookup(k)
		for _, s := range kind.Settings() {
			if s.Secret {
				out = append(out, s.Name)
			}
		}
	}
	for _, t := range destinations.Types() {
		d, _ := destinations.Lookup(t)
		for _, s := range d.Spec().Settings {
			if s.Secret {
				out = append(out, s.Name)
			}
		}
	}
	out = append(out, "secret", "password", "store") // of alerts and targets
	slices.Sort(out)
	return slices.Compact(out)
}

// loader merges files and checks the whole.
type loader struct {
	p        *Project
	file     File // singles
	findings []diag.Finding
	recorded bool // whether to read what `weir columns` wrote
}

// add reports a problem at its place, unless it follows from YAML that is at fault.
func (l *loader) add(q diag.Problem) {
	if !l.follows(q) {
		l.findings = append(l.findings, l.p.finding(q))
	}
}

// fail reports an error by path.
func (l *loader) fail(path, code, fix, format string, args ...any) {
	l.add(diag.Problem{Path: path, Code: code, Fix: fix, What: fmt.Sprintf(format, args...)})
}

// failKey reports an error in the key at path.
func (l *loader) failKey(path, code, fix, format string, args ...any) {
	l.add(diag.Problem{Path: path, OnKey: true, Code: code, Fix: fix, What: fmt.Sprintf(format, args...)})
}

// warn reports a warning by path.
func (l *loader) warn(path, code, fix, format string, args ...any) {
	l.add(diag.Problem{Path: path, Severity: diag.Warning, Code: code, Fix: fix, What: fmt.Sprintf(format, args...)})
}

// merge puts the files together. Of a doubled name the first stays, in the order of paths.
func (l *loader) merge(files []File) {
	p := l.p
	for i := range files {
		f, doc := &files[i], p.docs[i]
		used := false
		for _, s := range []struct {
			key     string
			from    string
			to      *string
			perFile bool
		}{
			{"project", f.Project, &l.file.Project, false}, {"timezone", f.Timezone, &l.file.Timezone, false},
			{"default_target", f.DefaultTarget, &l.file.DefaultTarget, false}, {"secret_key", f.SecretKey, &l.file.SecretKey, false},
		} {
			if !doc.Has(s.key) {
				continue
			}
			used = true
			if first := p.owners[s.key]; first != nil {
				l.findings = append(l.findings, doc.Finding(diag.Problem{Path: s.key, OnKey: true, Code: "project.doubled",
					What: fmt.Sprintf("%s is set twice; the first is at %s", s.key, place(first, s.key)), Fix: "take one of them out"}))
				continue
			}
			p.owners[s.key], *s.to = doc, s.from
		}
		for _, s := range []struct {
			key string
			set func()
		}{{"keep", func() { p.Keep = f.Keep }}, {"dbt", func() { p.DBT = f.DBT }}} {
			if !doc.Has(s.key) {
				continue
			}
			used = true
			if first := p.owners[s.key]; first != nil {
				l.findings = append(l.findings, doc.Finding(diag.Problem{Path: s.key, OnKey: true, Code: "project.doubled",
					What: fmt.Sprintf("%s is set twice; the first is at %s", s.key, place(first, s.key)), Fix: "take one of them out"}))
				continue
			}
			p.owners[s.key] = doc
			s.set()
		}
		used = gather(l, doc, "targets", &p.Targets, f.Targets, func(x *Target) string { return x.Name }) || used
		used = gather(l, doc, "sources", &p.Model.Sources, f.Sources, func(x *models.Source) string { return x.Name }) || used
		used = gather(l, doc, "entities", &p.Model.Entities, f.Entities, func(x *models.Entity) string { return x.Name }) || used
		used = gather(l, doc, "segments", &p.Model.Segments, f.Segments, func(x *models.Segment) string { return x.Name }) || used
		used = gather(l, doc, "policies", &p.Model.Policies, f.Policies, func(x *models.Policy) string { return x.Name }) || used
		used = gather(l, doc, "destinations", &p.Destinations, f.Destinations, func(x *Destination) string { return x.Name }) || used
		used = gather(l, doc, "syncs", &p.Syncs, f.Syncs, func(x *syncT) string { return x.Name }) || used
		used = gather(l, doc, "alerts", &p.Alerts, f.Alerts, func(x *Alert) string { return x.Name }) || used
		used = gather(l, doc, "tests", &p.Tests, f.Tests, func(x *Test) string { return x.Name }) || used
		if used {
			p.Files++
		}
	}
	p.Name, p.SecretKey = l.file.Project, l.file.SecretKey
}

// gather appends the things of one kind in a file, and reports names that another file has. It
// reports whether there were any.
func gather[T any](l *loader, doc *yamldoc.Doc, kind string, all *[]T, some []T, name func(*T) string) bool {
	for i := range some {
		path := models.Path(kind, name(&some[i]))
		if first := l.p.owners[path]; first != nil {
			l.findings = append(l.findings, doc.Finding(diag.Problem{Path: path, OnKey: true, Code: "project.doubled",
				What: fmt.Sprintf("%s is declared twice; the first is at %s", path, place(first, path)), Fix: "rename one of them, or take it out"}))
			continue
		}
		l.p.owners[path] = doc
		*all = append(*all, some[i])
	}
	if len(some) > 0 && l.p.owners[kind] == nil {
		l.p.owners[kind] = doc
	}
	return len(some) > 0
}

// check makes every check that needs no connection. If names were lost to faults of the YAML
// nothing is checked: what is missing would be reported everywhere.
func (l *loader) check(target string) {
	p := l.p
	for _, doc := range p.docs {
		if doc.Broken() || slices.ContainsFunc(doc.Faults(), func(f string) bool { return slices.Contains(kinds, f) }) {
			return
		}
	}
	if len(p.docs) == 0 {
		return
	}
	l.singles()
	l.targets(target)
	l.scores()
	problems := models.Check(&p.Model)
	for _, q := range problems {
		l.add(q)
	}
	l.within()
	l.tables()
	l.dbt()
	l.columns(problems)
	l.limits()
	l.destinations()
	l.syncs()
	l.alerts()
	l.tests()
}

// kinds are the top-level keys that hold named things.
var kinds = []string{"targets", "sources", "entities", "segments", "policies", "destinations", "syncs", "alerts", "tests"}

// singles checks the keys that stand once in a project.
func (l *loader) singles() {
	p := l.p
	if p.owners["project"] == nil {
		at := p.docs[0]
		for _, d := range p.docs {
			if slices.Contains(projectFiles, d.File) {
				at = d
			}
		}
		f := at.Finding(diag.Problem{Code: "project.no_name", What: "the project has no name", Fix: "add project: with a name, such as shop"})
		f.Line, f.Col, f.Source = 1, 1, ""
		l.findings = append(l.findings, f)
	} else if what, fix := models.NameProblem(p.Name); what != "" {
		l.fail("project", "models.name", fix, "%s", what)
	}
	if tz := l.file.Timezone; tz != "" {
		loc, err := time.LoadLocation(tz)
		if err != nil || tz == "Local" {
			l.fail("timezone", "models.timezone", "use a name of the IANA database, such as Europe/Paris or UTC", "unknown time zone %q", tz)
		} else {
			p.Timezone = loc
		}
	}
	if p.SecretKey != "" && !(wholeReference(p.SecretKey) && safeReference(p.SecretKey)) {
		l.failKey("secret_key", "project.secret_in_plain", `write secret_key: "${env:WEIR_SECRET_KEY}" and put the value into that variable`, "secret_key is a secret written in plain")
	} else {
		l.references("secret_key", p.SecretKey)
	}
	l.keep()
}

// keep checks that nothing is forgotten which a cap still counts.
func (l *loader) keep() {
	k := l.p.Keep
	for i := range l.p.Model.Policies {
		if c := l.p.Model.Policies[i].Cap; c != nil && k.Deliveries > 0 && k.Deliveries < c.Within {
			l.fail("keep.deliveries", "project.keep", "keep deliveries for at least "+c.Within.String(), "policy %s counts the messages of the last %s, and deliveries are kept for %s", l.p.Model.Policies[i].Name, c.Within, k.Deliveries)
		}
	}
}

// columns reads what `weir columns` wrote, and checks the models against it. Problems that were
// found without it are not told again.
func (l *loader) columns(told []diag.Problem) {
	p := l.p
	p.Columns = map[string][]models.Column{}
	for _, s := range p.Model.Sources {
		if len(s.Columns) > 0 {
			p.Columns[s.Name] = s.Columns
		}
	}
	if l.recorded && p.Target.Name != "" {
		known, err := ReadColumns(p.Dir, p.Target.Name)
		if err != nil {
			l.findings = append(l.findings, diag.Finding{File: columnsFile(p.Target.Name), Severity: diag.Warning, Code: "project.columns",
				What: fmt.Sprintf("%v", err), Fix: "run weir columns to write the file again"})
		}
		for name, cols := range known {
			if p.Model.Source(name) != nil {
				p.Columns[name] = cols
			}
		}
	}
	for _, q := range models.CheckColumns(&p.Model, p.Columns) {
		// What is known without the columns is told once, though they say it in another way.
		if !slices.ContainsFunc(told, func(t diag.Problem) bool { return t == q || t.Path == q.Path && t.Severity != diag.Warning }) {
			l.add(q)
		}
	}
}

// limits reports limits of 0, which in the model are no limits: nobody who writes one means that.
func (l *loader) limits() {
	for _, e := range l.p.Model.Entities {
		for _, id := range e.Identity.Identifiers {
			path := models.Path("entities", e.Name, "identity", "identifiers", id.Type, "limit")
			if doc := l.p.owner(path); id.Limit.Max == 0 && doc != nil && doc.Has(path) {
				l.fail(path, "models.limit", "leave limit out for no limit; to ignore the identifier take it out of the sources", "a limit must be at least 1")
			}
		}
	}
}
