package yamldoc

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/weir-data/weir/models/diag"
)

// plan is what the struct tags of a type say.
type plan struct {
	fields   map[string]*field
	names    []string // keys in the order of declaration
	required []string
	key      *field            // takes the name under which the value stands
	scalar   *field            // takes a bare scalar
	list     *field            // takes a bare list
	rest     *field            // takes all other keys
	like     map[string]string // what people may write to the key that they mean
}

// suggest says which key may be meant by one that is not known: its name, or "", and a fix.
func (p *plan) suggest(key string) (meant, fix string) {
	meant, ok := p.like[strings.ToLower(key)]
	if !ok {
		meant = diag.Nearest(key, p.names)
	}
	if meant != "" {
		return meant, "did you mean \"" + meant + "\"?"
	}
	return "", diag.DidYouMean(key, p.names)
}

// field is one key of a struct.
type field struct {
	name     string
	index    []int
	typ      reflect.Type
	doc      string
	enum     []string
	one      bool
	null     bool
	required bool
}

// hint shows what may stand after the key.
func (f *field) hint() string {
	switch {
	case len(f.enum) > 0:
		return strings.Join(f.enum, " | ")
	case f.typ.Kind() == reflect.Struct || f.typ.Kind() == reflect.Map:
		return "{…}"
	case f.typ.Kind() == reflect.Slice && f.typ.Elem().Kind() == reflect.Struct:
		return "{…}"
	case f.typ.Kind() == reflect.Slice:
		return "[…]"
	}
	return "…"
}

// forms says what a struct may be written as.
func (p *plan) forms() string {
	s := "a mapping"
	if p.list != nil {
		s = "a list or " + s
	}
	if p.scalar != nil {
		s = "a value or " + s
	}
	return s
}

var plans sync.Map // reflect.Type to *plan

// planOf reads the tags of a struct type. It panics on a tag that is not understood: that is a
// fault in weir, not in a file.
func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{fields: map[string]*field{}, like: map[string]string{}}
	p.add(t, nil, true)
	actual, _ := plans.LoadOrStore(t, p)
	return actual.(*plan)
}

func (p *plan) add(t reflect.Type, at []int, bareLists bool) {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, ok := sf.Tag.Lookup("yaml")
		if !ok || tag == "-" {
			continue
		}
		name, rest, _ := strings.Cut(tag, ",")
		f := &field{name: name, index: append(slices.Clone(at), i), typ: sf.Type, doc: sf.Tag.Get("doc")}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		inline, list, lists := false, false, bareLists
		for o := range strings.SplitSeq(rest, ",") {
			switch o {
			case "":
			case "key":
				p.key = f
			case "inline":
				inline = true
			case "nolist":
				lists = false
			case "scalar":
				p.scalar = f
			case "list":
				list = true
			case "one":
				f.one = true
			case "null":
				f.null = true
			case "rest":
				p.rest = f
			case "required":
				f.required = true
			default:
				panic(fmt.Sprintf("yamldoc: %s.%s: unknown option %q", t, sf.Name, o))
			}
		}
		if inline {
			p.add(sf.Type, f.index, lists)
			continue
		}
		if list && bareLists {
			p.list = f
		}
		if name == "" {
			continue
		}
		if _, taken := p.fields[name]; taken {
			panic(fmt.Sprintf("yamldoc: %s: key %q is doubled", t, name))
		}
		if like := sf.Tag.Get("like"); like != "" {
			for w := range strings.SplitSeq(like, ",") {
				p.like[w] = name
			}
		}
		p.fields[name] = f
		p.names = append(p.names, name)
		if f.required {
			p.required = append(p.required, name)
		}
	}
}
