package build

import (
	"fmt"
	"slices"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/models"
)

// The defaults of an identity's guard.
const (
	DefaultMaxProfileSize = 500
	DefaultMaxMerged      = 500 // basis points
)

// shareFloor is how many profiles there must be before a share of them holds a build.
const shareFloor = 100

// The codes of the guards of identity.
const (
	CodeProfileSize = "identity.max_profile_size"
	CodeMerged      = "identity.max_merged"
)

// HeldError says that a guard holds a build: nothing was published.
type HeldError struct {
	Entity string
	Code   string
	What   string
	Fix    string
}

// Error says what was found and what to do.
func (e *HeldError) Error() string { return e.What + "; " + e.Fix }

// guards compares a build's numbers with what the entity allows. Exactly the threshold passes.
func guards(e *models.Entity, stats map[string]int64, accepted []string) []HeldError {
	var held []HeldError
	hold := func(code, what, fix string) {
		if !slices.Contains(accepted, code) {
			held = append(held, HeldError{Entity: e.Name, Code: code, What: what, Fix: fix})
		}
	}
	most := int64(e.Identity.Guard.MaxProfileSize)
	if most == 0 {
		most = DefaultMaxProfileSize
	}
	if n := stats[compile.StatLargest]; n > most {
		hold(CodeProfileSize, fmt.Sprintf("a %s profile has %d identifiers, more than max_profile_size %d", e.Name, n, most),
			fmt.Sprintf("ignore the value that joins them, or give its type max_links or a limit; see %s_identifiers of a plan", e.Name))
	}
	share := int64(e.Identity.Guard.MaxMerged.Or(DefaultMaxMerged))
	before, merged := stats[compile.StatBefore], stats[compile.StatMerged]
	if before >= shareFloor && merged*10_000 > share*before {
		hold(CodeMerged, fmt.Sprintf("%d of %d %s profiles would be merged into others, more than max_merged %s",
			merged, before, e.Name, models.Percent{BasisPoints: int(share), Set: true}),
			"look for a value that many rows now share, or accept this build")
	}
	return held
}
