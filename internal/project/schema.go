package project

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
)

// Schema returns the JSON Schema, draft-07, of one file of a project, for editors. It knows the
// settings of every registered kind of warehouse and destination.
func Schema() ([]byte, error) {
	s := yamldoc.Schema(&File{}, "weir", func(t reflect.Type, s yamldoc.Node) {
		switch t {
		case reflect.TypeFor[File]():
			names := yamldoc.Node{"pattern": "^[a-z][a-z0-9_]*$", "maxLength": models.MaxName}
			for _, k := range kinds {
				s["properties"].(yamldoc.Node)[k].(yamldoc.Node)["propertyNames"] = names
			}
		case reflect.TypeFor[Target]():
			choices(s, targetChoices())
			s["anyOf"] = []any{yamldoc.Node{"required": []any{"type"}}, yamldoc.Node{"required": []any{"dbt_profile"}}}
		case reflect.TypeFor[Destination]():
			choices(s, destinationChoices())
		}
	})
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	return append(b, '\n'), nil
}

// choice is one `type:` with the keys that it adds.
type choice struct {
	name     string
	settings yamldoc.Node
	required []any
}

func targetChoices() []choice {
	var out []choice
	for _, name := range warehouse.Kinds() {
		kind, _ := warehouse.Lookup(name)
		c := choice{name: name, settings: yamldoc.Node{}}
		for _, s := range kind.Settings() {
			p := yamldoc.Node{"type": []any{"string", "number", "boolean"}, "description": s.Doc}
			if s.Secret {
				p = yamldoc.Node{"type": "string", "pattern": referencePattern, "description": s.Doc}
			}
			if s.Default != "" {
				p["default"] = s.Default
			}
			c.settings[s.Name] = p
			if s.Required {
				c.required = append(c.required, s.Name)
			}
		}
		out = append(out, c)
	}
	return out
}

// referencePattern is what a secret must hold.
const referencePattern = `\$\{(env|file):[^}]+\}`

func destinationChoices() []choice {
	var out []choice
	for _, name := range destinations.Types() {
		d, _ := destinations.Lookup(name)
		c := choice{name: name, settings: yamldoc.Node{}}
		for _, s := range d.Spec().Settings {
			p := yamldoc.Node{"description": s.Doc}
			switch {
			case s.Secret:
				p["type"], p["pattern"] = "string", referencePattern
			case s.Type == destinations.Integer:
				p["anyOf"] = []any{yamldoc.Node{"type": "integer"}, yamldoc.Node{"type": "string", "pattern": referencePattern}}
			case s.Type == destinations.Boolean:
				p["anyOf"] = []any{yamldoc.Node{"type": "boolean"}, yamldoc.Node{"type": "string", "pattern": referencePattern}}
			case s.Type == destinations.Tree:
			case len(s.Enum) > 0:
				enum := []any{}
				for _, e := range s.Enum {
					enum = append(enum, e)
				}
				p["anyOf"] = []any{yamldoc.Node{"enum": enum}, yamldoc.Node{"type": "string", "pattern": referencePattern}}
			default:
				p["type"] = "string"
			}
			if s.Default != nil {
				p["default"] = s.Default
			}
			c.settings[s.Name] = p
			if s.Required {
				c.required = append(c.required, s.Name)
			}
		}
		out = append(out, c)
	}
	return out
}

// choices makes the keys of a mapping depend on its type.
func choices(s yamldoc.Node, cs []choice) {
	if len(cs) == 0 {
		return
	}
	props := s["properties"].(yamldoc.Node)
	var names, all []any
	for _, c := range cs {
		names = append(names, c.name)
		every := maps.Clone(c.settings)
		for k := range props {
			every[k] = true
		}
		then := yamldoc.Node{"properties": every, "additionalProperties": false}
		if len(c.required) > 0 {
			then["required"] = c.required
			if props["dbt_profile"] != nil { // which may say them
				delete(then, "required")
				then["anyOf"] = []any{yamldoc.Node{"required": c.required}, yamldoc.Node{"required": []any{"dbt_profile"}}}
			}
		}
		all = append(all, yamldoc.Node{
			"if":   yamldoc.Node{"properties": yamldoc.Node{"type": yamldoc.Node{"const": c.name}}, "required": []any{"type"}},
			"then": then,
		})
	}
	props["type"].(yamldoc.Node)["enum"] = names
	s["allOf"] = all
}
