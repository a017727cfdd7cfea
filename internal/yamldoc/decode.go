package yamldoc

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/weir-data/weir/models/diag"
)

// ScalarUnmarshaler is a value that reads a YAML scalar by its short tag ("!!str", "!!int",
// "!!float", "!!bool", "!!timestamp", "!!null").
type ScalarUnmarshaler interface {
	UnmarshalScalar(tag, text string) error
}

// Decode reads data, the content of file, into the struct that into points to. The Doc is never
// nil. Findings are in the order of the file; with an error among them the value is incomplete,
// but what could be read is there, so that further checks can tell more.
func Decode(file string, data []byte, into any) (*Doc, []diag.Finding) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	doc := &Doc{File: file, data: data}
	if f, bad := doc.precheck(); bad {
		doc.data, doc.broken = nil, true // a refused file is not kept
		return doc, []diag.Finding{f}
	}
	if f, bad := doc.parse(); bad {
		doc.broken = true
		return doc, []diag.Finding{f}
	}
	d := &decoder{doc: doc}
	if doc.root != nil && !doc.bounded(d) {
		doc.root, doc.broken = nil, true
	}
	if doc.root != nil {
		d.value(doc.root, reflect.ValueOf(into).Elem(), nil, &field{})
	}
	diag.Sort(d.out)
	return doc, d.out
}

// parse fills doc.root. An empty document leaves it nil.
func (doc *Doc) parse() (f diag.Finding, bad bool) {
	defer func() {
		// The parser is the library's; what it does not expect is a fault of the file.
		if r := recover(); r != nil {
			doc.root = nil
			f, bad = doc.at(1, 1, 1, "yaml.syntax", "this is not YAML", ""), true
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(doc.data))
	var first, second yaml.Node
	switch err := dec.Decode(&first); {
	case errors.Is(err, io.EOF):
		return f, false
	case err != nil:
		return doc.syntax(err), true
	}
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return doc.syntax(err), true
	default:
		return doc.at(second.Line, 1, 3, "yaml.documents", "a second document starts here; a file holds one",
			"move it to a file of its own"), true
	}
	if len(first.Content) == 1 {
		doc.root = first.Content[0]
		if doc.root.Kind == yaml.ScalarNode && doc.root.ShortTag() == "!!null" {
			doc.root = nil
		}
	}
	return f, false
}

// bounded reports whether the nodes, with aliases expanded, keep within the bounds, and reports
// a finding if not.
func (doc *Doc) bounded(d *decoder) bool {
	left := MaxValues
	var walk func(n *yaml.Node, depth int, via *yaml.Node) bool
	walk = func(n *yaml.Node, depth int, via *yaml.Node) bool {
		at := n
		if via != nil {
			at = via
		}
		if left--; left < 0 {
			d.node(at, nil, "yaml.too_large", fmt.Sprintf("the aliases of this file expand to more than %d values", MaxValues), "write the values out, or use fewer aliases")
			return false
		}
		if depth > MaxDepth {
			what, fix := fmt.Sprintf("values nest more than %d deep", MaxDepth), "name the inner parts: a segment may stand in another"
			if via != nil {
				what, fix = "this alias holds itself, or nests too deeply", "write the value out"
			}
			d.node(at, nil, "yaml.too_deep", what, fix)
			return false
		}
		if n.Kind == yaml.AliasNode {
			if via == nil {
				via = n
			}
			return walk(n.Alias, depth+1, via)
		}
		for _, c := range n.Content {
			if !walk(c, depth+1, via) {
				return false
			}
		}
		return true
	}
	return walk(doc.root, 0, nil)
}

// path is the way to a value, kept as a list to be written out only for a finding.
type path struct {
	up    *path
	key   string
	index int // of a list item if key is ""
}

func (p *path) String() string {
	if p == nil {
		return ""
	}
	switch up := p.up.String(); {
	case p.key == "":
		return up + "[" + strconv.Itoa(p.index) + "]"
	case up == "":
		return p.key
	default:
		return up + "." + p.key
	}
}

// decoder fills values and gathers findings.
type decoder struct {
	doc *Doc
	out []diag.Finding
}

// node reports a fault at a node. p is the path of the value at fault, or of the one around it.
func (d *decoder) node(n *yaml.Node, p *path, code, what, fix string) {
	d.doc.fault(p)
	d.report(n, code, what, fix)
}

// report is node for a fault that loses nothing.
func (d *decoder) report(n *yaml.Node, code, what, fix string) {
	if len(d.out) >= maxFindings {
		return
	}
	pl := d.doc.place(n)
	d.out = append(d.out, d.doc.at(pl.Line, pl.Col, pl.Width, code, what, fix))
}

var (
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
	scalarType = reflect.TypeFor[ScalarUnmarshaler]()
)

// value decodes n into v, which is settable. f tells how the value is declared.
func (d *decoder) value(n *yaml.Node, v reflect.Value, p *path, f *field) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if isNull(n) {
		if f.null || v.Kind() == reflect.Interface {
			return
		}
		if v.Kind() == reflect.Struct {
			if pl := planOf(v.Type()); pl.scalar != nil && pl.scalar.null {
				return
			}
		}
		// A section whose entries are all commented out is empty, not wrong.
		if p != nil && p.up == nil && v.Kind() == reflect.Slice {
			return
		}
		if !v.Addr().Type().Implements(scalarType) {
			d.node(n, p, "yaml.no_value", fmt.Sprintf("%s has no value", orDocument(p)), "give it a value, or take the key out")
			return
		}
	}
	if v.Kind() == reflect.Pointer {
		e := reflect.New(v.Type().Elem())
		d.value(n, e.Elem(), p, f)
		v.Set(e)
		return
	}
	if v.Addr().Type().Implements(scalarType) {
		if n.Kind != yaml.ScalarNode {
			d.wrong(n, p, "a single value")
			return
		}
		if err := v.Addr().Interface().(ScalarUnmarshaler).UnmarshalScalar(n.ShortTag(), n.Value); err != nil {
			d.node(n, p, "yaml.bad_value", err.Error(), "")
		}
		return
	}
	if v.Addr().Type().Implements(textType) {
		if n.Kind != yaml.ScalarNode {
			d.wrong(n, p, "a single value")
			return
		}
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value)); err != nil {
			d.node(n, p, "yaml.bad_value", err.Error(), "")
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, p, f)
	case reflect.Slice:
		d.slice(n, v, p, f)
	case reflect.Map:
		d.mapping(n, v, p)
	case reflect.Interface:
		if x := d.any(n, p); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	default:
		d.scalar(n, v, p, f)
	}
}

// slice decodes a list; a mapping of named values if the elements have a key; a single value
// where the field says that one is enough.
func (d *decoder) slice(n *yaml.Node, v reflect.Value, p *path, f *field) {
	elem := v.Type().Elem()
	if elem.Kind() == reflect.Struct {
		if pl := planOf(elem); pl.key != nil {
			d.named(n, v, p, pl)
			return
		}
	}
	if n.Kind != yaml.SequenceNode {
		if !f.one {
			d.wrong(n, p, "a list")
			return
		}
		if n.Kind == yaml.MappingNode && elem.Kind() != reflect.Struct {
			d.wrong(n, p, "a value or a list")
			return
		}
		e := reflect.New(elem).Elem()
		d.value(n, e, p, &field{enum: f.enum})
		v.Set(reflect.Append(reflect.MakeSlice(v.Type(), 0, 1), e))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		d.value(c, out.Index(i), &path{up: p, index: i}, &field{enum: f.enum})
	}
	v.Set(out)
}

// named decodes a mapping of named values into a slice, in the order written.
func (d *decoder) named(n *yaml.Node, v reflect.Value, p *path, pl *plan) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, p, "a mapping of names to values")
		return
	}
	es := d.entries(n, p)
	out := reflect.MakeSlice(v.Type(), 0, len(es))
	for _, e := range es {
		x := reflect.New(v.Type().Elem()).Elem()
		x.FieldByIndex(pl.key.index).SetString(e.key.Value)
		d.value(e.value, x, &path{up: p, key: e.key.Value}, &field{})
		out = reflect.Append(out, x)
	}
	v.Set(out)
}

// mapping decodes a mapping into a Go map with text keys.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, p *path) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, p, "a mapping")
		return
	}
	out := reflect.MakeMap(v.Type())
	for _, e := range d.entries(n, p) {
		x := reflect.New(v.Type().Elem()).Elem()
		d.value(e.value, x, &path{up: p, key: e.key.Value}, &field{})
		out.SetMapIndex(reflect.ValueOf(e.key.Value).Convert(v.Type().Key()), x)
	}
	v.Set(out)
}

// structure decodes a mapping into a struct, or a bare scalar or list into the field that takes
// it.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, p *path, _ *field) {
	pl := planOf(v.Type())
	switch {
	case n.Kind == yaml.ScalarNode && pl.scalar != nil:
		d.value(n, v.FieldByIndex(pl.scalar.index), p, pl.scalar)
		return
	case n.Kind == yaml.SequenceNode && pl.list != nil:
		d.value(n, v.FieldByIndex(pl.list.index), p, pl.list)
		return
	case n.Kind != yaml.MappingNode:
		fix := ""
		if _, ok := pl.fields["all"]; ok && n.Kind == yaml.SequenceNode {
			fix = "write all: or any: above the list"
		}
		d.wrong(n, p, pl.forms(), fix)
		return
	}
	seen := make(map[string]bool, len(n.Content)/2)
	var rest map[string]any
	for _, e := range d.entries(n, p) {
		key := e.key.Value
		seen[key] = true
		f, ok := pl.fields[key]
		switch {
		case ok:
			d.value(e.value, v.FieldByIndex(f.index), &path{up: p, key: key}, f)
		case pl.rest != nil:
			if rest == nil {
				rest = map[string]any{}
			}
			rest[key] = d.any(e.value, &path{up: p, key: key})
		default:
			meant, fix := pl.suggest(key)
			seen[meant] = true // so that it is not missing as well
			d.node(e.key, p, "yaml.unknown_key", fmt.Sprintf("unknown key %q%s", key, under(p)), fix)
		}
	}
	if rest != nil {
		v.FieldByIndex(pl.rest.index).Set(reflect.ValueOf(rest))
	}
	for _, name := range pl.required {
		if !seen[name] {
			d.doc.fault(p)
			f := d.doc.Finding(diag.Problem{Path: p.String(), OnKey: true, Code: "yaml.missing_key",
				What: fmt.Sprintf("%s has no %q", orDocument(p), name), Fix: fmt.Sprintf("add %s: %s", name, pl.fields[name].hint())})
			if len(d.out) < maxFindings {
				d.out = append(d.out, f)
			}
		}
	}
}
