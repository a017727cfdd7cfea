//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A row of a join on an integer takes joinBytes in the engine's hash table, which has an eighth
// of the memory to itself: the rest is for what is read, for tables that are in memory, and for what
// the engine needs beside the table.
const (
	joinBytes  = 24
	mostSlices = 64
)

// Slices is such that the hash table of each part fits.
func (s *session) Slices(ctx context.Context, rows int64) (int, error) {
	limit := ""
	for row, err := range s.Query(ctx, "SELECT current_setting('memory_limit')") {
		if err != nil {
			return 0, err
		}
		limit, _ = row[0].(string)
	}
	bytes, err := bytesOf(limit)
	if err != nil {
		return 0, err
	}
	return int(min(mostSlices, 1+float64(rows)*joinBytes/(bytes/8))), nil
}

// bytesOf reads a size as the engine writes it, such as 244.1 MiB.
func bytesOf(size string) (float64, error) {
	n, unit, _ := strings.Cut(strings.TrimSpace(size), " ")
	x, err := strconv.ParseFloat(n, 64)
	at := slices.Index([]string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"}, unit)
	if err != nil || at < 0 || x <= 0 {
		return 0, fmt.Errorf("the engine's limit of memory, %q, is not a size", size)
	}
	return x * math.Pow(1024, float64(at)), nil
}
