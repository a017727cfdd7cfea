package dbt

import (
	"fmt"
	"strings"
)

// part is one name of a relation.
type part struct {
	text   string
	quoted bool
}

// Table is the name of the node's table as weir writes it: schema.table or
// database.schema.table. weir reads names without upper-case letters as the warehouse folds them,
// and all others as they are. The error is a *Fault.
func (m *Manifest) Table(n *Node) (string, error) {
	r := m.Reference(n).String()
	switch {
	case n.Made == "ephemeral":
		return "", &Fault{Code: "dbt.ephemeral", What: r + " is ephemeral: dbt makes no table of it", Fix: "materialise it as a view or a table in dbt, or refer to a model that is"}
	case n.External:
		return "", &Fault{Code: "dbt.relation", What: r + " lies in files, which weir does not read", Fix: "refer to a model of dbt that reads it"}
	}
	parts, ok := split(n.Relation)
	if n.Relation == "" {
		ok = n.Identifier != ""
		for _, text := range []string{n.Database, n.Schema, n.Identifier} {
			if text != "" {
				parts = append(parts, part{text, m.Adapter != "snowflake"})
			}
		}
	}
	if !ok || len(parts) > 3 {
		return "", &Fault{Code: "dbt.relation", What: fmt.Sprintf("%s is %s in the warehouse, which is not the name of a table", r, n.Relation), Fix: "write a SELECT from it under sql:"}
	}
	if m.Adapter == "duckdb" && len(parts) == 3 {
		parts = parts[1:] // weir opens one file, whatever the name it is attached by
	}
	var names []string
	for _, p := range parts {
		text := p.text
		if fold(m.Adapter) && !p.quoted {
			text = strings.ToLower(text)
		}
		lower := text == strings.ToLower(text) && text != strings.ToUpper(text)
		if strings.ContainsAny(text, ".;\"'` \t\r\n") || m.Adapter == "snowflake" && p.quoted && lower {
			return "", &Fault{Code: "dbt.relation", What: fmt.Sprintf("%s has the name %q in the warehouse, which table: can not say", r, p.text), Fix: "write a SELECT from it under sql:"}
		}
		names = append(names, text)
	}
	return strings.Join(names, "."), nil
}

// fold reports whether a warehouse changes the case of names without quotes; weir writes such
// names in lower case.
func fold(adapter string) bool {
	return adapter == "snowflake" || adapter == "postgres" || adapter == "redshift"
}

// split takes a relation apart: "db"."schema"."name", `project`.`dataset`.`name` or
// DB.SCHEMA.NAME.
func split(s string) (parts []part, ok bool) {
	for {
		p := part{}
		if s == "" {
			return nil, false
		}
		if q := s[0]; q == '"' || q == '`' {
			var b strings.Builder
			i := 1
			for ; i < len(s); i++ {
				if s[i] == q {
					if i+1 < len(s) && s[i+1] == q {
						i++
					} else {
						break
					}
				}
				b.WriteByte(s[i])
			}
			if i >= len(s) || b.Len() == 0 {
				return nil, false
			}
			p, s = part{b.String(), true}, s[i+1:]
		} else {
			end := strings.IndexByte(s, '.')
			if end < 0 {
				end = len(s)
			}
			p.text, s = s[:end], s[end:]
			if p.text == "" || strings.ContainsAny(p.text, "()\"'` \t\r\n") {
				return nil, false
			}
		}
		parts = append(parts, p)
		if s == "" {
			return parts, true
		}
		if s[0] != '.' {
			return nil, false
		}
		s = s[1:]
	}
}
