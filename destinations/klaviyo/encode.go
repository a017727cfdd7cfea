package klaviyo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// imports is a batch as an import job takes it: the rows that go into the call, in order, and
// the rows that cannot.
type imports struct {
	rows    [][]byte                    // encoded profiles
	index   []int                       // index[i] is the row of the batch that rows[i] is
	refused map[int]destinations.Result // by row of the batch
	clears  []int                       // rows of the batch with a standard attribute to clear
}

// place says where a field of the batch goes.
type place struct {
	in   string // "": attribute, "location", "properties"
	name string
}

func places(fields []string) []place {
	out := make([]place, len(fields))
	for i, f := range fields {
		is := func(d destinations.Field) bool { return d.Name == f }
		switch {
		case slices.ContainsFunc(standard, is):
			out[i] = place{name: f}
		case slices.ContainsFunc(located, is):
			out[i] = place{in: "location", name: f}
		default:
			out[i] = place{in: "properties", name: f}
		}
	}
	return out
}

// profile is one row of an import. Maps are written with sorted keys, so that a repeated call
// has the same bytes.
type profile struct {
	Type       string         `json:"type"`
	Attributes map[string]any `json:"attributes"`
	Meta       *meta          `json:"meta,omitempty"`
}

type meta struct {
	Patch struct {
		Unset []string `json:"unset"`
	} `json:"patch_properties"`
}

// encode makes profiles of the rows of a batch. A row without any identifier, with an
// external id that is too long, with a value that JSON has no form for, or larger than a row
// may be is refused; the others are not held up by it.
func encode(b destinations.Batch) imports {
	im := imports{refused: map[int]destinations.Result{}}
	where := places(b.Columns.Fields)
	for i, r := range b.Rows {
		p := profile{Type: "profile", Attributes: map[string]any{}}
		for j, v := range r.IDs {
			if text, ok := v.(string); ok && text != "" {
				p.Attributes[b.Columns.IDs[j]] = text
			}
		}
		if len(p.Attributes) == 0 {
			im.refused[i] = rejected("missing", "no identifier")
			continue
		}
		if id, _ := p.Attributes["external_id"].(string); utf8.RuneCountInString(id) > 255 {
			im.refused[i] = rejected("too_long", "external_id is longer than 255 characters")
			continue
		}
		clears := fill(&p, where, r.Fields)
		row, err := rest.Encode(p)
		switch {
		case err != nil:
			im.refused[i] = rejected("unsupported_value", "a value cannot be written as JSON")
			continue
		case len(row) > importRowBytes:
			im.refused[i] = rejected("too_large", "a profile may have 100 KB")
			continue
		}
		if clears {
			im.clears = append(im.clears, i)
		}
		im.rows, im.index = append(im.rows, row), append(im.index, i)
	}
	return im
}

// fill puts the fields of a row where they belong and reports whether a standard attribute is
// to be cleared, which an import cannot do. A field named like an identifier of the row gives
// way to it.
func fill(p *profile, where []place, fields []any) (clears bool) {
	group := func(name string) map[string]any {
		m, ok := p.Attributes[name].(map[string]any)
		if !ok {
			m = map[string]any{}
			p.Attributes[name] = m
		}
		return m
	}
	for j, v := range fields {
		at := where[j]
		switch {
		case destinations.IsAbsent(v):
		case v == nil && at.in == "properties":
			if p.Meta == nil {
				p.Meta = &meta{}
			}
			p.Meta.Patch.Unset = append(p.Meta.Patch.Unset, at.name)
		case v == nil:
			clears = clears || at.in != "" || p.Attributes[at.name] == nil
		case at.in == "properties", at.name == "latitude", at.name == "longitude":
			group(at.in)[at.name] = wire(v)
		case at.in != "":
			group(at.in)[at.name] = text(v)
		case p.Attributes[at.name] == nil:
			p.Attributes[at.name] = text(v)
		}
	}
	return clears
}

// wire turns a field into what JSON shows of it. Times are RFC 3339 in UTC, which Klaviyo
// recognises as dates.
func wire(v any) any {
	if t, ok := v.(time.Time); ok {
		return t.UTC().Format(time.RFC3339Nano)
	}
	return v
}

// text turns a value into a string, which standard attributes are.
func text(v any) any {
	switch t := v.(type) {
	case string:
		return t
	case bool, int64, float64, json.Number:
		return fmt.Sprint(t)
	}
	return wire(v)
}

// body wraps the encoded rows in one import job, on a list unless it is "".
func (im imports) body(list string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[`)
	b.Write(bytes.Join(im.rows, []byte(",")))
	b.WriteString(`]}}`)
	if list != "" {
		id, _ := json.Marshal(list) // a string always has a form
		b.WriteString(`,"relationships":{"lists":{"data":[{"type":"list","id":`)
		b.Write(id)
		b.WriteString(`}]}}`)
	}
	b.WriteString(`}}`)
	return b.Bytes()
}

func rejected(code, why string) destinations.Result {
	return destinations.Result{Status: destinations.Rejected, Code: code, Reason: why}
}

// who returns the identifier that a row is looked up by: the first that it has, by name.
func who(columns []string, ids []any) (name, value string) {
	for _, want := range identifying {
		if j := slices.Index(columns, want); j >= 0 {
			if v, ok := ids[j].(string); ok && v != "" {
				return want, v
			}
		}
	}
	return "", ""
}

// same makes identifiers comparable: Klaviyo keeps addresses in lower case.
func same(name, value string) string {
	if name == "email" {
		return strings.ToLower(strings.TrimSpace(value))
	}
	return value
}
