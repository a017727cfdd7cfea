package dialect

import (
	"strings"
	"sync"
	"unicode"
)

// otherScripts matches what lies beyond the scripts whose letters have marks that names are
// written without at times: Latin, Greek, Cyrillic, Hebrew, Arabic and their neighbours. In the
// scripts of India, in Thai, Korean or Japanese a mark is a vowel or makes another letter.
const otherScripts = "[\u0900-\u1dff\u2190-\U0010fffd]"

// marks are the combining marks of Unicode in those scripts, as the inside of a class.
var marks = sync.OnceValue(func() string {
	var b strings.Builder
	first := rune(-1)
	for r := rune(0); r <= 0x2190; r++ {
		is := unicode.Is(unicode.M, r) && (r < 0x0900 || r > 0x1dff)
		switch {
		case is && first < 0:
			first = r
		case !is && first >= 0:
			b.WriteRune(first)
			if last := r - 1; last > first {
				b.WriteByte('-')
				b.WriteRune(last)
			}
			first = -1
		}
	}
	return b.String()
})

// markPairs takes the marks out of a text, as the arguments of a strings.Replacer.
func markPairs() []string {
	var out []string
	for r := rune(0); r <= 0x2190; r++ {
		if unicode.Is(unicode.M, r) {
			out = append(out, string(r), "")
		}
	}
	return out
}
