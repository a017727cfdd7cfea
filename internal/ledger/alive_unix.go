//go:build unix

package ledger

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// alive reports whether there is a process of that id, whoever owns it.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// born tells when a process started, in a form that differs between two processes that had the
// same id one after the other; "" where the system does not say.
func born(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The second field is the name in parentheses, which may hold anything; the 22nd is the start.
	_, rest, ok := strings.Cut(string(b[max(0, strings.LastIndexByte(string(b), ')')):]), " ")
	f := strings.Fields(rest)
	if !ok || len(f) < 20 {
		return ""
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return f[19] + "@" + strings.TrimSpace(string(boot))
}
