package main_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// TestSchema holds that editors that complete from `weir schema` accept the examples, and mark
// what weir itself would refuse.
func TestSchema(t *testing.T) {
	out, code := weir(t, "schema")
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("weir.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("weir.json")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir("../../examples", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yml") || !inProject(path) {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if err := schema.Validate(instance(t, b)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Fatalf("%d files: %v", files, err)
	}
	for name, text := range map[string]string{
		"unknown key":   "sources: {orders: {tabel: orders}}",
		"wrong type":    "entities: {customer: {identity: {identifiers: {email: {limit: [many]}}, from: [orders]}}}",
		"not allowed":   "syncs: {s: {mode: mirrored}}",
		"unknown op":    "segments: {big: {entity: customer, where: {trait: amount, atleast: 5}}}",
		"not a mapping": "sources: [orders]",
	} {
		if schema.Validate(instance(t, []byte(text))) == nil {
			t.Errorf("%s passes: %s", name, text)
		}
	}
}

// inProject reports whether a file lies in a project of weir's: files of dbt's lie beside one.
func inProject(path string) bool {
	for dir := filepath.Dir(path); filepath.Base(dir) != "examples"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "weir.yml")); err == nil {
			return true
		}
	}
	return false
}

// instance reads YAML as the values that a schema is about.
func instance(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v, err = jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
