//go:build unix

package bench

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpu is what this process has used of its processors.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// idle is how much of their time the processors of this machine had nothing to do since it started,
// and how much time that was, in ticks; 0 of 0 where the machine does not tell.
func idle() (unused, all float64) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, f := range strings.Fields(strings.TrimPrefix(line, "cpu ")) {
		n, _ := strconv.ParseFloat(f, 64)
		if i < 8 { // what follows is counted before
			all += n
		}
		if i == 3 || i == 4 { // idle, and waiting for a disk
			unused += n
		}
	}
	return unused, all
}

// peak is the most memory that this process has held, in bytes.
func peak() int64 {
	if f, err := os.Open("/proc/self/status"); err == nil { // getrusage counts the parent's too
		defer f.Close()
		for sc := bufio.NewScanner(f); sc.Scan(); {
			if rest, ok := strings.CutPrefix(sc.Text(), "VmHWM:"); ok {
				kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
				return kb << 10
			}
		}
	}
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return u.Maxrss
	}
	return u.Maxrss << 10
}
