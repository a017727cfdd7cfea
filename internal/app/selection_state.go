package app

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/models/diag"
)

// stateFormat is the version of the manifests that this weir writes and compares with. It changes
// if the same project would give other hashes.
const stateFormat = 1

// stateFile is what a manifest is called where only its folder is named.
const stateFile = "manifest.json"

// maxState bounds a manifest: 200 bytes or so for each node.
const maxState = 256 << 20

// StateManifest is what a project meant when it was written, for the selectors state:modified and
// state:new. It has no time and no place in it: the same project gives the same text.
type StateManifest struct {
	Format  int         `json:"weir_manifest"`
	Project string      `json:"project"`
	Nodes   []StateNode `json:"nodes"` // by kind and name
}

// StateNode is one source, entity, segment or sync.
type StateNode struct {
	Kind      string   `json:"kind"`
	Name      string   `json:"name"`
	File      string   `json:"file"`
	Hash      string   `json:"hash"`       // of its meaning, without what it depends on
	DependsOn []string `json:"depends_on"` // as "segment.vip"
}

// ManifestResult says where a manifest was written.
type ManifestResult struct {
	File  string `json:"file"`
	Nodes int    `json:"nodes"`
}

// WriteManifest writes the manifest of the whole project, whatever is selected, to a file, or as
// manifest.json into a folder. A file that is no manifest of weir's is not touched. It connects to
// nothing.
func (a *App) WriteManifest(path string) (*ManifestResult, error) {
	path = stateAt(path)
	m := &StateManifest{Format: stateFormat, Project: a.p.Name, Nodes: []StateNode{}}
	up := newGraph(&a.p.Model, a.p.Syncs).up()
	for _, x := range a.p.Meanings() {
		n := StateNode{Kind: x.Kind, Name: x.Name, File: x.File, Hash: x.Hash, DependsOn: []string{}}
		for _, u := range up[node{x.Kind, x.Name}] {
			if u.name != "" {
				n.DependsOn = append(n.DependsOn, u.kind+"."+u.name)
			}
		}
		slices.Sort(n.DependsOn)
		n.DependsOn = slices.Compact(n.DependsOn)
		m.Nodes = append(m.Nodes, n)
	}
	slices.SortFunc(m.Nodes, func(x, y StateNode) int { return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name)) })
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	was, err := os.ReadFile(path)
	switch {
	case err == nil && len(bytes.TrimSpace(was)) > 0 && formatOf(was) == 0:
		return nil, &Error{Kind: Refused, Code: "state.not_ours", Message: path + " is there, and is no manifest of weir's", Fix: "name another file, such as state/manifest.json"}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, a.worldly(fmt.Errorf("reading %s: %w", path, err))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, a.worldly(fmt.Errorf("writing %s: %w", path, err))
	}
	if err := replaceFile(path, append(text, '\n')); err != nil {
		return nil, a.worldly(fmt.Errorf("writing %s: %w", path, err))
	}
	return &ManifestResult{File: path, Nodes: len(m.Nodes)}, nil
}

// stateAt is the file of a manifest, where its folder may be named.
func stateAt(path string) string {
	if st, err := os.Stat(path); err == nil && st.IsDir() || strings.HasSuffix(path, "/") || strings.HasSuffix(path, string(filepath.Separator)) {
		return filepath.Join(path, stateFile)
	}
	return path
}

// formatOf is the format of a manifest of weir's; 0 if a text is none.
func formatOf(text []byte) int {
	var head struct {
		Format int `json:"weir_manifest"`
	}
	if json.Unmarshal(text, &head) != nil {
		return 0
	}
	return head.Format
}

// readState reads an earlier manifest of the project.
func readState(path, name string) (*StateManifest, error) {
	path = stateAt(path)
	bad := func(code, what, fix string) (*StateManifest, error) {
		return nil, &Error{Kind: Refused, Code: code, Message: what, Fix: fix}
	}
	const write = "write one where the project is as it was: weir compile --manifest FILE"
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return bad("state.missing", "there is no manifest "+path, write)
	case err == nil && (!st.Mode().IsRegular() || st.Size() > maxState):
		return bad("state.manifest", path+" is no manifest of weir's: it is no file, or too large", write)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return bad("state.manifest", fmt.Sprintf("reading %s: %v", path, bareReason(err)), "check its permissions")
	}
	var m StateManifest
	var other struct {
		Metadata struct {
			Schema string `json:"dbt_schema_version"`
		} `json:"metadata"`
	}
	switch f := formatOf(text); {
	case f == 0 && json.Unmarshal(text, &other) == nil && other.Metadata.Schema != "":
		return bad("state.manifest", path+" is a manifest of dbt, and state: compares with one of weir's own", write)
	case f == 0:
		return bad("state.manifest", path+" is no manifest of weir's", write)
	case f != stateFormat:
		return bad("state.version", fmt.Sprintf("%s is a manifest v%d, and this weir writes v%d", path, f, stateFormat), "write it again with this weir, where the project is as it was: weir compile --manifest FILE")
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return bad("state.manifest", path+" is no manifest of weir's: "+err.Error(), write)
	}
	if m.Project != name {
		return bad("state.project", fmt.Sprintf("%s is the manifest of project %s, and this is %s", path, m.Project, name), "name the manifest of this project")
	}
	return &m, nil
}

// bareReason is an error without the path, which the message names already.
func bareReason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// states are the selectors after state:, by what they pick: whether a node was in the earlier
// manifest, and with the same hash. As in dbt, what is new is modified too.
var states = map[string]func(was, same bool) bool{
	"modified":   func(was, same bool) bool { return !was || !same },
	"new":        func(was, _ bool) bool { return !was },
	"old":        func(was, _ bool) bool { return was },
	"unmodified": func(was, same bool) bool { return was && same },
}

// stateNames are the keys of states, in the order in which people are told of them.
var stateNames = []string{"state:modified", "state:new", "state:old", "state:unmodified"}

// bare is a selector without the operators around it.
func bare(sel string) string { return strings.TrimSuffix(strings.TrimPrefix(sel, "+"), "+") }

// stateOf reads what a selector says of state.
func stateOf(body string) (string, bool) { return strings.CutPrefix(body, "state:") }

// compare notes of every node whether the earlier manifest at path has it, and with the same
// meaning, if some selector asks for that.
func (g *graph) compare(p *project.Project, selectors []string, path string) error {
	asked := slices.IndexFunc(selectors, func(sel string) bool { _, is := stateOf(bare(sel)); return is })
	if asked < 0 {
		return nil
	}
	for _, sel := range selectors {
		if name, is := stateOf(bare(sel)); is && states[name] == nil {
			return &Error{Kind: Refused, Code: "select.unknown", Message: "there is no selector " + bare(sel), Fix: diag.DidYouMean(bare(sel), stateNames)}
		}
	}
	if path == "" {
		return &Error{Kind: Refused, Code: "state.none", Message: bare(selectors[asked]) + " compares with an earlier manifest of weir's, and none is named",
			Fix: "add --state FILE; write one where the project is as it was: weir compile --manifest FILE"}
	}
	m, err := readState(path, p.Name)
	if err != nil {
		return err
	}
	was := map[node]string{}
	for _, n := range m.Nodes {
		was[node{n.Kind, n.Name}] = n.Hash
	}
	g.was, g.same = map[node]bool{}, map[node]bool{}
	for _, x := range p.Meanings() {
		n := node{x.Kind, x.Name}
		hash, there := was[n]
		g.was[n], g.same[n] = there, there && hash == x.Hash
	}
	return nil
}
