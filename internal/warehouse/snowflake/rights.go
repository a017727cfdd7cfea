package snowflake

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
)

// schemaRights are what weir needs in its own schema. Functions are temporary ones, for comparing
// names and addresses.
const schemaRights = "USAGE, CREATE TABLE, CREATE VIEW, CREATE FUNCTION"

// Rights compiles a SELECT of each source, and asks for the grants on weir's schema and on the virtual
// warehouse. The server does not tell a source that is not there from one that may not be read.
func (s *session) Rights(ctx context.Context, sources [][]string) ([]warehouse.Right, error) {
	var role, active string
	for row, err := range s.rows(ctx, "SELECT CURRENT_ROLE(), CURRENT_WAREHOUSE()") {
		if err != nil {
			return nil, err
		}
		role, _ = row[0].(string)
		active, _ = row[1].(string)
	}
	to := " TO ROLE " + quote(fold(role)) + ";"
	if role == "" {
		to = " TO ROLE " + s.grantee() + ";"
	}
	var out []warehouse.Right
	virtual := warehouse.Right{What: "use a virtual warehouse", Held: active != "", Grant: "GRANT USAGE, OPERATE ON WAREHOUSE <name>" + to}
	if s.warehouse != "" {
		virtual.What, virtual.Grant = "use virtual warehouse "+s.warehouse, "GRANT USAGE, OPERATE ON WAREHOUSE "+quote(s.warehouse)+to
	}
	out = append(out, virtual)
	seen := map[string]bool{}
	for _, name := range sources {
		r, err := s.readable(ctx, name, to)
		if err != nil {
			return nil, err
		}
		if !seen[r.What] {
			seen[r.What] = true
			out = append(out, r)
		}
	}
	own, err := s.ownSchema(ctx, to)
	return append(out, own), err
}

// readable tells whether a SELECT of a source compiles.
func (s *session) readable(ctx context.Context, name []string, to string) (warehouse.Right, error) {
	full := name
	switch len(name) {
	case 1:
		full = []string{s.database, "public", name[0]}
	case 2:
		full = append([]string{s.database}, name...)
	}
	r := warehouse.Right{What: "read " + strings.Join(name, ".")}
	table, err := quoted(name)
	if err != nil {
		return r, err
	}
	_, err = s.describe(ctx, "SELECT * FROM "+table)
	if err == nil {
		r.Held = true
		return r, nil
	}
	if !errors.As(err, new(*warehouse.MissingError)) && !errors.As(err, new(*warehouse.DeniedError)) {
		return r, err
	}
	database, schema := quote(full[0]), quote(full[0])+"."+quote(full[1])
	r.Grant = "GRANT USAGE ON DATABASE " + database + to + "\nGRANT USAGE ON SCHEMA " + schema + to + "\nGRANT SELECT ON TABLE " + schema + "." + quote(full[2]) + to
	return r, nil
}

// ownSchema tells whether weir may make and change tables in its schema, or make the schema.
func (s *session) ownSchema(ctx context.Context, to string) (warehouse.Right, error) {
	database, schema := quote(s.home[0]), quote(s.home[0])+"."+quote(s.home[1])
	r := warehouse.Right{What: "use and make tables in schema " + s.schema, Grant: "GRANT USAGE ON DATABASE " + database + to + "\nGRANT " + schemaRights + " ON SCHEMA " + schema + to}
	held, err := s.granted(ctx, "SCHEMA "+schema)
	if errors.As(err, new(*warehouse.MissingError)) || errors.As(err, new(*warehouse.DeniedError)) {
		r.What = "make schema " + s.schema
		r.Grant = "GRANT USAGE, CREATE SCHEMA ON DATABASE " + database + to
		held, err = s.granted(ctx, "DATABASE "+database)
		r.Held = err == nil && (slices.Contains(held, "OWNERSHIP") || slices.Contains(held, "CREATE SCHEMA"))
		if errors.As(err, new(*warehouse.MissingError)) || errors.As(err, new(*warehouse.DeniedError)) {
			err = nil
		}
		return r, err
	}
	if err != nil {
		return r, err
	}
	r.Held = slices.Contains(held, "OWNERSHIP")
	if !r.Held {
		r.Held = !slices.ContainsFunc(strings.Split(schemaRights, ", "), func(one string) bool { return !slices.Contains(held, one) })
	}
	return r, nil
}

// granted lists the privileges on an object that the session has, by its role and those that this one
// inherits.
func (s *session) granted(ctx context.Context, object string) ([]string, error) {
	byRole := map[string][]string{}
	own := s.rowsByName(ctx, "SHOW GRANTS ON "+object)
	for row, err := range own {
		if err != nil {
			return nil, err
		}
		if row["granted_to"] == "ROLE" {
			byRole[row["grantee_name"]] = append(byRole[row["grantee_name"]], row["privilege"])
		}
	}
	var out []string
	for role, privileges := range byRole {
		for row, err := range s.rows(ctx, "SELECT IS_ROLE_IN_SESSION("+text(role)+")") {
			if err != nil {
				return nil, err
			}
			if row[0] == true {
				out = append(out, privileges...)
			}
		}
	}
	return out, nil
}

var _ warehouse.Examiner = (*session)(nil)
