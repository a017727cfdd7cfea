package dbt

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The versions of a manifest that Read understands: those of dbt 1.0 and of all later ones so far.
const (
	oldestManifest = 4
	newestManifest = 12
)

// maxManifest bounds a manifest. That of a project with 10,000 models has about 300 MB.
const maxManifest = 1 << 30

// Manifest is what dbt knows of a project, as its last command wrote it.
type Manifest struct {
	Version int    // of its schema, such as 12
	DBT     string // version of dbt that wrote it, such as "1.10.2"
	Project string // the package that is the project itself; "" before manifest v10
	Adapter string // kind of warehouse, such as "bigquery"

	Nodes    []Node // models, seeds and snapshots, by ID
	Sources  []Node // by ID
	Disabled []Node // models, seeds, snapshots and sources that are switched off, by ID
	Tests    []Test // generic ones, by ID
}

// Node is something in dbt's graph that has rows.
type Node struct {
	ID          string // model.jaffle_shop.customers
	Type        string // model, seed, snapshot or source
	Package     string
	Source      string // of a source: the name under which its tables are declared
	Name        string
	Version     string // of a versioned model; "" otherwise
	Latest      string // version that a reference without one means
	Database    string
	Schema      string
	Identifier  string // alias of a model, identifier of a source's table
	Relation    string // as dbt writes it into SQL; "" if unknown
	Made        string // view, table, incremental, ephemeral, …; "" of a source
	External    bool   // a source that lies in files, not in a table
	Description string
	Tags        []string
	Columns     []Column // as they are described, by name: rarely all of them, rarely with a type
	LoadedAt    string   // of a source: the column that tells how fresh it is
	StaleAfter  float64  // of a source: hours after which dbt calls it an error; 0 for never
	Uses        []string // IDs of what it is made from
	Folders     []string // of its file, below those of its kind
	Unique      []string // columns of which dbt is told that each alone names a row: primary keys, unique constraints, unique_key
}

// Column is a column as dbt describes it, or as the catalog has it.
type Column struct {
	Name        string
	Type        string // in the warehouse's own words; "" if unknown
	Description string
}

// Test is a generic test: unique, not_null or relationships, and whatever packages add.
type Test struct {
	ID     string
	Name   string // of the test, such as "unique"
	Node   string // ID of what it tests
	Column string // "" for a test of more than one column
	To     string // relationships: ID of the other node
	Field  string // relationships: its column
	Partly bool   // it is about some of the rows only, or no more than warns
}

// The shape of the file, as far as it is read.
type (
	rawManifest struct {
		Metadata struct {
			Schema  string `json:"dbt_schema_version"`
			DBT     string `json:"dbt_version"`
			Project string `json:"project_name"`
			Adapter string `json:"adapter_type"`
		} `json:"metadata"`
		Nodes    map[string]rawNode   `json:"nodes"`
		Sources  map[string]rawNode   `json:"sources"`
		Disabled map[string][]rawNode `json:"disabled"`
	}
	rawNode struct {
		ID          string               `json:"unique_id"`
		Type        string               `json:"resource_type"`
		Package     string               `json:"package_name"`
		Name        string               `json:"name"`
		Source      string               `json:"source_name"`
		Version     json.RawMessage      `json:"version"`
		Latest      json.RawMessage      `json:"latest_version"`
		Database    string               `json:"database"`
		Schema      string               `json:"schema"`
		Alias       string               `json:"alias"`
		Identifier  string               `json:"identifier"`
		Relation    string               `json:"relation_name"`
		Description string               `json:"description"`
		Tags        []string             `json:"tags"`
		Columns     map[string]rawColumn `json:"columns"`
		LoadedAt    string               `json:"loaded_at_field"`
		Freshness   *rawFreshness        `json:"freshness"`
		FQN         []string             `json:"fqn"`
		Constraints []rawConstraint      `json:"constraints"`
		Meta        map[string]any       `json:"meta"`
		Config      struct {
			Made string         `json:"materialized"` //nolint:misspell // dbt's key
			Meta map[string]any `json:"meta"`

			UniqueKey json.RawMessage `json:"unique_key"`
			Severity  string          `json:"severity"`
			Where     string          `json:"where"`
		} `json:"config"`
		Column    string `json:"column_name"`
		DependsOn struct {
			Nodes []string `json:"nodes"`
		} `json:"depends_on"`
		Test *struct {
			Name   string                     `json:"name"`
			Kwargs map[string]json.RawMessage `json:"kwargs"`
		} `json:"test_metadata"`
	}
	rawColumn struct {
		Name        string `json:"name"`
		Type        string `json:"data_type"`
		Description string `json:"description"`

		Constraints []rawConstraint `json:"constraints"`
	}
	rawConstraint struct {
		Type    string   `json:"type"`
		Columns []string `json:"columns"`
	}
	rawFreshness struct {
		ErrorAfter struct {
			Count  *float64 `json:"count"`
			Period string   `json:"period"`
		} `json:"error_after"`
	}
)

// refable are the kinds of nodes that ref() may name.
var refable = []string{"model", "seed", "snapshot"}

var schemaRE = regexp.MustCompile(`/manifest/v([0-9]{1,4})\.json$`)

// ReadManifest reads the manifest at path; shown is what people call it. An error is a *Fault.
func ReadManifest(path, shown string) (*Manifest, error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Fault{Code: "dbt.no_manifest", What: "there is no " + shown, Fix: "let dbt write it: dbt parse, in the folder of the dbt project, for the target that weir works in"}
	case err != nil:
		return nil, unreadable(shown, err)
	case !st.Mode().IsRegular() || st.Size() > maxManifest:
		return nil, &Fault{Code: "dbt.manifest", What: shown + " is not a manifest of dbt: it is no file, or too large", Fix: "name dbt's own file, usually target/manifest.json"}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(shown, err)
	}
	return ParseManifest(data, shown)
}

func unreadable(shown string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &Fault{Code: "dbt.manifest", What: fmt.Sprintf("%s can not be read: %v", shown, err), Fix: "check its permissions"}
}

// ParseManifest is ReadManifest of what the file holds.
func ParseManifest(data []byte, shown string) (*Manifest, error) {
	// The version first: the shape of another one may not fit.
	var head struct {
		Metadata struct {
			Schema string `json:"dbt_schema_version"`
			DBT    string `json:"dbt_version"`
		} `json:"metadata"`
	}
	bad := &Fault{Code: "dbt.manifest", What: shown + " is not a manifest of dbt", Fix: "name dbt's own file, usually target/manifest.json; if it was cut off, run dbt parse to write it again"}
	if err := json.Unmarshal(data, &head); err != nil {
		bad.Line, bad.Col = spot(data, err)
		return nil, bad
	}
	m := schemaRE.FindStringSubmatch(head.Metadata.Schema)
	if m == nil {
		return nil, bad
	}
	version, _ := strconv.Atoi(m[1]) // four digits at most
	if version < oldestManifest || version > newestManifest {
		f := &Fault{Code: "dbt.manifest_version",
			What: fmt.Sprintf("%s is a manifest v%d, of dbt %s; weir reads v%d to v%d", shown, version, orUnknown(head.Metadata.DBT), oldestManifest, newestManifest),
			Fix:  "name the tables with table: until weir reads it"}
		if version < oldestManifest {
			f.Fix = "write it with dbt 1.0 or later, or name the tables with table:"
		}
		return nil, f
	}
	var raw rawManifest
	if err := json.Unmarshal(data, &raw); err != nil {
		bad.Line, bad.Col = spot(data, err)
		return nil, bad
	}
	out := &Manifest{Version: version, DBT: raw.Metadata.DBT, Project: raw.Metadata.Project, Adapter: raw.Metadata.Adapter}
	for id, n := range raw.Nodes {
		switch {
		case slices.Contains(refable, n.Type):
			out.Nodes = append(out.Nodes, n.node(id))
		case n.Type == "test" && n.Test != nil:
			if t, ok := n.test(id, &raw); ok {
				out.Tests = append(out.Tests, t)
			}
		}
	}
	for id, n := range raw.Sources {
		out.Sources = append(out.Sources, n.node(id))
	}
	for id, ns := range raw.Disabled {
		for _, n := range ns {
			if slices.Contains(refable, n.Type) || n.Type == "source" {
				out.Disabled = append(out.Disabled, n.node(id))
			}
		}
	}
	byID := func(a, b Node) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(out.Nodes, byID)
	slices.SortFunc(out.Sources, byID)
	slices.SortStableFunc(out.Disabled, byID)
	slices.SortFunc(out.Tests, func(a, b Test) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Node returns what has the ID, or nil.
func (m *Manifest) Node(id string) *Node {
	for _, ns := range [][]Node{m.Nodes, m.Sources} {
		if i, ok := slices.BinarySearchFunc(ns, id, func(n Node, id string) int { return cmp.Compare(n.ID, id) }); ok {
			return &ns[i]
		}
	}
	return nil
}

func (r *rawNode) node(id string) Node {
	n := Node{
		ID: id, Type: r.Type, Package: r.Package, Source: r.Source, Name: r.Name, Version: plain(r.Version), Latest: plain(r.Latest),
		Database: r.Database, Schema: r.Schema, Identifier: r.Alias, Relation: r.Relation, Made: r.Config.Made,
		Description: r.Description, Tags: r.Tags, LoadedAt: r.LoadedAt,
	}
	if r.Type == "source" {
		n.Identifier = cmp.Or(r.Identifier, r.Name)
		// dbt-duckdb reads such sources from files (duckdb.org, "DuckDB with dbt").
		n.External = r.Meta["external_location"] != nil || r.Config.Meta["external_location"] != nil
	}
	n.Identifier = cmp.Or(n.Identifier, r.Name)
	if f := r.Freshness; f != nil && f.ErrorAfter.Count != nil {
		n.StaleAfter = *f.ErrorAfter.Count * map[string]float64{"minute": 1. / 60, "hour": 1, "day": 24}[f.ErrorAfter.Period]
	}
	for _, c := range r.Columns {
		n.Columns = append(n.Columns, Column{c.Name, c.Type, c.Description})
		for _, x := range c.Constraints {
			if x.names() {
				n.Unique = append(n.Unique, c.Name)
			}
		}
	}
	for _, x := range r.Constraints {
		if x.names() && len(x.Columns) == 1 {
			n.Unique = append(n.Unique, x.Columns[0])
		}
	}
	if key := plain(r.Config.UniqueKey); key != "" {
		n.Unique = append(n.Unique, key)
	}
	var list []string
	if json.Unmarshal(r.Config.UniqueKey, &list) == nil && len(list) == 1 {
		n.Unique = append(n.Unique, list[0])
	}
	slices.Sort(n.Unique)
	n.Unique, n.Uses = slices.Compact(n.Unique), r.DependsOn.Nodes
	if len(r.FQN) > 2 {
		n.Folders = r.FQN[1 : len(r.FQN)-1]
	}
	slices.SortFunc(n.Columns, func(a, b Column) int { return cmp.Compare(a.Name, b.Name) })
	return n
}

// names reports whether a constraint says that its columns name a row.
func (c rawConstraint) names() bool { return c.Type == "primary_key" || c.Type == "unique" }

// test reads a generic test. What it tests stands in its arguments as Jinja; what it depends on
// does not. ok is false where that does not tell.
func (r *rawNode) test(id string, m *rawManifest) (Test, bool) {
	t := Test{ID: id, Name: r.Test.Name, Column: cmp.Or(r.Column, plain(r.Test.Kwargs["column_name"])), Field: plain(r.Test.Kwargs["field"]),
		Partly: r.Config.Where != "" || strings.EqualFold(r.Config.Severity, "warn")}
	on := r.DependsOn.Nodes
	switch {
	case t.Name == "relationships" && len(on) == 2:
		// dbt lists the other side first when it is named first in the arguments; the other one is
		// the node that `to` names.
		to, err := ParseReference(plain(r.Test.Kwargs["to"]))
		if err != nil {
			return t, false
		}
		i := slices.IndexFunc(on, func(id string) bool { return to.names(id, m) })
		if i < 0 {
			return t, false
		}
		t.To, t.Node = on[i], on[1-i]
	case t.Name == "relationships" && len(on) == 1: // to itself
		t.To, t.Node = on[0], on[0]
	case len(on) == 1:
		t.Node = on[0]
	default:
		return t, false
	}
	return t, true
}

// plain is a JSON text or number as text; "" for anything else.
func plain(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] == 'n' || raw[0] == '{' || raw[0] == '[' {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// spot is where in a text reading it as JSON failed.
func spot(data []byte, err error) (line, col int) {
	var at int64
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &typ):
		at = typ.Offset
	default:
		return 0, 0
	}
	before := data[:min(max(at, 0), int64(len(data)))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

func orUnknown(s string) string { return cmp.Or(s, "an unknown version") }
