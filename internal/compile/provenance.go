package compile

import "github.com/weir-data/weir/models"

// ProvenanceOf lists the traits of an entity that have provenance, in the order in which they are
// written: those that keep the value of a column. What is computed from many rows, and sql traits,
// have none. Of each the table Provenance has the columns that ProvenanceColumns names.
func ProvenanceOf(e *models.Entity) []string {
	var out []string
	for i := range e.Traits {
		if _, columns := e.Traits[i].Columns(); len(columns) > 0 && e.Traits[i].SQL == "" {
			out = append(out, e.Traits[i].Name)
		}
	}
	return out
}

// ProvenanceColumns names a trait's columns of the table Provenance: the source, the key of its
// row as text, and the row's time.
func ProvenanceColumns(trait string) (source, key, at string) {
	return trait + "__source", trait + "__key", trait + "__at"
}
