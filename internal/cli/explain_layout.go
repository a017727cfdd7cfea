package cli

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"
)

// sheet lays a result out on stdout: sections with aligned columns, times in the project's zone,
// colour only where stdout is a terminal, and lines that are cut to its width.
type sheet struct {
	*session
	ui    *ui // of stdout
	width int // 0 for any
	zone  *time.Location
}

func (s *session) sheet(timezone string) *sheet {
	zone, err := time.LoadLocation(timezone)
	if err != nil {
		zone = time.UTC // it was checked when the project was read
	}
	out := &sheet{session: s, ui: newUI(s.stdout, s.stdout), zone: zone}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n >= 20 {
		out.width = n
	} else if f, ok := s.stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			out.width = n
		}
	}
	return out
}

// title begins a section.
func (p *sheet) title(name, more string) {
	p.out("")
	line := p.ui.bold(name)
	if more != "" {
		line += "  " + p.ui.dim(more)
	}
	p.out("%s", line)
}

// rows prints aligned cells, each line indented. What matters most stands first in a line: a cell
// is cut to half of the width, and a line at its end.
func (p *sheet) rows(rows [][]string, right ...int) {
	if len(rows) == 0 {
		return
	}
	if p.width > 0 {
		rows = capped(rows, max(p.width/2, 16))
	}
	for _, line := range strings.Split(strings.TrimSuffix(table(rows, right...), "\n"), "\n") {
		p.out("  %s", p.cut(line, 2))
	}
}

// cut shortens a line to the width less an indent.
func (p *sheet) cut(line string, indent int) string {
	if p.width <= 0 {
		return line
	}
	return shorten(line, p.width-indent)
}

// say prints an indented sentence, wrapped at the width.
func (p *sheet) say(mark, text string) {
	indent := "  "
	if mark != "" {
		indent = "    "
	}
	lines := wrap(text, p.width-len(indent))
	for i, l := range lines {
		if i == 0 && mark != "" {
			p.out("  %s %s", mark, l)
			continue
		}
		p.out("%s%s", indent, l)
	}
}

// at writes a time in the project's zone; "" for none.
func (p *sheet) at(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.In(p.zone).Format("2006-01-02 15:04")
}

// day writes the day of a time.
func (p *sheet) day(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.In(p.zone).Format(time.DateOnly)
}

// span writes a first and a last day.
func (p *sheet) span(first, last *time.Time) string {
	a, b := p.day(first), p.day(last)
	switch {
	case a == "" || a == b:
		return b
	case b == "":
		return a
	}
	return a + " – " + b
}

// capped cuts cells to a number of characters.
func capped(rows [][]string, width int) [][]string {
	out := make([][]string, len(rows))
	for n, r := range rows {
		for _, c := range r {
			out[n] = append(out[n], shorten(c, width))
		}
	}
	return out
}

// shorten cuts a text to a number of characters, with a sign that it was cut.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:max(n-1, 0)]) + "…"
}

// wrap breaks a text at blanks into lines of at most width characters; width 0 or less is one
// line. A word that is longer than a line stands alone.
func wrap(text string, width int) []string {
	if width <= 0 {
		return []string{text}
	}
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			out, line = append(out, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}
