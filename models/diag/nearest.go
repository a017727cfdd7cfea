package diag

import "unicode/utf8"

// Nearest returns the candidate that a person most likely meant by name, or "" if none is
// near: an edit distance (with swaps of neighbours as one edit) of at most a third of the
// longer name, and at least one.
func Nearest(name string, candidates []string) string {
	best, at := "", -1
	for _, c := range candidates {
		limit := max(1, max(utf8.RuneCountInString(name), utf8.RuneCountInString(c))/3)
		d := distance(name, c)
		if d <= limit && (at < 0 || d < at || d == at && c < best) {
			best, at = c, d
		}
	}
	return best
}

// DidYouMean renders the nearest candidate as a fix, or the candidates themselves when they
// are few, or "".
func DidYouMean(name string, candidates []string) string {
	if n := Nearest(name, candidates); n != "" {
		return `did you mean "` + n + `"?`
	}
	if len(candidates) == 0 || len(candidates) > 12 {
		return ""
	}
	s := "use one of: "
	for i, c := range candidates {
		if i > 0 {
			s += ", "
		}
		s += c
	}
	return s
}

// distance is the optimal string alignment distance (Damerau 1964, restricted).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	prev2 := make([]int, len(y)+1)
	prev := make([]int, len(y)+1)
	row := make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range x {
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(prev[j+1]+1, row[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], prev2[j-1]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(y)]
}
