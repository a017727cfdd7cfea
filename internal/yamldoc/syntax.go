package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/weir-data/weir/models/diag"
)

// precheck refuses what must not reach the parser: files that are too large, that hold more
// values than the bound, or that are not plain UTF-8 text.
func (doc *Doc) precheck() (diag.Finding, bool) {
	refuse := func(code, what, fix string) (diag.Finding, bool) {
		return diag.Finding{File: doc.File, Severity: diag.Error, Code: code, What: what, Fix: fix}, true
	}
	if len(doc.data) > MaxBytes {
		return refuse("yaml.too_large", fmt.Sprintf("the file has more than %d bytes", MaxBytes), "split the file: any file under the project may hold any part")
	}
	if i := bytes.IndexByte(doc.data, 0); i >= 0 {
		return refuse("yaml.encoding", fmt.Sprintf("line %d holds a NUL byte: this is not a text file", 1+bytes.Count(doc.data[:i], []byte("\n"))), "save the file as UTF-8 text")
	}
	if !utf8.Valid(doc.data) {
		line := 1
		for rest := doc.data; len(rest) > 0; {
			r, size := utf8.DecodeRune(rest)
			if r == utf8.RuneError && size == 1 {
				break
			}
			if r == '\n' {
				line++
			}
			rest = rest[size:]
		}
		return refuse("yaml.encoding", fmt.Sprintf("line %d is not UTF-8 text", line), "save the file as UTF-8 text")
	}
	// Every value but the first has one of these before it, so that their number bounds the
	// work and the memory of parsing.
	marks, nested, leading := 0, 0, true
	for _, c := range doc.data {
		switch c {
		case '\n':
			nested, leading = 0, true
			marks++
		case '-', '?':
			if leading {
				nested++ // "- - -" nests lists within one line
			}
			if nested > 2*MaxDepth && leading {
				return refuse("yaml.too_deep", fmt.Sprintf("values nest more than %d deep", MaxDepth), "name the inner parts: a segment may stand in another")
			}
			marks++
		case '[', '{', ',', ':', '\r':
			leading = false
			marks++
		case ' ':
		default:
			leading = false
		}
	}
	if marks > MaxValues {
		return refuse("yaml.too_large", fmt.Sprintf("the file holds more than %d values", MaxValues), "split the file: any file under the project may hold any part")
	}
	return diag.Finding{}, false
}

var (
	lineRE = regexp.MustCompile(`^yaml: line (\d+): `)
	refRE  = regexp.MustCompile(`\$\{(?:env|file):[^}\n]*\}?`)
)

// syntax turns the parser's error into a finding that says what to do.
func (doc *Doc) syntax(err error) diag.Finding {
	msg, line := err.Error(), 1
	if m := lineRE.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = msg[len(m[0]):]
	}
	msg = strings.TrimPrefix(msg, "yaml: ")
	doc.source(1)
	line = doc.faultLine(min(max(line, 1), len(doc.lines)))
	// A reference breaks a mapping in braces, which may have begun lines above it.
	for l := line; l <= len(doc.lines) && l < line+20; l++ {
		if col, width := unquotedReference(doc.lines[l-1]); width > 0 && strings.Contains(msg, "did not find expected") {
			ref := string([]rune(doc.lines[l-1])[col-1 : col-1+width])
			return doc.at(l, col, width, "yaml.quote_reference", "a reference inside { } must be quoted",
				`quote the reference: "`+ref+`"`)
		}
	}
	fix := ""
	switch {
	case strings.Contains(msg, "cannot start any token"):
		if i := strings.IndexByte(doc.lines[line-1], '\t'); i >= 0 && strings.TrimLeft(doc.lines[line-1][:i], " ") == "" {
			return doc.at(line, i+1, 1, "yaml.syntax", "a tab; YAML is indented with spaces", "replace the tab by spaces")
		}
		fix = "put the text in quotes"
	case strings.Contains(msg, "mapping values are not allowed"):
		fix = "put text that has a colon and a space in it in quotes, and check the indentation"
	case strings.Contains(msg, "did not find expected key"), strings.Contains(msg, "did not find expected '-' indicator"):
		fix = "check the indentation of this line and the ones above it"
	case strings.Contains(msg, "did not find expected ',' or"):
		msg = "a { or [ from here on is not closed, or lacks a comma"
		fix = "close every { and [, put a comma between entries, and put text with braces or commas in quotes"
	case strings.Contains(msg, "found unexpected end of stream"):
		fix = "close the quotes"
	case strings.Contains(msg, "unknown anchor"):
		fix = "define the anchor with & before it is used, or put text that starts with * in quotes"
	case strings.Contains(msg, "exceeded max depth"):
		return doc.at(line, 1, 1, "yaml.too_deep", fmt.Sprintf("values nest more than %d deep", MaxDepth), "name the inner parts: a segment may stand in another")
	}
	src := doc.lines[line-1]
	col := 1 + utf8.RuneCountInString(src) - utf8.RuneCountInString(strings.TrimLeft(src, " \t"))
	return doc.at(line, col, max(1, utf8.RuneCountInString(strings.TrimSpace(src))), "yaml.syntax", "not YAML: "+msg, fix)
}

// maxProbed bounds the bytes that faultLine parses.
const maxProbed = 1 << 20

// faultLine finds the line that breaks the file: the one after the longest run of lines from the
// top that is sound YAML by itself. The parser names the line where the broken mapping or list
// began, which may be far above. hint is returned if the search takes too long.
func (doc *Doc) faultLine(hint int) int {
	budget := maxProbed
	sound := func(n int) bool {
		text := strings.Join(doc.lines[:n], "\n") + "\n"
		budget -= len(text)
		var node yaml.Node
		err := yaml.NewDecoder(strings.NewReader(text)).Decode(&node)
		return err == nil || errors.Is(err, io.EOF)
	}
	lo, hi := 0, len(doc.lines)
	for lo+1 < hi {
		if budget < 0 {
			return hint
		}
		mid := (lo + hi) / 2
		if sound(mid) {
			lo = mid
			continue
		}
		hi = mid
		if lo+1 < hi {
			continue
		}
		// A mapping in braces over several lines is sound only once it is closed: look on.
		for n := hi + 1; n < len(doc.lines) && n <= hi+20 && budget > 0; n++ {
			if sound(n) {
				lo, hi = n, len(doc.lines)
				break
			}
		}
	}
	return lo + 1
}

// unquotedReference finds the first ${…} that is not inside quotes or a comment. Width is 0 if
// there is none.
func unquotedReference(line string) (col, width int) {
	for _, m := range refRE.FindAllStringIndex(line, -1) {
		quote := rune(0)
		comment := false
		for _, r := range line[:m[0]] {
			switch {
			case quote != 0 && r == quote:
				quote = 0
			case quote == 0 && (r == '"' || r == '\''):
				quote = r
			case quote == 0 && r == '#':
				comment = true
			}
		}
		if quote == 0 && !comment {
			return 1 + utf8.RuneCountInString(line[:m[0]]), utf8.RuneCountInString(line[m[0]:m[1]])
		}
	}
	return 0, 0
}

// secretRE finds a value that stands under a key which by its name holds a secret.
var secretRE = regexp.MustCompile(`(?i)(?:^|[\s{,"'])(?:[a-z0-9_]*(?:secret|password|passwd|token|credential|api_?key|private_key|access_key|auth_key)[a-z0-9_]*|dsn)` + secretValue)

// secretValue is a scalar after its key.
const secretValue = `["']?\s*:\s+("[^"]*"?|'[^']*'?|\[[^\]]*\]?|[^\s,{}\[\]"'#|>&*][^,}]*)`

// plainRefRE is a reference without a default, or with an empty one.
var plainRefRE = regexp.MustCompile(`^\$\{(?:env|file):[^}:]*(?::-)?\}$`)

// mask replaces values that look like secrets by stars, as many as they have characters, so
// that a finding never shows one. References stay: they are no secrets.
func mask(line string) string { return maskValues(line, secretRE) }

// MaskKeys masks the values of the named keys in a source line, for keys whose names alone do
// not tell that they hold secrets.
func MaskKeys(line string, keys []string) string {
	if len(keys) == 0 || line == "" {
		return line
	}
	quoted := make([]string, len(keys))
	for i, k := range keys {
		quoted[i] = regexp.QuoteMeta(k)
	}
	return maskValues(line, regexp.MustCompile(`(?:^|[\s{,"'])(?:`+strings.Join(quoted, "|")+`)`+secretValue))
}

func maskValues(line string, re *regexp.Regexp) string {
	ms := re.FindAllStringSubmatchIndex(line, -1)
	for i := len(ms) - 1; i >= 0; i-- {
		from, to := ms[i][2], ms[i][3]
		v := strings.Trim(line[from:to], `"'`)
		if !strings.HasSuffix(v, "}") && strings.HasPrefix(line[to:], "}") {
			v += "}" // unquoted
		}
		if plainRefRE.MatchString(v) {
			continue
		}
		line = line[:from] + strings.Repeat("*", utf8.RuneCountInString(line[from:to])) + line[to:]
	}
	return line
}
