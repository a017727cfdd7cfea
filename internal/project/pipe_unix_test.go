//go:build unix

package project

import (
	"syscall"
	"testing"
)

// pipe makes a file that never ends a read.
func pipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
}
