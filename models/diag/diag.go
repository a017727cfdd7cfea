// Package diag holds findings: what is wrong in a project, where, and what to do about it.
//
// Code that checks values does not know files. It reports a Problem by the path of the
// value in the document ("segments.vip.where.all[1].trait"); whoever read the file turns
// it into a Finding with a place.
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a finding stops the command.
type Severity string

// The two severities. A project with an Error is never built, planned or run.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is a fault in a value, by the value's path.
type Problem struct {
	Path     string   // dotted path with [i] for list items; "" is the whole document
	OnKey    bool     // the key itself is at fault, not its value
	Severity Severity // "" means Error
	Code     string   // stable and dotted, such as "models.unknown_trait"
	What     string   // one line, lower case, no full stop, no personal data
	Fix      string   // imperative, naming a value or a command; may be empty
}

// Finding is a Problem with its place. Line and Col start at 1; 0 means unknown.
type Finding struct {
	File     string   `json:"file"` // relative to the project folder, with slashes
	Line     int      `json:"line"`
	Col      int      `json:"col"`
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	What     string   `json:"what"`
	Fix      string   `json:"fix"`
	Source   string   `json:"-"` // the source line, without its line end
	Width    int      `json:"-"` // columns the caret covers; 0 means 1
}

// String renders the finding in the one shape that people meet: place and fault, the source
// line with a caret, what to do, and the code.
func (f Finding) String() string {
	var b strings.Builder
	switch {
	case f.Line > 0:
		fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Line, f.Col)
	case f.File != "":
		fmt.Fprintf(&b, "%s: ", f.File)
	}
	if f.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(f.What)
	b.WriteByte('\n')
	if f.Line > 0 && f.Source != "" {
		fmt.Fprintf(&b, "%6d | %s\n", f.Line, f.Source)
		pad := []rune(f.Source)
		pad = pad[:min(max(f.Col-1, 0), len(pad))]
		for i, r := range pad {
			if r != '\t' {
				pad[i] = ' '
			}
		}
		fmt.Fprintf(&b, "       | %s%s\n", string(pad), strings.Repeat("^", max(f.Width, 1)))
	}
	if f.Fix != "" {
		fmt.Fprintf(&b, "  %s\n", f.Fix)
	}
	fmt.Fprintf(&b, "  %s\n", f.Code)
	return b.String()
}

// Sort orders findings by file, line, column and code.
func Sort(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col), cmp.Compare(a.Code, b.Code))
	})
}

// HasError reports whether any finding is an error.
func HasError(fs []Finding) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Severity != Warning })
}
