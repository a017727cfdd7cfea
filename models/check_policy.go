package models

import (
	"fmt"
	"strings"
)

// kinds lists what a policy is, by its keys.
func (p *Policy) kinds() []string {
	var out []string
	for _, k := range []struct {
		name string
		set  bool
	}{{"require", p.Require != nil}, {"deny", p.Deny != nil}, {"suppress", p.Suppress != nil}, {"cap", p.Cap != nil}} {
		if k.set {
			out = append(out, k.name)
		}
	}
	return out
}

// Columns are the identifiers of a list and their columns: its own, or those of its source.
func (s *Suppress) Columns(source *Source) []SourceIdentifier {
	if len(s.Identifiers) > 0 || source == nil {
		return s.Identifiers
	}
	return source.Identifiers
}

// people checks that a policy says whose profiles it is about, and returns the entity or nil.
func (c *checker) people(p *Policy, at string) *Entity {
	if p.Entity == "" {
		c.failKey(at, "models.no_entity", "add entity:", "policy %s says not whose profiles it is about", p.Name)
		return nil
	}
	e, ok := c.entities[p.Entity]
	if !ok {
		c.unknown(at+".entity", "entity", p.Entity, c.m.EntityNames())
		return nil
	}
	return e
}

// kindNames checks names of kinds of destinations.
func (c *checker) kindNames(at string, kinds []string) {
	for i, k := range kinds {
		if !contains(policyKinds, k) {
			c.unknown(item(at, i), "kind", k, policyKinds)
			c.out[len(c.out)-1].What = fmt.Sprintf("unknown kind of destination %q", k)
		}
	}
	c.doubles(at, kinds)
}

// suppress checks a list of who is not to be reached.
func (c *checker) suppress(p *Policy, at string) {
	e := c.people(p, strings.TrimSuffix(at, ".suppress"))
	c.kindNames(at+".kinds", p.Suppress.Kinds)
	s, ok := c.sources[p.Suppress.Source]
	if !ok {
		c.unknown(at+".source", "source", p.Suppress.Source, c.m.SourceNames())
		return
	}
	for i := range p.Suppress.Where {
		c.test(at+".where."+p.Suppress.Where[i].Column, &p.Suppress.Where[i].Test, Unknown)
	}
	if e == nil {
		return
	}
	some := len(p.Suppress.Identifiers) > 0
	for _, id := range p.Suppress.Columns(s) {
		if known, _ := e.Identifier(id.Type); known != nil {
			some = true
		} else if len(p.Suppress.Identifiers) > 0 {
			c.unknown(at+".identifiers."+id.Type, "identifier", id.Type, e.IdentifierNames())
		}
	}
	if !some {
		c.failKey(at, "models.no_identifier", fmt.Sprintf("add identifiers: with one of %s and its column", strings.Join(e.IdentifierNames(), ", ")),
			"nothing in source %s tells who of %s is meant", s.Name, e.Name)
	}
}

// cap checks a bound of messages.
func (c *checker) cap(p *Policy, at string) {
	c.people(p, strings.TrimSuffix(at, ".cap"))
	c.kindNames(at+".kinds", p.Cap.Kinds)
	if len(p.Cap.Kinds) == 0 {
		c.failKey(at, "models.empty_list", "name at least one kind of destinations", "cap counts no messages")
	}
	if p.Cap.Max < 1 {
		c.fail(at+".max", "models.count", "write 1 or more; to send none, take the sync out", "max must be at least 1")
	}
	if p.Cap.Within <= 0 {
		c.fail(at+".within", "models.count", "write a time such as 7d", "within must be longer than nothing")
	}
	if p.Purpose != "" {
		c.failKey(strings.TrimSuffix(at, ".cap")+".purpose", "models.not_beside", "take it out", "a cap counts messages for every purpose")
	}
}

// suppress checks the columns of a list.
func (c *columnChecker) suppress(p *Policy) {
	at := Path("policies", p.Name, "suppress")
	for _, id := range p.Suppress.Identifiers {
		c.column(at+".identifiers."+id.Type, false, p.Suppress.Source, id.Column)
	}
	for i := range p.Suppress.Where {
		w := &p.Suppress.Where[i]
		if typ, ok := c.column(at+".where."+w.Column, true, p.Suppress.Source, w.Column); ok {
			c.test(at+".where."+w.Column, &w.Test, typ)
		}
	}
}
