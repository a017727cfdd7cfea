package destinations

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// The short ways that plain values take lead to what the general rules say.
func TestShortWays(t *testing.T) {
	number := regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`)
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(
			rapid.StringOfN(rapid.RuneFrom([]rune("+0123456789 \x00\x7f")), 0, 20, -1),
			rapid.StringMatching(`\+?[0-9]{0,17}`),
			rapid.StringMatching(`[ \t]?[a-zA-Z.]{0,4}@?@?[a-z]{0,3}\.?[ \x{00a0}\x{200b}]?[a-zé]{0,3}\.?`),
			rapid.String(),
		).Draw(t, "value")
		if got, want := isE164(v), number.MatchString(v); got != want {
			t.Errorf("isE164(%q) is %v", v, got)
		}
		trimmed := strings.TrimFunc(norm.NFC.String(v), func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == 0 })
		if got := clean(v); got != trimmed {
			t.Errorf("clean(%q) is %q, not %q", v, got, trimmed)
		}
		blank := strings.IndexFunc(v, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) >= 0
		if got := hasBlank(v); got != blank {
			t.Errorf("hasBlank(%q) is %v", v, got)
		}
	})
}

// Append and Prepare say the same, whatever was there before.
func TestAppend(t *testing.T) {
	for hash := range hashes {
		for _, normalise := range []string{"", "email.basic", "phone.e164", "meta.dob"} {
			p := NewPreparer(Identifier{Name: "id", Normalise: normalise, Hash: hash})
			for _, v := range []string{"Ada@Example.com", "+12025550123", "1999-01-31", " ", "\u00e9@example.com", strings.Repeat("a", 3000)} {
				want, err := p.Prepare(v)
				got, err2 := p.Append([]byte("before "), v)
				if string(got) != "before "+want || (err == nil) != (err2 == nil) {
					t.Errorf("%s %s: Append gave %q (%v), Prepare %q (%v)", normalise, hash, got, err2, want, err)
				}
			}
		}
	}
	if _, err := NewPreparer(Identifier{Name: "id", Normalise: "nobody.knows"}).Prepare("x"); err == nil {
		t.Error("an unknown normaliser was not refused")
	}
}

func BenchmarkPrepare(b *testing.B) {
	for _, c := range []struct{ name, normalise, value string }{
		{"email", "email.basic", "person123456@example.com"}, {"phone", "phone.e164", "+12025550123"}, {"letters", "google.email", "Éléonore@example.com"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := NewPreparer(Identifier{Name: "id", Normalise: c.normalise, Hash: "sha256.hex"})
			var room []byte
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if room, err = p.Append(room[:0], c.value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
