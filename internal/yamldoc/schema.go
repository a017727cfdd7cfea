package yamldoc

import (
	"encoding"
	"reflect"
)

// Node is a JSON Schema, or part of one, ready for encoding/json.
type Node = map[string]any

// Schema makes a JSON Schema, draft-07, of the files that Decode takes for a struct like the one
// that v points to. It comes from the same tags as the decoding. extend, if not nil, is called
// with the schema of every struct that has keys of its own and may add to it.
//
// What a schema cannot say is left to the checks: that two keys exclude each other, that a name
// is declared, that a value fits a column.
func Schema(v any, title string, extend func(t reflect.Type, s Node)) Node {
	g := &generator{definitions: Node{}, names: map[reflect.Type]string{}, extend: extend}
	t := reflect.TypeOf(v).Elem()
	root := g.object(t)
	// A section of a file may be empty: all its entries commented out.
	for _, p := range root["properties"].(Node) {
		allowNull(p.(Node))
	}
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = title
	root["definitions"] = g.definitions
	return root
}

func allowNull(s Node) {
	if s["type"] == "object" {
		s["type"] = []any{"object", "null"}
	}
}

// Patterned is a value that is read from text of one form.
type Patterned interface {
	Pattern() string
}

type generator struct {
	definitions Node
	names       map[reflect.Type]string
	extend      func(reflect.Type, Node)
}

// of is the schema of a value of type t, declared by f.
func (g *generator) of(t reflect.Type, f *field) Node {
	if f.null {
		return Node{"anyOf": []any{g.of(t, &field{enum: f.enum, one: f.one}), Node{"type": "null"}}}
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	ptr := reflect.PointerTo(t)
	switch {
	case ptr.Implements(scalarType):
		return Node{"type": []any{"string", "number", "boolean"}}
	case ptr.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		s := Node{"type": "string"}
		if p, ok := reflect.New(t).Interface().(Patterned); ok {
			s["pattern"] = p.Pattern()
		}
		return s
	}
	switch t.Kind() {
	case reflect.Struct:
		return g.structure(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			if pl := planOf(t.Elem()); pl.key != nil {
				return Node{"type": "object", "additionalProperties": g.structure(t.Elem())}
			}
		}
		item := g.of(t.Elem(), &field{enum: f.enum})
		list := Node{"type": "array", "items": item}
		if f.one {
			return Node{"anyOf": []any{item, list}}
		}
		return list
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return Node{"type": "object"}
		}
		return Node{"type": "object", "additionalProperties": g.of(t.Elem(), &field{})}
	case reflect.String:
		s := Node{"type": "string"}
		if len(f.enum) > 0 {
			s["enum"] = anys(f.enum)
		}
		return s
	case reflect.Bool:
		return Node{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return Node{"type": "integer"}
	case reflect.Float64:
		return Node{"type": "number"}
	case reflect.Interface:
		return Node{}
	}
	panic("yamldoc: no schema for " + t.String())
}

// structure is a reference to the definition of a struct, in all its forms.
func (g *generator) structure(t reflect.Type) Node {
	name, ok := g.names[t]
	if !ok {
		name = t.Name()
		for n := 2; g.definitions[name] != nil; n++ { // two packages with a type of one name
			name = t.Name() + string(rune('0'+n))
		}
		g.names[t] = name
		g.definitions[name] = Node{} // taken, for structs that hold themselves
		pl := planOf(t)
		s := g.object(t)
		forms := []any{s}
		if pl.scalar != nil {
			forms = append(forms, g.of(pl.scalar.typ, pl.scalar))
		}
		if pl.list != nil {
			forms = append(forms, g.of(pl.list.typ, pl.list))
		}
		if len(forms) > 1 {
			s = Node{"anyOf": forms}
		}
		g.definitions[name] = s
	}
	return Node{"$ref": "#/definitions/" + name}
}

// object is the mapping form of a struct.
func (g *generator) object(t reflect.Type) Node {
	pl := planOf(t)
	props := Node{}
	for _, name := range pl.names {
		f := pl.fields[name]
		s := g.of(f.typ, f)
		if f.doc != "" {
			if _, ref := s["$ref"]; ref {
				s = Node{"allOf": []any{s}} // draft-07 ignores what stands beside a $ref
			}
			s["description"] = f.doc
		}
		props[name] = s
	}
	s := Node{"type": "object", "properties": props, "additionalProperties": pl.rest != nil}
	if len(pl.required) > 0 {
		s["required"] = anys(pl.required)
	}
	if g.extend != nil {
		g.extend(t, s)
	}
	return s
}

func anys(xs []string) []any {
	out := make([]any, len(xs))
	for i, x := range xs {
		out[i] = x
	}
	return out
}
