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

// hashes are the ways a normalised value is hidden before it leaves: they append it to out.
var hashes = map[string]func(out []byte, v string) []byte{
	"": func(out []byte, v string) []byte { return append(out, v...) },
	"sha256.hex": func(out []byte, v string) []byte {
		h := sha256.Sum256([]byte(v))
		return hex.AppendEncode(out, h[:])
	},
	"sha256.base64": func(out []byte, v string) []byte {
		h := sha256.Sum256([]byte(v))
		return base64.StdEncoding.AppendEncode(out, h[:])
	},
	"md5.hex": func(out []byte, v string) []byte {
		h := md5.Sum([]byte(v))
		return hex.AppendEncode(out, h[:])
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
	return NewPreparer(id, hs...).Prepare(value)
}

// Preparer is Prepare for many values of one identifier. It is safe for concurrent use.
type Preparer struct {
	id        Identifier
	h         hints
	normalise normaliser
	hash      func(out []byte, v string) []byte
}

// NewPreparer looks up what id asks for. An identifier whose normaliser or hash is unknown is an
// error of every value.
func NewPreparer(id Identifier, hs ...Hint) *Preparer {
	p := &Preparer{id: id, normalise: normalisers[id.Normalise], hash: hashes[id.Hash]}
	for _, f := range hs {
		f(&p.h)
	}
	return p
}

// Prepare is the function of that name.
func (p *Preparer) Prepare(value string) (string, error) {
	v, err := p.normal(value)
	if err != nil || p.id.Hash == "" || p.h.hashed {
		return v, err
	}
	var room [2 * sha256.Size]byte
	return string(p.hash(room[:0], v)), nil
}

// Append appends what Prepare returns to out, which spares it a piece of memory of its own.
func (p *Preparer) Append(out []byte, value string) ([]byte, error) {
	v, err := p.normal(value)
	switch {
	case err != nil:
		return out, err
	case p.h.hashed:
		return append(out, v...), nil
	}
	return p.hash(out, v), nil
}

// normal is a value in its normal form; in its hashed one, if it was hashed already.
func (p *Preparer) normal(value string) (string, error) {
	if p.normalise == nil || p.hash == nil {
		return "", &InvalidError{Identifier: p.id.Name, Code: "spec", Reason: fmt.Sprintf("normaliser %q or hash %q is unknown", p.id.Normalise, p.id.Hash)}
	}
	if len(value) > maxValue {
		return p.invalid("too_long")
	}
	v := clean(value)
	if v == "" {
		return p.invalid("empty")
	}
	if p.id.Hash != "" {
		if p.h.hashed {
			if out, ok := adopt(p.id.Hash, v); ok {
				return out, nil
			}
			return p.invalid("not_hashed")
		}
		if looksHashed(v) {
			return p.invalid("already_hashed")
		}
	}
	v, code := p.normalise(v, p.h)
	if code != "" {
		return p.invalid(code)
	}
	if v = clean(v); v == "" { // what was between two marks may compose
		return p.invalid("empty")
	}
	return v, nil
}

func (p *Preparer) invalid(code string) (string, error) {
	return "", &InvalidError{Identifier: p.id.Name, Code: code, Reason: reasons[code]}
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
