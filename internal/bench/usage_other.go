//go:build !unix

package bench

import "time"

var began = time.Now()

// cpu is the time that passed where a process is not told what it used.
func cpu() time.Duration { return time.Since(began) }

// peak is not told.
func peak() int64 { return 0 }

// idle is not told.
func idle() (unused, all float64) { return 0, 0 }
