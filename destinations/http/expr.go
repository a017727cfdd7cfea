package http

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
)

// expr is one expression: a path and filters. There are no operators, calls or loops, so that a
// template can do nothing but name values.
type expr struct {
	path    []string
	filters []string
}

// part is a piece of a text: a literal, or an expression.
type part struct {
	text string
	expr *expr
}

// text is a parsed string of a template.
type text []part

var pathRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_$-]+)*$`)

// parseText reads a string with {{ expressions }}.
func parseText(s string) (text, error) {
	var out text
	for {
		before, rest, ok := strings.Cut(s, "{{")
		if before != "" {
			out = append(out, part{text: before})
		}
		if !ok {
			return out, nil
		}
		inner, after, ok := strings.Cut(rest, "}}")
		if !ok {
			return nil, fmt.Errorf("%q is not closed by }}", "{{"+rest)
		}
		e, err := parseExpr(inner)
		if err != nil {
			return nil, err
		}
		out = append(out, part{expr: e})
		s = after
	}
}

func parseExpr(s string) (*expr, error) {
	pieces := strings.Split(s, "|")
	name := strings.TrimSpace(pieces[0])
	if !pathRE.MatchString(name) {
		return nil, fmt.Errorf("%q is not a path such as row.ids.email", name)
	}
	e := &expr{path: strings.Split(name, ".")}
	switch root := e.path[0]; root {
	case "rows":
		if len(e.path) > 1 {
			return nil, fmt.Errorf("%q: rows is all rows together and has no parts", name)
		}
	case "row", "batch":
		known := map[string][]string{"row": {"ids", "fields", "op", "key", "remote_id", "dedup"}, "batch": {"id", "op", "target", "size", "replay"}}[root]
		if len(e.path) == 1 || !contains(known, e.path[1]) {
			return nil, fmt.Errorf("%q: %s has the parts %s", name, root, strings.Join(known, ", "))
		}
	default:
		return nil, fmt.Errorf("%q: a path begins with row, rows or batch", name)
	}
	for _, f := range pieces[1:] {
		f = strings.TrimSpace(f)
		if f != "json" && f != "urlencode" {
			return nil, fmt.Errorf("unknown filter %q: there are json and urlencode", f)
		}
		e.filters = append(e.filters, f)
	}
	return e, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// scope is what expressions can name. A value that is not there is Absent.
type scope map[string]any

func (sc scope) value(e *expr) any {
	var v any = map[string]any(sc)
	for _, name := range e.path {
		m, ok := v.(map[string]any)
		if !ok {
			return destinations.Absent
		}
		if v, ok = m[name]; !ok {
			return destinations.Absent
		}
	}
	for _, f := range e.filters {
		if destinations.IsAbsent(v) {
			return v
		}
		switch f {
		case "json":
			b, err := json.Marshal(wire(v))
			if err != nil {
				return destinations.Absent
			}
			v = string(b)
		case "urlencode":
			v = url.QueryEscape(written(v))
		}
	}
	return v
}

// render gives the value of t: of its own type if t is one expression, otherwise a string.
// escape, unless nil, is applied to each written value.
func (t text) render(sc scope, escape func(string) string) any {
	if len(t) == 1 && t[0].expr != nil && escape == nil {
		return sc.value(t[0].expr)
	}
	var b strings.Builder
	for _, p := range t {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v := sc.value(p.expr)
		if destinations.IsAbsent(v) {
			return destinations.Absent
		}
		s := written(v)
		if escape != nil && !contains(p.expr.filters, "urlencode") {
			s = escape(s)
		}
		b.WriteString(s)
	}
	return b.String()
}

// uses reports whether t names root.
func (t text) uses(root string) bool {
	for _, p := range t {
		if p.expr != nil && p.expr.path[0] == root {
			return true
		}
	}
	return false
}

// wire turns a value of a row into what JSON carries.
func wire(v any) any {
	if t, ok := v.(time.Time); ok {
		return t.UTC().Format(time.RFC3339Nano)
	}
	return v
}

// written is a value within a text.
func written(v any) string {
	switch x := wire(v).(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case json.Number:
		return x.String()
	default:
		b, _ := json.Marshal(x) // maps and lists of the types above
		return string(b)
	}
}
