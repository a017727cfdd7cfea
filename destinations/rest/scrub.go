package rest

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is the longest text shown of a vendor's answer, in bytes.
const maxText = 300

var scrubbed = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`(?i)https?://[^\s"'<>]+`), "[url]"},
	{regexp.MustCompile(`[^\s"'<>(),;:=\[\]]+(@|%40)[^\s"'<>(),;:=\[\]]+`), "[email]"},
	{regexp.MustCompile(`\b[0-9a-fA-F]{32,}\b`), "[hash]"},
	{regexp.MustCompile(`\b(pk|sk|pat|EAA|xox[a-z]|key|tok)[_-]?[A-Za-z0-9_-]{12,}`), "[token]"},
	{regexp.MustCompile(`(?i)\bbearer\s+\S+`), "[token]"},
	{regexp.MustCompile(`\+?\(?\d[\d\s().-]{5,}\d`), "[number]"},
}

// Scrub makes a vendor's words fit for logs and people: addresses, phone numbers and other long
// numbers, hashes, tokens and URLs are replaced by their kind, control characters by spaces, and
// the text is cut at 300 bytes.
func Scrub(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	if len(text) > 4*maxText { // bound the work of the patterns
		text = text[:4*maxText]
	}
	for _, s := range scrubbed {
		text = s.re.ReplaceAllString(text, s.by)
	}
	text = strings.TrimSpace(text)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
