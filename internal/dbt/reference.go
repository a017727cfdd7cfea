package dbt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/models/diag"
)

// Reference names a node the way models of dbt do: ref('customers'), ref('jaffle_shop',
// 'customers', v=2) or source('web', 'events').
type Reference struct {
	Source  string // of source(): the first name; "" for ref()
	Package string // of ref(): "" for any
	Name    string
	Version string // of ref(): "" for the latest
}

// String writes the reference as dbt reads it.
func (r Reference) String() string {
	switch {
	case r.Source != "":
		return fmt.Sprintf("source('%s', '%s')", r.Source, r.Name)
	case r.Package != "" && r.Version != "":
		return fmt.Sprintf("ref('%s', '%s', v=%s)", r.Package, r.Name, versionText(r.Version))
	case r.Package != "":
		return fmt.Sprintf("ref('%s', '%s')", r.Package, r.Name)
	case r.Version != "":
		return fmt.Sprintf("ref('%s', v=%s)", r.Name, versionText(r.Version))
	}
	return fmt.Sprintf("ref('%s')", r.Name)
}

func versionText(v string) string {
	if _, err := strconv.ParseFloat(v, 64); err == nil {
		return v
	}
	return "'" + v + "'"
}

// forms is how a reference may be written.
const forms = "write ref('model'), ref('package', 'model'), ref('model', v=2) or source('source', 'table')"

// ParseReference reads a reference. The error is a *Fault.
func ParseReference(text string) (Reference, error) {
	fault := func(format string, args ...any) (Reference, error) {
		return Reference{}, &Fault{Code: "dbt.reference", What: fmt.Sprintf(format, args...), Fix: forms}
	}
	if strings.Contains(text, "{{") || strings.Contains(text, "{%") {
		return Reference{}, &Fault{Code: "dbt.reference", What: "this is Jinja, which weir does not run", Fix: "leave the braces out: " + forms[len("write "):]}
	}
	text = strings.TrimSpace(text)
	fn, rest, ok := strings.Cut(text, "(")
	fn = strings.TrimSpace(fn)
	switch {
	case !ok || !strings.HasSuffix(rest, ")"):
		return fault("%q is not a reference of dbt", text)
	case fn != "ref" && fn != "source":
		return fault("dbt has no reference %q", fn)
	}
	var args []string
	var r Reference
	for rest = strings.TrimSpace(strings.TrimSuffix(rest, ")")); rest != ""; {
		key := ""
		if name, after, named := strings.Cut(rest, "="); named && (strings.TrimSpace(name) == "v" || strings.TrimSpace(name) == "version") {
			key, rest = strings.TrimSpace(name), strings.TrimSpace(after)
		}
		value, after, err := argument(rest, key != "")
		if err != "" {
			return fault("%s in %q", err, text)
		}
		if key != "" {
			r.Version = value
		} else if r.Version != "" {
			return fault("a name stands after the version in %q", text)
		} else {
			args = append(args, value)
		}
		after = strings.TrimSpace(after)
		next, more := strings.CutPrefix(after, ",")
		if after != "" && !more {
			return fault("a comma is missing in %q", text)
		}
		rest = strings.TrimSpace(next)
	}
	if slices.Contains(args, "") {
		return fault("a name is empty in %q", text)
	}
	switch {
	case fn == "source" && len(args) == 2 && r.Version == "":
		r.Source, r.Name = args[0], args[1]
	case fn == "source":
		return fault("source takes the name of a source and of its table")
	case len(args) == 1:
		r.Name = args[0]
	case len(args) == 2:
		r.Package, r.Name = args[0], args[1]
	default:
		return fault("ref takes the name of a model, or of a package and a model")
	}
	return r, nil
}

// argument takes a text in quotes off the start of s, or, if bare, a number.
func argument(s string, bare bool) (value, rest, problem string) {
	if s == "" {
		return "", "", "a value is missing"
	}
	if q := s[0]; q == '\'' || q == '"' {
		value, rest, ok := strings.Cut(s[1:], string(q))
		if !ok {
			return "", "", "a quote is not closed"
		}
		return value, rest, ""
	}
	if !bare {
		return "", "", "a name stands without quotes"
	}
	end := len(s)
	if i := strings.IndexByte(s, ','); i >= 0 {
		end = i
	}
	value = strings.TrimSpace(s[:end])
	if _, err := strconv.ParseFloat(value, 64); err != nil {
		return "", "", "the version is neither a number nor in quotes"
	}
	return value, s[end:], ""
}

// names reports whether the reference means the node with an ID, among few.
func (r Reference) names(id string, m *rawManifest) bool {
	if n, ok := m.Sources[id]; ok {
		return r.Source == n.Source && r.Name == n.Name
	}
	n, ok := m.Nodes[id]
	return ok && r.Source == "" && r.Name == n.Name && (r.Package == "" || r.Package == n.Package)
}

// Reference is how models would name the node: with its package only if the manifest needs it.
func (m *Manifest) Reference(n *Node) Reference {
	r := Reference{Name: n.Name, Source: n.Source}
	if n.Source != "" {
		return r
	}
	if n.Version != "" && n.Version != n.Latest {
		r.Version = n.Version
	}
	if got, err := m.Resolve(r); err != nil || got.ID != n.ID {
		r.Package = n.Package
	}
	return r
}

// Resolve finds what a reference means, as dbt does: a model of the project itself goes before
// those of packages, and a versioned model without a version is its latest one. The error is a
// *Fault; so is a node that is switched off.
func (m *Manifest) Resolve(r Reference) (*Node, error) {
	if r.Source != "" {
		return m.source(r)
	}
	var found []*Node
	for i := range m.Nodes {
		n := &m.Nodes[i]
		if n.Name == r.Name && (r.Package == "" || r.Package == n.Package) && n.versioned(r.Version) {
			found = append(found, n)
		}
	}
	if own := slices.DeleteFunc(slices.Clone(found), func(n *Node) bool { return n.Package != m.Project }); len(own) > 0 {
		found = own
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		var ways []string
		for _, n := range found {
			ways = append(ways, Reference{Package: n.Package, Name: n.Name, Version: r.Version}.String())
		}
		return nil, &Fault{Code: "dbt.ambiguous", What: fmt.Sprintf("%d packages of dbt have a %s", len(found), r.Name), Fix: "say which: " + strings.Join(ways, " or ")}
	}
	return nil, m.absent(r)
}

func (n *Node) versioned(v string) bool {
	if v == "" {
		return n.Version == "" || n.Version == n.Latest
	}
	return n.Version == v
}

func (m *Manifest) source(r Reference) (*Node, error) {
	var found []*Node
	for i := range m.Sources {
		if n := &m.Sources[i]; n.Source == r.Source && n.Name == r.Name {
			found = append(found, n)
		}
	}
	if own := slices.DeleteFunc(slices.Clone(found), func(n *Node) bool { return n.Package != m.Project }); len(own) > 0 {
		found = own
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		var in []string
		for _, n := range found {
			in = append(in, n.Package)
		}
		return nil, &Fault{Code: "dbt.ambiguous", What: fmt.Sprintf("the packages %s of dbt both have %s", strings.Join(in, " and "), r), Fix: "name the table itself, with table:"}
	}
	return nil, m.absent(r)
}

// absent says why a reference leads to nothing.
func (m *Manifest) absent(r Reference) *Fault {
	for i := range m.Disabled {
		if n := &m.Disabled[i]; n.Name == r.Name && n.Source == r.Source && (r.Package == "" || r.Package == n.Package) {
			return &Fault{Code: "dbt.disabled", What: fmt.Sprintf("the %s %s is switched off in dbt", n.Type, n.Name), Fix: "set enabled: true there and run dbt parse, or refer to another one"}
		}
	}
	unknown := &Fault{Code: "dbt.unknown", What: "dbt's manifest has no " + r.String(), Fix: "run dbt parse if it is new"}
	var names []string
	if r.Source != "" {
		known := false
		for i := range m.Sources {
			n := &m.Sources[i]
			known = known || n.Source == r.Source
			names = append(names, Reference{Source: n.Source, Name: n.Name}.String())
		}
		if known { // only the tables of that one
			names = slices.DeleteFunc(names, func(s string) bool { return !strings.HasPrefix(s, "source('"+r.Source+"',") })
		}
	} else {
		for i := range m.Nodes {
			n := &m.Nodes[i]
			if n.Name == r.Name && (r.Package == "" || r.Package == n.Package) { // another version
				names = append(names, Reference{Package: r.Package, Name: n.Name, Version: n.Version}.String())
			}
		}
		if len(names) == 0 {
			for i := range m.Nodes {
				n := &m.Nodes[i]
				if r.Package != "" && n.Package != r.Package && n.Name != r.Name {
					continue
				}
				x := Reference{Name: n.Name}
				if r.Package != "" {
					x.Package = n.Package
				}
				names = append(names, x.String())
			}
		}
	}
	slices.Sort(names)
	if fix := diag.DidYouMean(r.String(), slices.Compact(names)); fix != "" {
		sep := "; if"
		if strings.HasSuffix(fix, "?") {
			sep = " If"
		}
		unknown.Fix = strings.ReplaceAll(fix, `"`, "") + sep + " it is new, run dbt parse"
	}
	return unknown
}
