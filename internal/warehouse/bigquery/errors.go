package bigquery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	bq "cloud.google.com/go/bigquery"
	"google.golang.org/api/googleapi"

	"github.com/weir-data/weir/internal/warehouse"
)

// Error is an error of BigQuery, without values.
type Error struct {
	Reason string // as /bigquery/docs/error-messages lists them
	Msg    string
}

// Error is BigQuery's own words, and the reason.
func (e *Error) Error() string { return e.Msg + " (" + e.Reason + ")" }

// httpCode is the status of the answer, 0 for an error that is none.
func httpCode(err error) int {
	var e *googleapi.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// parts are the reason and the message of an error of BigQuery: that of a request, or of a job.
func parts(err error) (reason, message string, ok bool) {
	var job *bq.Error
	if errors.As(err, &job) {
		return job.Reason, job.Message, true
	}
	var e *googleapi.Error
	if !errors.As(err, &e) {
		return "", "", false
	}
	reason, message = fmt.Sprintf("HTTP %d", e.Code), e.Message
	if len(e.Errors) > 0 {
		if e.Errors[0].Reason != "" {
			reason = e.Errors[0].Reason
		}
		if e.Errors[0].Message != "" {
			message = e.Errors[0].Message
		}
	}
	return reason, message, true
}

// gone is what is said of a session that ended: after a day without statements, after seven days, or
// because somebody ended it. Source: /bigquery/docs/sessions-intro#limitations.
var gone = regexp.MustCompile(`(?i)\bsession\b.*\b(?:not found|expired|terminated|aborted|does not exist|no longer)\b|not found: session\b`)

var conflict = regexp.MustCompile(`(?i)could not serialize access to table|due to concurrent update`) //nolint:misspell // their words

// passing reports whether a job failed because of others, or of the server, and left nothing: the same
// statement can be run again. A job is all or nothing.
func passing(err error) bool {
	reason, message, ok := parts(err)
	if !ok {
		return false
	}
	switch reason {
	case "backendError", "rateLimitExceeded", "jobRateLimitExceeded", "jobBackendError":
		return true
	}
	return conflict.MatchString(message)
}

var (
	notFound = regexp.MustCompile(`Not found: (Table|Dataset|Project) ([^\s]+)`)
	noTable  = regexp.MustCompile("(?:Table not found: |Table )[\"`]?([^\\s\"`;]+)[\"`]?(?: must be qualified with a dataset| was not found|;| \\[at |$)")
	noColumn = regexp.MustCompile("(?:Unrecognized name: |Name |Column )`?([^\\s`;]+)`?(?: not found inside| is not present in table|;| \\[at | at \\[|$)") //nolint:misspell // their words
)

// explain translates an error of BigQuery. It may ask the catalogue for names.
func (s *session) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	reason, message, ok := parts(err)
	if !ok {
		return s.network(err)
	}
	tidy := &Error{Reason: reason, Msg: clean(message)}
	switch {
	case reason == "accessDenied" || httpCode(err) == 403 && strings.HasPrefix(message, "Access Denied"):
		return s.denied(message, tidy)
	case reason == "bytesBilledLimitExceeded":
		return &Error{Reason: reason, Msg: fmt.Sprintf("the statement would scan more than the %d bytes that max_bytes or max_bytes_billed of the target allows: %s", s.maxBytes, tidy.Msg)}
	case reason == "quotaExceeded":
		return &warehouse.UnreachableError{Doing: "running a statement on " + s.Identity(), Err: &Error{Reason: reason, Msg: "a quota of the project is used up: " + tidy.Msg}}
	case httpCode(err) == 401:
		return &warehouse.UnreachableError{Doing: "signing in to " + s.Identity(), Err: tidy}
	case conflict.MatchString(message):
		return &Error{Reason: reason, Msg: "another statement changed the same table at the same time: run this again. " + tidy.Msg}
	case s.id != "" && gone.MatchString(message):
		if s.lost = s.inTx; !s.lost { // what comes after in a transaction must not be run outside of it
			s.id = ""
		}
		return &Error{Reason: reason, Msg: "BigQuery ended the session, with its temporary tables and an open transaction: run this again. " + tidy.Msg}
	case reason == "stopped":
		return errors.New("the statement was stopped by somebody else, or by job_timeout of the target")
	}
	if m := notFound.FindStringSubmatch(message); m != nil {
		name := s.shown(m[2])
		if m[1] == "Project" {
			return &warehouse.UnreachableError{Doing: "running a statement on " + s.Identity(), Err: tidy}
		}
		return &warehouse.MissingError{What: "table", Name: name, Nearest: s.near(ctx, name), Err: tidy}
	}
	if m := noTable.FindStringSubmatch(message); m != nil {
		name := s.shown(strings.Trim(m[1], "`\""))
		return &warehouse.MissingError{What: "table", Name: name, Nearest: s.near(ctx, name), Err: tidy}
	}
	if m := noColumn.FindStringSubmatch(message); m != nil {
		return &warehouse.MissingError{What: "column", Name: strings.Trim(m[1], "`\""), Err: tidy}
	}
	return tidy
}

// shown is a table's name as a target has it: without the project of the sources.
func (s *store) shown(name string) string {
	name = strings.ReplaceAll(strings.TrimRight(name, ".,"), ":", ".")
	return strings.TrimPrefix(name, s.project+".")
}

// What BigQuery says of a statement that it did not begin to run has no values from tables, and says
// where in the statement it is, in brackets.
var (
	analysed = regexp.MustCompile(`(?: at \[\d+:\d+\]| \[at \d+:\d+\])$`)
	harmless = regexp.MustCompile(`^(?:Not found|Access Denied|Already Exists|Syntax error|Unrecognized name|Quota exceeded|Exceeded rate limits|Query exceeded limit|Resources exceeded|Response too large|Table |Dataset |Could not serialize|Transaction is aborted|Job exceeded)`) //nolint:misspell // their words
	quoted2  = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`|[0-9]{2,}[0-9.:-]*")
)

// clean is a message fit to be shown. BigQuery puts values into errors about data, which may be personal:
// "Bad int64 value: …".
func clean(message string) string {
	message = strings.Join(strings.Fields(message), " ")
	if harmless.MatchString(message) {
		return message
	}
	if analysed.MatchString(message) && !strings.HasPrefix(message, "Query error") {
		return message
	}
	head, _, cut := strings.Cut(quoted2.ReplaceAllString(message, "…"), ": ")
	if cut {
		head += ": …"
	}
	return head
}

// network is an error of the network, or of signing in, while a statement ran.
func (s *session) network(err error) error {
	var op net.Error
	var u *url.Error
	if errors.As(err, &op) || errors.As(err, &u) || signing(err) {
		return &warehouse.UnreachableError{Doing: "running a statement on " + s.Identity(), Err: short(err)}
	}
	return err
}

// signing reports whether getting a token failed.
func signing(err error) bool {
	return strings.Contains(err.Error(), "oauth2") || strings.Contains(err.Error(), "auth:")
}

// short is an error without the address of the request.
func short(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	if reason, message, ok := parts(err); ok {
		return &Error{Reason: reason, Msg: clean(message)}
	}
	return err
}
