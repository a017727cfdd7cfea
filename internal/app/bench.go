package app

import (
	"context"
	"errors"
	"io"
	"regexp"

	"github.com/weir-data/weir/internal/bench"
)

// BenchOptions are what a benchmark measures.
type BenchOptions = bench.Options

// BenchResult is what it found.
type BenchResult = bench.Result

var memorySize = regexp.MustCompile(`^[1-9][0-9]*(MB|GB|MiB|GiB)$`)

// Bench measures how fast this weir delivers on this machine, with people, a warehouse and an
// endpoint of its own, which are gone afterwards.
func Bench(ctx context.Context, o BenchOptions) (*BenchResult, error) {
	if !memorySize.MatchString(o.Memory) {
		return nil, &Error{Kind: Refused, Code: "bench.option", Message: "--memory " + o.Memory + " is not a size", Fix: "write a number and a unit, such as 256MB"}
	}
	var bad *bench.OptionError
	r, err := bench.Run(ctx, o)
	if errors.As(err, &bad) {
		return nil, &Error{Kind: Refused, Code: "bench.option", Message: bad.Error(), Fix: bad.Fix}
	}
	return r, err
}

// BenchPart does a part of a benchmark for the process that started this one.
func BenchPart(ctx context.Context, asked string, in io.Reader, out io.Writer) error {
	return bench.Part(ctx, asked, in, out)
}
