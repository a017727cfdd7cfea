package redshift

import (
	"context"
	"errors"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
)

// Rights asks the server about each right by its has_…_privilege functions ("System information
// functions"). A source that is not there is found out elsewhere.
func (s *session) Rights(ctx context.Context, sources [][]string) ([]warehouse.Right, error) {
	user := quote(s.config.User)
	var out []warehouse.Right
	seen := map[string]bool{}
	add := func(r warehouse.Right) {
		if !seen[r.What] {
			seen[r.What] = true
			if r.Held {
				r.Grant = ""
			}
			out = append(out, r)
		}
	}
	for _, name := range sources {
		table, err := quoted(name)
		if err != nil {
			return nil, err
		}
		if len(name) > 1 {
			schema := name[len(name)-2]
			held, err := s.ask(ctx, "has_schema_privilege("+text(schema)+", 'USAGE')")
			if err != nil {
				return nil, err
			}
			add(warehouse.Right{What: "use schema " + schema, Held: held, Grant: "GRANT USAGE ON SCHEMA " + quote(schema) + " TO " + user + ";"})
			if !held {
				continue // nothing in it can be asked about
			}
		}
		held, err := s.ask(ctx, "has_table_privilege("+text(table)+", 'SELECT')")
		if err != nil {
			return nil, err
		}
		add(warehouse.Right{What: "read " + strings.Join(name, "."), Held: held, Grant: "GRANT SELECT ON TABLE " + table + " TO " + user + ";"})
	}
	own, err := s.home(ctx, user)
	for _, r := range own {
		add(r)
	}
	return out, err
}

// home are the rights to weir's schema.
func (s *session) home(ctx context.Context, user string) ([]warehouse.Right, error) {
	there := false
	for _, err := range s.Query(ctx, "SELECT 1 FROM pg_namespace WHERE nspname = "+text(s.schema)) {
		if err != nil {
			return nil, err
		}
		there = true
	}
	database := quote(s.config.Database)
	var out []warehouse.Right
	if there {
		held, err := s.ask(ctx, "has_schema_privilege("+text(s.schema)+", 'USAGE') AND has_schema_privilege("+text(s.schema)+", 'CREATE')")
		if err != nil {
			return nil, err
		}
		out = append(out, warehouse.Right{What: "use and make tables in schema " + s.schema, Held: held, Grant: "GRANT USAGE, CREATE ON SCHEMA " + quote(s.schema) + " TO " + user + ";"})
	} else {
		held, err := s.ask(ctx, "has_database_privilege("+text(s.config.Database)+", 'CREATE')")
		if err != nil {
			return nil, err
		}
		out = append(out, warehouse.Right{What: "make schema " + s.schema, Held: held, Grant: "CREATE SCHEMA " + quote(s.schema) + " AUTHORIZATION " + user + ";"})
	}
	held, err := s.ask(ctx, "has_database_privilege("+text(s.config.Database)+", 'TEMP')")
	if err != nil {
		return nil, err
	}
	out = append(out, warehouse.Right{What: "make temporary tables", Held: held, Grant: "GRANT TEMP ON DATABASE " + database + " TO " + user + ";"})
	if !there {
		return out, nil
	}
	owned, err := s.owned(ctx, user)
	return append(out, owned), err
}

// owned tells whether all tables in weir's schema are its own: only an owner may drop or replace one.
func (s *session) owned(ctx context.Context, user string) (warehouse.Right, error) {
	r := warehouse.Right{What: "drop and replace what lies in schema " + s.schema}
	var change []string
	sql := "SELECT tablename, tableowner FROM pg_tables WHERE schemaname = " + text(s.schema) +
		" UNION ALL SELECT viewname, viewowner FROM pg_views WHERE schemaname = " + text(s.schema) + " ORDER BY 1"
	for row, err := range s.Query(ctx, sql) {
		if err != nil {
			return r, err
		}
		name, _ := row[0].(string)
		if by, _ := row[1].(string); by != s.config.User {
			change = append(change, "ALTER TABLE "+quote(s.schema)+"."+quote(name)+" OWNER TO "+user+";")
		}
	}
	r.Held, r.Grant = len(change) == 0, strings.Join(change, "\n")
	return r, nil
}

// ask asks a question of yes and no. What is not there is not held.
func (s *session) ask(ctx context.Context, what string) (bool, error) {
	for row, err := range s.Query(ctx, "SELECT "+what) {
		if missing := (*warehouse.MissingError)(nil); errors.As(err, &missing) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return row[0] == true, nil
	}
	return false, nil
}

var _ warehouse.Examiner = (*session)(nil)
