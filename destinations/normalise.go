package destinations

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

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
	if isPlain(v) {
		return v
	}
	return strings.TrimFunc(norm.NFC.String(v), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == 0
	})
}

// isPlain reports whether v is of ASCII and has nothing at its ends that clean takes away: most
// values are, and need not be looked at rune by rune.
func isPlain(v string) bool {
	for i := range len(v) {
		if v[i] >= utf8.RuneSelf {
			return false
		}
	}
	return v != "" && v[0] > ' ' && v[len(v)-1] > ' '
}

func keep(v string, _ hints) (string, string) { return v, "" }

// lower maps by Unicode's table, the same in every locale: a Turkish dotted I is an i.
func lower(v string, _ hints) (string, string) { return strings.ToLower(v), "" }
