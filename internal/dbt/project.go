package dbt

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/weir-data/weir/internal/yamldoc"
)

// Project is what dbt_project.yml says, as far as it is read.
type Project struct {
	Name    string
	Profile string   // in profiles.yml
	Target  string   // folder of the manifest, from dbt's folder
	Own     []string // folders that dbt reads YAML or SQL from
}

// ReadProject reads the dbt_project.yml in dir; shown is what people call dir. The error is a *Fault.
func ReadProject(dir, shown string) (*Project, error) {
	file := strings.TrimSuffix(shown, "/") + "/" + ProjectFile
	path := filepath.Join(dir, ProjectFile)
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return nil, &Fault{Code: "dbt.no_project", What: "there is no project of dbt in " + shown + ": it has no " + ProjectFile, Fix: "name the folder of " + ProjectFile}
	}
	var data []byte
	if st.Size() > yamldoc.MaxBytes {
		err = errors.New("it is too large")
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, unreadable(file, err)
	}
	var in struct {
		All map[string]any `yaml:",rest"`
	}
	doc, findings := yamldoc.Decode(file, data, &in)
	if doc.Broken() {
		f := &Fault{Code: "dbt.project", What: file + " is not YAML that weir can read", Fix: "mend it; dbt parse tells more", File: file}
		for _, x := range findings {
			f.Line, f.Col = x.Line, x.Col
			f.What += fmt.Sprintf(" (line %d)", x.Line)
			break
		}
		return nil, f
	}
	text := func(key string) string {
		v, _ := in.All[key].(string)
		if strings.Contains(v, "{{") {
			return "" // Jinja, which weir does not run
		}
		return v
	}
	p := &Project{Name: text("name"), Profile: text("profile"), Target: cmp.Or(text("target-path"), "target")}
	for _, k := range []struct{ key, usual string }{{"model-paths", "models"}, {"seed-paths", "seeds"}, {"snapshot-paths", "snapshots"}, {"analysis-paths", "analyses"}, {"test-paths", "tests"}, {"macro-paths", "macros"}} {
		list, ok := in.All[k.key].([]any)
		if !ok {
			list = []any{k.usual}
		}
		for _, v := range list {
			if s, ok := v.(string); ok && s != "" {
				p.Own = append(p.Own, filepath.ToSlash(filepath.Clean(s)))
			}
		}
	}
	return p, nil
}
