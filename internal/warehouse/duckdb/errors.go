//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/weir-data/weir/internal/warehouse"
)

var (
	noTable   = regexp.MustCompile(`(?:Table|View) with name (.+?) does not exist`)
	noSchema  = regexp.MustCompile(`(?:Schema with name (.+?) does not exist|schema "(.+?)" does not exist)`)
	noColumn  = regexp.MustCompile(`(?:Referenced column "(.+?)" not found|Table ".*?" does not have a column named "(.+?)"|Values list ".*?" does not have a column named "(.+?)"|column with name (.+?) does not exist|Referenced update column (.+?) not found)`)
	candidate = regexp.MustCompile(`(?m)Candidate (?:bindings|columns):? ?:?(.*)$`)
	inQuotes  = regexp.MustCompile(`"([^"]*)"`)
	noSpace   = regexp.MustCompile(`(?i)no space left|disk quota|max_temp_directory_size|not enough space`)
	values    = regexp.MustCompile(`"[^"]*"|'[^']*'|[0-9]{2,}[0-9.:-]*`)
)

// explain translates an error of the engine. It may ask the catalogue for names.
func (s *session) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Type == duckdb.ErrorTypeFatal || e.Type == duckdb.ErrorTypeInternal {
		s.broken = true
	}
	tidy := clean(err)
	if !s.inTx { // the transaction is dead after an error, and nothing can be asked in it
		if missing := s.missing(ctx, e.Msg); missing != nil {
			missing.Err = tidy
			return missing
		}
	} else if missing := parseMissing(e.Msg); missing != nil {
		missing.Err = tidy
		return missing
	}
	return tidy
}

// missing reads what is not there, with names that are near.
func (s *session) missing(ctx context.Context, msg string) *warehouse.MissingError {
	m := parseMissing(msg)
	if m != nil && m.What == "table" {
		m.Nearest = s.near(ctx, m.Name)
	}
	return m
}

func (s *session) near(ctx context.Context, name string) []string {
	names, err := s.Tables(ctx, "")
	if err != nil {
		return nil
	}
	return warehouse.Nearest(name, names)
}

// parseMissing reads what is not there out of an error's text.
func parseMissing(msg string) *warehouse.MissingError {
	if m := noColumn.FindStringSubmatch(msg); m != nil {
		e := &warehouse.MissingError{What: "column", Name: strings.Trim(first(m[1:]), `"`)}
		if c := candidate.FindStringSubmatch(msg); c != nil {
			var names []string
			for _, q := range inQuotes.FindAllStringSubmatch(c[1], -1) {
				names = append(names, q[1])
			}
			e.Nearest = warehouse.Nearest(e.Name, names)
			if len(e.Nearest) == 0 && len(names) > 0 {
				e.Nearest = names[:1] // the engine's own guess
			}
		}
		return e
	}
	if m := noTable.FindStringSubmatch(msg); m != nil {
		return &warehouse.MissingError{What: "table", Name: strings.Trim(m[1], `"`)}
	}
	if m := noSchema.FindStringSubmatch(msg); m != nil {
		return &warehouse.MissingError{What: "schema", Name: strings.Trim(first(m[1:]), `"`)}
	}
	return nil
}

func first(ss []string) string {
	return ss[max(0, slices.IndexFunc(ss, func(s string) bool { return s != "" }))]
}

// clean is an error fit to be shown. The engine quotes values in errors about data; they may be
// personal and are left out. Errors about SQL keep their words.
func clean(err error) error {
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return err
	}
	msg := strings.TrimSpace(e.Msg)
	switch e.Type {
	case duckdb.ErrorTypeCatalog, duckdb.ErrorTypeBinder, duckdb.ErrorTypeParser, duckdb.ErrorTypeIO, duckdb.ErrorTypePermission,
		duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeTransaction, duckdb.ErrorTypeSyntax, duckdb.ErrorTypeFatal, duckdb.ErrorTypeDependency:
	default:
		msg, _, _ = strings.Cut(msg, "\n")
		head, rest, ok := strings.Cut(msg, ": ")
		if ok {
			msg = head + ": " + values.ReplaceAllString(rest, "…")
		}
	}
	if noSpace.MatchString(e.Msg) {
		return fmt.Errorf("%w: %s", warehouse.ErrNoSpace, msg)
	}
	return &Error{Msg: msg}
}

// Error is an error of the engine, without values.
type Error struct{ Msg string }

// Error is the engine's own words.
func (e *Error) Error() string { return e.Msg }
