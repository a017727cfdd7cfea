package rel

// Double is a floating-point number of 64 bits, as IEEE 754 has it: what models that were trained
// elsewhere are computed in, so that the same additions in the same order give the same on every
// warehouse. No column that people read has it: a result becomes a Number by a Cast. The Value of
// its literals is a finite float64.
const Double Type = "double"

// The functions of doubles, and the date that a day's purchases have.
const (
	// Float is a number, integer or floating-point column as a Double; what is no number is NULL.
	Float Fn = "float"
	// Exp is e to the power of a Double, as a Double. Powers beyond 700 either way are taken for
	// that, so that nothing overflows.
	Exp Fn = "exp"
	// LocalDate is the date of a timestamp in a zone (a text literal).
	LocalDate Fn = "local_date"
)

// Ntile cuts the rows of a partition, in their order, into Over.Parts parts as equal as can be, of
// which the first are the larger ones: the number of the part, from 1.
const Ntile RankFn = "ntile"
