package databricks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	dbsqlerr "github.com/databricks/databricks-sql-go/errors"
	"golang.org/x/oauth2"

	"github.com/weir-data/weir/internal/warehouse"
)

var (
	// A message begins with its condition, as [TABLE_OR_VIEW_NOT_FOUND], and ends with its SQLSTATE
	// ("Error handling in Databricks").
	condition = regexp.MustCompile(`\[([A-Z][A-Z0-9_]+)(\.[A-Z0-9_.]+)?\]\s*([^\n]*)`)
	sqlState  = regexp.MustCompile(`SQLSTATE:? ?([0-9A-Z]{5})`)
	ticked    = regexp.MustCompile("((?:`(?:[^`]|``)+`\\.?)+)")
	suggested = regexp.MustCompile(`Did you mean one of the following\? \[([^\]]*)\]`)
	lacks     = regexp.MustCompile(`does not have ([A-Z_ ]+?) (?:privilege )?on (Catalog|Schema|Table|View|Volume|Function|Database|SQL Warehouse) '([^']+)'`)
	quotes    = regexp.MustCompile(`'[^']*'|"[^"]*"|[0-9]{2,}[0-9.:-]*`)
)

// Error is an error of the server, without values of data.
type Error struct {
	Condition string // as Databricks' documentation lists them, such as PARSE_SYNTAX_ERROR; "" if it says none
	State     string // SQLSTATE
	Msg       string
}

// Error is the server's own words.
func (e *Error) Error() string { return e.Msg }

// explain translates an error of the driver about a statement. It may ask the catalogue for names.
func (s *session) explain(ctx context.Context, err error, sql string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	m := condition.FindStringSubmatch(err.Error())
	if m == nil {
		return s.unnamed(err)
	}
	tidy := clean(err, m)
	switch name := m[1]; {
	case name == "TABLE_OR_VIEW_NOT_FOUND":
		table := plainName(m[3])
		return &warehouse.MissingError{What: "table", Name: table, Nearest: s.near(ctx, table), Err: tidy}
	case name == "SCHEMA_NOT_FOUND", name == "NO_SUCH_CATALOG_EXCEPTION", name == "CATALOG_NOT_FOUND":
		return &warehouse.MissingError{What: map[bool]string{true: "schema", false: "catalog"}[name == "SCHEMA_NOT_FOUND"], Name: plainName(m[3]), Err: tidy}
	case name == "UNRESOLVED_COLUMN":
		out := &warehouse.MissingError{What: "column", Name: lastPart(plainName(m[3])), Err: tidy}
		if near := suggested.FindStringSubmatch(m[3]); near != nil {
			for one := range strings.SplitSeq(near[1], ", ") {
				out.Nearest = append(out.Nearest, lastPart(plainName(one)))
			}
		}
		return out
	case name == "INSUFFICIENT_PERMISSIONS", name == "PERMISSION_DENIED", tidy.State == "42501":
		return denied(m[3], tidy)
	case strings.HasPrefix(name, "DELTA_CONCURRENT"), name == "CONCURRENT_APPEND":
		return fmt.Errorf("another statement changed the same rows at the same time, and nothing of this one is kept: run it again: %w", tidy)
	}
	return tidy
}

// unnamed is an error that is not the server's about a statement.
func (s *session) unnamed(err error) error {
	var op net.Error
	switch {
	case errors.As(err, &op), errors.Is(err, dbsqlerr.RequestError):
		return &warehouse.UnreachableError{Doing: "running a statement on " + s.Identity(), Err: s.connectError(err)}
	case errors.Is(err, dbsqlerr.ExecutionError):
		return clean(err, nil)
	}
	return short(err)
}

// denied says which right is missing, and how it is given.
func denied(message string, tidy *Error) *warehouse.DeniedError {
	out := &warehouse.DeniedError{What: "do that", Err: tidy}
	m := lacks.FindStringSubmatch(message)
	if m == nil {
		return out
	}
	right, kind, name := m[1], strings.ToUpper(m[2]), m[3]
	if kind == "DATABASE" {
		kind = "SCHEMA"
	}
	on := kind + " " + quotedAll(name)
	if kind == "VIEW" {
		on = "TABLE " + quotedAll(name)
	}
	out.What = strings.ToLower(strings.ReplaceAll(right, "_", " ")) + " " + name
	switch right {
	case "SELECT":
		out.What = "read " + name
	case "MODIFY":
		out.What = "write " + name
	case "CREATE TABLE", "CREATE SCHEMA", "CREATE FUNCTION":
		out.What = strings.Replace(strings.ToLower(right), "create", "make", 1) + "s in " + name
	}
	if kind != "SQL WAREHOUSE" { // that is given in the workspace, not by SQL
		out.Grant = "GRANT " + right + " ON " + on + " TO " + principal + ";"
	}
	return out
}

// principal stands for whoever works here, which only the workspace knows by name.
const principal = "`<the principal of the target>`"

// clean is an error fit to be shown. The server quotes values in errors about data (classes 22 and 23,
// and those of casts), which may be personal.
func clean(err error, m []string) *Error {
	out := &Error{Msg: strings.Join(strings.Fields(err.Error()), " ")}
	if m != nil {
		out.Condition, out.Msg = m[1], "["+m[1]+m[2]+"] "+strings.Join(strings.Fields(m[3]), " ")
	}
	var e dbsqlerr.DBExecutionError
	if errors.As(err, &e) {
		out.State = e.SqlState()
	}
	if state := sqlState.FindStringSubmatch(err.Error()); state != nil {
		out.State = state[1]
	}
	known := strings.HasPrefix(out.State, "42") || strings.HasPrefix(out.State, "3")
	if !known {
		out.Msg = quotes.ReplaceAllString(out.Msg, "…")
	}
	return out
}

// plainName is the first name in backquotes of a message, without them.
func plainName(message string) string {
	m := ticked.FindString(message)
	return strings.ReplaceAll(strings.ReplaceAll(strings.TrimSuffix(m, "."), "``", "\x00"), "`", "")
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

func quotedAll(name string) string {
	parts := strings.Split(strings.ReplaceAll(name, "`", ""), ".")
	for i, p := range parts {
		parts[i] = quote(p)
	}
	return strings.Join(parts, ".")
}

// connectError says why there is no connection, and what to do.
func (s *store) connectError(err error) error {
	said := err.Error()
	var token *oauth2.RetrieveError
	switch {
	case errors.As(err, &token):
		return errors.New("signing in failed: check client_id and client_secret, and that the service principal is in the workspace")
	case notLetIn.MatchString(said):
		return errors.New("the workspace does not let this user in: check token, or client_id and client_secret, and the right Can use on the SQL warehouse")
	case notThere.MatchString(said):
		return errors.New("there is no SQL warehouse at that address: check host and http_path (connection details of the SQL warehouse)")
	}
	return short(err)
}

// Statuses in the driver's errors, which have ports and ids too.
var (
	notLetIn = regexp.MustCompile(`\b40[13]\b`)
	notThere = regexp.MustCompile(`\b404\b|ENDPOINT_NOT_FOUND`)
)

// request is the address of a request as the driver's errors have it.
var request = regexp.MustCompile(`(?:Get|Post) "[^"]*": `)

// short is an error without the address of the request.
func short(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return errors.New(strings.Join(strings.Fields(request.ReplaceAllString(err.Error(), "")), " "))
}
