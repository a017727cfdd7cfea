package yamldoc

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/weir-data/weir/models/diag"
)

// scalar decodes text, whole numbers, numbers and booleans.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, p *path, f *field) {
	if n.Kind != yaml.ScalarNode {
		d.wrong(n, p, kindName(v.Kind()))
		return
	}
	tag := n.ShortTag()
	switch v.Kind() {
	case reflect.String:
		if tag != "!!str" {
			fix := "write it in quotes: " + strconv.Quote(n.Value)
			if p != nil && mask(p.key+": x") != p.key+": x" {
				fix = "write it in quotes" // a secret is not repeated
			}
			d.node(n, p, "yaml.wrong_type", fmt.Sprintf("%s must be text, not %s", orDocument(p), tagName(tag)), fix)
			return
		}
		if len(f.enum) > 0 && !contains(f.enum, n.Value) {
			d.node(n, p, "yaml.not_allowed", fmt.Sprintf("%s can not be %q", orDocument(p), n.Value), diag.DidYouMean(n.Value, f.enum))
			return
		}
		v.SetString(n.Value)
	case reflect.Int, reflect.Int64, reflect.Int32:
		i, ok := whole(n.Value)
		switch {
		case tag != "!!int":
			d.wrong(n, p, "a whole number")
		case !ok || v.OverflowInt(i):
			d.notWhole(n, p)
		default:
			v.SetInt(i)
		}
	case reflect.Float64:
		x, err := strconv.ParseFloat(n.Value, 64)
		if tag != "!!int" && tag != "!!float" || err != nil || x-x != 0 {
			d.wrong(n, p, "a number")
			return
		}
		v.SetFloat(x)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(n.Value))
		if tag != "!!bool" || err != nil {
			d.wrong(n, p, "true or false")
			return
		}
		v.SetBool(b)
	default:
		panic("yamldoc: no way to decode " + v.Type().String())
	}
}

// any decodes any value: nil, bool, int64, float64, string, []any or map[string]any. Dates and
// times stay text, as written.
func (d *decoder) any(n *yaml.Node, p *path) any {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for _, e := range d.entries(n, p) {
			m[e.key.Value] = d.any(e.value, &path{up: p, key: e.key.Value})
		}
		return m
	case yaml.SequenceNode:
		s := make([]any, len(n.Content))
		for i, c := range n.Content {
			s[i] = d.any(c, &path{up: p, index: i})
		}
		return s
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int":
		i, ok := whole(n.Value)
		if !ok {
			d.notWhole(n, p)
		}
		return i
	case "!!float":
		x, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || x-x != 0 {
			d.node(n, p, "yaml.bad_value", fmt.Sprintf("%s is not a finite number", orDocument(p)), "write it in quotes")
		}
		return x
	case "!!str", "!!timestamp":
		return n.Value
	}
	d.node(n, p, "yaml.wrong_type", fmt.Sprintf("the tag %s means nothing here", n.ShortTag()), "take the tag out")
	return nil
}

// whole reads a whole number in base 10. Other bases, and zeros in front, mean one thing to YAML
// and another to people.
func whole(s string) (int64, bool) {
	i, err := strconv.ParseInt(s, 10, 64)
	digits := strings.TrimLeft(s, "+-")
	return i, err == nil && (len(digits) == 1 || digits[0] != '0')
}

func (d *decoder) notWhole(n *yaml.Node, p *path) {
	d.node(n, p, "yaml.bad_value", fmt.Sprintf("%s is not a whole number of up to 64 bits in base 10 without zeros in front", orDocument(p)), "write it in quotes if it is text")
}
