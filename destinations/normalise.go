package destinations

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

// normaliser turns a value that is in NFC, trimmed and not empty into the form a platform wants.
// It returns "" and a code for a value that can not be used; the code names the defect.
type normaliser func(value string, h hints) (normal, code string)

// normalisers are the rules by platform. The same person has another form, and so another hash,
// on each: Google drops the dots of gmail.com addresses and hashes the plus of a phone number,
// Meta does neither. The rules are those of the vendors' pages on customer matching, and
// testdata/vectors.json holds the examples that they publish.
var normalisers = map[string]normaliser{
	"":            keep,
	"trim":        keep,
	"lower":       lower,
	"email.basic": emailBasic,
	"phone.e164":  phoneE164,

	// developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences
	"meta.email":      emailBasic,
	"meta.phone":      phoneDigits,
	"meta.first_name": personName,
	"meta.last_name":  personName,
	"meta.first_initial": func(v string, h hints) (string, string) {
		n, code := personName(v, h)
		for _, r := range n {
			return string(r), code
		}
		return "", "name"
	},
	"meta.city":        lettersOnly,
	"meta.state":       lettersOnly,
	"meta.zip":         metaZip,
	"meta.country":     metaCountry,
	"meta.dob":         date("20060102"),
	"meta.doby":        date("2006"),
	"meta.dobm":        date("01"),
	"meta.dobd":        date("02"),
	"meta.gender":      gender,
	"meta.external_id": keep,
	"meta.madid":       lower,

	// developers.google.com/data-manager/api/devguides/audiences/format-user-data
	"google.email":       emailGmail("gmail.com", "googlemail.com"),
	"google.phone":       phoneE164,
	"google.first_name":  lower,
	"google.last_name":   lower,
	"google.region_code": regionUpper,
	"google.postal_code": keep,

	// businesshelp.snapchat.com and marketingapi.snapchat.com/docs, audience match
	"snapchat.email": emailBasic,
	"snapchat.phone": phoneDigits,
	"snapchat.maid":  lower,

	// learn.microsoft.com/advertising, customer match
	"microsoft.email": emailBasic,

	// docs.x.com/x-ads-api/audiences
	"x.email":     emailBasic,
	"x.handle":    func(v string, _ hints) (string, string) { return lower(strings.TrimPrefix(v, "@"), hints{}) },
	"x.maid_idfa": lower,

	// unifiedid.com/docs/getting-started/gs-normalization-encoding
	"uid2.email": emailGmail("gmail.com"),
	"uid2.phone": phoneE164,

	// ads-api.reddit.com/docs, custom audiences
	"reddit.email":     redditEmail,
	"reddit.maid_idfa": func(v string, _ hints) (string, string) { return strings.ToUpper(v), "" },
	"reddit.maid_aaid": lower,

	"linkedin.email":  emailBasic,
	"pinterest.email": emailBasic,
	"tiktok.email":    emailBasic,
	"tiktok.phone":    phoneE164,
	"mailchimp.email": emailBasic, // mailchimp.com/developer/marketing/docs/methods-parameters: MD5 of the lower-case address
}

// Normalisers lists the names that Identifier.Normalise may have, sorted.
func Normalisers() []string { return slices.Sorted(maps.Keys(normalisers)) }

func knownNormaliser(name string) bool { _, ok := normalisers[name]; return ok }

// clean brings v into NFC and takes white space and invisible marks from its ends.
func clean(v string) string {
	return strings.TrimFunc(norm.NFC.String(v), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == 0
	})
}

func keep(v string, _ hints) (string, string) { return v, "" }

// lower maps by Unicode's table, the same in every locale: a Turkish dotted I is an i.
func lower(v string, _ hints) (string, string) { return strings.ToLower(v), "" }

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
