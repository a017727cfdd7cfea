package project

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// targets chooses the target and checks all of them.
func (l *loader) targets(want string) {
	p := l.p
	var names []string
	for i := range p.Targets {
		t := &p.Targets[i]
		names = append(names, t.Name)
		if t.Send == "" {
			t.Send = "none"
		}
	}
	at := ""
	switch {
	case len(names) == 0:
		l.findings = append(l.findings, diag.Finding{Severity: diag.Error, Code: "project.no_target", What: "the project has no target",
			Fix: "add targets: {dev: {type: duckdb, path: shop.duckdb, send: sandbox}} to weir.yml"})
		return
	case want != "":
	case l.file.DefaultTarget != "":
		want, at = l.file.DefaultTarget, "default_target"
	case len(names) == 1:
		want = names[0]
	default:
		l.findings = append(l.findings, diag.Finding{Severity: diag.Error, Code: "project.no_target",
			What: fmt.Sprintf("the project has %d targets and no default_target", len(names)), Fix: "name one with --target, or add default_target: to weir.yml; there are " + strings.Join(names, ", ")})
		return
	}
	i := slices.Index(names, want)
	switch {
	case i >= 0:
		l.profile(&p.Targets[i])
		p.Target = p.Targets[i]
	case at != "":
		l.fail(at, "project.unknown_target", diag.DidYouMean(want, names), "unknown target %q", want)
	default:
		l.findings = append(l.findings, diag.Finding{Severity: diag.Error, Code: "project.unknown_target",
			What: fmt.Sprintf("the project has no target %q", want), Fix: diag.DidYouMean(want, names)})
	}
	if d := l.file.DefaultTarget; d != "" && at == "" && !slices.Contains(names, d) {
		l.fail("default_target", "project.unknown_target", diag.DidYouMean(d, names), "unknown target %q", d)
	}
	for j := range p.Targets {
		l.target(&p.Targets[j], j == i)
	}
}

// target checks one target against the settings of its warehouse. A kind of warehouse that this
// program does not have is a fault of the chosen target only.
func (l *loader) target(t *Target, chosen bool) {
	at := models.Path("targets", t.Name)
	if what, fix := models.NameProblem(t.Name); what != "" {
		l.failKey(at, "models.name", fix, "%s", what)
	}
	l.store(t, chosen)
	var offered map[string]string // by the profile
	switch {
	case t.Type == "" && t.DBTProfile == "":
		l.failKey(at, "yaml.missing_key", "add type: …", "%s has no \"type\"", at)
		return
	case t.DBTProfile != "":
		if t.profile == nil {
			return // it is not the chosen one, or its profile is at fault
		}
		var err error
		if offered, err = t.profile.Settings(nil); err != nil {
			l.fault(at+".dbt_profile", err)
			return
		}
	case t.DBTTarget != "":
		l.failKey(at+".dbt_target", "dbt.no_profile", "add dbt_profile: with the name of the profile", "target %s names an output of dbt and no profile", t.Name)
	}
	kind, ok := warehouse.Lookup(t.Type)
	if !ok {
		report := l.warn
		if chosen {
			report = l.fail
		}
		report(at+".type", "project.unknown_warehouse", diag.DidYouMean(t.Type, warehouse.Kinds()), "unknown kind of warehouse %q", t.Type)
		return
	}
	if _, untold := kind.(warehouse.Unmetered); untold && t.MaxBytes > 0 {
		l.failKey(at+".max_bytes", "targets.max_bytes", "take it out", "%s does not tell how many bytes a statement scans, so that max_bytes would hold nothing", t.Type)
	}
	var known []string
	for _, s := range kind.Settings() {
		known = append(known, s.Name)
		p := at + "." + s.Name
		v, given := t.Settings[s.Name]
		if _, plain := settingText(v); given && !plain {
			l.fail(p, "project.bad_setting", "write text, a number, true or false", "%s must be a single value", s.Name)
			continue
		}
		text, _ := settingText(v)
		_, ofProfile := offered[s.Name]
		switch {
		case text == "" && s.Required && !ofProfile:
			l.failKey(at, "project.missing_setting", fmt.Sprintf("add %s: %s", s.Name, s.Doc), "target %s has no %s, which %s needs", t.Name, s.Name, t.Type)
		case text != "" && s.Secret && !safeReference(text):
			l.failKey(p, "project.secret_in_plain", fmt.Sprintf(`write %s: "${env:%s}" and put the value into that variable`, s.Name, strings.ToUpper(s.Name)), "%s is a secret written in plain", s.Name)
		default:
			l.references(p, text)
		}
	}
	for name := range t.Settings {
		if !slices.Contains(known, name) {
			l.failKey(at+"."+name, "project.unknown_setting", diag.DidYouMean(name, append([]string{"type", "send", "store", "max_bytes"}, known...)), "unknown setting %q of %s", name, t.Type)
		}
	}
}

// store checks where a target's runs are remembered.
func (l *loader) store(t *Target, chosen bool) {
	if t.Store == "" {
		return
	}
	at := models.Path("targets", t.Name, "store")
	switch {
	case strings.Contains(t.Store, "${"):
		l.references(at, t.Store)
		if !safeReference(t.Store) {
			l.fail(at, "project.secret_in_plain", `write store: "${env:WEIR_STORE}" and put the address into that variable`, "the default of a reference may hold a password")
		}
	case !strings.HasPrefix(t.Store, "postgres://") && !strings.HasPrefix(t.Store, "postgresql://"):
		l.fail(at, "targets.store", `write store: "${env:WEIR_STORE}" with an address like postgres://user:password@host/database in that variable; leave it out for a file`, "this is not the address of a PostgreSQL server")
	default:
		if u, err := url.Parse(t.Store); err != nil {
			l.fail(at, "targets.store", "write postgres://host/database, with % and two digits for unusual characters", "this is not an address")
		} else if _, plain := u.User.Password(); plain || u.Query().Has("password") {
			l.fail(at, "project.secret_in_plain", `write store: "${env:WEIR_STORE}" and put the address into that variable`, "the address holds a password written in plain")
		}
	}
	if chosen && l.p.SecretKey == "" {
		l.failKey(at, "targets.store_key", `add secret_key: "${env:WEIR_SECRET_KEY}" to the project: 32 random bytes or more, the same on every machine`,
			"target %s shares its store, and each machine would make a secret key of its own: people who were erased would not be recognised", t.Name)
	}
}

// settingText writes a single value as text. ok is false for lists and mappings.
func settingText(v any) (text string, ok bool) {
	switch x := v.(type) {
	case nil:
		return "", true
	case string:
		return x, true
	case bool, int64, float64:
		return fmt.Sprint(x), true
	}
	return "", false
}

// references reports references in a text that can never be resolved.
func (l *loader) references(path, text string) {
	if what, fix := referenceProblem(text); what != "" {
		l.fail(path, "project.reference", fix, "%s", what)
	}
}

// WarehouseConfig resolves the references of the chosen target and fills in the defaults of its
// settings. The error names a reference that leads to nothing, never a value.
func (p *Project) WarehouseConfig() (warehouse.Config, error) {
	cfg := warehouse.Config{Target: p.Target.Name, Dir: p.Dir, Settings: map[string]string{}, Label: "weir " + p.Name, MaxBytes: int64(p.Target.MaxBytes)}
	kind, ok := warehouse.Lookup(p.Target.Type)
	if !ok {
		return cfg, fmt.Errorf("target %s: unknown kind of warehouse %q", p.Target.Name, p.Target.Type)
	}
	given := map[string]string{}
	if p.Target.profile != nil {
		var err error
		if given, err = p.Target.profile.Settings(os.LookupEnv); err != nil {
			return cfg, fmt.Errorf("target %s: dbt's profile %s: %w", p.Target.Name, p.Target.DBTProfile, err)
		}
		if path, ok := given["path"]; ok {
			given["path"] = p.shown(path) // as if it were written here: ledgers are bound to it
		}
	}
	for _, s := range kind.Settings() {
		text, _ := settingText(p.Target.Settings[s.Name])
		if v, ok := given[s.Name]; ok && text == "" {
			if cfg.Settings[s.Name] = v; v == "" {
				cfg.Settings[s.Name] = s.Default
			}
			continue
		}
		v, err := p.Resolve(text)
		if err != nil {
			return cfg, fmt.Errorf("target %s: %s: %w", p.Target.Name, s.Name, err)
		}
		if cfg.Settings[s.Name] = v.Reveal(); cfg.Settings[s.Name] == "" {
			cfg.Settings[s.Name] = s.Default
		}
		if cfg.Settings[s.Name] == "" && s.Required {
			return cfg, fmt.Errorf("target %s: %s is empty", p.Target.Name, s.Name)
		}
	}
	return cfg, nil
}
