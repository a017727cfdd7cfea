package worldtest

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWorldIsAsDeclared measures a world: what a benchmark tells is of little use on another one.
func TestWorldIsAsDeclared(t *testing.T) {
	const n = 100_000
	w := New(n, n/100, 1)
	links, devices, cookies, chained, junk := 0, 0, 0, 0, 0
	rows := 0
	for row, err := range w.Base() {
		if err != nil {
			t.Fatal(err)
		}
		if at := row[1].(time.Time); at.Before(Start) || !at.Before(Start.Add(Days*24*time.Hour)) {
			t.Fatalf("record %d is of %s", rows, at)
		}
		for c := 2; c < len(row); c++ {
			v, ok := row[c].(string)
			if !ok {
				continue
			}
			links++
			if c == 5 {
				devices++
				if strings.HasPrefix(v, "c-") {
					cookies++
				}
			}
			if slices.Contains(Junk[Columns[c]], v) {
				junk++
			}
		}
		if w.Owner(rows) < 0 {
			chained++
		}
		rows++
	}
	later := 0
	for row := range w.Later() {
		if row[1].(time.Time).Before(Start.Add(Days * 24 * time.Hour)) {
			t.Fatal("a later record is not later")
		}
		later++
	}
	if rows != n || later != n/100 {
		t.Fatalf("%d and %d records", rows, later)
	}
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"identifiers per record", float64(links) / n, 1.55},
		{"cookies of devices", float64(cookies) / float64(devices), 0.25},
		{"chained", float64(chained) / n, 0.02},
		{"junk", float64(junk) / n, 0.0021},
	} {
		if math.Abs(c.got-c.want) > c.want/10 {
			t.Errorf("%s: %.4f in place of %.4f", c.what, c.got, c.want)
		}
	}
}

func TestWorldIsTheSameAgain(t *testing.T) {
	all := func() (out []string) {
		for row := range New(2000, 20, 3).Base() {
			s := ""
			for _, v := range row {
				if v, ok := v.(string); ok {
					s += v
				}
				s += "|"
			}
			out = append(out, s)
		}
		return out
	}
	if !slices.Equal(all(), all()) {
		t.Error("the same seed gives another world")
	}
}

func TestCompare(t *testing.T) {
	// Three records of person 0, two of person 1, a chain of two.
	w := &World{Records: 7, owner: []int32{0, 0, 0, 1, 1, -1, -1}}
	for _, c := range []struct {
		profiles string
		want     Quality
	}{
		{"aaabbcc", Quality{Precision: 1, Recall: 1, F1: 1, Chains: 1}},
		{"aaaaacc", Quality{Precision: 0.4, Recall: 1, F1: 4.0 / 7, Chains: 1}},
		{"aab-bcd", Quality{Precision: 0.5, Recall: 0.25, F1: 1.0 / 3, Chains: 1, Broken: 1}},
		{"-------", Quality{Precision: 1, Recall: 0, F1: 0, Chains: 1}},
	} {
		var profile []string
		for _, r := range c.profiles {
			profile = append(profile, strings.Trim(string(r), "-"))
		}
		got := w.Compare(profile)
		if math.Abs(got.Precision-c.want.Precision)+math.Abs(got.Recall-c.want.Recall)+math.Abs(got.F1-c.want.F1) > 1e-9 ||
			got.Broken != c.want.Broken || got.Chains != c.want.Chains {
			t.Errorf("%s: %+v", c.profiles, got)
		}
	}
}

// TestCeiling checks that knowing who is who joins no strangers and leaves only records alone that
// share nothing.
func TestCeiling(t *testing.T) {
	q := New(100_000, 1000, 1).Ceiling()
	if q.Precision != 1 || q.Broken != 0 || q.Recall < 0.8 || q.Recall > 0.9 {
		t.Errorf("%+v", q)
	}
}

// TestShapes checks that every shape is one connected graph in which each edge joins two types.
func TestShapes(t *testing.T) {
	const n = 1 << 6
	for _, s := range Shapes {
		parent := map[string]string{}
		var find func(v string) string
		find = func(v string) string {
			if parent[v] == v {
				return v
			}
			return find(parent[v])
		}
		sets := 0
		var last time.Time
		numbers := map[time.Time]bool{}
		for row := range s.Rows(n) {
			even, _ := row[2].(string)
			odd, _ := row[3].(string)
			at := row[1].(time.Time)
			if v := even + odd; even == "" || odd == "" {
				if parent[v] != "" || numbers[at] {
					t.Fatalf("%s: node %s again", s.Name, v)
				}
				parent[v], numbers[at] = v, true
				sets++
				last = at
				continue
			} else if parent[even] == "" || parent[odd] == "" || at.Before(last) && len(numbers) < n {
				t.Fatalf("%s: an edge of an unknown node", s.Name)
			}
			if a, b := find(even), find(odd); a != b {
				parent[a] = b
				sets--
			}
		}
		if len(numbers) != n || sets != 1 {
			t.Errorf("%s: %d nodes, %d components", s.Name, len(numbers), sets)
		}
	}
}
