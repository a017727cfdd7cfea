package build

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// Expressions asks the warehouse whether it takes the SQL of traits and conditions, once Sources has
// found their columns. Nothing is run.
func Expressions(ctx context.Context, s warehouse.Session, d dialect.Dialect, in compile.Input) ([]diag.Problem, error) {
	var problems []diag.Problem
	for _, x := range compile.Expressions(in) {
		problem := func(what, fix string) {
			problems = append(problems, diag.Problem{Path: x.Path, Code: "build.sql", What: what, Fix: fix})
		}
		text, err := d.Query(x.Query)
		if err != nil { // what the checks of the models let pass and no warehouse takes
			problem("the expression cannot be used: "+oneLine(err.Error()), "write one expression over other traits")
			continue
		}
		columns, err := s.QueryColumns(ctx, text)
		var missing *warehouse.MissingError
		switch {
		case ctx.Err() != nil:
			return problems, ctx.Err()
		case errors.As(err, &missing) && missing.What == "column":
			fix := diag.DidYouMean(missing.Name, x.Entity.TraitNames())
			problem(fmt.Sprintf("%s has no trait %q", x.Entity.Name, missing.Name), fix)
		case err != nil:
			problem("the warehouse does not accept this expression: "+oneLine(err.Error()), "")
		case x.Boolean && len(columns) == 1 && columns[0].Type != models.Boolean:
			problem(fmt.Sprintf("a condition is true or false, and this is %s", columns[0].Native), "compare it with something, such as > 0")
		}
	}
	return problems, nil
}
