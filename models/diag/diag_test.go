package diag

import (
	"strings"
	"testing"
)

func TestString(t *testing.T) {
	for _, c := range []struct {
		f    Finding
		want string
	}{
		{Finding{File: "syncs/vip.yml", Line: 9, Col: 7, Width: 10, Source: "      frist_name: first_name", What: `unknown field "frist_name" in Klaviyo profile`, Fix: `did you mean "first_name"?`, Code: "syncs.unknown_field"},
			`syncs/vip.yml:9:7: unknown field "frist_name" in Klaviyo profile
     9 |       frist_name: first_name
       |       ^^^^^^^^^^
  did you mean "first_name"?
  syncs.unknown_field
`},
		{Finding{File: "a.yml", Line: 12, Col: 3, Source: "\t\tx: 1", What: "w", Severity: Warning, Code: "c"},
			"a.yml:12:3: warning: w\n    12 | \t\tx: 1\n       | \t\t^\n  c\n"},
		{Finding{File: "a.yml", Line: 1, Col: 900, Source: "short", What: "w", Code: "c"},
			"a.yml:1:900: w\n     1 | short\n       |      ^\n  c\n"},
		{Finding{File: "a.yml", What: "w", Code: "c"}, "a.yml: w\n  c\n"},
		{Finding{What: "w", Fix: "f", Code: "c"}, "w\n  f\n  c\n"},
	} {
		if got := c.f.String(); got != c.want {
			t.Errorf("got\n%swant\n%s", got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"first_name", "last_name", "email", "phone", "a"}
	for name, want := range map[string]string{
		"frist_name": "first_name", "emial": "email", "Email": "email", "phnoe": "phone", "b": "a", "xyz": "", "": "a", "first": "", "lastname": "last_name",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := DidYouMean("xyz", known); got != "use one of: first_name, last_name, email, phone, a" {
		t.Error(got)
	}
	if got := DidYouMean("xyz", nil); got != "" {
		t.Error(got)
	}
	if got := DidYouMean("xyz", strings.Split("aaaaa bbbbb ccccc ddddd eeeee fffff ggggg hhhhh iiiii jjjjj kkkkk lllll mmmmm", " ")); got != "" {
		t.Error(got)
	}
}

func TestSort(t *testing.T) {
	fs := []Finding{{File: "b", Line: 1}, {File: "a", Line: 2, Col: 2}, {File: "a", Line: 2, Col: 1, Code: "z"}, {File: "a", Line: 2, Col: 1, Code: "y"}, {File: "a", Line: 1}}
	Sort(fs)
	var got []string
	for _, f := range fs {
		got = append(got, strings.Split(f.String(), ":")[0]+f.Code)
	}
	if g := strings.Join(got, " "); g != "a ay az a b" {
		t.Error(g)
	}
	if !HasError(fs) || HasError([]Finding{{Severity: Warning}}) || HasError(nil) {
		t.Error("HasError")
	}
}
