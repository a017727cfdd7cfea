package yamldoc

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// entry is one key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// entries lists the keys of a mapping, its own first in the order written, then those merged
// with `<<` that it does not have. Doubled keys and keys that are not text are reported.
func (d *decoder) entries(n *yaml.Node, p *path) []entry {
	es, doubled, odd := entriesOf(n)
	for _, e := range doubled {
		d.report(e.key, "yaml.doubled_key", fmt.Sprintf("%q stands twice%s; the first is in line %d", e.key.Value, under(p), e.value.Line), "take one of them out")
	}
	for _, k := range odd {
		if k.Value == "<<" {
			d.node(k, p, "yaml.wrong_type", "<< merges a mapping or a list of mappings", "write <<: *name with the anchor of a mapping")
			continue
		}
		d.node(k, p, "yaml.wrong_type", fmt.Sprintf("a key%s is not text", under(p)), "write it in quotes")
	}
	return es
}

// entriesOf is entries without reporting. A doubled entry's value is the first key.
func entriesOf(n *yaml.Node) (es, doubled []entry, odd []*yaml.Node) {
	es = make([]entry, 0, len(n.Content)/2)
	find := func(key string) *yaml.Node {
		for _, e := range es {
			if e.key.Value == key {
				return e.key
			}
		}
		return nil
	}
	if len(n.Content) > 32 { // a mapping of many names
		seen := make(map[string]*yaml.Node, len(n.Content)/2)
		find = func(key string) *yaml.Node {
			for i := len(seen); i < len(es); i++ {
				seen[es[i].key.Value] = es[i].key
			}
			return seen[key]
		}
	}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind == yaml.ScalarNode && k.ShortTag() == "!!merge":
			merges = append(merges, k, v)
		case k.Kind != yaml.ScalarNode || k.ShortTag() == "!!null":
			odd = append(odd, k)
		default:
			if first := find(k.Value); first != nil {
				doubled = append(doubled, entry{k, first})
				continue
			}
			es = append(es, entry{k, v})
		}
	}
	for i := 0; i < len(merges); i += 2 {
		from := []*yaml.Node{merges[i+1]}
		if s := resolve(merges[i+1]); s.Kind == yaml.SequenceNode {
			from = s.Content
		}
		for _, m := range from {
			m = resolve(m)
			if m.Kind != yaml.MappingNode {
				odd = append(odd, merges[i])
				continue
			}
			inner, _, _ := entriesOf(m)
			for _, e := range inner {
				if find(e.key.Value) == nil {
					es = append(es, e)
				}
			}
		}
	}
	return es, doubled, odd
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
