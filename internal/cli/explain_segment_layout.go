package cli

import (
	"strings"
)

// branch is a line of a tree: what leads to it, its mark, its text, and cells beside it.
type branch struct {
	lead  string // "│  ├─ "
	mark  string // ✓, ✗ or ""
	text  string
	cells []string
	place string // file:line, last and dim
	dim   bool   // the whole of it
}

// below are the leads of the lines below a branch that is the last of its own or not.
func below(lead string, last bool) (own, children string) {
	if last {
		return lead + "└─ ", lead + "   "
	}
	return lead + "├─ ", lead + "│  "
}

// branches prints a tree with its cells aligned; cells of columns in right are set to the right.
func (p *sheet) branches(list []branch, right ...int) {
	left := 0
	var widths []int
	for _, b := range list {
		if b.dim || len(b.cells) == 0 {
			continue // it goes under what stands beside others
		}
		left = max(left, b.width())
		for i, c := range b.cells {
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
	all := left + 2
	for _, w := range widths {
		all += w + 2
	}
	if p.width > 0 && all > p.width && len(right) == 0 { // too wide to stand in columns
		left, widths = 0, make([]int, len(widths))
	}
	for _, b := range list {
		line := b.lead
		if b.mark != "" {
			line += b.mark + " "
		}
		line += b.text
		if !b.dim && (len(b.cells) > 0 || b.place != "") {
			line += strings.Repeat(" ", max(left-b.width(), 0))
			for i := range widths {
				cell := ""
				if i < len(b.cells) {
					cell = b.cells[i]
				}
				if cell == "" && widths[i] == 0 {
					continue
				}
				pad := strings.Repeat(" ", max(widths[i]-len([]rune(cell)), 0))
				if isRight[i] {
					cell = pad + cell
				} else {
					cell += pad
				}
				line += "  " + cell
			}
		}
		if b.place == "" {
			line = strings.TrimRight(line, " ")
		}
		line = p.cut(line, 2)
		place := ""
		if b.place != "" && (p.width <= 0 || len([]rune(line))+len([]rune(b.place))+4 <= p.width) {
			place = "  " + p.ui.dim(b.place)
		}
		p.out("  %s%s", p.painted(b, line), place)
	}
}

func (b branch) width() int {
	n := len([]rune(b.lead)) + len([]rune(b.text))
	if b.mark != "" {
		n += 2
	}
	return n
}

// painted puts the colours into a line that has its length.
func (p *sheet) painted(b branch, line string) string {
	rest, ok := strings.CutPrefix(line, b.lead)
	if !ok || rest == "" {
		return line
	}
	lead := p.ui.dim(b.lead)
	if b.lead == "" {
		lead = ""
	}
	if b.dim {
		return lead + p.ui.dim(rest)
	}
	if after, ok := strings.CutPrefix(rest, b.mark); ok && b.mark != "" {
		paint := p.ui.good
		if b.mark == "✗" {
			paint = p.ui.bad
		}
		return lead + paint(b.mark) + after
	}
	return lead + rest
}
