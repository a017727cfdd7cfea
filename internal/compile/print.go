package compile

import (
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models/diag"
)

// Print writes an entity's program in a dialect, for people to read. Each step has a heading;
// of a loop the first round stands there, with what it repeats until. The text is empty if there
// are problems that are errors.
func Print(in Input, d dialect.Dialect) (text string, problems []diag.Problem, err error) {
	p, problems := Entity(in)
	if p == nil {
		return "", problems, nil
	}
	w := printer{d: d}
	w.steps(p.Steps, 0)
	if w.err != nil {
		return "", problems, fmt.Errorf("writing the program of %s in %s: %w", in.Entity, d.Name(), w.err)
	}
	return w.b.String(), problems, nil
}

// printer writes statements and keeps the first error.
type printer struct {
	d   dialect.Dialect
	b   strings.Builder
	err error
}

func (w *printer) steps(steps []Step, depth int) {
	for _, s := range steps {
		if s.Name != "" {
			w.heading(s.Name, depth)
		}
		for _, st := range s.Do {
			w.statement(st)
		}
		if s.Solve != nil {
			w.solve(s.Solve, depth)
		}
		if s.If != nil {
			w.heading("if this is more than 0", depth+1)
			w.query(s.If.Query)
			w.steps(s.If.Then, depth+2)
			w.heading("else", depth+1)
			w.steps(s.If.Else, depth+2)
		}
		if s.Loop != nil {
			w.loop(s.Loop, depth)
		}
	}
}

func (w *printer) heading(name string, depth int) {
	mark := strings.Repeat("=", max(4-depth, 1))
	fmt.Fprintf(&w.b, "-- %s %s %s\n\n", mark, name, mark)
}

func (w *printer) loop(l *Loop, depth int) {
	until := "0"
	if l.Small > 0 {
		until = fmt.Sprintf("%d or less", l.Small)
	}
	w.heading("repeat until this is "+until+", asked at first and after each round", depth+1)
	w.query(l.Rest(0))
	w.heading("round 1", depth+1)
	w.steps(l.Body(1), depth+2)
	if after := l.After(1); len(after) > 0 {
		w.heading("after the last round, here after 1", depth+1)
		w.steps(after, depth+2)
	}
}

// solve shows what is read into this process and where the outcome goes.
func (w *printer) solve(s *Solve, depth int) {
	w.heading("read by weir, worked on, and loaded into "+strings.Join(s.Into.Name, "."), depth+1)
	for _, q := range s.Read {
		w.query(q)
	}
	w.statement(s.Into)
}

// statement writes a statement. Those that the warehouse has no need of have no text.
func (w *printer) statement(st rel.Statement) {
	text, err := w.d.Statement(st)
	w.text(text, err)
}

func (w *printer) query(q rel.Query) {
	text, err := w.d.Query(q)
	w.text(text, err)
}

func (w *printer) text(text string, err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
	if text = strings.TrimSpace(text); text != "" {
		w.b.WriteString(text + ";\n\n")
	}
}
