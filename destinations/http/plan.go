package http

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/destinations"
)

// CheckWith reads every template of a sync.
func (webhook) CheckWith(_ string, with map[string]any) []destinations.SettingProblem {
	_, flaws := parsePlan(with)
	var out []destinations.SettingProblem
	for _, f := range flaws {
		out = append(out, destinations.SettingProblem{Path: f.path, What: f.what, Code: "http.template",
			Fix: "see: weir destinations http"})
	}
	return out
}

// plan is a parsed `with:`.
type plan struct {
	size     int
	statuses map[int]string
	requests map[string]*request
}

var (
	meanings = []string{"ok", "reject", "retry", "uncertain", "stop"}
	ops      = []string{"add", "clear", "delete", "emit", "remove", "upsert"}
)

// parsePlan reads `with:` and finds all that is wrong with it.
func parsePlan(with map[string]any) (*plan, []*flaw) {
	p := &plan{requests: map[string]*request{}, statuses: map[int]string{}}
	var flaws []*flaw
	wrong := func(path, format string, args ...any) {
		flaws = append(flaws, &flaw{path, fmt.Sprintf(format, args...)})
	}
	if n, ok := with["batch_size"].(int64); ok {
		p.size = int(n)
		if n < 1 {
			wrong("batch_size", "must be at least 1")
		}
	}
	statuses, ok := with["statuses"].(map[string]any)
	if v, given := with["statuses"]; given && v != nil && !ok {
		wrong("statuses", "must be a map of statuses to %s", strings.Join(meanings, ", "))
	}
	for _, k := range slices.Sorted(maps.Keys(statuses)) {
		status, err := strconv.Atoi(k)
		word, _ := statuses[k].(string)
		switch {
		case err != nil || status < 200 || status > 599:
			wrong("statuses."+k, "%q is not an HTTP status", k)
		case !slices.Contains(meanings, word):
			wrong("statuses."+k, "%s must be one of %s", k, strings.Join(meanings, ", "))
		default:
			p.statuses[status] = word
		}
	}
	for _, op := range ops {
		r, err := parseRequest(with[op])
		if err != nil {
			var f *flaw
			errors.As(at(op, err), &f)
			flaws = append(flaws, f)
			continue
		}
		p.requests[op] = r
	}
	return p, flaws
}

// RowsPerRequest is the size of the smallest request that with asks for.
func (webhook) RowsPerRequest(_ string, with map[string]any) int {
	p, flaws := parsePlan(with)
	if len(flaws) > 0 {
		return 1 // the session says what is wrong
	}
	n := p.sizeFor(&request{})
	for _, r := range p.requests {
		n = min(n, p.sizeFor(r))
	}
	return n
}

// sizeFor is how many rows go into one request of r.
func (p *plan) sizeFor(r *request) int {
	switch {
	case r.single, r.noBody:
		return 1
	case p.size > 0:
		return p.size
	}
	return 100
}
