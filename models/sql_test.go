package models

import (
	"slices"
	"strings"
	"testing"
)

func TestExpressionProblem(t *testing.T) {
	for _, sql := range []string{
		"a > 1", "(a + b) * 2 >= 3 -- twice\n", "name = 'it''s; (--'", `"a;b" = 1`, "a /* , ; ) */ = 1", "coalesce(a, b) > 1",
		"E'\\'; ' = name", "$$ ; ) $$ = name", "$x$ ; $$ ) $x$ = name", "a IS DISTINCT FROM b", "extract(year from at) = 2026", "a IN (1, 2)",
		"EXISTS (SELECT 1 FROM x WHERE x.a = b)", "CASE WHEN a THEN b ELSE c END", "list_contains([1, 2], a)", "a[1] = 'x'", "-- why\na = 1",
		"cast(a AS integer) > 1", "`a b` = 1", "percentile_cont(0.5) WITHIN GROUP (ORDER BY a) OVER () > 1", "é = 1", "a = 1 /* tail */",
		"replace(name, 'a', 'b') = 'c'", "copy = 1", "t.order > 1", "a = $1",
	} {
		if what, _ := ExpressionProblem(sql, []string{"copy"}); what != "" {
			t.Errorf("%q: %s", sql, what)
		}
	}
	for sql, want := range map[string]string{
		"": "empty", " -- nothing": "empty", "a > 1;": "ends in a semicolon", "a; drop table x": "semicolon in it", "(a": "( is not closed",
		"a)": ") closes nothing", "a) or (b": ") closes nothing", "(a]": "] stands where (", "a, b": "a comma", "'a": "quote ' is not closed",
		"a /* b": "comment is not closed", "/* /* */ */ a": "inside a comment", "$x$ a": "quote $x$ is not closed", "SELECT 1": "begins with SELECT",
		"with x as (select 1) select 1": "begins with WITH", "a union select 1": "UNION", "a from x": "FROM", "a WHERE b": "WHERE",
		"a AS b": "AS", "delete from x": "begins with DELETE", "a select 1": "a statement in it", "` or 1) --` = 1": "backticks", "a = '\x00'": "NUL",
		"p = 1": "hides", "to_json(p) = 'x'": "hides", "columns('e.*') = 'x'": "hides", `U&"\0065mail" = 'x'`: "hides", "a ORDER BY b": "ORDER",
	} {
		what, fix := ExpressionProblem(sql, nil)
		if want != "" && (!strings.Contains(what, want) || fix == "") {
			t.Errorf("%q: got %q (%s), want %q", sql, what, fix, want)
		}
	}
}

func TestTraitsIn(t *testing.T) {
	e := &Entity{Traits: []Trait{{Name: "email"}, {Name: "country"}, {Name: "n"}}}
	for sql, want := range map[string]string{
		`E'\'' || email || '\'' = country`: "email country",
		`"Email" = 'country' -- n`:         "email",
		"n(country) > 1":                   "country",
		"'email'":                          "",
		"EMAIL LIKE e'%\\\\' AND p.n > 1":  "email n",
	} {
		if got := strings.Join(e.TraitsIn(sql), " "); got != want {
			t.Errorf("%s: got %q, want %q", sql, got, want)
		}
	}
}

// TestRegions holds the sizes of the regions against what is published of them, and that the
// regions of M49 have every code once.
func TestRegions(t *testing.T) {
	sizes := map[string]int{"eu": 27, "eea": 30, "efta": 4, "schengen": 29, "eurozone": 21, "dach": 3, "benelux": 3, "nordics": 5, "baltics": 3,
		"uk_ie": 2, "gcc": 6, "mercosur": 5, "asean": 11, "africa": 60, "northern_america": 5, "north_america": 41, "latin_america": 52, "americas": 57,
		"caribbean": 28, "asia": 51, "europe": 52, "oceania": 29}
	in := map[string][]string{}
	for _, r := range Regions() {
		for _, c := range r.Countries {
			if alpha3[c] == "" {
				t.Errorf("%s has the unknown code %s", r.Name, c)
			}
			in[c] = append(in[c], r.Name)
		}
		if n, ok := sizes[r.Name]; ok && n != len(r.Countries) {
			t.Errorf("%s has %d countries, want %d", r.Name, len(r.Countries), n)
		}
		if what, _ := NameProblem(r.Name); what != "" || r.Doc == "" {
			t.Errorf("%s: %s", r.Name, what)
		}
	}
	for code := range alpha3 {
		n := 0
		for _, continent := range []string{"africa", "americas", "asia", "europe", "oceania"} {
			if slices.Contains(in[code], continent) {
				n++
			}
		}
		if code != "AQ" && n != 1 {
			t.Errorf("%s is in %d continents", code, n)
		}
	}
	if got := strings.Join(Countries([]string{"dach", "fr", "NOR", "atlantis"}), " "); got != "AT AUT CH CHE DE DEU FR FRA NO NOR" {
		t.Errorf("got %s", got)
	}
}
