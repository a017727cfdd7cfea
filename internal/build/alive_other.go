//go:build !unix

package build

import "os"

// alive reports whether a process of this host is there. If nobody can tell, it is.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}
