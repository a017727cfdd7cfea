package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
)

// profileDir names a folder into which the delivery stage of each part writes a CPU profile.
const profileDir = "WEIR_BENCH_PROFILE"

// profile profiles this process until stop is called, if the environment asks for it.
func profile(name string) (stop func() error, err error) {
	dir := os.Getenv(profileDir)
	if dir == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(filepath.Join(dir, name+".pprof"))
	if err != nil {
		return nil, fmt.Errorf("profiling %s: %w", name, err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, fmt.Errorf("profiling %s: %w", name, err)
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
