package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Rows is what a sync wants at its destination, as a query over one build. Its columns are
//
//	key      text: profile id; for append with the number of the entry, "p7:2"; for source and
//	         sql syncs the key column as text, NULL where it is
//	id_1 …   text: normalised match values in the order of IDs, NULL where absent
//	field_1… the fields in the order of Fields, in their own types, NULL where absent
//	barred   text: code of the policy that keeps the person out, NULL if none
//	invalid  text: code of why the row cannot be sent, NULL if none
//
// Held-out people are left out. Keys may be NULL or doubled only for source and sql syncs.
type Rows struct {
	Query rel.Query
	// Given is the same rows before their values are trimmed and normalised; nil where they cannot be
	// told apart by that, since who is barred depends on normalised values.
	Given  *Given
	Source rel.Query // one integer: rows before policies and holdout; 0 is an empty source
	// Barred gives key and barred of every profile that a policy keeps out, whether it is among
	// the rows or not, so that somebody who left a segment and then said no is taken out. It is
	// nil where no policy applies or keys are no profiles.
	Barred rel.Query
	// HeldOut gives key of everybody whom the holdout of the segment or of the entity keeps out,
	// but for those in whom two arms met by a merge; nil without one.
	HeldOut rel.Query
	// OtherArm gives key of the members who are in another arm of the split than the sync's, but
	// for those as well; nil where the sync names none.
	OtherArm rel.Query
	// Merged gives from_id and to_id of every profile that was ever merged into another one, which
	// may have been merged away itself since. It is nil where keys are no profiles.
	Merged rel.Query
	IDs    []RowColumn
	Fields []RowColumn
	// Fingerprint changes when the mapping, constants, texts or normalisers do.
	Fingerprint string
}

// RowColumn is a column of Rows.
type RowColumn struct {
	Name string // at the destination
	Type models.Type
	// Clear is true if an absent value is sent as null: the field is cleared.
	Clear bool
}
