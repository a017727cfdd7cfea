package project

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"
	"gopkg.in/yaml.v3"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("weir.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("weir.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance reads YAML as an editor does before it applies a schema: dates stay text.
func instance(t *testing.T, text string) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	var plain func(*yaml.Node)
	plain = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!timestamp" {
			n.Tag = "!!str"
		}
		for _, c := range n.Content {
			plain(c)
		}
	}
	plain(&n)
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSchemaTakesTheShop holds that what Load finds sound is sound to the schema.
func TestSchemaTakesTheShop(t *testing.T) {
	s := schema(t)
	n := 0
	err := filepath.WalkDir(shop, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yml" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		if err := s.Validate(instance(t, string(b))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil || n < 7 {
		t.Errorf("%d files, %v", n, err)
	}
	base, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range base.Files {
		if err := s.Validate(instance(t, string(f.Data))); err != nil {
			t.Errorf("base %s: %v", f.Name, err)
		}
	}
}

// TestSchemaRefuses mutates sound text, once for each kind of fault that a schema can tell.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	const sound = `
project: shop
targets:
  dev: {type: duckdb, path: shop.duckdb, send: sandbox}
sources:
  orders: {table: shop.orders, key: id, time: at, identifiers: {email: mail}, columns: {id: integer}}
entities:
  customer:
    identity:
      identifiers: {email: {limit: {max: 5, within: 365d}, max_links: {customer_id: 1}}}
      from: orders
      guard: {max_merged: 5%}
    traits:
      spent: {from: orders, sum: amount, where: {status: [paid, sent], at: {at_least: 2026-01-01}}, within: 90d}
segments:
  vip: {entity: customer, where: {all: [{trait: spent, between: [1, 2.5]}, {did: orders, times: 2}, {not: {segment: other}}]}, holdout: 10%}
destinations:
  mail: {type: mailer, api_key: "${env:K}", batch: 5, region: eu, purpose: none}
syncs:
  s: {segment: vip, destination: mail, match: {email: email}, fields: {a: spent, b: {value: 5}, c: {text: Hi}}}
tests:
  t: {now: 2026-06-01T00:00:00Z, given: {orders: [{id: 1, at: null}]}, expect: {segment.vip: []}}
policies:
`
	if err := s.Validate(instance(t, sound)); err != nil {
		t.Fatalf("the sound text is refused: %v", err)
	}
	for _, m := range [][2]string{
		{"project: shop", "projekt: shop"},
		{"project: shop", "project: 7"},
		{"send: sandbox", "send: production"},
		{"path: shop.duckdb", "pfad: shop.duckdb"},
		{"type: duckdb", "type: duckbd"},
		{"key: id", "key: [id]"},
		{"{email: mail}", "{email: {name: mail}}"},
		{"id: integer", "id: int"},
		{"max: 5, within: 365d", "max: 5, within: a year"},
		{"max: 5, within: 365d", "within: 365d"},
		{"max_merged: 5%", "max_merged: 0.05"},
		{"from: orders\n", "form: orders\n"},
		{"sum: amount", "summe: amount"},
		{"status: [paid, sent]", "status: {equals: paid}"},
		{"within: 90d", "within: 90"},
		{"entity: customer, ", ""},
		{"{trait: spent, between: [1, 2.5]}", "{trait: spent, between: 1}"},
		{"times: 2", "times: two"},
		{"{not: {segment: other}}", "{not: [{segment: other}]}"},
		{"where: {all:", "where: {alle:"},
		{"holdout: 10%", "holdout: 10"},
		{"  vip: {entity", "  VIP Kunden: {entity"},
		{"type: mailer", "type: mailr"},
		{`api_key: "${env:K}"`, "api_key: pk_live_4711"},
		{`api_key: "${env:K}", `, ""},
		{"batch: 5", "batch: five"},
		{"region: eu", "region: asia"},
		{"region: eu", "regoin: eu"},
		{"destination: mail, ", ""},
		{"match: {email: email}", "match: [email]"},
		{"b: {value: 5}", "b: {wert: 5}"},
		{"expect: {segment.vip: []}", "expect: []"},
	} {
		if strings.Count(sound, m[0]) != 1 {
			t.Errorf("%q stands %d times in the sound text", m[0], strings.Count(sound, m[0]))
			continue
		}
		if err := s.Validate(instance(t, strings.Replace(sound, m[0], m[1], 1))); err == nil {
			t.Errorf("%q in place of %q is not refused", m[1], m[0])
		}
	}
}
