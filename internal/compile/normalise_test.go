package compile_test

import (
	"math/rand"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// vectors are values and their normal forms by normaliser and option; "" is none.
var vectors = map[[2]string][][2]string{
	{"name", ""}: {
		{"Zoë", "zoe"}, {"  ZOË  ", "zoe"}, {"zoe\u0308", "zoe"},
		{"O'Neil", "oneil"}, {"O’Neil", "oneil"}, {"oneil", "oneil"}, {"Jeanne d`Arc", "jeanne darc"},
		{"Anne-Marie", "anne marie"}, {"Anne Marie", "anne marie"}, {"Anne – Marie", "anne marie"}, {"Lopez, Ana", "lopez ana"},
		{"Dr. Ada King", "ada king"}, {"Mr Prof. Ada King, Jr.", "ada king"}, {"Ada King Ph.D.", "ada king"}, {"Ada King III", "ada king"},
		{"Mrs", "mrs"}, {"Jr.", "jr"}, {"Dr Jr", "jr"}, {"Mary", "mary"}, {"Drake", "drake"}, {"Iiis", "iiis"}, {"Mo Md Ali", "mo md ali"},
		{"Straßer", "strasser"}, {"STRASSER", "strasser"}, {"Łukasz Sørensen", "lukasz sorensen"}, {"Đặng Văn Ứng", "dang van ung"},
		{"İIı", "iii"}, {"Þór Æsir Œuvre", "thor aesir oeuvre"}, {"Ħal Ŧ Ŋ", "hal t n"},
		{"Αλέξης Σαμαράς", "αλεξησ σαμαρασ"}, {"ΣΑΜΑΡΑΣ", "σαμαρασ"}, {"Йосиф", "иосиф"}, {"정", "정"}, {"山田 太郎", "山田 太郎"}, {"ジョン・スミス", "ジョン スミス"},
		{"हिन्दी", "हिन्दी"}, {"Ana\u00a0\u2003\t María", "ana maria"}, {"李\u3000小龍", "李 小龍"},
		{"123", ""}, {"-", ""}, {"...", ""}, {"", ""}, {"  ", ""}, {"n/a", ""}, {"Unknown", ""}, {"NULL", ""}, {"😀", "😀"},
		{"R2 D2", "r2 d2"}, {"Ada\nKing", "ada king"}, {"A. B. King", "a b king"},
	},
	{"address", ""}: {
		{"12 Main Street", "12 main st"}, {"12 MAIN ST.", "12 main st"}, {"12, Main  St", "12 main st"},
		{"12 Main Street, Apt. 4B", "12 main st unit 4b"}, {"12 Main St #4B", "12 main st unit 4b"}, {"12 Main St Unit # 4b", "12 main st unit 4b"},
		{"Saint John Street Road", "st john st rd"}, {"1 North East Avenue", "1 n e ave"}, {"5 Av. de l'Opéra", "5 ave de lopera"}, {"5 avenue de l’Opera", "5 ave de lopera"},
		{"Hauptstraße 5", "hauptstr 5"}, {"Hauptstr. 5", "hauptstr 5"}, {"HAUPTSTRASSE 5", "hauptstr 5"}, {"Haupt Straße 5", "haupt str 5"}, {"Marienplatz 1", "marienpl 1"},
		{"Kerkstraat 9-11", "kerkstr 9 11"}, {"Streetly Road", "streetly rd"}, {"Calle Mayor 1", "c mayor 1"}, {"C/ Mayor, 1", "c mayor 1"},
		{"千代田区1-1", "千代田区1 1"}, {"--", ""}, {",", ""}, {"", ""}, {"none", ""},
	},
	{"date", ""}: {
		{"2026-01-31", "2026-01-31"}, {"20260131", "2026-01-31"}, {"2026/1/31", "2026-01-31"}, {"2026.1.5", "2026-01-05"}, {"2026 01 05", "2026-01-05"},
		{"2026-01-31T10:00:00Z", "2026-01-31"}, {"2026-01-31 10:00:00+02", "2026-01-31"}, {"20260131101500", "2026-01-31"}, {"20260131T1015", "2026-01-31"}, {" 2026-01-31 ", "2026-01-31"},
		{"31/01/2026", ""}, {"01/02/2026", ""}, {"2026-13-01", ""}, {"2026-02-30", ""}, {"2024-02-29", "2024-02-29"}, {"2023-02-29", ""}, {"2026-00-10", ""}, {"2026-01-00", ""},
		{"1900-01-01", ""}, {"19700101", ""}, {"1970-01-01 00:00:00", ""}, {"9999-12-31", ""}, {"0001-01-01", ""}, {"1/1/1970", ""}, {"0000-00-00", ""}, {"1970-01-02", "1970-01-02"},
		{"31 Jan 2026", ""}, {"2026-01", ""}, {"2026", ""}, {"12345", ""}, {"202601311", ""}, {"2026-01-31x", ""}, {"26-01-31", ""}, {"null", ""}, {"", ""},
		{"3000-01-01", "3000-01-01"}, {"0999-01-01", ""},
	},
	{"date", "day_first"}: {
		{"31/01/2026", "2026-01-31"}, {"31.1.2026", "2026-01-31"}, {"1-2-2026", "2026-02-01"}, {"01/02/2026 10:00", "2026-02-01"}, {"01/31/2026", ""}, {"2026-01-31", "2026-01-31"}, {"20260131", "2026-01-31"},
		{"01/01/1900", ""}, {"1/1/1970", ""}, {"31/02/2026", ""}, {"31/01/26", ""},
	},
	{"date", "month_first"}: {
		{"01/31/2026", "2026-01-31"}, {"1/2/2026", "2026-01-02"}, {"31/01/2026", ""}, {"2/29/2024", "2024-02-29"}, {"2/29/2023", ""}, {"12-31-9999", ""},
	},
	{"email", ""}: {
		{" Zoe@Example.com. ", "zoe@example.com"}, {"zoe+news@example.com", "zoe+news@example.com"}, {"z.oe+x@gmail.com", "z.oe+x@gmail.com"}, {"zoe@example", ""},
		{"test@example.com", ""}, {"n/a", ""}, {"zoe@@example.com", ""}, {"zoë@exämple.com", "zoë@exämple.com"},
	},
	{"email", "provider_rules"}: {
		{"Z.o.e+news@GoogleMail.com", "zoe@gmail.com"}, {"zoe@gmail.com", "zoe@gmail.com"}, {"z.oe@gmail.com.", "zoe@gmail.com"}, {"+news@gmail.com", ""}, {"...@gmail.com", ""}, {"a@b@gmail.com", ""},
		{"z.oe+x@mail.gmail.com", "z.oe+x@mail.gmail.com"}, {"z.oe+x@notgmail.com", "z.oe+x@notgmail.com"}, {"z.oe+x@gmail.com.example.com", "z.oe+x@gmail.com.example.com"},
		{"z.oe+a+b@fastmail.com", "z.oe@fastmail.com"}, {"z.oe+x@proton.me", "z.oe@proton.me"}, {"zoe+x@pm.me", "zoe@pm.me"}, {"zoe@protonmail.com", "zoe@protonmail.com"}, {"+x@proton.me", "+x@proton.me"},
		{"z.oe+x@outlook.com", "z.oe+x@outlook.com"}, {"zoe+x@example.com", "zoe+x@example.com"}, {"z.o.e@example.com", "z.o.e@example.com"},
		{"te.st@gmail.com", ""}, {".test@gmail.com", ""}, {"no-email@example.com", ""}, {"nobody@example.com", ""}, {"nora@example.com", "nora@example.com"}, {"test.er@example.com", "test.er@example.com"}, {"zo e@gmail.com", ""},
	},
	{"phone", "FR"}: {
		{"06 39 98 00 01", "+33639980001"}, {"+33 (0)6 39.98.00.01", "+33639980001"}, {"0033639980001", "+33639980001"}, {"0000000000", ""}, {"0123456789", ""}, {"+1 202 555 0143", "+12025550143"}, {"0639980001 ext. 12", "+33639980001"}, {"tel:+33639980001", "+33639980001"},
		{"+33/6.39-98(00)01", "+33639980001"}, {"06\u00a039980001", "+33639980001"}, {"0639980001a", ""}, {"a0639980001", ""}, {"0639980001@", ""}, {"06 39 98 00 01, 06 39 98 00 02", ""},
		{"+", ""}, {"", ""}, {"+33 0000000", ""}, {"12+33639980001", ""}, {"+0639980001", ""},
	},
	{"lower", ""}: {{" ÀB ", "àb"}, {"N/A", ""}},
	{"trim", ""}: {
		{" Ab ", "Ab"}, {"00000000-0000-0000-0000-000000000000", ""}, {"FFFFFFFF-ffff-FFFF-FFFF-FFFFFFFFFFFF", "FFFFFFFF-ffff-FFFF-FFFF-FFFFFFFFFFFF"}, {"0", ""}, {"-0-", ""}, {"-1", ""}, {"-2", "-2"},
		{"ffffffff-ffff-ffff-ffff-ffffffffffff", ""}, {"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", ""}, {"11111111111111111111111111111111", ""}, {"ffffffffffffffff", ""}, {"1111111", "1111111"},
		{"ffffffff-ffff-ffff-ffff-fffffffffff0", "ffffffff-ffff-ffff-ffff-fffffffffff0"}, {"(not set)", ""}, {"<NULL>", ""}, {"[object Object]", ""}, {"NaN", ""}, {"nancy", "nancy"}, {"00", ""}, {"001", "001"},
		{strings.Repeat("é", 1024), strings.Repeat("é", 1024)}, {strings.Repeat("é", 1025), ""},
	},
	{"none", ""}: {{" Ab ", " Ab "}, {" ", ""}, {" null ", ""}, {" -1 ", ""}},
}

// TestNormalForms checks every vector, and that the normal form of a normal form is itself.
func TestNormalForms(t *testing.T) { normalForms(t, casetest.DuckDB) }

func normalForms(t *testing.T, open casetest.Open) {
	w := newWorld(t, open(t))
	for k, vs := range vectors {
		in := make([]string, len(vs))
		for i, v := range vs {
			in[i] = v[0]
		}
		got := w.normalise(t, k[0], k[1], in)
		var forms []string
		for i, v := range vs {
			if got[i] != v[1] {
				t.Errorf("%s %s: %q gives %q, want %q", k[0], k[1], v[0], got[i], v[1])
			}
			if got[i] != "" {
				forms = append(forms, got[i])
			}
		}
		for i, again := range w.normalise(t, k[0], k[1], forms) {
			if again != forms[i] {
				t.Errorf("%s %s: %q gives %q: normalising a normal form must change nothing", k[0], k[1], forms[i], again)
			}
		}
	}
}

// normalise gives the normal forms of values, "" for none.
func (w *world) normalise(t *testing.T, kind, option string, in []string) []string {
	t.Helper()
	return w.texts(t, in, rel.Select{
		Columns: []rel.Column{rel.As("n", rel.C("v", "n")), rel.As("x", compile.Normalised(kind, option, rel.C("v", "x")))},
		From:    values(in),
	})
}

// phones gives the normal forms of phone numbers, "" for none.
func (w *world) phones(t *testing.T, country string, in []string) []string {
	t.Helper()
	return w.texts(t, in, compile.NormalForm(rel.Select{Columns: []rel.Column{rel.As("n", rel.C("v", "n"))}, From: values(in)},
		"v", "x", models.Identifier{Type: "phone", Normalize: "phone", Country: country}, rel.C("v", "x")))
}

func values(in []string) rel.Relation {
	v := rel.Values{Columns: []rel.Field{{Name: "n", Type: models.Integer}, {Name: "x", Type: models.Text}}}
	for i, x := range in {
		v.Rows = append(v.Rows, []rel.Expr{rel.I(int64(i)), rel.T(x)})
	}
	return rel.Sub{Query: v, Alias: "v"}
}

// texts runs a query of a number and a text.
func (w *world) texts(t *testing.T, in []string, q rel.Query) []string {
	t.Helper()
	out := make([]string, len(in))
	if len(in) == 0 {
		return out
	}
	for row, err := range w.s.Query(t.Context(), w.render(t, q)) {
		if err != nil {
			t.Fatal(err)
		}
		out[row[0].(int64)], _ = row[1].(string)
	}
	return out
}

// TestCountryOfRow compares numbers read by the country of their row with those read by the country
// of the identifier.
func TestCountryOfRow(t *testing.T) { countryOfRow(t, casetest.DuckDB) }

func countryOfRow(t *testing.T, open casetest.Open) {
	w := newWorld(t, open(t))
	r := rand.New(rand.NewSource(5))
	for _, country := range []string{"FR", "GB", "US", "HU", "RU", "IT", "BY", "CN", "MC", "TM", "SM", "AC"} {
		var plain, marked, foreign []string
		for range 300 {
			n := make([]byte, 3+r.Intn(12))
			for i := range n {
				n[i] = "0012345678"[r.Intn(10)]
			}
			number := []string{"", "", "0", "06", "+", "00", "011", "8", "tel:+33 (0)"}[r.Intn(9)] + string(n) + []string{"", "", " x12", "a"}[r.Intn(4)]
			plain = append(plain, number)
			marked = append(marked, number+" @"+country)
			foreign = append(foreign, number+" @XX")
		}
		want := w.phones(t, country, plain)
		if diff := cmp.Diff(want, w.phones(t, "@DE", marked)); diff != "" {
			t.Errorf("%s of the row (-want +got):\n%s", country, diff)
		}
		if diff := cmp.Diff(want, w.phones(t, "@"+country, foreign)); diff != "" {
			t.Errorf("%s by default (-want +got):\n%s", country, diff)
		}
	}
}

// TestLetters compares the plain form of every letter that has marks, and of those that have none
// but look so, with what Unicode says, which is the same on every warehouse.
func TestLetters(t *testing.T) { letters(t, casetest.DuckDB) }

func letters(t *testing.T, open casetest.Open) {
	w := newWorld(t, open(t))
	var in, want []string
	plain := strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "þ", "th", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "ı", "i", "ħ", "h", "ŧ", "t", "ŋ", "n", "ſ", "s", "ς", "σ")
	for r := rune(0xc0); r < 0x2190; r++ {
		if r == 0x900 {
			r = 0x1e00
		}
		// Modifier letters are punctuation to names.
		if !unicode.Is(unicode.L, r) || unicode.Is(unicode.Lm, r) {
			continue
		}
		bare, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.M)), norm.NFC), strings.ToLower(string(r)))
		if err != nil {
			t.Fatal(err)
		}
		in, want = append(in, "a"+string(r)+"b"), append(want, "a"+plain.Replace(bare)+"b")
	}
	for i, got := range w.normalise(t, "name", "", in) {
		if got != want[i] {
			t.Errorf("%q (%U) gives %q, want %q", in[i], []rune(in[i])[1], got, want[i])
		}
	}
	if len(in) < 1500 {
		t.Errorf("%d letters only", len(in))
	}
}
