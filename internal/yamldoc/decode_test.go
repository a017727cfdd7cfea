package yamldoc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// doc uses every option of the tags once.
type doc struct {
	Text   string          `yaml:"text"`
	Choice string          `yaml:"choice" enum:"a,b"`
	Int    int             `yaml:"int"`
	Float  float64         `yaml:"float"`
	Bool   bool            `yaml:"bool"`
	Ptr    *int            `yaml:"ptr"`
	Value  *models.Value   `yaml:"value"`
	Dur    models.Duration `yaml:"dur"`
	One    []string        `yaml:"one,one"`
	Many   []int           `yaml:"many"`
	Named  []named         `yaml:"named"`
	Test   *test           `yaml:"test"`
	Map    map[string]int  `yaml:"map"`
	Tree   map[string]any  `yaml:"tree"`
	Open   *open           `yaml:"open"`
	inner  `yaml:",inline"`
}

type inner struct {
	Deep string `yaml:"deep"`
}

type named struct {
	Name string `yaml:",key"`
	N    int    `yaml:"n,scalar,required"`
}

type test struct {
	Is *models.Value  `yaml:"is,scalar" like:"equals"`
	In []models.Value `yaml:"in,list"`
}

type open struct {
	Type string         `yaml:"type,required"`
	Rest map[string]any `yaml:",rest"`
}

func ptr[T any](v T) *T { return &v }

func TestDecode(t *testing.T) {
	text := func(s string) models.Value { return models.Value{Type: models.Text, Text: s} }
	for in, want := range map[string]doc{
		"":                                 {},
		"# nothing\n":                      {},
		"text: hi\nchoice: b":              {Text: "hi", Choice: "b"},
		"int: -7\nfloat: 2\nbool: true":    {Int: -7, Float: 2, Bool: true},
		"ptr: 0":                           {Ptr: ptr(0)},
		"value: 2026-01-31":                {Value: &models.Value{Type: models.Date, Text: "2026-01-31"}},
		"value: 2026-01-31T10:00:00+01:00": {Value: &models.Value{Type: models.Timestamp, Text: "2026-01-31T09:00:00Z"}},
		"value: 'yes'":                     {Value: ptr(text("yes"))},
		"value: yes":                       {Value: ptr(text("yes"))},
		"value: 1.50":                      {Value: &models.Value{Type: models.Number, Text: "1.50"}},
		"value: TRUE":                      {Value: &models.Value{Type: models.Boolean, Text: "true"}},
		"dur: 90d":                         {Dur: 90 * 24 * 3600 * 1e9},
		"one: a":                           {One: []string{"a"}},
		"one: [a, b]":                      {One: []string{"a", "b"}},
		"many: [1, 2]":                     {Many: []int{1, 2}},
		"many:":                            {},
		"named: {z: 1, a: {n: 2}}":         {Named: []named{{"z", 1}, {"a", 2}}},
		"test: x":                          {Test: &test{Is: ptr(text("x"))}},
		"test: [x, y]":                     {Test: &test{In: []models.Value{text("x"), text("y")}}},
		"test: {is: x}":                    {Test: &test{Is: ptr(text("x"))}},
		"map: {a: 1}":                      {Map: map[string]int{"a": 1}},
		"tree: {a: [1, 2.5, x, true, null, {b: 2026-01-01}]}": {Tree: map[string]any{"a": []any{int64(1), 2.5, "x", true, nil, map[string]any{"b": "2026-01-01"}}}},
		"open: {type: a, b: c}":                               {Open: &open{Type: "a", Rest: map[string]any{"b": "c"}}},
		"deep: x":                                             {inner: inner{Deep: "x"}},
		"tree: {a: &a {x: 1, y: 2}, b: {<<: *a, y: 3}}":       {Tree: map[string]any{"a": map[string]any{"x": int64(1), "y": int64(2)}, "b": map[string]any{"x": int64(1), "y": int64(3)}}},
		"map: {a: &n 5, b: *n}":                               {Map: map[string]int{"a": 5, "b": 5}},
		"text: |\n  two\n  lines\n":                           {Text: "two\nlines\n"},
	} {
		var got doc
		_, fs := Decode("x.yml", []byte(in), &got)
		if len(fs) > 0 {
			t.Errorf("%q: %v", in, fs)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(doc{}, inner{})); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

// TestFindings gives line, column, code and text of findings; several are divided by a bar.
func TestFindings(t *testing.T) {
	for in, want := range map[string]string{
		"txt: hi":                        `1:1 yaml.unknown_key unknown key "txt" (did you mean "text"?)`,
		"tree: {a: 1, a: 2}":             `1:14 yaml.doubled_key "a" stands twice under tree; the first is in line 1 (take one of them out)`,
		"int: 1.5":                       `1:6 yaml.wrong_type int must be a whole number, not a number`,
		"int: 010":                       `1:6 yaml.bad_value int is not a whole number of up to 64 bits in base 10 without zeros in front (write it in quotes if it is text)`,
		"int: 99999999999999999999":      `1:6 yaml.wrong_type int must be a whole number, not a number`,
		"float: .nan":                    `1:8 yaml.wrong_type float must be a number, not a number`,
		"bool: yes":                      `1:7 yaml.wrong_type bool must be true or false, not text`,
		"text: 5":                        `1:7 yaml.wrong_type text must be text, not a whole number (write it in quotes: "5")`,
		"text: 2026-01-01":               `1:7 yaml.wrong_type text must be text, not a date or time (write it in quotes: "2026-01-01")`,
		"text: !thing x":                 `1:7 yaml.wrong_type text must be text, not a value tagged !thing (write it in quotes: "x")`,
		"text: [a]":                      `1:7 yaml.wrong_type text must be text, not a list`,
		"text:":                          `1:6 yaml.no_value text has no value (give it a value, or take the key out)`,
		"choice: c":                      `1:9 yaml.not_allowed choice can not be "c" (did you mean "a"?)`,
		"dur: soon":                      `1:6 yaml.bad_value "soon" is not a duration; write a number and w, d, h, m or s, such as 90d`,
		"dur: [90d]":                     `1:6 yaml.wrong_type dur must be a single value, not a list`,
		"one: {a: b}":                    `1:6 yaml.wrong_type one must be a value or a list, not a mapping`,
		"many: 1":                        `1:7 yaml.wrong_type many must be a list, not a whole number`,
		"many: [1, x]":                   `1:11 yaml.wrong_type many[1] must be a whole number, not text`,
		"named: [a]":                     `1:8 yaml.wrong_type named must be a mapping of names to values, not a list`,
		"named: {a: {}}":                 `1:9 yaml.missing_key named.a has no "n" (add n: …)`,
		"named: {a: [1]}":                `1:12 yaml.wrong_type named.a must be a value or a mapping, not a list`,
		"named: {1: 2, null: 3, [a]: 4}": `1:15 yaml.wrong_type a key under named is not text (write it in quotes) | 1:24 yaml.wrong_type a key under named is not text (write it in quotes)`,
		"test: {iss: x}":                 `1:8 yaml.unknown_key unknown key "iss" under test (did you mean "is"?)`,
		"test: {Equals: x}":              `1:8 yaml.unknown_key unknown key "Equals" under test (did you mean "is"?)`,
		"open: {b: c}":                   `1:1 yaml.missing_key open has no "type" (add type: …)`,
		"open: {type: a, b: 99999999999999999999999}": ``,
		"tree: {a: 0x10}":            `1:11 yaml.bad_value tree.a is not a whole number of up to 64 bits in base 10 without zeros in front (write it in quotes if it is text)`,
		"tree: {a: .inf}":            `1:11 yaml.bad_value tree.a is not a finite number (write it in quotes)`,
		"tree: {a: !!binary aGk=}":   `1:11 yaml.wrong_type the tag !!binary means nothing here (take the tag out)`,
		"tree: {<<: [1]}":            `1:8 yaml.wrong_type << merges a mapping or a list of mappings (write <<: *name with the anchor of a mapping)`,
		"[a, b]":                     `1:1 yaml.wrong_type the file must be a mapping, not a list`,
		"just text":                  `1:1 yaml.wrong_type the file must be a mapping, not text`,
		"text: a\n---\ntext: b":      `2:1 yaml.documents a second document starts here; a file holds one (move it to a file of its own)`,
		"text: \"a":                  `1:1 yaml.syntax not YAML: found unexpected end of stream (close the quotes)`,
		"text: @a":                   `1:1 yaml.syntax not YAML: found character that cannot start any token (put the text in quotes)`,
		"text: a\nint: x\nbool: 1\n": `2:6 yaml.wrong_type int must be a whole number, not text | 3:7 yaml.wrong_type bool must be true or false, not a whole number`,
	} {
		var got doc
		_, fs := Decode("x.yml", []byte(in), &got)
		var out []string
		for _, f := range fs {
			s := fmt.Sprintf("%d:%d %s %s", f.Line, f.Col, f.Code, f.What)
			if f.Fix != "" {
				s += " (" + f.Fix + ")"
			}
			out = append(out, s)
		}
		if g := strings.Join(out, " | "); g != want {
			t.Errorf("%q:\n got %s\nwant %s", in, g, want)
		}
	}
}

func TestLocate(t *testing.T) {
	const in = `text: hi
named:
  a: 1
  b.c: {n: 2}
tree:
  list:
    - {x: 1, "y": [7, 8]}
    - x: 2
  base: &base
    deep: 3
  copy:
    <<: *base
`
	var got doc
	d, fs := Decode("x.yml", []byte(in), &got)
	if len(fs) > 0 {
		t.Fatal(fs)
	}
	for path, want := range map[string]string{
		"text":                            "1:1+4 1:7+2 true",
		"named":                           "2:1+5 3:3+1 true",
		"named.a":                         "3:3+1 3:6+1 true",
		"named.a.n":                       "3:3+1 3:6+1 false",
		"named.b.c":                       "4:3+3 4:8+6 true",
		"named.b.c.n":                     "4:9+1 4:12+1 true",
		"tree.list[0].y[1]":               "1:1+1 7:23+1 true",
		"tree.list[0].y":                  "7:14+3 7:19+6 true",
		"tree.list[1].x":                  "8:7+1 8:10+1 true",
		"tree.list[9].x":                  "6:3+4 7:5+1 false",
		"tree.copy.deep":                  "10:5+4 10:11+1 true",
		"nowhere":                         "1:1+1 1:1+4 false",
		"tree.list[x]":                    "6:3+4 7:5+1 false",
		"tree.list[0":                     "6:3+4 7:5+1 false",
		"":                                "1:1+1 1:1+4 true",
		"tree.list[99999999999999999999]": "6:3+4 7:5+1 false",
	} {
		k, v, ok := d.Locate(path)
		if g := fmt.Sprintf("%d:%d+%d %d:%d+%d %v", k.Line, k.Col, k.Width, v.Line, v.Col, v.Width, ok); g != want {
			t.Errorf("%q: got %s, want %s", path, g, want)
		}
	}
	f := d.Finding(diag.Problem{Path: "tree.list[1]", Code: "c", What: "w"})
	if f.Line != 8 || f.Col != 7 || f.Severity != diag.Error || f.Source != "    - x: 2" {
		t.Errorf("%+v", f)
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		`api_key: pk_live`:                       `api_key: *******`,
		`x: {type: a, api_key: "pk live", b: c}`: `x: {type: a, api_key: *********, b: c}`,
		`x: {auth_token: ${env:A}, b: c}`:        `x: {auth_token: ${env:A}, b: c}`,
		`x: {auth_token: "${env:A:-}", b: c}`:    `x: {auth_token: "${env:A:-}", b: c}`,
		`x: {auth_token: "${env:A:-abc}", b: c}`: `x: {auth_token: ***************, b: c}`,
		`key: order_id`:                          `key: order_id`,
		`token: {from: a.b}`:                     `token: {from: a.b}`,
		`"password": 'a' # b`:                    `"password": *** # b`,
		`dsn: postgres://u:p@h/d`:                `dsn: ******************`,
		`clientSecret: abc`:                      `clientSecret: ***`,
		`secrets: [a, b]`:                        `secrets: ******`,
	} {
		if got := mask(in); got != want {
			t.Errorf("%s:\n got %s\nwant %s", in, got, want)
		}
	}
	if got := MaskKeys("sid: AC1, pin: 1234", []string{"pin"}); got != "sid: AC1, pin: ****" {
		t.Error(got)
	}
}

// FuzzDecode feeds any bytes: whatever they are, there is a value or a finding, in bounded time.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "text: hi", "named: {a: 1}", "tree: &a {b: *a}", "tree: {<<: [*a]}", "a: [{", "? - - x", "text: |\n  a\n b", "\xef\xbb\xbfa: b",
		"x: ${env:A}", "{x: ${env:A}}", "a: b\n---\nc", "%YAML 1.1\n---\na", "!!map {a: b}", "a: !!timestamp x", "\"\\x\": y", "a:\n\tb"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var v doc
		d, fs := Decode("x.yml", in, &v)
		for _, x := range fs {
			if x.Code == "" || x.What == "" || x.Line < 0 || x.Col < 0 || strings.ContainsAny(x.What, "\n\x1b") {
				t.Errorf("%q", x.What)
			}
			_ = x.String()
		}
		for _, p := range []string{"named.a.n", "tree[0]", "[", "a..b", string(in)} {
			d.Finding(diag.Problem{Path: p, Code: "c", What: "w"})
		}
	})
}
