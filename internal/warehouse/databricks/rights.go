package databricks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
)

// Rights asks what may be done: a description of a SELECT of each source, and for weir's schema what
// information_schema has as granted to this user, or to a group it is in ("SCHEMA_PRIVILEGES").
func (s *session) Rights(ctx context.Context, sources [][]string) ([]warehouse.Right, error) {
	who, err := s.one(ctx, "SELECT CURRENT_USER()")
	if err != nil {
		return nil, err
	}
	user := quote(who)
	var out []warehouse.Right
	seen := map[string]bool{}
	for _, name := range sources {
		table, err := s.quoted(name)
		if err != nil {
			return nil, err
		}
		r := warehouse.Right{What: "read " + strings.Join(name, ".")}
		if seen[r.What] {
			continue
		}
		seen[r.What] = true
		_, err = s.describe(ctx, "SELECT * FROM "+table)
		var d *warehouse.DeniedError
		switch {
		case err == nil:
			r.Held = true
		case errors.As(err, &d):
			r.Grant = strings.ReplaceAll(d.Grant, principal, user)
			if r.Grant == "" {
				r.Grant = "GRANT SELECT ON TABLE " + table + " TO " + user + ";"
			}
		case errors.As(err, new(*warehouse.MissingError)): // found out elsewhere; it may be hidden too
			r.Grant = "GRANT SELECT ON TABLE " + table + " TO " + user + ";"
		default:
			return nil, err
		}
		out = append(out, r)
	}
	home, err := s.own(ctx, user)
	return append(out, home...), err
}

// own are the rights to weir's schema.
func (s *session) own(ctx context.Context, user string) ([]warehouse.Right, error) {
	at := quote(s.home[0]) + "." + quote(s.home[1])
	shown := strings.Join(s.home, ".")
	if !s.schemaIsThere(ctx) {
		granted, err := s.granted(ctx, "catalog_privileges", "")
		return []warehouse.Right{{What: "make schema " + shown, Held: granted["CREATE SCHEMA"] || granted["ALL PRIVILEGES"] || granted["OWNER"],
			Grant: "CREATE SCHEMA " + at + ";\nALTER SCHEMA " + at + " OWNER TO " + user + ";"}}, err
	}
	granted, err := s.granted(ctx, "schema_privileges", " AND schema_name = "+text(strings.ToLower(s.home[1])))
	if err != nil {
		return nil, err
	}
	held := granted["ALL PRIVILEGES"] || granted["OWNER"] || granted["USE SCHEMA"] && granted["CREATE TABLE"] && granted["SELECT"] && granted["MODIFY"]
	r := warehouse.Right{What: "use and make tables in schema " + shown, Held: held}
	if !held {
		r.Grant = "GRANT USE SCHEMA, CREATE TABLE, SELECT, MODIFY ON SCHEMA " + at + " TO " + user + ";"
	}
	return []warehouse.Right{r}, nil
}

// granted are the rights that this user has by itself or by a group it is in.
func (s *session) granted(ctx context.Context, view, where string) (map[string]bool, error) {
	out := map[string]bool{}
	sql := "SELECT privilege_type FROM " + quote(s.home[0]) + ".`information_schema`.`" + view + "` WHERE (grantee = CURRENT_USER() OR IS_ACCOUNT_GROUP_MEMBER(grantee))" + where
	for row, err := range s.Query(ctx, sql) {
		if err != nil {
			return nil, fmt.Errorf("asking for rights: %w", err)
		}
		name, _ := row[0].(string)
		out[strings.ReplaceAll(strings.ToUpper(name), "_", " ")] = true
	}
	owner, err := s.owner(ctx)
	out["OWNER"] = owner
	return out, err
}

// owner tells whether this user owns weir's schema.
func (s *session) owner(ctx context.Context) (bool, error) {
	n, err := s.one(ctx, "SELECT CAST(COUNT(*) AS STRING) FROM "+quote(s.home[0])+".`information_schema`.`schemata` WHERE schema_name = "+text(strings.ToLower(s.home[1]))+
		" AND (schema_owner = CURRENT_USER() OR IS_ACCOUNT_GROUP_MEMBER(schema_owner))")
	return n != "" && n != "0", err
}

// one is the only text that a query gives.
func (s *session) one(ctx context.Context, sql string) (string, error) {
	for row, err := range s.Query(ctx, sql) {
		if err != nil {
			return "", err
		}
		said, _ := row[0].(string)
		return said, nil
	}
	return "", nil
}

var _ warehouse.Examiner = (*session)(nil)
