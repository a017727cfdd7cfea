package destinations

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// splitEmail returns both halves of a lower-case address that has one @, no white space and a
// domain with a dot.
func splitEmail(v string) (local, domain string, ok bool) {
	local, domain, ok = strings.Cut(strings.ToLower(v), "@")
	bad := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	if !ok || local == "" || strings.Contains(domain, "@") || strings.IndexFunc(v, bad) >= 0 {
		return "", "", false
	}
	dot := strings.IndexByte(domain, '.')
	return local, domain, dot > 0 && dot < len(domain)-1 && !strings.HasSuffix(domain, ".")
}

func emailBasic(v string, _ hints) (string, string) {
	local, domain, ok := splitEmail(v)
	if !ok {
		return "", "email"
	}
	return local + "@" + domain, ""
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

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`)

// phoneE164 returns +, country code and number. A number without + or 00 needs the hint of a
// country: none is guessed.
func phoneE164(v string, h hints) (string, string) {
	if e164.MatchString(v) {
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
