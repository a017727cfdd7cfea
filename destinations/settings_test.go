package destinations

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckSettings(t *testing.T) {
	defs := []Setting{
		{Name: "api_key", Type: String, Doc: "The key.", Secret: true, Required: true},
		{Name: "region", Type: String, Doc: "Where.", Enum: []string{"eu", "us"}, Default: "eu"},
		{Name: "batch_size", Type: Integer, Doc: "Rows.", Default: 100},
		{Name: "dry", Type: Boolean, Doc: "Dry."},
		{Name: "every", Type: Duration, Doc: "How often."},
		{Name: "url", Type: String, Doc: "The URL.", Host: true},
		{Name: "account", Type: String, Doc: "Digits only.", Pattern: `[0-9]+`},
		{Name: "body", Type: Tree, Doc: "The body."},
		{Name: "calls", Type: Integer, Min: 1, Doc: "Calls."},
	}
	problem := func(path, code, what, fix string) SettingProblem {
		return SettingProblem{Path: path, Code: "destinations." + code, What: what, Fix: fix}
	}
	cases := []struct {
		name     string
		given    map[string]any
		filled   map[string]any
		problems []SettingProblem
	}{
		{"defaults and types",
			map[string]any{"api_key": "${env:KEY}", "batch_size": 7, "dry": true, "every": "30s", "url": "https://x.example.com/a",
				"account": "12", "body": map[string]any{"a": []any{1, "x"}}, "calls": 1},
			map[string]any{"api_key": "${env:KEY}", "region": "eu", "batch_size": int64(7), "dry": true, "every": "30s",
				"url": "https://x.example.com/a", "account": "12", "body": map[string]any{"a": []any{int64(1), "x"}}, "calls": int64(1)}, nil},
		{"references are checked once resolved",
			map[string]any{"api_key": struct{}{}, "account": "${env:ACCOUNT}", "batch_size": "${env:N}"},
			map[string]any{"api_key": struct{}{}, "account": "${env:ACCOUNT}", "batch_size": "${env:N}", "region": "eu"}, nil},
		{"all problems at once",
			map[string]any{"api_kye": "x", "region": "eeu", "batch_size": "7", "dry": "yes", "every": "soon", "url": "example.com", "account": "a1", "calls": 0},
			map[string]any{},
			[]SettingProblem{
				problem("account", "bad_setting", `setting "account" must be of the form [0-9]+`, "Digits only."),
				problem("api_key", "missing_setting", `setting "api_key" is required: The key.`, "add `api_key: \"${env:API_KEY}\"`"),
				problem("api_kye", "unknown_setting", `unknown setting "api_kye"`, `did you mean "api_key"?`),
				problem("batch_size", "bad_setting", `setting "batch_size" must be a whole number`, "give a number without a fraction or quotes"),
				problem("calls", "bad_setting", `setting "calls" must be 1 or more`, "give a larger number, or leave the setting out"),
				problem("dry", "bad_setting", `setting "dry" must be true or false`, "give true or false, without quotes"),
				problem("every", "bad_setting", `setting "every" must be a duration`, `give a duration such as "30s" or "5m"`),
				problem("region", "bad_setting", `setting "region" must be one of eu, us`, `did you mean "eu"?`),
				problem("url", "bad_setting", `setting "url" must be an URL`, "give an URL such as https://api.example.com/path, without user and password"),
			}},
		{"a secret in plain is not shown", map[string]any{"api_key": "hunter2hunter2"}, map[string]any{"region": "eu", "batch_size": int64(100)},
			[]SettingProblem{problem("api_key", "secret_in_plain", `setting "api_key" is a secret written in plain`,
				"write `api_key: \"${env:API_KEY}\"` and put the value into that variable")}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			filled, problems := CheckSettings(defs, c.given)
			if d := cmp.Diff(c.filled, filled); d != "" {
				t.Errorf("filled (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.problems, problems); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
			for _, p := range problems {
				if strings.Contains(p.What+p.Fix, "hunter2") {
					t.Errorf("the secret is shown: %+v", p)
				}
			}
		})
	}
}

func TestSpecValidate(t *testing.T) {
	sound := func() Spec {
		return Spec{Type: "x", Kind: CRM, Title: "X", Hosts: []string{"api.example.com"},
			Settings: []Setting{{Name: "base_url", Type: String, Doc: "URL.", Host: true}},
			Objects: []Object{{Name: "contact", Ops: []Op{Upsert}, Granularity: PerRow, Limits: Limits{Rows: 1},
				Identifiers: []Identifier{{Name: "email", Normalise: "email.basic", Hash: "sha256.hex"}}}}}
	}
	if err := sound().Validate(); err != nil {
		t.Fatal(err)
	}
	unsound := map[string]func(*Spec){
		"snake_case": func(s *Spec) { s.Type = "My-Type" }, "kind": func(s *Spec) { s.Kind = "fax" },
		"title": func(s *Spec) { s.Title = "" }, "limits.rows": func(s *Spec) { s.Objects[0].Limits.Rows = 0 },
		"normaliser": func(s *Spec) { s.Objects[0].Identifiers[0].Normalise = "meta.shoe_size" },
		"hash":       func(s *Spec) { s.Objects[0].Identifiers[0].Hash = "rot13" },
		"idempotent": func(s *Spec) { s.Objects[0].Ops = []Op{Emit}; s.Objects[0].Idempotent = true },
		"default":    func(s *Spec) { s.Settings[0].Secret, s.Settings[0].Default = true, "x" },
		"bucket":     func(s *Spec) { s.Objects[0].Limits.Rates = []Rate{{N: 1, Per: 1}} },
	}
	for want, spoil := range unsound {
		s := sound()
		spoil(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %q", err, want)
		}
	}
	hosts := sound().AllowedHosts(map[string]any{"base_url": "http://127.0.0.1:4711/x"})
	if d := cmp.Diff([]string{"api.example.com", "127.0.0.1:4711"}, hosts); d != "" {
		t.Error(d)
	}
}
