package project

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	abs := filepath.Join(t.TempDir(), "abs.key")
	for path, data := range map[string]string{filepath.Join(dir, "a.key"): "from file\r\n", abs: "two\nlines\n"} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(abs, filepath.Join(dir, "out.key")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEIR_TEST_SET", "value")
	t.Setenv("WEIR_TEST_EMPTY", "")
	p := &Project{Dir: dir}
	for in, want := range map[string]string{
		"plain":                       "plain",
		"":                            "",
		"${env:WEIR_TEST_SET}":        "value",
		"a ${env:WEIR_TEST_SET} b":    "a value b",
		"${env:WEIR_TEST_EMPTY}":      "",
		"${env:WEIR_TEST_EMPTY:-x}":   "x",
		"${env:WEIR_TEST_UNSET:-x:y}": "x:y",
		"${env:WEIR_TEST_UNSET:-}":    "",
		"${file:a.key}":               "from file",
		"${file:" + abs + "}":         "two\nlines",
		"${env:WEIR_TEST_SET}${env:WEIR_TEST_SET}": "valuevalue",
	} {
		s, err := p.Resolve(in)
		if err != nil || s.Reveal() != want {
			t.Errorf("%s: %q, %v", in, s.Reveal(), err)
		}
	}
	for in, want := range map[string]string{
		"${env:WEIR_TEST_UNSET}": "${env:WEIR_TEST_UNSET}: the environment variable WEIR_TEST_UNSET is not set",
		"${file:none.key}":       "${file:none.key}: there is no such file",
		"${file:.}":              "${file:.}: this is not a file",
		"${file:../x}":           "${file:../x}: the file can not be read: path escapes from parent",
		"${file:out.key}":        "${file:out.key}: the file can not be read: path escapes from parent",
		"${vault:x}":             "a reference: this is not a reference that weir knows",
	} {
		s, err := p.Resolve(in)
		var re *ReferenceError
		if !errors.As(err, &re) || err.Error() != want || s.Reveal() != "" {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// TestSecretStaysSecret prints a secret in every way that code prints things.
func TestSecretStaysSecret(t *testing.T) {
	const value = "pk_live_4711"
	s := Secret{value}
	type holder struct {
		Key Secret
		Ptr *Secret
		In  map[string]Secret
	}
	h := holder{s, &s, map[string]Secret{"k": s}}
	var out bytes.Buffer
	for _, v := range []any{s, &s, h, &h, []Secret{s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("m", "secret", s, "ptr", &s, "in", map[string]any{"k": s})
	}
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	for _, leak := range []string{value, fmt.Sprintf("%x", value)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the secret is in:\n%s", out.String())
		}
	}
	if got := fmt.Sprint(s); got != "redacted" || !strings.Contains(string(b), `"Key":"redacted"`) {
		t.Errorf("%s, %s", got, b)
	}
}

func TestDestinationSettings(t *testing.T) {
	dir := folder(t, file("more.yml", "destinations:\n  other: {type: mailer, api_key: \"${env:WEIR_TEST_KEY}\", base_url: \"${env:WEIR_TEST_URL}\", purpose: marketing}\n"))
	p, fs := Load(dir, "")
	if len(fs) > 0 {
		t.Fatal(render(fs))
	}
	d := p.Destination("other")
	if _, _, err := p.DestinationSettings(d); err == nil || err.Error() != "destination other: base_url: ${env:WEIR_TEST_URL}: the environment variable WEIR_TEST_URL is not set" {
		t.Errorf("error %v", err)
	}
	t.Setenv("WEIR_TEST_URL", "ftp://example.com")
	if _, _, err := p.DestinationSettings(d); err == nil || !strings.Contains(err.Error(), `"base_url" must be an URL`) || strings.Contains(err.Error(), "ftp") {
		t.Errorf("error %v", err)
	}
	t.Setenv("WEIR_TEST_URL", "https://proxy.example.com")
	settings, secret, err := p.DestinationSettings(d)
	if err != nil || settings["base_url"] != "https://proxy.example.com" || settings["api_key"] != nil {
		t.Errorf("%v, %v", settings, err)
	}
	if _, err := secret("api_key"); err == nil {
		t.Error("an unset secret resolves")
	}
	t.Setenv("WEIR_TEST_KEY", "pk")
	if v, err := secret("api_key"); v != "pk" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if _, err := secret("base_url"); err == nil {
		t.Error("base_url is no secret")
	}
}

// TestFindingsNeverShowSecrets puts a literal secret next to other faults.
func TestFindingsNeverShowSecrets(t *testing.T) {
	for name, data := range map[string]string{
		"unknown type":    "destinations:\n  x: {type: mailr, api_key: pk_live_4711, purpose: marketing}\n",
		"unknown setting": "destinations:\n  x: {type: mailer, api_key: 'pk_live_4711', bach: 5, purpose: marketing}\n",
		"syntax":          "destinations:\n  x: {type: mailer, api_key: \"pk_live_4711\", purpose: marketing\n",
		"wrong type":      "destinations:\n  x: {type: mailer, api_key: [pk_live_4711], purpose: marketing}\n",
		"default":         "destinations:\n  x: {type: texter, token: \"${env:T:-pk_live_4711}\", purpose: marketng}\n",
		"doubled":         "destinations:\n  x: {type: mailer, api_key: pk_live_4711, api_key: pk_live_4711, purpose: marketing}\n",
		"secret_key":      "secret_key: pk_live_4711\n",
		"key default":     "secret_key: \"${env:K:-pk_live_4711}\"\n",
		"key number":      "secret_key: 14711\n",
		"block":           "destinations:\n  x:\n    type: mailer\n    api_key: |\n      pk_live_4711\n    purpose: marketing\n",
	} {
		_, fs := Load(folder(t, file("bad.yml", data)), "")
		if len(fs) == 0 {
			t.Errorf("%s: no finding", name)
		}
		if got := render(fs); strings.Contains(got, "4711") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}
