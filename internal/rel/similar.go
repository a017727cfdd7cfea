package rel

// The functions of similarity. Text is compared by the bytes of its UTF-8, so that every warehouse
// counts the same: a letter beyond ASCII is two to four of them.
const (
	// JaroWinkler is how alike two texts are, from 0 to 1: Jaro's similarity, raised by a tenth of
	// what is missing for each of up to four equal bytes at the start where it is above 0.7
	// (Winkler, "String Comparator Metrics and Enhanced Decision Rules in the Fellegi-Sunter Model
	// of Record Linkage", 1990). What is less than the third argument, a number, is some number
	// below it.
	JaroWinkler Fn = "jaro_winkler"
	// Levenshtein is how many bytes must be inserted, deleted or replaced to make one text of
	// another. What is more than the third argument, an integer, is some number above it.
	Levenshtein Fn = "levenshtein"
	// DaysApart is how many days lie between two dates, never negative.
	DaysApart Fn = "days_apart"
	// Probability is that of an event whose odds are 2 to the power of a Number, with nine
	// decimals; beyond 2^60 to one it is taken for that.
	Probability Fn = "probability"
)

// Provide makes functions ready on the session where a warehouse does not have them. They die with
// the session, as temporary tables do.
type Provide struct{ Fns []Fn }

func (Provide) statement() {}
