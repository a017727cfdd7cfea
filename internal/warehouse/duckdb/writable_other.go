//go:build !unix && cgo && !noduckdb

package duckdb

import "os"

// writable goes by the mode of a file or a folder.
func writable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().Perm()&0o200 != 0
}
