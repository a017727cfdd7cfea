package dbt_test

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/weir-data/weir/internal/dbt"
)

// TestWriteExposures reads back what is written: hard texts survive, and none is Jinja.
func TestWriteExposures(t *testing.T) {
	const hard = "a \"quoted\\\" {{ var('x') }} {% if %}{# c #}\n\ttab: - yes \u2028 \x01 end"
	in := []dbt.Exposure{{Name: "weir_sync_a", Label: hard, Type: "application", Description: hard, OwnerEmail: "data@example.com",
		DependsOn: []dbt.Reference{{Name: "b"}, {Source: "web", Name: "c"}, {Package: "p", Name: "d", Version: "2"}}, Meta: [][2]string{{"k", hard}, {"empty", ""}}}}
	for version, at := range map[string]string{"1.9.4": "meta", "1.10.0": "config", "2.0.1": "config", "": "config", "1.5.0-rc1": "meta"} {
		text := string(dbt.WriteExposures(in, version))
		var out struct {
			Version   int
			Exposures []map[string]any
		}
		if err := yaml.Unmarshal([]byte(text), &out); err != nil || out.Version != 2 || len(out.Exposures) != 1 {
			t.Fatalf("%v\n%s", err, text)
		}
		e := out.Exposures[0]
		want := strings.NewReplacer("{{", "{ {", "{%", "{ %", "{#", "{ #").Replace(hard)
		if e["label"] != want || e["description"] != want {
			t.Errorf("%q", e["label"])
		}
		if _, ok := e[at]; !ok || strings.Contains(text, "{{") || strings.Contains(text, "empty") {
			t.Errorf("%s: no %s in\n%s", version, at, text)
		}
		if deps, _ := e["depends_on"].([]any); len(deps) != 3 || deps[0] != "ref('b')" || deps[1] != "source('web', 'c')" || deps[2] != "ref('p', 'd', v=2)" {
			t.Errorf("%v", e["depends_on"])
		}
	}
	if got := string(dbt.WriteExposures(nil, "1.8.0")); got != dbt.Written+"\nversion: 2\n\nexposures: []\n" {
		t.Error(got)
	}
}
