package destinations

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// The vectors that vendors publish, and the rules on their pages applied by hand.
func TestF58Vectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Platform, Field, Input, Expect, Send string
			Normalised                           string
			Hex                                  string            `json:"sha256_hex"`
			Base64                               string            `json:"sha256_base64"`
			MD5                                  string            `json:"md5_hex"`
			Options                              map[string]string `json:"options"`
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	named := map[string]string{
		"cross.phone_plus": "phone.e164", "cross.phone_noplus": "meta.phone", "mailchimp.member_id_md5": "mailchimp.email",
	}
	if len(file.Vectors) < 45 {
		t.Fatalf("%d vectors, want at least 45", len(file.Vectors))
	}
	for _, v := range file.Vectors {
		name := v.Platform + "." + v.Field
		if n := named[name]; n != "" {
			name = n
		}
		t.Run(name+"/"+v.Input, func(t *testing.T) {
			if !knownNormaliser(name) {
				t.Fatalf("no normaliser %q", name)
			}
			var hs []Hint
			if c := v.Options["country"]; c != "" {
				hs = append(hs, InCountry(c))
			}
			if o := v.Options["order"]; o != "" {
				hs = append(hs, DateOrder(o))
			}
			checks := map[string]string{"": v.Normalised, "sha256.hex": v.Hex, "sha256.base64": v.Base64, "md5.hex": v.MD5}
			for hash, want := range checks {
				got, err := Prepare(Identifier{Name: "id", Normalise: name, Hash: hash}, v.Input, hs...)
				var invalid *InvalidError
				switch {
				case v.Expect == "drop":
					if !errors.As(err, &invalid) || got != "" {
						t.Errorf("hash %q: got %q, %v, want it dropped", hash, got, err)
					} else if s := strings.TrimSpace(v.Input); s != "" && strings.Contains(err.Error(), s) {
						t.Errorf("the error shows the value: %v", err)
					}
				case want != "" && (err != nil || got != want):
					t.Errorf("hash %q: got %q, %v, want %q", hash, got, err, want)
				}
			}
		})
	}
}

func TestF58PrepareNeverHashesTwice(t *testing.T) {
	sum := sha256.Sum256([]byte("alexz@example.com"))
	once := hex.EncodeToString(sum[:])
	const b64 = "UJ6TMBm7KFoTSpM0uLtnnf950M4CPVKa9L10TUe0/Yo="
	const md5 = "852aaa9532cb36adfb5e9fef7a4206a9"
	cases := []struct {
		name, hash, in string
		hints          []Hint
		want, code     string
	}{
		{"plain hash refused", "sha256.hex", once, nil, "", "already_hashed"},
		{"upper case hash refused", "sha256.hex", strings.ToUpper(once), nil, "", "already_hashed"},
		{"base64 refused", "sha256.hex", b64, nil, "", "already_hashed"},
		{"md5 refused", "sha256.hex", md5, nil, "", "already_hashed"},
		{"declared", "sha256.hex", strings.ToUpper(once), []Hint{AlreadyHashed()}, once, ""},
		{"declared, other encoding", "sha256.base64", once, []Hint{AlreadyHashed()}, b64, ""},
		{"declared base64 for hex", "sha256.hex", b64, []Hint{AlreadyHashed()}, once, ""},
		{"declared but an md5", "sha256.hex", md5, []Hint{AlreadyHashed()}, "", "not_hashed"},
		{"declared but plain", "sha256.hex", "alexz@example.com", []Hint{AlreadyHashed()}, "", "not_hashed"},
		{"md5 declared", "md5.hex", md5, []Hint{AlreadyHashed()}, md5, ""},
		{"a long id that is not hashed on the way", "", once, nil, once, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Prepare(Identifier{Name: "id", Hash: c.hash}, c.in, c.hints...)
			var invalid *InvalidError
			if errors.As(err, &invalid) != (c.code != "") || got != c.want || c.code != "" && invalid.Code != c.code {
				t.Errorf("got %q, %v; want %q, code %q", got, err, c.want, c.code)
			}
		})
	}
}

func TestNormalisers(t *testing.T) {
	cases := []struct {
		normalise, in, want string
		hints               []Hint
		code                string
	}{
		{"", "\u00a0x\ufeff", "x", nil, ""},
		{"", "\u200b \x00", "", nil, "empty"},
		{"email.basic", "e\u0301ve@example.com", "\u00e9ve@example.com", nil, ""}, // NFC
		{"email.basic", "İlker@example.com", "ilker@example.com", nil, ""},        // as in every locale
		{"email.basic", "a@b@example.com", "", nil, "email"},
		{"email.basic", "a@localhost", "", nil, "email"},
		{"email.basic", "a@example.", "", nil, "email"},
		{"email.basic", "a\n@example.com", "", nil, "email"},
		{"google.email", "+x@gmail.com", "", nil, "email"},
		{"uid2.email", "jane.doe@googlemail.com", "jane.doe@googlemail.com", nil, ""},
		{"phone.e164", "+33 6 39 98 12 34", "+33639981234", nil, ""},
		{"phone.e164", "0033639981234", "+33639981234", nil, ""},
		{"phone.e164", "06 39 98 12 34", "+33639981234", []Hint{InCountry("fr")}, ""},
		{"phone.e164", "06 39 98 12 34", "", nil, "phone_country"},
		{"phone.e164", "+15005550006", "+15005550006", nil, ""},
		{"phone.e164", "+44", "", nil, "phone"},
		{"phone.e164", "n/a", "", []Hint{InCountry("FR")}, "phone"},
		{"meta.phone", "+33639981234", "33639981234", nil, ""},
		{"meta.last_name", "O'Brien-Smith ", "obriensmith", nil, ""},
		{"meta.first_name", "--", "", nil, "name"},
		{"meta.first_initial", "Éve", "é", nil, ""},
		{"meta.zip", "00-950", "00950", nil, ""},
		{"meta.zip", "100-0001", "1000001", nil, ""},
		{"meta.zip", "941100002", "94110", []Hint{InCountry("US")}, ""},
		{"meta.dob", "1997-02-16", "19970216", nil, ""},
		{"meta.dob", "1997-02-16T00:00:00Z", "19970216", nil, ""},
		{"meta.dob", "2/3/1997", "", nil, "date"},
		{"meta.dob", "3/2/1997", "19970203", []Hint{DateOrder("DMY")}, ""},
		{"meta.dob", "1997-02-30", "", nil, "date"},
		{"meta.dobm", "1997-02-16", "02", nil, ""},
		{"meta.country", "fr", "fr", nil, ""},
		{"meta.country", "xx", "", nil, "country"},
	}
	for _, c := range cases {
		got, err := Prepare(Identifier{Name: "id", Normalise: c.normalise}, c.in, c.hints...)
		var invalid *InvalidError
		if errors.As(err, &invalid) != (c.code != "") || got != c.want || c.code != "" && invalid.Code != c.code {
			t.Errorf("%s(%q) = %q, %v; want %q, code %q", c.normalise, c.in, got, err, c.want, c.code)
		}
	}
}

// What is normalised must stay as it is when it is normalised again: the ledger keeps the
// normalised form.
func FuzzNormalisersAreIdempotent(f *testing.F) {
	for _, s := range []string{"Al.ice$+Apple@Example.Com", "+44 844 412 4653", "Washington, D.C.", "2/16/1997", "é İ", "NR9 5AL"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, name := range Normalisers() {
			switch name {
			case "meta.phone", "snapchat.phone", "meta.doby", "meta.dobm", "meta.dobd", "x.handle":
				continue // these lose what they are told by: the plus, the rest of the date, the @
			}
			id := Identifier{Name: "id", Normalise: name}
			once, err := Prepare(id, in, InCountry("FR"), DateOrder("DMY"))
			if err != nil {
				continue
			}
			if twice, err := Prepare(id, once, InCountry("FR"), DateOrder("DMY")); err != nil || twice != once {
				t.Errorf("%s(%q) = %q, then %q, %v", name, in, once, twice, err)
			}
		}
	})
}
