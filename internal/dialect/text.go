package dialect

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// quote quotes one part of a name, as standard SQL does.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// checkText refuses what no warehouse stores.
func checkText(s string) error {
	switch {
	case strings.IndexByte(s, 0) >= 0:
		return errors.New("a NUL byte is not text")
	case !utf8.ValidString(s):
		return errors.New("the bytes are not UTF-8")
	}
	return nil
}

// standardText is a string literal of standard SQL, in which a backslash is a backslash.
func standardText(s string) string { return `'` + strings.ReplaceAll(s, `'`, `''`) + `'` }

// plainLiteral tells that a text needs no escapes to stand on one line.
func plainLiteral(s string) bool { return !strings.ContainsAny(s, "\n\r") }

// escapedText is a string literal with backslash escapes. It means the same whatever the server
// has been told about backslashes, and keeps line ends out of the statement.
func escapedText(s string) string {
	return `E'` + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`, "\r", `\r`).Replace(s) + `'`
}

// comment renders a comment above a statement or select. Each line gets its marks, and control
// characters that some lexer may take for a line end become blanks.
func comment(text string, level int) string {
	if strings.TrimSpace(text) == "" || level < 0 {
		return ""
	}
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\r\n", "\n")
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		line = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
				return ' '
			}
			return r
		}, line)
		b.WriteString(strings.TrimRight("-- "+line, " ") + nl(level))
	}
	return b.String()
}

func integerLiteral(v any) (string, error) {
	var n int64
	switch v := v.(type) {
	case int64:
		n = v
	case int:
		n = int64(v)
	default:
		return "", errKind
	}
	if n == math.MinInt64 { // its digits alone are out of range before the sign is seen
		return "CAST('-9223372036854775808' AS BIGINT)", nil
	}
	return strconv.FormatInt(n, 10), nil
}

// numberLiteral writes the digits without an exponent, so that the warehouse reads a decimal.
func numberLiteral(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", errKind
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	if e, err := strconv.Atoi(exponent); exponent != "" && (err != nil || e > 40 || e < -40) || len(mantissa) > 60 ||
		strings.Trim(mantissa, "+-.0123456789") != "" {
		return "", fmt.Errorf("%q is not a decimal number", s)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return "", fmt.Errorf("%q is not a decimal number", s)
	}
	text := r.FloatString(9)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" || text == "" {
		text = "0"
	}
	if digits, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), "."); len(digits) > 28 {
		return "", fmt.Errorf("%q has more than 28 digits before the decimal point", s)
	}
	return text, nil
}

func dateLiteral(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", errKind
	}
	if t, err := time.Parse(time.DateOnly, s); err != nil || t.Year() < 1 {
		return "", fmt.Errorf("%q is not a date", s)
	}
	return "DATE '" + s + "'", nil
}

func (w *writer) timestampLiteral(v any) (string, error) {
	t, ok := v.(time.Time)
	if !ok {
		return "", errKind
	}
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return "", fmt.Errorf("%s is outside the years 1 to 9999", t)
	}
	text := t.Format("2006-01-02 15:04:05.999999") + "+00"
	if w.s.timestamp != nil {
		return w.s.timestamp(text), nil
	}
	return "TIMESTAMPTZ '" + text + "'", nil
}
