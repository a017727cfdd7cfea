//go:build unix

package build_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/warehouse"
)

// spy is a warehouse that keeps account of what each statement costs.
type spy struct {
	warehouse.Warehouse
	mu   sync.Mutex
	cost map[string]*account // by the statement's beginning, without numbers
	par  map[string]int      // rounds of each contraction, by its prefix
}

type account struct {
	cpu   float64
	calls int
}

func (w *spy) Session(ctx context.Context) (warehouse.Session, error) {
	s, err := w.Warehouse.Session(ctx)
	if err != nil {
		return nil, err
	}
	return &spySession{s, w}, nil
}

// reset forgets what was spent.
func (w *spy) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cost, w.par = map[string]*account{}, map[string]int{}
}

var (
	quotedName = regexp.MustCompile(`"([^"]+)"`)
	hookTable  = regexp.MustCompile(`TEMP TABLE "[^"]*?_(join|grow[0-9]+|[a-z]+)_par_([0-9]+)"`)
	workPrefix = regexp.MustCompile(`^(weir_b[0-9]+_|weir_scratch_|scratch_)[a-z0-9]*_?`)
)

// add notes a statement: what it does and the table that it makes or reads first.
func (w *spy) add(kind, sql string, cpu float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cost == nil {
		return
	}
	if m := hookTable.FindStringSubmatch(sql); m != nil {
		round, _ := strconv.Atoi(m[2])
		w.par[m[1]] = max(w.par[m[1]], round)
	}
	verb, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	name := ""
	for _, m := range quotedName.FindAllStringSubmatch(sql, 3) {
		if len(m[1]) > len(name) {
			name = m[1]
		}
		if strings.Contains(name, "_") {
			break
		}
	}
	key := kind + " " + verb + " " + workPrefix.ReplaceAllString(name, "")
	a := w.cost[key]
	if a == nil {
		a = &account{}
		w.cost[key] = a
	}
	a.cpu, a.calls = a.cpu+cpu, a.calls+1
}

// dearest lists the statements that cost most.
func (w *spy) dearest(n int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var keys []string
	for k := range w.cost {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := w.cost[b].cpu - w.cost[a].cpu; d > 0 {
			return 1
		} else if d < 0 {
			return -1
		}
		return strings.Compare(a, b)
	})
	var out strings.Builder
	for _, k := range keys[:min(n, len(keys))] {
		fmt.Fprintf(&out, "\n%7.3f  %3dx  %s", w.cost[k].cpu, w.cost[k].calls, k)
	}
	return out.String()
}

// rounds are the rounds of the contraction of all links, and the most of any.
func (w *spy) rounds() (join, most int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.par {
		most = max(most, n)
	}
	return w.par["join"], most
}

type spySession struct {
	warehouse.Session
	w *spy
}

func (s *spySession) Exec(ctx context.Context, sql string) (int64, error) {
	before := cpuSeconds()
	n, err := s.Session.Exec(ctx, sql)
	s.w.add("exec", sql, cpuSeconds()-before)
	return n, err
}

// Query counts what is done with the rows too.
func (s *spySession) Query(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		before := cpuSeconds()
		defer func() { s.w.add("query", sql, cpuSeconds()-before) }()
		s.Session.Query(ctx, sql)(yield)
	}
}

func (s *spySession) Load(ctx context.Context, table []string, columns []string, rows iter.Seq2[[]any, error]) (int64, error) {
	before := cpuSeconds()
	n, err := s.Session.Load(ctx, table, columns, rows)
	s.w.add("load", `into "`+strings.Join(table, ".")+`"`, cpuSeconds()-before)
	return n, err
}

// usage is what a piece of work took.
type usage struct {
	cpu, wall float64 // seconds
	peak      int     // megabytes of the whole process at its largest; 0 if this system does not tell
}

func (u usage) String() string {
	return fmt.Sprintf("%.2f CPU s, %.2f s on the clock, %d MB", u.cpu, u.wall, u.peak)
}

// measure runs a piece of work on a heap without garbage.
func measure(tb testing.TB, work func() error) usage {
	tb.Helper()
	debug.FreeOSMemory()
	// Linux: the peak begins anew.
	reset := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o200) == nil
	began, cpu := time.Now(), cpuSeconds()
	if err := work(); err != nil {
		tb.Fatal(err)
	}
	u := usage{cpu: cpuSeconds() - cpu, wall: time.Since(began).Seconds()}
	if status, err := os.ReadFile("/proc/self/status"); reset && err == nil {
		if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
			u.peak, _ = strconv.Atoi(strings.Fields(rest)[0])
			u.peak /= 1024
		}
	}
	return u
}

// cpuSeconds is what this process has used of all cores.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no way to fail
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
