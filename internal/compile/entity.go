package compile

import (
	"fmt"

	"github.com/weir-data/weir/models/diag"
)

// Entity compiles everything that one entity is: who is one profile, what is known of them and
// who is in which segment. The model must have passed its checks; what the columns of the
// warehouse say against it is returned as problems, and the program is then nil.
func Entity(in Input) (*Program, []diag.Problem) {
	if in.Model.Entity(in.Entity) == nil {
		return nil, []diag.Problem{{Path: "entities", Code: "models.unknown_entity", What: fmt.Sprintf("there is no entity %q", in.Entity)}}
	}
	p := &Program{}
	var problems []diag.Problem
	parts := []func(Input) (part, []diag.Problem){fuzzyPart, identityPart, traitPart, segmentPart}
	if in.Only == "identity" {
		parts = parts[:2]
	}
	for _, part := range parts {
		made, found := part(in)
		problems = append(problems, found...)
		p.Steps = append(p.Steps, made.steps...)
		p.Tables = append(p.Tables, made.tables...)
		p.Stats = append(p.Stats, made.stats...)
		if made.mode[0] != "" {
			p.Identity, p.Why = made.mode[0], made.mode[1]
		}
	}
	if diagHasError(problems) {
		return nil, problems
	}
	return p, problems
}

// part is a part of an entity's program.
type part struct {
	steps  []Step
	tables []string // as `what` of Build.Table
	stats  []Stat
	mode   [2]string // of identity: how, and why
}

func diagHasError(ps []diag.Problem) bool {
	for _, p := range ps {
		if p.Severity != diag.Warning {
			return true
		}
	}
	return false
}
