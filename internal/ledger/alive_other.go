//go:build !unix

package ledger

// alive takes every process for alive where it cannot be asked: its lease has to expire.
func alive(int) bool { return true }

// born does not tell.
func born(int) string { return "" }
