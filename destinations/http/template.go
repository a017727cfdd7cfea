package http

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/weir-data/weir/destinations"
)

// tree is a parsed template: map[string]tree, []tree, text, or a literal.
type tree any

// request is the parsed template of one op's request.
type request struct {
	method   string
	path     text
	query    map[string]text
	headers  map[string]text
	encoding string
	row      tree
	body     tree
	noBody   bool
	single   bool // the path, query, headers or body name the row: one row in a request

	// row and body where they can be written straight into bytes; see append.go.
	directRow, directBody *direct
	rowBytes              atomic.Int64 // of a row of the last body, and some more
}

var encodings = []string{"json", "form", "ndjson"}

// forbidden are the headers that only this package and HTTP itself may set.
var forbidden = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Authorization", "Idempotency-Key", "X-Signature"}

var keys = []string{"method", "path", "query", "headers", "encoding", "row", "body"}

// flaw is what is wrong with a template, and where under `with:`.
type flaw struct{ path, what string }

func (f *flaw) Error() string { return f.path + ": " + f.what }

// at says that err is under name.
func at(name string, err error) error {
	var f *flaw
	if errors.As(err, &f) {
		return &flaw{name + "." + f.path, f.what}
	}
	return &flaw{name, err.Error()}
}

// parseRequest reads the tree under an op. A nil tree is the default request.
func parseRequest(v any) (*request, error) {
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, fmt.Errorf("a request is a map of %s", strings.Join(keys, ", "))
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(keys, k) {
			return nil, &flaw{k, fmt.Sprintf("unknown key %q: a request has %s", k, strings.Join(keys, ", "))}
		}
	}
	r := &request{method: http.MethodPost, encoding: "json"}
	var err error
	str := func(name, def string) string {
		s, ok := m[name].(string)
		if _, given := m[name]; !given {
			return def
		} else if !ok && err == nil {
			err = &flaw{name, "must be text"}
		}
		return s
	}
	r.method = strings.ToUpper(str("method", http.MethodPost))
	r.encoding = str("encoding", "json")
	path := str("path", "")
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, r.method) {
		return nil, &flaw{"method", fmt.Sprintf("%q is not POST, PUT, PATCH or DELETE", r.method)}
	}
	if !slices.Contains(encodings, r.encoding) {
		return nil, &flaw{"encoding", fmt.Sprintf("%q is not json, form or ndjson", r.encoding)}
	}
	if strings.Contains(path, "://") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "?#") {
		return nil, &flaw{"path", fmt.Sprintf("%q must be a path below the URL of the destination, without query", path)}
	}
	if r.path, err = parseText(path); err != nil {
		return nil, at("path", err)
	}
	if r.query, err = parseTexts("query", m["query"]); err != nil {
		return nil, err
	}
	if r.headers, err = parseTexts("headers", m["headers"]); err != nil {
		return nil, err
	}
	for name := range r.headers {
		if slices.Contains(forbidden, http.CanonicalHeaderKey(name)) {
			return nil, &flaw{"headers." + name, fmt.Sprintf("header %q can not be set here", name)}
		}
	}
	row, given := m["row"]
	if !given {
		row = map[string]any{"ids": "{{ row.ids }}", "fields": "{{ row.fields }}"}
	}
	if r.row, err = parseTree(row, 0); err != nil {
		return nil, at("row", err)
	}
	if uses(r.row, "rows") {
		return nil, &flaw{"row", "row can not hold rows"}
	}
	body, given := m["body"]
	switch {
	case given && body == nil, !given && r.method == http.MethodDelete:
		r.noBody = true
	case !given && r.encoding == "json":
		body = map[string]any{"batch": "{{ batch.id }}", "op": "{{ batch.op }}", "rows": "{{ rows }}"}
	case !given && r.encoding == "form":
		return nil, &flaw{"encoding", "form needs a body: a map of names to values"}
	}
	if _, isMap := body.(map[string]any); r.encoding == "form" && !isMap {
		return nil, &flaw{"body", "encoding form needs a body that is a map of names to values"}
	}
	if r.encoding == "ndjson" && given {
		return nil, &flaw{"body", "encoding ndjson writes one row a line: describe it under row"}
	}
	if r.body, err = parseTree(body, 0); err != nil {
		return nil, at("body", err)
	}
	r.single = uses(r.body, "row") || r.path.uses("row") || usesAny(r.query, "row") || usesAny(r.headers, "row")
	if r.path.uses("rows") {
		return nil, &flaw{"path", "path can not hold rows"}
	}
	if r.encoding != "form" && !r.single && !usesAny(r.query, "rows") && !usesAny(r.headers, "rows") {
		r.directRow, r.directBody = directly(r.row), directly(r.body)
	}
	return r, nil
}

func usesAny(ts map[string]text, root string) bool {
	for _, t := range ts {
		if t.uses(root) {
			return true
		}
	}
	return false
}

func parseTexts(name string, v any) (map[string]text, error) {
	out := map[string]text{}
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, &flaw{name, "must be a map of names to values"}
	}
	for k, v := range m {
		t, err := parseText(written(v))
		if err != nil {
			return nil, at(name, at(k, err))
		}
		out[k] = t
	}
	return out, nil
}

// maxDepth bounds a template's nesting.
const maxDepth = 32

func parseTree(v any, depth int) (tree, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the template is nested deeper than %d", maxDepth)
	}
	switch x := v.(type) {
	case string:
		return parseText(x)
	case map[string]any:
		out := map[string]tree{}
		for k, e := range x {
			t, err := parseTree(e, depth+1)
			if err != nil {
				return nil, at(k, err)
			}
			out[k] = t
		}
		return out, nil
	case []any:
		out := []tree{}
		for i, e := range x {
			t, err := parseTree(e, depth+1)
			if err != nil {
				return nil, at(strconv.Itoa(i), err)
			}
			out = append(out, t)
		}
		return out, nil
	}
	return v, nil
}

func uses(t tree, root string) bool {
	switch x := t.(type) {
	case text:
		return x.uses(root)
	case map[string]tree:
		for _, e := range x {
			if uses(e, root) {
				return true
			}
		}
	case []tree:
		for _, e := range x {
			if uses(e, root) {
				return true
			}
		}
	}
	return false
}

// grow renders t. Absent values take their key or element with them.
func grow(t tree, sc scope) any {
	switch x := t.(type) {
	case text:
		if len(x) == 0 {
			return ""
		}
		return plainly(x.render(sc, nil))
	case map[string]tree:
		out := map[string]any{}
		for k, e := range x {
			if v := grow(e, sc); !destinations.IsAbsent(v) {
				out[k] = v
			}
		}
		return out
	case []tree:
		out := []any{}
		for _, e := range x {
			if v := grow(e, sc); !destinations.IsAbsent(v) {
				out = append(out, v)
			}
		}
		return out
	}
	return t
}

// plainly makes times in v JSON's, at any depth.
func plainly(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = plainly(e)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = plainly(e)
		}
		return out
	}
	return wire(v)
}
