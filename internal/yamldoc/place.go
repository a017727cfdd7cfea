package yamldoc

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/weir-data/weir/models/diag"
)

// Doc is a file that was read: it knows where every value stands.
type Doc struct {
	File  string // as it is named in findings
	data  []byte
	split sync.Once // of data into lines: findings are asked for by several goroutines
	lines []string
	root  *yaml.Node // nil if the file is empty or could not be parsed

	broken bool // something of the file itself is lost
	faults []string
}

// Broken reports whether part of the file could not be read at all, so that nobody knows what it
// declares.
func (doc *Doc) Broken() bool { return doc.broken }

// Faults lists the paths of the values that Decode found something at fault in: what stands there
// is incomplete.
func (doc *Doc) Faults() []string { return doc.faults }

// Nearest returns the longest beginning of a path at which there is a value.
func (doc *Doc) Nearest(path string) string {
	for path != "" && !doc.Has(path) {
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return path
}

// fault remembers where something is at fault. At the top of a file, nobody knows what is lost.
func (doc *Doc) fault(p *path) {
	if p == nil {
		doc.broken = true
		return
	}
	if len(doc.faults) < maxFindings {
		doc.faults = append(doc.faults, p.String())
	}
}

// Place is where something stands. Line and Col start at 1, in characters; Width is what a caret
// covers.
type Place struct{ Line, Col, Width int }

// Locate returns the places of the key and of the value at a path. If there is no value at the
// path, it returns those of the nearest value above it, and ok is false. The key of a list item
// is the item itself.
func (doc *Doc) Locate(path string) (key, value Place, ok bool) {
	k, v, ok := doc.find(path)
	if v == nil {
		return Place{1, 1, 1}, Place{1, 1, 1}, false
	}
	return doc.place(k), doc.place(v), ok
}

// Has reports whether a value stands at exactly this path.
func (doc *Doc) Has(path string) bool {
	_, _, ok := doc.find(path)
	return ok
}

// Finding gives a problem its place: the value if it stands in one line, otherwise its key.
func (doc *Doc) Finding(p diag.Problem) diag.Finding {
	sev := p.Severity
	if sev == "" {
		sev = diag.Error
	}
	k, v, _ := doc.find(p.Path)
	f := diag.Finding{File: doc.File, Severity: sev, Code: p.Code, What: printable(p.What), Fix: printable(p.Fix)}
	if v == nil {
		return f
	}
	at := v
	if k != nil && (p.OnKey || v.Kind != yaml.ScalarNode && v.Style&yaml.FlowStyle == 0 || isNull(v) && v.Value == "" || v.Kind == yaml.ScalarNode && v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0) {
		at = k
	}
	pl := doc.place(at)
	f.Line, f.Col, f.Width, f.Source = pl.Line, pl.Col, pl.Width, doc.source(pl.Line)
	return f
}

// find walks to a path. k and v are the nearest nodes found; ok says whether the path was
// followed to its end. Keys may hold dots: the longest that fits is taken.
func (doc *Doc) find(path string) (k, v *yaml.Node, ok bool) {
	v = doc.root
	if v == nil {
		return nil, nil, false
	}
	for steps := 0; path != "" && steps <= MaxDepth; steps++ {
		n := resolve(v)
		if path[0] == '[' {
			index, rest, closed := strings.Cut(path[1:], "]")
			i := 0
			for _, c := range index {
				if c < '0' || c > '9' || i > MaxValues {
					return k, v, false
				}
				i = i*10 + int(c-'0')
			}
			if !closed || n.Kind != yaml.SequenceNode || i >= len(n.Content) {
				return k, v, false
			}
			k, v, path = nil, n.Content[i], strings.TrimPrefix(rest, ".")
			continue
		}
		if n.Kind != yaml.MappingNode {
			return k, v, false
		}
		es, _, _ := entriesOf(n)
		best := -1
		for i, e := range es {
			name := e.key.Value
			if strings.HasPrefix(path, name) && (len(path) == len(name) || path[len(name)] == '.' || path[len(name)] == '[') &&
				(best < 0 || len(name) > len(es[best].key.Value)) {
				best = i
			}
		}
		if best < 0 {
			return k, v, false
		}
		k, v = es[best].key, es[best].value
		path = strings.TrimPrefix(path[len(k.Value):], ".")
	}
	return k, v, path == ""
}

// place returns where a node starts and how wide its text is in that line.
func (doc *Doc) place(n *yaml.Node) Place {
	if n == nil {
		return Place{1, 1, 1}
	}
	p := Place{Line: max(n.Line, 1), Col: max(n.Column, 1), Width: 1}
	src := []rune(doc.source(p.Line))
	if p.Col > len(src) {
		return p // beyond what is shown
	}
	text := src[p.Col-1:]
	switch {
	case n.Kind == yaml.AliasNode:
		p.Width = 1 + utf8.RuneCountInString(n.Value)
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		p.Width = quoted(text)
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0:
		p.Width = utf8.RuneCountInString(n.Value)
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 && n.Content[0].Kind == yaml.ScalarNode:
		p.Width = utf8.RuneCountInString(n.Content[0].Value)
	case n.Style&yaml.FlowStyle != 0:
		p.Width = bracketed(text)
	}
	p.Width = min(max(p.Width, 1), len(text))
	return p
}

// quoted is the width of a quoted text at the start of s, or of all of s if it goes on.
func quoted(s []rune) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] == '"':
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return len(s)
}

// bracketed is the width of a flow mapping or list at the start of s, or 1 if it does not end
// in this line.
func bracketed(s []rune) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"', '\'':
			i += quoted(s[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 1
}

// at makes an error with a place and the source line.
func (doc *Doc) at(line, col, width int, code, what, fix string) diag.Finding {
	src := doc.source(line)
	return diag.Finding{File: doc.File, Line: line, Col: col, Width: max(1, min(width, utf8.RuneCountInString(src)-col+1)),
		Severity: diag.Error, Code: code, What: printable(what), Fix: printable(fix), Source: src}
}

// source returns a line as it may be shown: values that look like secrets are masked.
func (doc *Doc) source(line int) string {
	doc.split.Do(func() { doc.lines = splitLines(string(doc.data)) })
	if line < 1 || line > len(doc.lines) {
		return ""
	}
	s := doc.lines[line-1]
	// People read the start of a long line, if any of it.
	cut := false
	if len(s) > 4*maxSource {
		s, cut = strings.ToValidUTF8(s[:4*maxSource], ""), true
	}
	s = mask(s)
	if r := []rune(s); len(r) > maxSource {
		s, cut = string(r[:maxSource-1]), true
	}
	if cut {
		s += "…"
	}
	return printable(s)
}

// printable replaces what would steer a terminal rather than be seen: keys and texts of a file
// may hold any character.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}

// maxSource bounds the characters of a source line that are shown.
const maxSource = 200

// splitLines splits at every break that YAML knows, so that line numbers agree.
func splitLines(s string) []string {
	var out []string
	start := 0
	for i, r := range s {
		switch r {
		case '\n', '\u0085', '\u2028', '\u2029':
			if r == '\n' && i > 0 && s[i-1] == '\r' {
				start = i + 1
				continue
			}
		case '\r':
		default:
			continue
		}
		if i < start {
			continue
		}
		out = append(out, s[start:i])
		start = i + utf8.RuneLen(r)
	}
	return append(out, s[start:])
}
