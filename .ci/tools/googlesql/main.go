// Command googlesql-check analyses statements of BigQuery with GoogleSQL's own analyser, without a
// warehouse.
//
// Standard input has one JSON object a line: {"case": "…", "sql": "…"}. The statements of a case come
// one after the other, in the order in which they are executed: the tables of the sources first, as
// CREATE TABLE. A case begins with no tables. What a statement creates or changes is there for those
// that follow; what it drops can be created again.
//
// Standard output has one JSON object for each fault: {"case", "statement", "line", "column",
// "message", "sql"}, statements counted from 1. The exit status is 0 unless the input cannot be read
// or the analyser cannot be started.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-googlesql"
)

// statement is a line of the input.
type statement struct {
	Case string `json:"case"`
	SQL  string `json:"sql"`
}

// fault is a line of the output.
type fault struct {
	Case      string `json:"case"`
	Statement int    `json:"statement"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	Message   string `json:"message"`
	SQL       string `json:"sql"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "googlesql-check:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	if err := googlesql.Init(); err != nil {
		return fmt.Errorf("starting the analyser: %w", err)
	}
	a, err := newAnalyser()
	if err != nil {
		return fmt.Errorf("starting the analyser: %w", err)
	}
	lines, faults := json.NewDecoder(bufio.NewReaderSize(in, 1<<20)), json.NewEncoder(out)
	faults.SetEscapeHTML(false)
	var place, n int
	var current *string
	for {
		var st statement
		if err := lines.Decode(&st); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading statement %d: %w", place+1, err)
		}
		place++
		if current == nil || *current != st.Case {
			current, n = &st.Case, 0
			a.begin()
		}
		n++
		if err := a.analyse(st.SQL); err != nil {
			f := fault{Case: st.Case, Statement: n, SQL: st.SQL}
			f.Message, f.Line, f.Column = position(err.Error())
			if err := faults.Encode(f); err != nil {
				return err
			}
		}
	}
}

var at = regexp.MustCompile(` \[at (\d+):(\d+)\]`)

// position takes the place out of a message of the analyser.
func position(message string) (text string, line, column int) {
	m := at.FindStringSubmatch(message)
	if m == nil {
		return message, 0, 0
	}
	line, _ = strconv.Atoi(m[1])
	column, _ = strconv.Atoi(m[2])
	return strings.Replace(message, m[0], "", 1), line, column
}
