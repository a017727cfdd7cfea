package purchases

// Enough is how many people a fit looks at: more say the same, more slowly.
const Enough = 20_000

// Sample takes evenly from a crowd that comes in an order, so that what it takes is the same each
// time and spread like the crowd.
type Sample struct {
	Of   float64 // how many people will come
	seen float64
}

// Take tells how many of the next n people are taken.
func (s *Sample) Take(n float64) float64 {
	step := max(1, s.Of/Enough)
	before := int64(s.seen / step)
	s.seen += n
	return float64(int64(s.seen/step) - before)
}
