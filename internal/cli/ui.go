package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// ui renders progress on stderr: a line that moves where there is a terminal, a line every few
// seconds where there is none. NO_COLOR, CLICOLOR_FORCE and TERM=dumb are respected.
type ui struct {
	w      io.Writer
	live   bool // cursor movement is possible
	colour bool
	quiet  bool
	brief  bool // steps that are done leave no line: somebody else tells the story
	ndjson bool
	every  time.Duration

	mu    sync.Mutex
	shown bool // a moving line is on the screen
	last  map[string]time.Time
	now   func() time.Time
}

func newUI(stderr, _ io.Writer) *ui {
	u := &ui{w: stderr, every: 5 * time.Second, last: map[string]time.Time{}, now: time.Now}
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		u.live = os.Getenv("CI") == ""
		u.colour = true
	}
	if os.Getenv("CLICOLOR_FORCE") != "" && os.Getenv("CLICOLOR_FORCE") != "0" {
		u.colour = true
	}
	if os.Getenv("NO_COLOR") != "" {
		u.colour = false
	}
	return u
}

func (u *ui) paint(code, s string) string {
	if !u.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (u *ui) good(s string) string { return u.paint("32", s) }
func (u *ui) bad(s string) string  { return u.paint("31", s) }
func (u *ui) warn(s string) string { return u.paint("33", s) }
func (u *ui) dim(s string) string  { return u.paint("2", s) }
func (u *ui) bold(s string) string { return u.paint("1", s) }

// finding renders a finding, its caret line in colour.
func (u *ui) finding(f diag.Finding) string {
	s := f.String()
	if !u.colour {
		return s
	}
	lines := strings.Split(s, "\n")
	lines[0] = u.bold(lines[0])
	for i, l := range lines {
		if strings.HasPrefix(l, "       | ") {
			lines[i] = u.bad(l)
		}
	}
	return strings.Join(lines, "\n")
}

// event shows progress. It is called from several goroutines.
func (u *ui) event(e app.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ndjson {
		if b, err := json.Marshal(e); err == nil {
			fmt.Fprintln(u.w, string(b))
		}
		return
	}
	if u.quiet {
		return
	}
	mark := u.good("✔")
	name, text, done, total, over := e.Step, e.Text, e.Done, e.Total, e.Kind == "step.finished"
	if s := e.Sync; s != nil {
		name, text, done, total, over = s.Sync, s.Text, s.Done, s.Total, s.Kind == "run.finished"
		if s.Wait > time.Second {
			text = strings.TrimSpace(text + " (" + s.Wait.Round(time.Second).String() + ")")
		}
		if s.Counts != nil && over {
			mark, text = u.mark(s.Status), string(s.Status)+"  "+counts(*s.Counts)
		}
	}
	line := fmt.Sprintf("  %-22s ", name)
	if total > 0 && !over {
		line += bar(done, total) + fmt.Sprintf(" %s/%s ", number(done), number(total))
	}
	line += text
	if over {
		u.clear()
		if u.brief {
			return
		}
		fmt.Fprintln(u.w, mark+strings.TrimRight(line[1:], " "))
		delete(u.last, name)
		return
	}
	if u.live {
		u.clear()
		fmt.Fprint(u.w, line)
		u.shown = true
		return
	}
	if t, ok := u.last[name]; ok && u.now().Sub(t) < u.every {
		return
	} else if !ok {
		u.last[name] = u.now() // quick steps say only that they are done
		return
	}
	u.last[name] = u.now()
	fmt.Fprintln(u.w, strings.TrimRight(line, " "))
}

// mark is the sign of how a run ended.
func (u *ui) mark(s syncs.Status) string {
	switch s {
	case syncs.Degraded, syncs.Stopped:
		return u.warn("!")
	case syncs.Held, syncs.Failed:
		return u.bad("✖")
	}
	return u.good("✔")
}

func (u *ui) clear() {
	if u.shown {
		fmt.Fprint(u.w, "\r\x1b[K")
		u.shown = false
	}
}

func (u *ui) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.clear()
}

// say prints a line of progress that stays.
func (u *ui) say(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ndjson {
		return
	}
	u.clear()
	fmt.Fprintf(u.w, format+"\n", args...)
}

func bar(done, total int64) string {
	const width = 24
	n := int(min(done, total) * width / max(total, 1))
	return strings.Repeat("━", n) + strings.Repeat("·", width-n)
}

// counts renders the changes of a plan or run: +added ~updated −removed.
func counts(c syncs.Counts) string {
	parts := []string{"+" + number(c.Added), "~" + number(c.Updated), "−" + number(c.Removed)}
	for _, x := range []struct {
		n    int64
		what string
	}{
		{c.Delivered, "delivered"}, {c.Accepted, "accepted"}, {c.Rejected, "rejected"}, {c.Due, "due"}, {c.InDoubt, "in doubt"},
		{c.Unchanged, "unchanged"}, {c.Suppressed, "suppressed"}, {c.Invalid, "invalid"}, {c.Quarantined, "quarantined"},
	} {
		if x.n > 0 {
			parts = append(parts, number(x.n)+" "+x.what)
		}
	}
	return strings.Join(parts, "  ")
}

// number renders 1234567 as 1,234,567.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// seconds renders a duration in seconds for people.
func seconds(x float64) string {
	switch {
	case x < 0.1:
		return fmt.Sprintf("%.0f ms", x*1000)
	case x < 60:
		return fmt.Sprintf("%.1f s", x)
	}
	return time.Duration(x * float64(time.Second)).Round(time.Second).String()
}

// table aligns cells in columns; cells of columns in right are set to the right.
func table(rows [][]string, right ...int) string {
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	isRight := map[int]bool{}
	for _, i := range right {
		isRight[i] = true
	}
	var b strings.Builder
	for _, r := range rows {
		var line strings.Builder
		for i, c := range r {
			pad := strings.Repeat(" ", widths[i]-len([]rune(c)))
			if i > 0 {
				line.WriteString("  ")
			}
			if isRight[i] {
				line.WriteString(pad + c)
			} else {
				line.WriteString(c + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
