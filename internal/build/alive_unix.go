//go:build unix

package build

import (
	"errors"
	"os"
	"syscall"
)

// alive reports whether a process of this host is there. If nobody can tell, it is.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	err = p.Signal(syscall.Signal(0))
	return !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH)
}
