package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/syncs"
)

// What a message tells of.
const (
	Failed     = "failed"
	Held       = "held"
	Degraded   = "degraded"
	Resync     = "full_resync"
	SizeChange = "size_change"
	Recovered  = "recovered"
	Reload     = "reload"
	Test       = "test"
)

// Message is one thing that people are told. Its JSON is what an http alert sends.
type Message struct {
	ID      string        `json:"id"` // the same for the same message, however often it is sent
	Event   string        `json:"event"`
	Project string        `json:"project"`
	Target  string        `json:"target"`
	Syncs   []string      `json:"syncs"`
	Run     string        `json:"run,omitempty"`
	Title   string        `json:"title"`             // "vip_mail failed"
	Text    string        `json:"text"`              // why, in a sentence or two
	Code    string        `json:"code,omitempty"`    // stable and dotted
	Fix     string        `json:"fix,omitempty"`     // what to do
	Command string        `json:"command,omitempty"` // that shows more
	Counts  *syncs.Counts `json:"counts,omitempty"`  // of the run
	Size    *Size         `json:"size,omitempty"`    // of size_change
	At      time.Time     `json:"at"`
}

// Size is how many people a sync is about, now and usually.
type Size struct {
	Usual int64 `json:"usual"` // the median of its last runs
	Now   int64 `json:"now"`
}

// id names the message by what it is about.
func (m *Message) id() string {
	h := sha256.Sum256([]byte(strings.Join([]string{m.Project, m.Target, m.Event, strings.Join(m.Syncs, ","), m.Run, m.At.UTC().Format(time.RFC3339Nano)}, "\x00")))
	return hex.EncodeToString(h[:12])
}

// Facts are the lines below a message's text: counts, where, and what to do.
func (m *Message) Facts() [][2]string {
	var out [][2]string
	add := func(name, text string) {
		if text != "" {
			out = append(out, [2]string{name, text})
		}
	}
	if len(m.Syncs) > 1 {
		add("Syncs", strings.Join(m.Syncs, ", "))
	}
	if m.Counts != nil {
		add("Rows", counted(*m.Counts))
	}
	add("Project", m.Project+", target "+m.Target)
	add("Run", m.Run)
	add("Code", m.Code)
	add("To do", m.Fix)
	add("Look", m.Command)
	return out
}

// plain writes the message as text.
func (m *Message) plain() string {
	var b strings.Builder
	b.WriteString(m.Text + "\n\n")
	for _, f := range m.Facts() {
		fmt.Fprintf(&b, "%-8s %s\n", f[0]+":", f[1])
	}
	return b.String()
}

// subject is the first line of the message where there is nothing around it.
func (m *Message) subject() string { return "[weir " + m.Project + "] " + m.Title }

// counted writes the counts that are not zero.
func counted(c syncs.Counts) string {
	var parts []string
	for _, x := range []struct {
		n    int64
		name string
	}{
		{c.Added, "added"}, {c.Updated, "updated"}, {c.Removed, "removed"}, {c.Delivered, "delivered"}, {c.Accepted, "accepted"},
		{c.Rejected, "rejected"}, {c.Due, "due"}, {c.InDoubt, "in doubt"}, {c.Invalid, "invalid"}, {c.Suppressed, "suppressed"}, {c.Quarantined, "quarantined"},
	} {
		if x.n != 0 {
			parts = append(parts, number(x.n)+" "+x.name)
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// number writes 1234567 as 1,234,567.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	from := 0
	if n < 0 {
		from = 1
	}
	for i := len(s) - 3; i > from; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
