package yamldoc

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// wrong reports a value of the wrong kind.
func (d *decoder) wrong(n *yaml.Node, p *path, want string, fix ...string) {
	got := "a mapping"
	switch n.Kind {
	case yaml.SequenceNode:
		got = "a list"
	case yaml.ScalarNode:
		got = tagName(n.ShortTag())
	}
	d.node(n, p, "yaml.wrong_type", fmt.Sprintf("%s must be %s, not %s", orDocument(p), want, got), strings.Join(fix, "; "))
}

// tagName names the type of a scalar for people.
func tagName(tag string) string {
	switch tag {
	case "!!str":
		return "text"
	case "!!int":
		return "a whole number"
	case "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date or time"
	case "!!null":
		return "nothing"
	}
	return "a value tagged " + tag
}

// kindName names a Go kind for people.
func kindName(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

func orDocument(p *path) string {
	if p == nil {
		return "the file"
	}
	return p.String()
}

func under(p *path) string {
	if p == nil {
		return ""
	}
	return " under " + p.String()
}

func contains(xs []string, x string) bool { return slices.Contains(xs, x) }
