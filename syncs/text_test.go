package syncs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/models"
)

func TestParseText(t *testing.T) {
	for in, want := range map[string][]TextPart{
		"":                      nil,
		"Hi":                    {{Text: "Hi"}},
		"Hi {first_name|there}": {{Text: "Hi "}, {Trait: "first_name", Fallback: "there", Optional: true}},
		"{a}{b|}!":              {{Trait: "a"}, {Trait: "b", Optional: true}, {Text: "!"}},
		"{{a}} {a|x|y}":         {{Text: "{a} "}, {Trait: "a", Fallback: "x|y", Optional: true}},
		"5 % – {prénom_ignored": nil,
	} {
		got, err := ParseText(in)
		if in == "5 % – {prénom_ignored" {
			if err == nil {
				t.Errorf("%q: no error", in)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
	for in, want := range map[string]string{
		"a } b":      "a } closes nothing; write }} for the sign itself",
		"a { b":      "a { is not closed; write {{ for the sign itself",
		"{a {b}":     "a { is not closed; write {{ for the sign itself",
		"{}":         "{} does not name a trait; write {first_name} or {first_name|there}",
		"{first-one": "a { is not closed; write {{ for the sign itself",
		"{a b|c}":    "{a b|c} does not name a trait; write {first_name} or {first_name|there}",
	} {
		if _, err := ParseText(in); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", in, err, want)
		}
	}
}

func TestReentry(t *testing.T) {
	day := models.Duration(24 * time.Hour)
	for in, want := range map[string]Reentry{
		"": {Never: true}, "never": {Never: true}, "on_reentry": {OnReentry: true},
		"after: 30d": {After: 30 * day}, "after 2w": {After: 14 * day}, "30d": {After: 30 * day},
	} {
		got, err := (&Sync{Again: in}).Reentry()
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
		if again, err := (&Sync{Again: got.String()}).Reentry(); err != nil || again != want {
			t.Errorf("%q: written as %s reads back as %+v, %v", in, got, again, err)
		}
	}
	for _, in := range []string{"always", "after", "after: soon", "after: 0d"} {
		if got, err := (&Sync{Again: in}).Reentry(); err == nil {
			t.Errorf("%q: %+v and no error", in, got)
		}
	}
}
