//go:build unix && cgo && !noduckdb

package duckdb

import "syscall"

// writable asks the system whether this user may write a file or a folder.
func writable(path string) bool {
	const write = 2 // W_OK of access(2)
	return syscall.Access(path, write) == nil
}
