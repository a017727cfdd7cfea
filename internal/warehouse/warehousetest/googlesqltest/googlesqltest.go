// Package googlesqltest has every statement that weir makes looked at by GoogleSQL's own analyser, as
// BigQuery would have it. The statements are those that tests execute on another warehouse, each
// rendered a second time; the analyser is the program googlesql-check (.ci/tools/googlesql).
package googlesqltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

// Log is what was executed, in order, on any number of warehouses.
type Log struct {
	program string
	foreign map[string]string
	mu      sync.Mutex
	made    int
	cases   []*record
}

// record is what was executed on one warehouse.
type record struct {
	name       string
	statements []string
}

// Start finds the program. foreign are the tests, by their names, that have SQL of a user in another
// warehouse's words, with the reason why it is a fault here: it has to be one. When the test ends, what the log holds is analysed, and each fault fails
// the test. Without the program on this machine the test is skipped, or fails if WEIR_REQUIRE is
// "all"; .ci/warehouses builds it.
func Start(t *testing.T, foreign map[string]string) *Log {
	t.Helper()
	l := &Log{program: outside.Find(t, "googlesql-check"), foreign: foreign}
	t.Cleanup(func() {
		if !t.Failed() { // what did not run to its end is no whole log
			l.analyse(t)
		}
	})
	return l
}

// Open makes warehouses whose statements are kept in the log, under the names of their tests.
func (l *Log) Open(open func(testing.TB) warehouse.Warehouse) func(testing.TB) warehouse.Warehouse {
	return func(t testing.TB) warehouse.Warehouse {
		t.Helper()
		r := &record{}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.made++
		r.name = fmt.Sprintf("%s (warehouse %d)", t.Name(), l.made)
		l.cases = append(l.cases, r)
		return wrap(t, open(t), r)
	}
}

// fault is a line of the program's output.
type fault struct {
	Case                    string
	Statement, Line, Column int
	Message, SQL            string
}

// excerpt is the beginning of the statement, and the line of the fault with what stands around its
// column.
func (f fault) excerpt() string {
	lines := strings.Split(f.SQL, "\n")
	if f.Line < 1 || f.Line > len(lines) {
		return f.SQL
	}
	const around = 120
	line := lines[f.Line-1]
	from, to := max(0, min(f.Column-1, len(line))-around), min(len(line), f.Column-1+around)
	return lines[0] + "\n…\n" + line[from:max(from, to)]
}

// reason says why a case may have a fault, "" if it may not.
func (l *Log) reason(name string) string {
	for of, reason := range l.foreign {
		if strings.HasPrefix(name, of+" ") {
			return reason
		}
	}
	return ""
}

// ask runs the program over some cases.
func (l *Log) ask(t *testing.T, cases []*record) []fault {
	t.Helper()
	var in, out, said bytes.Buffer
	lines := json.NewEncoder(&in)
	for _, r := range cases {
		for _, sql := range r.statements {
			if err := lines.Encode(map[string]string{"case": r.name, "sql": sql}); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := exec.CommandContext(context.Background(), l.program) // the test's own context has ended
	c.Stdin, c.Stdout, c.Stderr = &in, &out, &said
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", l.program, err, said.String())
	}
	var faults []fault
	for lines := json.NewDecoder(&out); lines.More(); {
		var f fault
		if err := lines.Decode(&f); err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	return faults
}

func (l *Log) analyse(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	const atOnce = 4000 // statements, all of which stay in the program's memory until it ends
	var out []fault
	statements := 0
	for cases := l.cases; len(cases) > 0; {
		n, some := 0, 0
		for n < len(cases) && some < atOnce {
			some += len(cases[n].statements)
			n++
		}
		out = append(out, l.ask(t, cases[:n])...)
		cases, statements = cases[n:], statements+some
	}
	if statements == 0 {
		t.Fatal("nothing was executed")
	}
	const enough = 20 // what is wrong in one place is so in many
	found, ofCase := 0, map[string]bool{}
	for _, f := range out {
		if ofCase[f.Case] {
			continue // most likely what follows from the first
		}
		ofCase[f.Case] = true
		if reason := l.reason(f.Case); reason != "" {
			t.Logf("%s: %s", f.Case, reason)
			continue
		}
		if found++; found <= enough {
			t.Errorf("%s, statement %d, line %d, column %d: %s\n%s", f.Case, f.Statement, f.Line, f.Column, f.Message, f.excerpt())
		}
	}
	if found > enough {
		t.Errorf("faults on %d more warehouses", found-enough)
	}
	for name := range l.foreign {
		at := func(c string) bool { return strings.HasPrefix(c, name+" ") }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(ofCase)), at) {
			t.Errorf("%s has no fault: take it off the list", name)
		}
	}
	t.Logf("analysed %d statements of %d warehouses", statements, len(l.cases))
}
