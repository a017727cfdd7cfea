package destinations

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// splitEmail returns both halves of a lower-case address that has one @, no white space and a
// domain with a dot.
func splitEmail(v string) (local, domain string, ok bool) {
	v = strings.ToLower(v)
	at, ok := atOf(v)
	if !ok {
		return "", "", false
	}
	return v[:at], v[at+1:], true
}

// atOf is where the @ of an address stands.
func atOf(v string) (at int, ok bool) {
	at = strings.IndexByte(v, '@')
	if at <= 0 || hasBlank(v) {
		return 0, false
	}
	domain := v[at+1:]
	dot := strings.IndexByte(domain, '.')
	return at, dot > 0 && domain[len(domain)-1] != '.' && strings.IndexByte(domain, '@') < 0
}

// hasBlank reports whether v holds white space or a control character.
func hasBlank(v string) bool {
	for i := range len(v) {
		switch c := v[i]; {
		case c <= ' ' || c == 0x7f:
			return true
		case c >= utf8.RuneSelf:
			return strings.IndexFunc(v[i:], func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) >= 0
		}
	}
	return false
}

func emailBasic(v string, _ hints) (string, string) {
	v = strings.ToLower(v)
	if _, ok := atOf(v); !ok {
		return "", "email"
	}
	return v, ""
}

// emailGmail drops dots and a plus suffix of the local half, for the given domains only.
func emailGmail(domains ...string) normaliser {
	return func(v string, _ hints) (string, string) {
		local, domain, ok := splitEmail(v)
		if ok && slices.Contains(domains, domain) {
			local, _, _ = strings.Cut(local, "+")
			local = strings.ReplaceAll(local, ".", "")
		}
		if !ok || local == "" {
			return "", "email"
		}
		return local + "@" + domain, ""
	}
}

// redditEmail drops a plus suffix and all that is not a letter or digit, for every domain.
func redditEmail(v string, _ hints) (string, string) {
	local, domain, ok := splitEmail(v)
	local, _, _ = strings.Cut(local, "+")
	local = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, local)
	if !ok || local == "" {
		return "", "email"
	}
	return local + "@" + domain, ""
}

// isE164 reports whether v is +, a digit that is not 0, and 7 to 14 more.
func isE164(v string) bool {
	if len(v) < 9 || len(v) > 16 || v[0] != '+' || v[1] == '0' {
		return false
	}
	for i := 1; i < len(v); i++ {
		if v[i] < '0' || v[i] > '9' {
			return false
		}
	}
	return true
}

// phoneE164 returns +, country code and number. A number without + or 00 needs the hint of a
// country: none is guessed.
func phoneE164(v string, h hints) (string, string) {
	if isE164(v) {
		return v, ""
	}
	if rest, ok := strings.CutPrefix(v, "00"); ok {
		v = "+" + rest
	}
	if !strings.HasPrefix(v, "+") && h.country == "" {
		return "", "phone_country"
	}
	n, err := phonenumbers.Parse(v, h.country)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return "", "phone"
	}
	return phonenumbers.Format(n, phonenumbers.E164), ""
}

// phoneDigits is phoneE164 without the plus: 7 to 16 digits.
func phoneDigits(v string, h hints) (string, string) {
	n, code := phoneE164(v, h)
	return strings.TrimPrefix(n, "+"), code
}
