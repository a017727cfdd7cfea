package project

import (
	"cmp"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/dbt"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// Meaning is what one model or sync means, as a hash: of two projects it tells whether the two mean
// the same by it.
type Meaning struct {
	Kind string // source, entity, segment or sync
	Name string
	File string // that declares it, relative to the project
	Hash string
}

// Meanings hashes every source, entity, segment and sync by itself, without what it depends on.
// The hash is the same whatever the target, the file, the layout and the comments are, and whatever
// stands there for people only: descriptions, tags, and when a sync runs. In SQL, white space and
// comments do not count. A sync's has its destination in it, and the policies that it obeys: they are
// no nodes of their own. Keys that later versions of weir add change no hash where they are not used.
func (p *Project) Meanings() []Meaning {
	c := p.canonical()
	var out []Meaning
	add := func(kind, name string, v ...any) {
		m := Meaning{Kind: kind, Name: name, Hash: meaning(v...)}
		if doc := p.owner(models.Path(plural[kind], name)); doc != nil {
			m.File = doc.File
		}
		out = append(out, m)
	}
	for _, s := range c.Model.Sources {
		if s.DBT != "" {
			s.Table = "" // where dbt puts it is a matter of the target
			if r, err := dbt.ParseReference(s.DBT); err == nil {
				s.DBT = r.String()
			}
		}
		add("source", s.Name, s, c.Timezone)
	}
	for _, e := range c.Model.Entities {
		add("entity", e.Name, e, c.Timezone)
	}
	for _, s := range c.Model.Segments {
		add("segment", s.Name, s, c.Timezone)
	}
	for i := range c.Syncs {
		s := &c.Syncs[i]
		v := []any{*s}
		if d := p.Destination(s.Destination); d != nil {
			v = append(v, *d)
		}
		for _, q := range c.Model.Policies {
			if p.obeys(s, &q) {
				v = append(v, q)
			}
		}
		add("sync", s.Name, v...)
	}
	return out
}

var plural = map[string]string{"source": "sources", "entity": "entities", "segment": "segments", "sync": "syncs"}

// obeys reports whether a policy has a say in a sync, or may have one.
func (p *Project) obeys(s *syncT, q *models.Policy) bool {
	if of := p.EntityOf(s); of != "" && q.Entity != "" && q.Entity != of {
		return false
	}
	if q.Purpose != "" && q.Purpose != p.Purpose(s) {
		return false
	}
	kinds := []string{}
	switch {
	case q.Deny != nil:
		kinds = q.Deny.Kinds
	case q.Suppress != nil:
		kinds = q.Suppress.Kinds
	case q.Cap != nil && s.Mode != syncs.Append:
		return false
	case q.Cap != nil:
		kinds = q.Cap.Kinds
	}
	d := p.Destination(s.Destination)
	if len(kinds) == 0 || d == nil {
		return true
	}
	dest, ok := destinations.Lookup(d.Type)
	return !ok || slices.Contains(kinds, string(dest.Spec().Kind))
}

// meaning hashes values by their keys in YAML.
func meaning(values ...any) string {
	var b strings.Builder
	for _, v := range values {
		spell(&b, "", reflect.ValueOf(v))
		b.WriteByte('\n')
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:16])
}

// unordered are the named things whose order means nothing. That of identifiers is their rank, and
// that of arms decides who is in which.
var unordered = []reflect.Type{
	reflect.TypeFor[models.Trait](), reflect.TypeFor[models.SourceIdentifier](), reflect.TypeFor[models.Relation](), reflect.TypeFor[models.Column](),
	reflect.TypeFor[models.MaxLinks](), reflect.TypeFor[models.ColumnTest](), reflect.TypeFor[models.Feature](), reflect.TypeFor[syncs.Field](),
}

// spell writes a value so that two that mean the same are the same text. Each text has its length
// before it, so that no two others are. What is not set is not written.
func spell(b *strings.Builder, key string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteByte('-')
			return
		}
		spell(b, key, v.Elem())
		return
	}
	if t, ok := v.Interface().(encoding.TextMarshaler); ok {
		if text, err := t.MarshalText(); err == nil {
			token(b, string(text))
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		b.WriteByte('{')
		fields(b, v)
		b.WriteByte('}')
	case reflect.Slice, reflect.Array:
		parts := make([]string, v.Len())
		for i := range parts {
			var one strings.Builder
			spell(&one, key, v.Index(i))
			parts[i] = one.String()
		}
		if slices.Contains(unordered, v.Type().Elem()) {
			slices.Sort(parts)
		}
		b.WriteString("[" + strings.Join(parts, " ") + "]")
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return cmp.Compare(x.String(), y.String()) })
		b.WriteByte('{')
		for _, k := range keys {
			token(b, k.String())
			spell(b, k.String(), v.MapIndex(k))
		}
		b.WriteByte('}')
	case reflect.String:
		if key == "sql" {
			token(b, plainSQL(v.String()))
			return
		}
		token(b, v.String())
	default: // numbers, true and false
		token(b, fmt.Sprint(v.Interface()))
	}
}

// fields writes what of a struct is set, by its keys.
func fields(b *strings.Builder, v reflect.Value) {
	t := v.Type()
	type field struct {
		key   string
		value reflect.Value
	}
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || tag == "-" && f.Name != "Sum": // a file counts by what it holds
		case f.Anonymous && strings.Contains(options, "inline"):
			var inner strings.Builder
			fields(&inner, v.Field(i))
			b.WriteString(inner.String())
		case !v.Field(i).IsZero():
			all = append(all, field{cmp.Or(strings.Trim(tag, "-"), strings.ToLower(f.Name)), v.Field(i)})
		}
	}
	slices.SortFunc(all, func(x, y field) int { return cmp.Compare(x.key, y.key) })
	for _, f := range all {
		token(b, f.key)
		spell(b, f.key, f.value)
	}
}

func token(b *strings.Builder, s string) {
	b.WriteString(strconv.Itoa(len(s)))
	b.WriteByte(':')
	b.WriteString(s)
}

// plainSQL is SQL without its comments, and with one space where there is white space. Text that
// not every warehouse reads alike, with a backslash, a dollar sign or three quotes, stays as it is: two that differ
// may then be taken for different ones, never the other way round.
func plainSQL(s string) string {
	if strings.ContainsAny(s, "\\$#") || strings.Contains(s, "'''") || strings.Contains(s, `"""`) {
		return s
	}
	var b strings.Builder
	gap := false
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
			gap = true
			i++
		case strings.HasPrefix(s[i:], "--"):
			gap = true
			end := strings.IndexAny(s[i:], "\r\n")
			if end < 0 {
				end = len(s) - i
			}
			i += end
		case strings.HasPrefix(s[i:], "/*"):
			end := strings.Index(s[i+2:], "*/")
			if end < 0 || strings.Contains(s[i+2:i+2+end], "/*") || strings.HasPrefix(s[i:], "/*+") { // not closed, nested, or a hint
				return s
			}
			gap = true
			i += end + 4
		default:
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			end := i + 1
			if c == '\'' || c == '"' || c == '`' {
				n := strings.IndexByte(s[end:], c)
				if n < 0 {
					return s
				}
				end += n + 1 // a doubled quote begins the next piece at once
			}
			b.WriteString(s[i:end])
			i = end
		}
	}
	return b.String()
}
