package compile_test

import (
	"math"
	"math/rand"
	"strconv"
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// TestSimilar compares the functions of similarity with plain programs of them.
func TestSimilar(t *testing.T) { runSimilar(t, casetest.DuckDB) }

func runSimilar(t *testing.T, open casetest.Open) {
	w := newWorld(t, open(t))
	provide, err := w.d.Statement(rel.Provide{Fns: []rel.Fn{rel.JaroWinkler, rel.Levenshtein}})
	if err != nil {
		t.Fatal(err)
	}
	if provide != "" {
		for range 2 { // a second time on the session is as good
			if _, err := w.s.Exec(t.Context(), provide); err != nil {
				t.Fatal(err)
			}
		}
	}
	pairs := [][2]string{{"martha", "marhta"}, {"dixon", "dicksonx"}, {"dwayne", "duane"}, {"a", "a"}, {"a", "b"}, {"ab", "ba"},
		{"", "a"}, {"abcdef", "abcdef"}, {"zoë", "zoe"}, {"正", "正正"}, {"crate", "trace"}, {"jones", "johnson"}}
	r := rand.New(rand.NewSource(3))
	word := func() string {
		b := make([]byte, 1+r.Intn(12))
		for i := range b {
			b[i] = "abcde"[r.Intn(5)]
		}
		return string(b)
	}
	for range 400 {
		pairs = append(pairs, [2]string{word(), word()})
	}
	values := rel.Values{Columns: []rel.Field{{Name: "n", Type: models.Integer}, {Name: "a", Type: models.Text}, {Name: "b", Type: models.Text}}}
	for i, p := range pairs {
		values.Rows = append(values.Rows, []rel.Expr{rel.I(int64(i)), rel.T(p[0]), rel.T(p[1])})
	}
	a, b := rel.C("v", "a"), rel.C("v", "b")
	text := w.render(t, rel.Select{Columns: []rel.Column{
		rel.As("n", rel.C("v", "n")), rel.As("jw", rel.Cast{Expr: rel.F(rel.JaroWinkler, a, b, rel.N("0")), Type: models.Number}),
		rel.As("jw8", rel.Cast{Expr: rel.F(rel.JaroWinkler, a, b, rel.N("0.8")), Type: models.Number}),
		rel.As("l9", rel.F(rel.Levenshtein, a, b, rel.I(9))), rel.As("l2", rel.F(rel.Levenshtein, a, b, rel.I(2)))},
		From: rel.Sub{Query: values, Alias: "v"}})
	for _, row := range w.rows(t, text) {
		i, _ := strconv.Atoi(row[0])
		p := pairs[i]
		jw, _ := strconv.ParseFloat(row[1], 64)
		if want := jaroWinkler(p[0], p[1]); math.Abs(jw-want) > 1e-8 {
			t.Errorf("jaro_winkler(%q, %q) is %v, want %v", p[0], p[1], jw, want)
		}
		jw8, _ := strconv.ParseFloat(row[2], 64)
		if want := jaroWinkler(p[0], p[1]); want >= 0.8 && math.Abs(jw8-want) > 1e-8 || want < 0.8 && jw8 >= 0.8 {
			t.Errorf("jaro_winkler(%q, %q) from 0.8 is %v, want %v", p[0], p[1], jw8, want)
		}
		edits := levenshtein(p[0], p[1])
		for col, most := range map[int]int{3: 9, 4: 2} {
			got, _ := strconv.Atoi(row[col])
			if edits <= most && got != edits || edits > most && got <= most {
				t.Errorf("levenshtein(%q, %q) up to %d is %d, want %d", p[0], p[1], most, got, edits)
			}
		}
	}
	one := func(e rel.Expr) string {
		return w.rows(t, w.render(t, rel.Select{Columns: []rel.Column{rel.As("x", e)}}))[0][0]
	}
	for _, c := range []struct {
		e    rel.Expr
		want string
	}{
		{rel.F(rel.DaysApart, rel.D("2024-02-28"), rel.D("2024-03-01")), "2"},
		{rel.F(rel.DaysApart, rel.D("2024-03-01"), rel.D("2023-03-01")), "366"},
		{rel.F(rel.DaysApart, rel.D("2024-03-01"), rel.Null(models.Date)), "-"},
		{rel.F(rel.Probability, rel.N("0")), "0.5"},
		{rel.F(rel.Probability, rel.N("3")), "0.888888889"},
		{rel.F(rel.Probability, rel.N("-20000")), "0"},
		{rel.F(rel.Probability, rel.N("20000")), "1"},
		{rel.F(rel.JaroWinkler, rel.T("a"), rel.Null(models.Text), rel.N("0.8")), "-"},
		{rel.F(rel.Levenshtein, rel.T("a"), rel.Null(models.Text), rel.I(1)), "-"},
	} {
		if got := one(c.e); got != c.want {
			t.Errorf("%v is %s, want %s", c.e, got, c.want)
		}
	}
}

// jaroWinkler is Winkler 1990, on bytes.
func jaroWinkler(a, b string) float64 {
	if a == "" || b == "" {
		if a == b {
			return 1
		}
		return 0
	}
	reach := max(max(len(a), len(b))/2-1, 0)
	taken := make([]bool, len(b))
	var found []byte
	for i := range len(a) {
		for j := max(0, i-reach); j <= min(len(b)-1, i+reach); j++ {
			if !taken[j] && a[i] == b[j] {
				taken[j] = true
				found = append(found, a[i])
				break
			}
		}
	}
	if len(found) == 0 {
		return 0
	}
	k, moved := 0, 0
	for j, is := range taken {
		if is {
			if found[k] != b[j] {
				moved++
			}
			k++
		}
	}
	m := float64(k)
	alike := (m/float64(len(a)) + m/float64(len(b)) + (m-float64(moved/2))/m) / 3
	if alike > 0.7 {
		start := 0
		for start < min(4, len(a), len(b)) && a[start] == b[start] {
			start++
		}
		alike += float64(start) * 0.1 * (1 - alike)
	}
	return alike
}

// levenshtein is the whole table, on bytes.
func levenshtein(a, b string) int {
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		here := make([]int, len(b)+1)
		here[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			here[j+1] = min(above[j]+cost, above[j+1]+1, here[j]+1)
		}
		above = here
	}
	return above[len(b)]
}
