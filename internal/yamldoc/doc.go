// Package yamldoc reads one YAML file into Go values, strictly and with places.
//
// The reader walks the nodes of gopkg.in/yaml.v3 itself, because decoding through nodes with
// that library accepts unknown and doubled keys in silence. What a file may hold is told by the
// struct tags that package models describes. All faults of a file are reported in one pass, each
// with its line, column, source line and caret.
//
// A file is hostile until proven otherwise: its size, its depth, the number of its values and
// what its aliases expand to are bounded, and a file that goes over a bound is a finding.
//
// Beside the value a Doc is returned, which turns a problem that was found later, by the path of
// a value ("segments.vip.where.all[1].trait"), into a finding with a place.
package yamldoc

// The bounds of a file. A file that goes over one of them is refused before any of it is used.
const (
	// MaxBytes is the largest file read.
	MaxBytes = 2 << 20
	// MaxValues bounds the values of a file, counted with every use of an alias.
	MaxValues = 200_000
	// MaxDepth bounds how deeply values nest.
	MaxDepth = 64
	// maxFindings bounds the findings of one file; nobody reads more.
	maxFindings = 200
)
