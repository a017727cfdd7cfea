package project

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// epoch is a day from which every schedule that ever runs has a next time.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// cronReason is the parser's error without what the finding says already.
func cronReason(err error) string {
	s, _, _ := strings.Cut(err.Error(), ": [")
	return s
}

// use is a trait that a sync sends, and where it says so.
type use struct{ path, trait string }

// uses lists the traits in match, fields and texts. Texts that can not be parsed are passed over.
func (c *syncCheck) uses() []use {
	var out []use
	for _, m := range c.s.Match {
		out = append(out, use{c.at + ".match." + m.Identifier, m.Trait})
	}
	for _, f := range c.s.Fields {
		p := c.at + ".fields." + f.Name
		if f.Trait != "" {
			out = append(out, use{p, f.Trait})
		}
		if f.Text != "" {
			parts, _ := syncs.ParseText(f.Text)
			for _, t := range parts {
				if t.Trait != "" {
					out = append(out, use{p + ".text", t.Trait})
				}
			}
		}
	}
	return out
}

// match checks identifiers against the object's.
func (c *syncCheck) match() {
	var known []string
	anyOf := map[string][]string{}
	given := map[string]bool{}
	for _, m := range c.s.Match {
		given[m.Identifier] = true
	}
	var tags []string
	met := map[string]bool{}
	for _, id := range c.object.Identifiers {
		known = append(known, id.Name)
		if id.Required && !given[id.Name] {
			c.failKey(c.at+".match", "syncs.no_match", fmt.Sprintf("add %s: with the trait that holds it", id.Name), "%s %s needs the identifier %s", c.spec.Title, c.object.Name, id.Name)
		}
		if id.AnyOf != "" {
			if anyOf[id.AnyOf] == nil {
				tags = append(tags, id.AnyOf)
			}
			anyOf[id.AnyOf] = append(anyOf[id.AnyOf], id.Name)
			met[id.AnyOf] = met[id.AnyOf] || given[id.Name]
		}
	}
	for _, t := range tags {
		if !met[t] {
			c.failKey(c.at+".match", "syncs.no_match", "add one of "+strings.Join(anyOf[t], ", "), "%s %s needs at least one of %s", c.spec.Title, c.object.Name, strings.Join(anyOf[t], ", "))
		}
	}
	if len(c.s.Match) == 0 && len(tags) == 0 && c.p.owner(c.at).Has(c.at+".match") {
		c.failKey(c.at+".match", "syncs.no_match", "add an identifier of the destination with the trait that holds it", "match is empty")
	}
	for _, m := range c.s.Match {
		p := c.at + ".match." + m.Identifier
		if len(known) > 0 && !slices.Contains(known, m.Identifier) {
			c.failKey(p, "syncs.unknown_identifier", diag.DidYouMean(m.Identifier, known), "%s %s has no identifier %q", c.spec.Title, c.object.Name, m.Identifier)
		}
		c.trait(p, m.Trait)
	}
}

// fields checks fields against the object's, and what they are filled with.
func (c *syncCheck) fields() {
	s, o := c.s, c.object
	known := map[string]destinations.Field{}
	var names []string
	for _, f := range o.Fields {
		known[f.Name] = f
		names = append(names, f.Name)
	}
	given := map[string]bool{}
	for _, f := range s.Fields {
		given[f.Name] = true
		p := c.at + ".fields." + f.Name
		if _, ok := known[f.Name]; !ok && !o.OpenFields {
			fix := diag.DidYouMean(f.Name, names)
			if len(names) == 0 {
				fix = "take it out: there are no fields here"
			} else if fix == "" {
				fix = "run `weir destinations " + c.spec.Type + "` to see which there are"
			}
			c.failKey(p, "syncs.unknown_field", fix, "unknown field %q in %s %s", f.Name, c.spec.Title, o.Name)
		}
		c.field(p, f)
	}
	for _, f := range o.Fields {
		if f.Required && !given[f.Name] {
			c.failKey(c.at, "syncs.no_field", fmt.Sprintf("add fields: {%s: …}", f.Name), "%s %s needs the field %s", c.spec.Title, o.Name, f.Name)
		}
	}
}

func (c *syncCheck) field(p string, f syncs.Field) {
	set := 0
	for _, b := range []bool{f.Trait != "", f.Value != nil, f.Text != ""} {
		if b {
			set++
		}
	}
	if set != 1 {
		c.fail(p, "syncs.field", `write a trait, {value: …} or {text: "…"}`, "a field is filled with one of trait, value and text, not %d", set)
		return
	}
	if f.Trait != "" {
		c.trait(p, f.Trait)
	}
	if f.Text != "" {
		parts, err := syncs.ParseText(f.Text)
		if err != nil {
			c.fail(p+".text", "syncs.text", "", "%v", err)
			return
		}
		for _, t := range parts {
			if t.Trait != "" {
				c.trait(p+".text", t.Trait)
			}
		}
	}
}

// trait checks that what is sent exists: a trait or profile_id for profiles, a column for rows of
// a source whose columns are known. The columns of sql are known only to the warehouse.
func (c *syncCheck) trait(path, name string) {
	switch {
	case c.entity != nil:
		if name != "profile_id" && c.entity.Trait(name) == nil {
			known := c.entity.TraitNames()
			fix := diag.DidYouMean(name, known)
			if fix == "" {
				fix = fmt.Sprintf("add it under entities.%s.traits", c.entity.Name)
			}
			c.fail(path, "models.unknown_trait", fix, "entity %s has no trait %q", c.entity.Name, name)
		}
	case c.source != nil && c.p.Columns[c.source.Name] != nil:
		cols := c.p.Columns[c.source.Name]
		if !slices.ContainsFunc(cols, func(col models.Column) bool { return strings.EqualFold(col.Name, name) }) {
			var known []string
			for _, col := range cols {
				known = append(known, col.Name)
			}
			c.fail(path, "models.unknown_column", diag.DidYouMean(name, known), "source %s has no column %q", c.source.Name, name)
		}
	}
}
