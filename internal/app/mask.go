package app

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// hidden stands for a value that is not shown.
const hidden = "•••"

// masked is a value of which only so much is shown that somebody who knows it finds it again, by
// the kinds of personal data that it is: j…@e….com, •••11, A…. Without a kind it is shown as it
// is; of a kind that is none of these, or of several, nothing is shown.
func masked(tags []string, v any) (shown any, hid bool) {
	if len(tags) == 0 || v == nil {
		return v, false
	}
	tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	text, isText := v.(string)
	if len(tags) > 1 || !isText {
		return hidden, true
	}
	switch tags[0] {
	case "email":
		return maskedEmail(text), true
	case "phone":
		return maskedPhone(text), true
	case "name":
		for _, r := range strings.TrimSpace(text) {
			return string(r) + "…", true
		}
	}
	return hidden, true
}

func maskedEmail(text string) string {
	local, domain, ok := strings.Cut(text, "@")
	dot := strings.LastIndexByte(domain, '.')
	if !ok || local == "" || dot < 1 {
		return hidden
	}
	first := func(s string) string { return string([]rune(s)[:1]) }
	return first(local) + "…@" + first(domain) + "…" + domain[dot:]
}

func maskedPhone(text string) string {
	var digits []rune
	for _, r := range text {
		if unicode.IsDigit(r) {
			digits = append(digits, r)
		}
	}
	if len(digits) < 6 {
		return hidden
	}
	return fmt.Sprintf("%s%s", hidden, string(digits[len(digits)-2:]))
}

// veil masks values, unless they are to be revealed.
type veil struct{ reveal bool }

func (v veil) over(tags []string, value any) (any, bool) {
	if v.reveal {
		return value, false
	}
	return masked(tags, value)
}
