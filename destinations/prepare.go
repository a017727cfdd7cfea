package destinations

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// hashes are the ways a normalised value is hidden before it leaves.
var hashes = map[string]func(string) string{
	"": func(v string) string { return v },
	"sha256.hex": func(v string) string {
		h := sha256.Sum256([]byte(v))
		return hex.EncodeToString(h[:])
	},
	"sha256.base64": func(v string) string {
		h := sha256.Sum256([]byte(v))
		return base64.StdEncoding.EncodeToString(h[:])
	},
	"md5.hex": func(v string) string {
		h := md5.Sum([]byte(v))
		return hex.EncodeToString(h[:])
	},
}

func knownHash(name string) bool { _, ok := hashes[name]; return ok }

type hints struct {
	country, order string
	hashed         bool
}

// Hint tells Prepare what the value alone does not say.
type Hint func(*hints)

// InCountry gives the ISO 3166-1 alpha-2 code of the country whose customs a phone number or
// postal code follows.
func InCountry(code string) Hint {
	return func(h *hints) { h.country = strings.ToUpper(strings.TrimSpace(code)) }
}

// DateOrder gives the order of the parts of a date that does not begin with the year: "MDY" or
// "DMY".
func DateOrder(order string) Hint { return func(h *hints) { h.order = order } }

// AlreadyHashed declares that the value was normalised and hashed before it reached weir.
func AlreadyHashed() Hint { return func(h *hints) { h.hashed = true } }

// InvalidError says that an identifier can not be sent: the row is invalid, or goes without this
// identifier if it is optional. It does not carry the value.
type InvalidError struct {
	Identifier string
	Code       string // "empty", "email", "phone", "phone_country", "already_hashed", …
	Reason     string // one sentence
}

// Error returns the identifier and the reason.
func (e *InvalidError) Error() string { return e.Identifier + ": " + e.Reason }

var reasons = map[string]string{
	"empty":          "nothing is left of the value after normalising",
	"too_long":       "the value is longer than any identifier",
	"email":          "the value is not an email address",
	"phone":          "the value is not a phone number",
	"phone_country":  "the phone number has no country code and no country is given",
	"name":           "the value holds no letters",
	"postal_code":    "the value is not a postal code",
	"country":        "the value is not a two-letter country code",
	"gender":         "the value is not one that the destination knows",
	"date":           "the value is not a date whose order is known",
	"already_hashed": "the value looks hashed already, and hashing it twice would match nobody",
	"not_hashed":     "the value is declared to be hashed, but is not a hash of the kind the destination wants",
}

// maxValue is the longest identifier looked at, in bytes; vendors allow 255 characters at most.
const maxValue = 2048

// Prepare turns a value into what goes on the wire for id: in NFC, trimmed, normalised and
// hashed as id asks. A value that is empty afterwards is an error, since the hash of nothing
// would match nobody or everybody, and so is one that was hashed before, unless AlreadyHashed
// says so. Every error is an *InvalidError.
func Prepare(id Identifier, value string, hs ...Hint) (string, error) {
	var h hints
	for _, f := range hs {
		f(&h)
	}
	invalid := func(code string) (string, error) {
		return "", &InvalidError{Identifier: id.Name, Code: code, Reason: reasons[code]}
	}
	normalise, known := normalisers[id.Normalise]
	hash, knownHash := hashes[id.Hash]
	if !known || !knownHash {
		return "", &InvalidError{Identifier: id.Name, Code: "spec", Reason: fmt.Sprintf("normaliser %q or hash %q is unknown", id.Normalise, id.Hash)}
	}
	if len(value) > maxValue {
		return invalid("too_long")
	}
	v := clean(value)
	if v == "" {
		return invalid("empty")
	}
	if id.Hash != "" {
		if h.hashed {
			if out, ok := adopt(id.Hash, v); ok {
				return out, nil
			}
			return invalid("not_hashed")
		}
		if looksHashed(v) {
			return invalid("already_hashed")
		}
	}
	v, code := normalise(v, h)
	if code != "" {
		return invalid(code)
	}
	if v = clean(v); v == "" { // what was between two marks may compose
		return invalid("empty")
	}
	return hash(v), nil
}

var (
	hex64    = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
	hex32    = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)
	base64of = regexp.MustCompile(`^[A-Za-z0-9+/]{43}=$`)
)

// looksHashed reports whether v has the shape of an MD5 or SHA-256.
func looksHashed(v string) bool {
	switch len(v) {
	case 2 * sha256.Size, 2 * md5.Size, 44:
	default:
		return false
	}
	return hex64.MatchString(v) || hex32.MatchString(v) || base64of.MatchString(v)
}

// adopt takes a value that somebody else hashed, in the encoding that the destination wants. A
// SHA-256 may change its encoding; an MD5 never passes for one.
func adopt(hash, v string) (string, bool) {
	switch hash {
	case "md5.hex":
		return strings.ToLower(v), hex32.MatchString(v)
	case "sha256.hex":
		if hex64.MatchString(v) {
			return strings.ToLower(v), true
		}
		if b, err := base64.StdEncoding.DecodeString(v); err == nil && len(b) == sha256.Size {
			return hex.EncodeToString(b), true
		}
	case "sha256.base64":
		if b, err := hex.DecodeString(v); err == nil && len(b) == sha256.Size {
			return base64.StdEncoding.EncodeToString(b), true
		}
		return v, base64of.MatchString(v)
	}
	return "", false
}
