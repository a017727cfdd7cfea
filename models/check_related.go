package models

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/models/diag"
)

// relations checks where the rows of a source lead.
func (c *checker) relations(s *Source) {
	at := Path("sources", s.Name, "related")
	for _, r := range s.Related {
		if to, ok := c.sources[r.Source]; !ok {
			others := slices.DeleteFunc(c.m.SourceNames(), func(n string) bool { return n == s.Name })
			c.unknownKey(at+"."+r.Source, "source", r.Source, others)
		} else if to.Key == "" {
			c.failKey(at+"."+r.Source, "models.no_key", fmt.Sprintf("add key: to the source %s", to.Name),
				"%s.%s holds the key of a row of %s, and that has no key", s.Name, r.Column, to.Name)
		}
	}
}

// relationCircles reports relations that lead back to where they began.
func (c *checker) relationCircles() {
	_, circles := order(c.m.SourceNames(), func(n string) []reference {
		var out []reference
		for _, r := range c.sources[n].Related {
			out = append(out, reference{r.Source, Path("sources", n, "related", r.Source)})
		}
		return out
	})
	for _, o := range circles {
		if len(o.names) == 2 {
			c.failKey(o.at, "models.circle", fmt.Sprintf("declare the table a second time, as another source, and relate %s to that", o.names[0]), "source %s is related to itself", o.names[0])
			continue
		}
		c.failKey(o.at, "models.circle", "keep the one from the many rows to the one: order_items to orders", "sources are related to each other in a circle: %s", strings.Join(o.names, " -> "))
	}
}

// rowSource finds a source whose rows belong to the entity's profiles, by themselves or by the
// rows that they are related to, or reports why they do not.
func (c *checker) rowSource(e *Entity, path, name string) *Source {
	s, ok := c.sources[name]
	if !ok || c.from[e.Name][name] {
		return c.memberSource(e, path, name)
	}
	routes := c.m.OwnerRoutes(e, name)
	switch len(routes) {
	case 0:
		c.fail(path, "models.not_in_identity", fmt.Sprintf("add %s to entities.%s.identity.from; or relate it to a source that is there, with sources.%s.related: {source: column}", name, e.Name, name),
			"the rows of %s belong to no %s", name, e.Name)
		return nil
	case 1:
		return s
	}
	var ways []string
	for _, r := range routes {
		way := []string{}
		for _, h := range r {
			way = append(way, h.To.Name)
		}
		ways = append(ways, strings.Join(way, "."))
	}
	c.fail(path, "models.ambiguous_route", fmt.Sprintf("keep one of them under sources.%s.related; or give %s identifiers of its own, and add it to entities.%s.identity.from", name, name, e.Name),
		"the rows of %s may belong to a %s by %s", name, e.Name, strings.Join(ways, " or by "))
	return nil
}

// rowColumn checks the name of a column of a source's rows as far as it says to whom it leads.
func (c *checker) rowColumn(path string, onKey bool, s *Source, name string) {
	fail := func(code, fix, format string, args ...any) {
		c.fail(path, code, fix, format, args...)
		c.out[len(c.out)-1].OnKey = onKey
	}
	hops, column := c.m.ColumnRoute(s.Name, name)
	if len(hops) > 0 {
		s = hops[len(hops)-1].To
	}
	first, _, dotted := strings.Cut(column, ".")
	switch {
	case name == "" || strings.HasSuffix(name, "."):
		fail("models.no_column", "write column, or source.column", "%q names no column", name)
	case !dotted || slices.ContainsFunc(s.Columns, func(col Column) bool { return strings.EqualFold(col.Name, column) }):
	case len(hops) == MaxHops && contains(s.RelationNames(), first):
		fail("models.too_far", fmt.Sprintf("join the tables in a query: sql: in place of the table of %s", hops[MaxHops-1].From.Name),
			"%s is more than %d relations away", name, MaxHops)
	case c.sources[first] != nil && first != s.Name:
		fail("models.not_related", fmt.Sprintf("say which column leads there: sources.%s.related: {%s: column}", s.Name, first), "%s is not related to %s", s.Name, first)
	case diag.Nearest(first, s.RelationNames()) != "":
		fail("models.not_related", diag.DidYouMean(first, s.RelationNames()), "%s is not related to %q", s.Name, first)
	}
}

// aggregateColumn checks the name of the column of an aggregate.
func (c *checker) aggregateColumn(e *Entity, at string, s *Source, a *Aggregate) {
	for _, kind := range a.set() {
		if kind != "count" {
			c.rowColumn(at+"."+kind, false, s, a.column(kind))
		}
	}
}

// rowColumn is column for a name that may lead to a row of another source.
func (c *columnChecker) rowColumn(path string, onKey bool, source, name string) (Type, bool) {
	at := c.m.ColumnOf(source, name)
	return c.column(path, onKey, at.Source, at.Column)
}
