// Package gap names what a local stand-in of a warehouse cannot do that the warehouse itself can.
// A case with a gap is run all the same and has to fail, so that a list never outlives its reasons;
// what was found is printed when the tests of a package have run. It is for tests only.
package gap

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// NotRun begins the reason of a case that is not even tried: it would hang the stand-in, or bring
// it down.
const NotRun = "not run: "

// List is what one stand-in lacks. A nil one lacks nothing.
type List struct {
	of    string
	cases map[string]string // name of a case -> reason
	mu    sync.Mutex
	met   map[string]bool
	part  bool
}

// New makes the list of a stand-in, such as "BigQuery's emulator". When the test ends, it prints the
// gaps, writes them to the folder that WEIR_GAPS names, if it names one, and fails for a name that
// no case has. A folder is for a run over many packages, which shows no output of those that pass.
func New(t *testing.T, of string, cases map[string]string) *List {
	t.Helper()
	l := &List{of: of, cases: cases, met: map[string]bool{}}
	t.Cleanup(func() { l.report(t) })
	return l
}

// Part says that only some cases are run: names of others are none of them. It returns the list.
func (l *List) Part() *List {
	l.part = true
	return l
}

// Run runs a case as a subtest. If the list has its name, the case must fail.
func (l *List) Run(t *testing.T, name string, f func(t testing.TB)) {
	t.Helper()
	l.RunAs(t, name, name, f)
}

// RunAs is Run for a subtest whose name in the list, such as "dialect/round", is not its own.
func (l *List) RunAs(t *testing.T, name, listed string, f func(t testing.TB)) {
	t.Helper()
	reason, gap := l.reason(listed)
	t.Run(name, func(t *testing.T) {
		switch {
		case !gap:
			f(t)
		case strings.HasPrefix(reason, NotRun):
			t.Logf("gap: %s", reason)
		default:
			a := &attempt{TB: t}
			a.run(f)
			if !a.Failed() {
				t.Errorf("%q is no gap of %s any more: take it off the list", listed, l.of)
			}
			t.Logf("gap: %s\n%s", reason, a.said())
		}
	})
}

func (l *List) reason(name string) (string, bool) {
	if l == nil {
		return "", false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.cases[name]
	l.met[name] = true
	return r, ok
}

func (l *List) report(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "gaps of %s in %s: %d\n", l.of, t.Name(), len(l.cases))
	names := make([]string, 0, len(l.cases))
	for name := range l.cases {
		names = append(names, name)
	}
	slices.Sort(names)
	chosen := flag.Lookup("test.run") // a part of the cases was asked for, which meets a part of the names
	for _, name := range names {
		fmt.Fprintf(&b, "  %s: %s\n", name, l.cases[name])
		if l.cases[name] == "" {
			t.Errorf("the gap %q has no reason", name)
		}
		if !l.met[name] && !l.part && (chosen == nil || !strings.Contains(chosen.Value.String(), "/")) {
			t.Errorf("the gap %q is the name of no case", name)
		}
	}
	fmt.Print(b.String())
	dir := os.Getenv("WEIR_GAPS")
	if dir == "" {
		return
	}
	file := strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' {
			return '_'
		}
		return r
	}, l.of+"-"+t.Name()+".txt")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Errorf("writing the gaps: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(b.String()), 0o666); err != nil {
		t.Errorf("writing the gaps: %v", err)
	}
}

// attempt is a test whose failure is kept to itself.
type attempt struct {
	testing.TB
	mu     sync.Mutex
	failed bool
	lines  []string
}

// run runs a case to its end, in a goroutine of its own because FailNow ends that.
func (a *attempt) run(f func(testing.TB)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				a.Errorf("panic: %v", p)
			}
		}()
		f(a)
	}()
	<-done
}

func (a *attempt) said() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	const enough = 2000 // bytes of what went wrong
	s := strings.Join(a.lines, "\n")
	if len(s) > enough {
		s = s[:enough] + "…"
	}
	return s
}

func (a *attempt) note(s string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed, a.lines = true, append(a.lines, s)
}

// Fail notes a failure, as do those below.
func (a *attempt) Fail() { a.note("failed") }

// Error notes what failed.
func (a *attempt) Error(args ...any) { a.note(fmt.Sprint(args...)) }

// Errorf notes what failed.
func (a *attempt) Errorf(format string, args ...any) { a.note(fmt.Sprintf(format, args...)) }

// FailNow ends the case.
func (a *attempt) FailNow() { a.note("failed"); runtime.Goexit() }

// Fatal ends the case.
func (a *attempt) Fatal(args ...any) { a.note(fmt.Sprint(args...)); runtime.Goexit() }

// Fatalf ends the case.
func (a *attempt) Fatalf(format string, args ...any) {
	a.note(fmt.Sprintf(format, args...))
	runtime.Goexit()
}

// Failed tells whether the case failed.
func (a *attempt) Failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}
