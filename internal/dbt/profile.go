package dbt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models/diag"
)

// ProfilesFile is the name of the file that says how dbt connects.
const ProfilesFile = "profiles.yml"

// FindProfiles finds profiles.yml where dbt does: in DBT_PROFILES_DIR, in the folder of dbt's
// project ("" for none), in ~/.dbt. If it is in none of them, the error is a *Fault.
func FindProfiles(project string, lookup Lookup) (string, error) {
	var tried []string
	if dir, ok := lookup("DBT_PROFILES_DIR"); ok && dir != "" {
		tried = append(tried, dir)
	} else {
		if project != "" {
			tried = append(tried, project)
		}
		if home, err := os.UserHomeDir(); err == nil {
			tried = append(tried, filepath.Join(home, ".dbt"))
		}
	}
	for _, dir := range tried {
		path := filepath.Join(dir, ProfilesFile)
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", &Fault{Code: "dbt.no_profiles", What: "there is no profiles.yml in " + strings.Join(tried, " or "), Fix: "put it there, or name its folder in DBT_PROFILES_DIR"}
}

// Profiles is a profiles.yml that was read. Values in it are often secrets: nothing of them is in
// any Fault.
type Profiles struct {
	file string // as people call it
	doc  *yamldoc.Doc
	all  map[string]any
}

// ReadProfiles reads the file at path; shown is what people call it. The error is a *Fault.
func ReadProfiles(path, shown string) (*Profiles, error) {
	st, err := os.Stat(path)
	if err == nil && st.Size() > yamldoc.MaxBytes {
		err = errors.New("it is too large")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, &Fault{Code: "dbt.profiles", What: fmt.Sprintf("%s can not be read: %v", shown, err), Fix: "check its permissions"}
	}
	var in struct {
		All map[string]any `yaml:",rest"`
	}
	doc, findings := yamldoc.Decode(shown, data, &in)
	for _, f := range findings {
		if f.Severity != diag.Warning {
			return nil, &Fault{Code: "dbt.profiles", What: "this is not YAML that weir can read", Fix: "mend this line; dbt debug tells more", File: shown, Line: f.Line, Col: f.Col}
		}
	}
	delete(in.All, "config") // settings of dbt itself
	return &Profiles{file: shown, doc: doc, all: in.All}, nil
}

// Output is one output of a profile: how dbt connects to one warehouse.
type Output struct {
	Type   string // of dbt's adapter, such as "postgres"
	Target string // its name in the profile

	in     *Profiles
	at     string // path in the file
	dir    string // that relative paths in it begin from: dbt's project
	values map[string]any
}

// Output finds the output of a profile; target "" means the profile's own. dir is the folder of
// dbt's project. The error is a *Fault.
func (p *Profiles) Output(profile, target, dir string, lookup Lookup) (*Output, error) {
	body, ok := p.all[profile].(map[string]any)
	if !ok {
		return nil, &Fault{Code: "dbt.unknown_profile", What: fmt.Sprintf("%s has no profile %q", p.file, profile), Fix: diag.DidYouMean(profile, slices.Sorted(maps.Keys(p.all)))}
	}
	if target == "" {
		text, _ := body["target"].(string)
		var err error
		if target, err = fill(text, lookup); err != nil {
			return nil, p.fault(profile+".target", err)
		}
		if target == "" {
			target = "default" // as in dbt
		}
	}
	outputs, _ := body["outputs"].(map[string]any)
	values, ok := outputs[target].(map[string]any)
	if !ok {
		return nil, &Fault{Code: "dbt.unknown_target", What: fmt.Sprintf("profile %s of %s has no output %q", profile, p.file, target), Fix: diag.DidYouMean(target, slices.Sorted(maps.Keys(outputs)))}
	}
	o := &Output{Target: target, in: p, at: profile + ".outputs." + target, dir: dir, values: values}
	text, _ := values["type"].(string)
	var err error
	if o.Type, err = fill(text, lookup); err != nil {
		return nil, p.fault(o.at+".type", err)
	}
	if adapters[o.Type] == nil {
		return nil, o.fault("type", "dbt.unknown_warehouse", "weir reads profiles of "+strings.Join(slices.Sorted(maps.Keys(adapters)), ", ")+"; for others write the target's own settings", "weir does not have the warehouse %q", o.Type)
	}
	return o, nil
}

// fault is one of a value, by its path.
func (p *Profiles) fault(path string, err error) *Fault {
	f := &Fault{Code: "dbt.jinja", What: err.Error(), Fix: "write the value itself or {{ env_var('NAME') }}, or set the variable", File: p.file}
	_, v, _ := p.doc.Locate(path)
	f.Line, f.Col = v.Line, v.Col
	return f
}

// fault is one of a key of the output.
func (o *Output) fault(key, code, fix, format string, args ...any) *Fault {
	_, v, _ := o.in.doc.Locate(o.at + "." + key)
	return &Fault{Code: code, What: fmt.Sprintf(format, args...), Fix: fix, File: o.in.file, Line: v.Line, Col: v.Col}
}

// Settings are weir's settings of the warehouse, with what the environment holds filled in. A path
// in them is absolute. With a nil lookup only the shape is checked: the settings are those that
// would be there, with empty values. The error is a *Fault.
func (o *Output) Settings(lookup Lookup) (map[string]string, error) {
	r := &reading{o: o, lookup: lookup, out: map[string]string{}}
	// Jinja anywhere in it is told, in the order of keys, whether weir uses the value or not.
	for _, key := range slices.Sorted(maps.Keys(o.values)) {
		if text, ok := o.values[key].(string); ok {
			if _, err := fill(text, nil); err != nil {
				return nil, o.in.fault(o.at+"."+key, err)
			}
		}
	}
	adapters[o.Type](r)
	if r.err != nil {
		return nil, r.err
	}
	return r.out, nil
}

// Public is what of the output says which place it is, as written, to tell one from another. It
// holds no secret.
func (o *Output) Public() string {
	open := map[string]any{}
	for _, key := range []string{"type", "host", "port", "user", "dbname", "database", "project", "execution_project", "path", "account", "location", "api_endpoint", "role", "warehouse"} {
		if v, ok := o.values[key]; ok {
			open[key] = v
		}
	}
	b, err := json.Marshal(open)
	if err != nil {
		panic(err) // texts, numbers, lists and maps
	}
	return string(b)
}
