package warehouse

import "context"

// Slicer is a session of an engine whose memory is this machine's and has a limit.
type Slicer interface {
	// Slices is into how many parts a join of two tables of so many narrow rows is cut best. Each part
	// fits into memory, of which the whole would be written to disk and read again.
	Slices(ctx context.Context, rows int64) (int, error)
}

// Slices asks the Slicer of a session, which may lie in others; it is 1 where there is none.
func Slices(ctx context.Context, s Session, rows int64) (int, error) {
	if x, ok := as[Slicer](s); ok {
		return x.Slices(ctx, rows)
	}
	return 1, nil
}
