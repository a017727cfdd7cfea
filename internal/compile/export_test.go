package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Normalised lets tests ask for a normal form.
var Normalised = normalised

// NormalForm lets tests ask for the normal form of a column beside those of a query, in layers.
func NormalForm(q rel.Select, alias, name string, id models.Identifier, raw rel.Expr) rel.Select {
	return normalForms(q, alias, []form{{name: name, id: id, raw: raw}})
}
