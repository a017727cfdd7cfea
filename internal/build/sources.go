package build

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// Sources asks the warehouse for the columns of sources, all those of the model if names is nil,
// and puts them into the input. A source that is not there is a problem with the nearest names.
func Sources(ctx context.Context, s warehouse.Session, in *compile.Input, names []string) ([]diag.Problem, error) {
	if names == nil {
		for _, src := range in.Model.Sources {
			names = append(names, src.Name)
		}
	}
	if in.Columns == nil {
		in.Columns = map[string][]models.Column{}
	}
	if in.Naive == nil {
		in.Naive = map[string]map[string]bool{}
	}
	var problems []diag.Problem
	for _, name := range names {
		src := in.Model.Source(name)
		if src == nil {
			continue
		}
		var columns []warehouse.Column
		var err error
		key := "table"
		if src.SQL != "" {
			key = "sql"
			columns, err = s.QueryColumns(ctx, src.SQL)
		} else {
			columns, err = s.Columns(ctx, compile.TableName(src.Table))
		}
		if err != nil {
			if ctx.Err() != nil {
				return problems, ctx.Err()
			}
			var missing *warehouse.MissingError
			switch {
			case errors.As(err, &missing):
				problems = append(problems, diag.Problem{
					Path: models.Path("sources", name, key), Code: "build.missing_" + missing.What,
					What: fmt.Sprintf("%s %s does not exist in the warehouse", missing.What, missing.Name), Fix: nearest(missing.Nearest),
				})
			case src.SQL != "":
				problems = append(problems, diag.Problem{
					Path: models.Path("sources", name, key), Code: "build.sql",
					What: "the warehouse does not accept this query: " + oneLine(err.Error()),
				})
			default:
				return problems, fmt.Errorf("reading the columns of source %s: %w", name, err)
			}
			continue
		}
		in.Columns[name] = nil
		in.Naive[name] = map[string]bool{}
		for _, c := range columns {
			in.Columns[name] = append(in.Columns[name], models.Column{Name: c.Name, Type: c.Type})
			if c.Naive {
				in.Naive[name][c.Name] = true
			}
		}
	}
	return problems, nil
}

func nearest(names []string) string {
	if len(names) == 0 {
		return "check the name, and which warehouse the target points to; weir only reads tables that others have loaded"
	}
	return "did you mean " + strings.Join(names[:min(3, len(names))], " or ") + "?"
}

func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
