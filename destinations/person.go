package destinations

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// personName is lower case without punctuation; accents and other scripts stay.
func personName(v string, _ hints) (string, string) {
	v = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) || unicode.IsSymbol(r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToLower(v))), " ")
	if v == "" {
		return "", "name"
	}
	return v, ""
}

// lettersOnly is lower case without anything but letters and their marks.
func lettersOnly(v string, _ hints) (string, string) {
	v = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsMark(r) {
			return r
		}
		return -1
	}, strings.ToLower(v))
	if v == "" {
		return "", "name"
	}
	return v, ""
}

var zipPlus4 = regexp.MustCompile(`^[0-9]{5}-?[0-9]{4}$`)

// metaZip is lower case without spaces and dashes; of a code of the United States, which ZIP+4
// or the hint of a country gives away, the first five digits.
func metaZip(v string, h hints) (string, string) {
	v = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' {
			return r
		}
		return -1
	}, strings.ToLower(v))
	us := h.country == "US" || h.country == "" && strings.Contains(v, "-")
	if us && zipPlus4.MatchString(v) {
		return v[:5], ""
	}
	v = strings.ReplaceAll(v, "-", "")
	if len(v) < 2 {
		return "", "postal_code"
	}
	return v, ""
}

// metaCountry is a two-letter code of ISO 3166-1 in lower case. Of names, Meta's own example is
// the only one that is understood.
func metaCountry(v string, _ hints) (string, string) {
	v = strings.ToLower(v)
	if v == "united states" {
		v = "us"
	}
	if !isCountry(strings.ToUpper(v)) {
		return "", "country"
	}
	return v, ""
}

func regionUpper(v string, _ hints) (string, string) {
	v = strings.ToUpper(v)
	if !isCountry(v) {
		return "", "country"
	}
	return v, ""
}

// gender is f or m, from the words that forms use in English.
func gender(v string, _ hints) (string, string) {
	switch strings.ToLower(v) {
	case "f", "female", "woman":
		return "f", ""
	case "m", "male", "man":
		return "m", ""
	}
	return "", "gender"
}

var dateParts = regexp.MustCompile(`^(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})$`)

// date reads a date and writes it in layout. A date that does not begin with the year needs the
// hint of its order, since 2/3 is a day in two months.
func date(layout string) normaliser {
	return func(v string, h hints) (string, string) {
		if i := strings.IndexAny(v, "T "); i == len("2006-01-02") {
			v = v[:i] // a timestamp
		}
		m := dateParts.FindStringSubmatch(v)
		if m == nil && len(v) == 8 && strings.Trim(v, "0123456789") == "" {
			m = []string{v, v[:4], v[4:6], v[6:]}
		}
		if m == nil {
			return "", "date"
		}
		order := h.order
		if len(m[1]) == 4 {
			order = "YMD"
		}
		at := map[byte]int{}
		for i := range min(len(order), 3) {
			at[order[i]], _ = strconv.Atoi(m[i+1])
		}
		return writeDate(at['Y'], at['M'], at['D'], layout)
	}
}
