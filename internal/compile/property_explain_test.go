package compile_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/models"
)

// explained holds, on a world that was built, that explaining random segments agrees with who is
// in them: for everybody at once, for one person at a time, and in numbers.
func explained(t *testing.T, w *world, in compile.Input) {
	t.Helper()
	members := map[[2]string]bool{}
	for _, row := range w.rows(t, "SELECT segment, profile_id FROM weir.x_memberships_b17") {
		members[[2]string{row[0], row[1]}] = true
	}
	step := max(len(in.Model.Segments)/12, 1)
	for i := 0; i < len(in.Model.Segments); i += step {
		s := &in.Model.Segments[i]
		x, problems := compile.Explain(in, s.Name, compile.Asking{})
		if x == nil {
			t.Fatalf("%s: %s", s.Name, problemText(problems))
		}
		rows := w.rows(t, w.render(t, x.Query))
		for _, row := range rows {
			if in := row[x.In] == "true"; in != members[[2]string{s.Name, row[0]}] {
				t.Errorf("%s: %s is explained to be in: %v\n%+v", s.Name, row[0], in, s.Where)
			}
			coherent(t, s.Name, x.Tree, row)
		}
		counts(t, w, in, s, x, rows)
		if len(rows) > 0 && i%(2*step) == 0 {
			alone(t, w, in, s, x, rows[i%len(rows)])
		}
	}
}

// coherent holds that a condition is what those below it make of it.
func coherent(t *testing.T, name string, top *compile.Tree, row []string) {
	t.Helper()
	top.Walk(func(n *compile.Tree) {
		holds := row[n.Column] == "true"
		want, n1 := holds, 0
		for _, c := range n.Children {
			if row[c.Column] == "true" {
				n1++
			}
		}
		switch n.Kind {
		case "all":
			want = n1 == len(n.Children)
		case "any":
			want = n1 > 0
		case "not":
			want = n1 == 0
		case "segment":
			want = len(n.Children) == 0 && holds || len(n.Children) > 0 && n1 == 1
		}
		if holds != want || row[n.Column] != "true" && row[n.Column] != "false" {
			t.Errorf("%s: %s is %s for %s, with %d of %d below it true", name, n.Path, row[n.Column], row[0], n1, len(n.Children))
		}
	})
}

// counts holds that the numbers are those of the rows.
func counts(t *testing.T, w *world, in compile.Input, s *models.Segment, x *compile.Explained, rows [][]string) {
	t.Helper()
	c, problems := compile.CountSegment(in, s.Name, nil)
	if c == nil {
		t.Fatalf("%s: %s", s.Name, problemText(problems))
	}
	got := w.rows(t, w.render(t, c.Query))[0]
	is := func(what string, at int, f func(row []string) bool) {
		n := 0
		for _, row := range rows {
			if f(row) {
				n++
			}
		}
		if got[at] != strconv.Itoa(n) {
			t.Errorf("%s: %s is %s, want %d", s.Name, what, got[at], n)
		}
	}
	is("total", c.Total, func([]string) bool { return true })
	is("size", c.Size, func(row []string) bool { return row[x.In] == "true" })
	is("joins", c.Joins, func([]string) bool { return false })
	is("leaves", c.Leaves, func([]string) bool { return false })
	nodes := func(top *compile.Tree) (out []*compile.Tree) {
		top.Walk(func(n *compile.Tree) { out = append(out, n) })
		return out
	}
	plain := nodes(x.Tree)
	for i, n := range nodes(c.Tree) {
		is("alone of "+n.Path, n.Column, func(row []string) bool { return row[plain[i].Column] == "true" })
	}
	steps := x.Tree.Steps()
	missed := func(row []string, upTo int) (out []int) {
		for i, st := range steps[:upTo] {
			if row[st.Column] != "true" {
				out = append(out, i)
			}
		}
		return out
	}
	for i := range steps {
		is(fmt.Sprint("together to ", i), c.Together[i], func(row []string) bool { return len(missed(row, i+1)) == 0 })
		is(fmt.Sprint("misses only ", i), c.Misses[i], func(row []string) bool { return slices.Equal(missed(row, len(steps)), []int{i}) })
	}
}

// alone holds that what is told of one person is what is told of them among everybody, and that the
// rows behind a condition are as many as it counts.
func alone(t *testing.T, w *world, in compile.Input, s *models.Segment, everybody *compile.Explained, want []string) {
	t.Helper()
	x, problems := compile.Explain(in, s.Name, compile.Asking{Profile: want[0]})
	if x == nil {
		t.Fatalf("%s: %s", s.Name, problemText(problems))
	}
	rows := w.rows(t, w.render(t, x.Query))
	if len(rows) != 1 || rows[0][0] != want[0] {
		t.Fatalf("%s: %v, want one row of %s", s.Name, rows, want[0])
	}
	var all []*compile.Tree
	everybody.Tree.Walk(func(n *compile.Tree) { all = append(all, n) })
	i := 0
	matched := matchingRows(t, w, in, want[0], x.Rows)
	x.Tree.Walk(func(n *compile.Tree) {
		if rows[0][n.Column] != want[all[i].Column] {
			t.Errorf("%s: %s is %s for %s alone, and %s among everybody", s.Name, n.Path, rows[0][n.Column], want[0], want[all[i].Column])
		}
		i++
		for _, f := range n.Facts {
			at := map[string]int{compile.FactRows: 0, compile.FactFailing: 1}
			q, ok := at[f.Name]
			if !ok || len(n.Questions) <= q || n.Kind == "every" && f.Name == compile.FactRows {
				continue
			}
			if got := matched[n.Questions[q]]; rows[0][f.Column] != strconv.Itoa(got) {
				t.Errorf("%s: %s counts %s %s of %s, and there are %d", s.Name, n.Path, rows[0][f.Column], f.Name, want[0], got)
			}
		}
	})
}

// matchingRows counts the rows that answer each question, as far as they are listed.
func matchingRows(t *testing.T, w *world, in compile.Input, profile string, questions []compile.RowQuestion) map[int]int {
	t.Helper()
	out := map[int]int{}
	in.Entity = "x"
	by := map[string][]int{}
	for i, q := range questions {
		by[q.Source] = append(by[q.Source], i)
	}
	for source, list := range by {
		var asked []compile.RowQuestion
		for _, i := range list {
			asked = append(asked, questions[i])
		}
		q, _, problems := compile.MatchingRows(in, source, profile, asked, 2)
		if len(problems) > 0 {
			t.Fatal(problemText(problems))
		}
		listed := map[int]int{}
		for _, row := range w.rows(t, w.render(t, q)) {
			n, _ := strconv.Atoi(row[0])
			out[list[n]], _ = strconv.Atoi(row[1])
			listed[list[n]]++
		}
		for i, n := range listed {
			if n != min(out[i], 2) {
				t.Errorf("%d of %d rows are listed for %s", n, out[i], questions[i].Path)
			}
		}
	}
	return out
}
