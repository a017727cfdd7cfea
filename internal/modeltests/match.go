package modeltests

import (
	"encoding/json"
	"strings"
)

// pair finds a person of its own for as many rows as can have one (Kuhn, "The Hungarian Method for
// the Assignment Problem", 1955, in its simplest form). fits tells whether row i fits person j of n.
// The result is the person of each row, -1 for none.
func pair(rows, n int, fits func(i, j int) bool) []int {
	of := make([]int, rows)
	taken := make([]int, n)
	for i := range of {
		of[i] = -1
	}
	for j := range taken {
		taken[j] = -1
	}
	var place func(i int, tried []bool) bool
	place = func(i int, tried []bool) bool {
		for j := range n {
			if tried[j] || !fits(i, j) {
				continue
			}
			tried[j] = true
			if taken[j] < 0 || place(taken[j], tried) {
				of[i], taken[j] = j, i
				return true
			}
		}
		return false
	}
	for i := range of {
		place(i, make([]bool, n))
	}
	return of
}

// jsonList is a list of texts as warehouses give it: a JSON array.
func jsonList(texts []string) string {
	if texts == nil {
		texts = []string{}
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(texts); err != nil {
		return "" // texts always encode
	}
	return strings.TrimSpace(b.String())
}
