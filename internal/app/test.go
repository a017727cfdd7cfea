package app

import (
	"context"
	"fmt"
	"path"

	"github.com/weir-data/weir/internal/modeltests"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/models/diag"
)

// The results of tests of models.
type (
	TestResult     = modeltests.Result
	TestFailure    = modeltests.Failure
	TestDifference = modeltests.Difference
)

// Tests are the results of a run of tests.
type Tests struct {
	Passed int          `json:"passed"`
	Failed int          `json:"failed"`
	Tests  []TestResult `json:"tests"`
}

// Test runs the project's tests on the embedded engine: those whose names match one of the globs,
// or all. It calls done with each result in their order, from one goroutine at a time. Nothing of the target is touched.
func (a *App) Test(ctx context.Context, globs []string, done func(TestResult)) (*Tests, error) {
	var chosen []project.Test
	met := map[string]bool{}
	for _, t := range a.p.Tests {
		take := len(globs) == 0
		for _, g := range globs {
			ok, err := path.Match(g, t.Name)
			if err != nil {
				return nil, &Error{Kind: Refused, Code: "cli.usage", Message: fmt.Sprintf("%q is not a pattern", g), Fix: "use *, ? and [a-z]"}
			}
			met[g] = met[g] || ok
			take = take || ok
		}
		if take {
			chosen = append(chosen, t)
		}
	}
	for _, g := range globs {
		if !met[g] {
			var names []string
			for _, t := range a.p.Tests {
				names = append(names, t.Name)
			}
			return nil, &Error{Kind: Refused, Code: "tests.unknown", Message: fmt.Sprintf("no test is called %q", g), Fix: diag.DidYouMean(g, names)}
		}
	}
	results, err := modeltests.Run(ctx, a.p, chosen, done)
	if err != nil {
		return nil, a.worldly(err)
	}
	out := &Tests{Tests: results}
	for _, r := range results {
		if r.OK {
			out.Passed++
		} else {
			out.Failed++
		}
	}
	return out, nil
}
