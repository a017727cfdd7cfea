package rel

import "github.com/weir-data/weir/models"

// The functions of lists. A list is of texts; its items are equal if their bytes are. Cast to Text
// it is a JSON array of strings without blanks, the same on every warehouse.
const (
	TextList Fn = "text_list" // a list of any scalar type with its items as texts, as a Cast writes them, those that are NULL left out
	ListAny  Fn = "list_any"  // a list holds one of the texts that follow
	ListAll  Fn = "list_all"  // a list holds every one of the texts that follow
)

// Collect is the list of the different texts that are not NULL, by their bytes; NULL over none.
const Collect AggFn = "collect"

// GreatCircle is the distance of two points in metres, to the millimetre: latitude and longitude
// of the one, then of the other, in degrees and finite. The earth is a sphere of its mean radius
// (IUGG). The haversine formula (Sinnott, "Virtues of the Haversine", 1984) is computed in double
// precision, whose error is below a millimetre, and below a metre for points that are antipodes.
const GreatCircle Fn = "great_circle"

// EarthRadius is the mean radius of the earth in metres: (2a + b) / 3 of the WGS 84 ellipsoid.
const EarthRadius = 6371008.8

// L is a list of texts as a literal.
func L(items ...string) Lit { return Lit{models.List, items} }
