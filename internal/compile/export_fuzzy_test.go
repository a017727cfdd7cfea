package compile

import "github.com/weir-data/weir/models/diag"

// Fuzzy compiles the matching of an entity alone.
func Fuzzy(in Input) (*Program, []diag.Problem) {
	made, problems := fuzzyPart(in)
	return &Program{Steps: made.steps, Tables: made.tables, Stats: made.stats}, problems
}
