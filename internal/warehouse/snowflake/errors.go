package snowflake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	sf "github.com/snowflakedb/gosnowflake"

	"github.com/weir-data/weir/internal/warehouse"
)

// Numbers of errors of the server, as its documentation has them, or its drivers.
const (
	noWarehouse   = 606    // no active warehouse
	suspended     = 607    // the warehouse is suspended
	badIdentifier = 904    // invalid identifier
	missingObject = 2003   // does not exist or not authorized
	missingParent = 2043   // the object does not exist, or the operation cannot be performed
	denied        = 3001   // insufficient privileges
	overBudget    = 90073  // the resource monitor's quota is used up
	loginFirst    = 390000 // to 390999: who signs in, and how
	loginLast     = 390999
	driverFirst   = 260000 // to 279999: the driver itself, mostly about the network
	driverLast    = 279999
)

var (
	object     = regexp.MustCompile(`(?i)(?:Object|Table|View|Schema|Database) '([^']+)' does not exist`)
	identifier = regexp.MustCompile(`invalid identifier '([^']+)'`)
	operate    = regexp.MustCompile(`(?i)operate on (\w+(?: \w+)?) '([^']+)'`)
	quotes     = regexp.MustCompile(`'[^']*'|"[^"]*"|[0-9]{2,}[0-9.:-]*`)
)

// number is the number of an error of the server, 0 for another one.
func numberOf(err error) int {
	var e *sf.SnowflakeError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

func isMissing(err error) bool { n := numberOf(err); return n == missingObject || n == missingParent }

// explain translates an error of the server. It may ask the catalogue for names.
func (s *session) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	var e *sf.SnowflakeError
	if !errors.As(err, &e) {
		return s.network(err)
	}
	tidy := clean(e)
	switch n := e.Number; {
	case n == missingObject || n == missingParent:
		if m := object.FindStringSubmatch(e.Message); m != nil {
			name := foldAll(m[1])
			return &warehouse.MissingError{What: "table", Name: name, Nearest: s.near(ctx, name), Err: tidy}
		}
	case n == badIdentifier:
		if m := identifier.FindStringSubmatch(e.Message); m != nil {
			name := foldAll(m[1])
			return &warehouse.MissingError{What: "column", Name: name[strings.LastIndexByte(name, '.')+1:], Err: tidy}
		}
	case n == denied:
		return s.denied(e.Message, tidy)
	case n == noWarehouse || n == suspended || n == overBudget:
		return &warehouse.UnreachableError{Doing: "running a statement on " + s.Identity(), Err: s.asleep(n)}
	case n >= loginFirst && n <= loginLast, n >= driverFirst && n <= driverLast:
		return &warehouse.UnreachableError{Doing: "running a statement on " + s.Identity(), Err: s.connectError(err)}
	}
	return tidy
}

// asleep says why no virtual warehouse runs the statement, and what to do.
func (s *store) asleep(number int) error {
	if s.warehouse == "" {
		return &Error{Number: number, Msg: "no virtual warehouse is selected: write warehouse: in the target, or ALTER USER … SET DEFAULT_WAREHOUSE"}
	}
	name := quote(s.warehouse)
	if number == overBudget {
		return &Error{Number: number, Msg: "virtual warehouse " + s.warehouse + " cannot be resumed: the quota of its resource monitor is used up"}
	}
	msg := "virtual warehouse " + s.warehouse + " does not run: if it is suspended, ALTER WAREHOUSE " + name + " RESUME; if this role may not use it, GRANT USAGE, OPERATE ON WAREHOUSE " +
		name + " TO ROLE " + s.grantee() + ";"
	return &Error{Number: number, Msg: msg}
}

// denied says which right is missing, and how it is given.
func (s *store) denied(message string, tidy error) *warehouse.DeniedError {
	out := &warehouse.DeniedError{What: "do that", Err: tidy}
	m := operate.FindStringSubmatch(message)
	if m == nil {
		return out
	}
	kind, name := strings.ToUpper(m[1]), foldAll(m[2])
	on := kind + " " + quotedAll(m[2])
	to := " TO ROLE " + s.grantee() + ";"
	switch kind {
	case "WAREHOUSE":
		out.What, out.Grant = "use virtual warehouse "+name, "GRANT USAGE, OPERATE ON "+on+to
	case "DATABASE":
		out.What, out.Grant = "make schemas in database "+name, "GRANT USAGE, CREATE SCHEMA ON "+on+to
	case "SCHEMA":
		out.What, out.Grant = "use and make tables in schema "+name, "GRANT "+schemaRights+" ON "+on+to
	case "TABLE", "VIEW":
		out.What, out.Grant = "read "+name, "GRANT SELECT ON "+on+to
	default:
		out.What = "operate on " + strings.ToLower(kind) + " " + name
	}
	return out
}

// grantee is the role that a right is given to, quoted.
func (s *store) grantee() string {
	if s.role == "" {
		return "<the role of the target>"
	}
	return quote(s.role)
}

// foldAll folds the parts of a name as the server shows it.
func foldAll(name string) string {
	parts := strings.Split(strings.ReplaceAll(name, `"`, ""), ".")
	for i, p := range parts {
		parts[i] = fold(p)
	}
	return strings.Join(parts, ".")
}

func quotedAll(name string) string {
	parts := strings.Split(strings.ReplaceAll(name, `"`, ""), ".")
	for i, p := range parts {
		parts[i] = quote(fold(p))
	}
	return strings.Join(parts, ".")
}

// clean is an error fit to be shown. The server quotes values in errors about data, which may be
// personal; only errors of compiling, and of objects, are known to have none.
func clean(e *sf.SnowflakeError) error {
	msg := e.Message
	if len(e.MessageArgs) > 0 {
		msg = fmt.Sprintf(e.Message, e.MessageArgs...)
	}
	compiled := e.Number > 0 && e.Number < 10000 // 001003 is a syntax error, 002003 a missing object
	if !compiled {
		msg = quotes.ReplaceAllString(msg, "…")
	}
	return &Error{Number: e.Number, Msg: strings.Join(strings.Fields(msg), " ")}
}

// Error is an error of the server, without values.
type Error struct {
	Number int // as the server's documentation lists them
	Msg    string
}

// Error is the server's own words, and the number.
func (e *Error) Error() string { return fmt.Sprintf("%s (%06d)", e.Msg, e.Number) }

// connectError says why there is no connection. The driver's texts name the address with the
// parameters of the request, which are left out.
func (s *store) connectError(err error) error {
	var e *sf.SnowflakeError
	if errors.As(err, &e) {
		switch e.Number {
		case sf.ErrFailedToPostQuery, sf.ErrFailedToAuth, sf.ErrFailedToRenewSession, sf.ErrFailedToCloseSession, sf.ErrFailedToCancelQuery:
			return &Error{Number: e.Number, Msg: "the server did not answer as Snowflake does: check account: and host:"}
		}
		return &Error{Number: e.Number, Msg: strings.Join(strings.Fields(e.Message), " ")}
	}
	return short(err)
}

// network is an error of the network while a statement ran.
func (s *store) network(err error) error {
	var op net.Error
	if errors.As(err, &op) {
		return &warehouse.UnreachableError{Doing: "running a statement on " + s.Identity(), Err: short(err)}
	}
	return err
}

// short is an error without the address of the request.
func short(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
