package models

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

var tableRE = regexp.MustCompile(`^[^.\s"'` + "`" + `;]+(\.[^.\s"'` + "`" + `;]+){0,2}$`)

// source checks one source on its own, and that some entity knows its identifiers.
func (c *checker) source(s *Source) {
	at := Path("sources", s.Name)
	c.name("source", at, s.Name)
	switch {
	case s.DBT != "" && s.Table != "":
		c.failKey(at+".dbt", "models.too_many", "keep one of them", "source %s has both table and dbt", s.Name)
	case s.DBT != "" && s.SQL != "":
		c.failKey(at+".sql", "models.too_many", "keep one of them", "source %s has both dbt and sql", s.Name)
	case s.DBT != "": // read where dbt's files are
	case s.Table == "" && s.SQL == "":
		c.failKey(at, "models.no_table", "add table: schema.table, or sql: with one SELECT, or dbt: ref('model')", "source %s has neither table nor sql", s.Name)
	case s.Table != "" && s.SQL != "":
		c.failKey(at+".sql", "models.too_many", "keep one of them", "source %s has both table and sql", s.Name)
	case s.Table != "" && !tableRE.MatchString(s.Table):
		c.fail(at+".table", "models.table_name", "write schema.table or database.schema.table, without quotes around the parts", "%q is not the name of a table", s.Table)
	case s.SQL != "" && strings.TrimSpace(s.SQL) == "":
		c.fail(at+".sql", "models.no_table", "write one SELECT", "sql is empty")
	}
	if s.Key == "" {
		c.failKey(at, "models.no_key", "add key: with the column whose value names a row", "source %s has no key", s.Name)
	}
	if s.Time != "" && s.UpdatedAt != "" {
		c.failKey(at+".updated_at", "models.too_many", "keep time if a row is something that happened, updated_at if it is a record that changes",
			"source %s has both time and updated_at", s.Name)
	}
	if s.FresherThan < 0 || s.FresherThan > 0 && !s.timed() {
		c.failKey(at+".fresher_than", "models.no_time", "add time: to a source of events, or updated_at: to one of records; or take fresher_than out",
			"nothing in source %s tells how old its rows are", s.Name)
	}
	if s.Timezone != "" {
		if _, err := time.LoadLocation(s.Timezone); err != nil || s.Timezone == "Local" {
			c.fail(at+".timezone", "models.timezone", "use a name of the IANA database, such as Europe/Paris or UTC", "unknown time zone %q", s.Timezone)
		}
	}
	c.relations(s)
	for _, id := range s.Identifiers {
		if len(c.m.Entities) > 0 && !c.declared(id.Type) {
			c.unknownKey(at+".identifiers."+id.Type, "identifier", id.Type, c.identifierNames())
		} else if id.Country != "" && !c.phone(id.Type) {
			c.failKey(at+".identifiers."+id.Type+".country", "models.country", "take country out, or add normalize: phone to the identifier of the entity",
				"country is for phone numbers; %s is not normalised as phone", id.Type)
		}
	}
}

// declared reports whether some entity has the identifier type.
func (c *checker) declared(identifier string) bool {
	for _, ids := range c.ids {
		if _, ok := ids[identifier]; ok {
			return true
		}
	}
	return false
}

// phone reports whether some entity normalises the identifier type as phone numbers, or there is
// no entity yet.
func (c *checker) phone(identifier string) bool {
	for i := range c.m.Entities {
		if id, _ := c.m.Entities[i].Identifier(identifier); id != nil && id.Normalizer() == "phone" {
			return true
		}
	}
	return len(c.m.Entities) == 0
}

// identifierNames lists the identifier types of all entities.
func (c *checker) identifierNames() []string {
	var out []string
	for i := range c.m.Entities {
		for _, n := range c.m.Entities[i].IdentifierNames() {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// unknownKey is unknown for a name that is a key.
func (c *checker) unknownKey(path, kind, name string, candidates []string) {
	c.unknown(path, kind, name, candidates)
	c.out[len(c.out)-1].OnKey = true
}
