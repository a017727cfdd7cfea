package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-data/weir/models/scoring"
)

const scoredTrait = `
entities:
  person:
    identity: {identifiers: {customer_id: {limit: 1}}, from: [contacts]}
    traits:
      age: {from: contacts.id}
      likely: {score: {model: m.json}}
`

// scored is the base project with a score, whose model is in a folder.
func scored(t *testing.T, folder, model string) *Project {
	t.Helper()
	dir := t.TempDir()
	writeBase(t, dir, []fileData{{folder + "/case.yml", scoredTrait}, {folder + "/m.json", model}})
	p, fs := Load(dir, "")
	if len(fs) > 0 {
		t.Fatal(render(fs))
	}
	if m := p.Model.Entity("person").Trait("likely").Score.Formula; m == nil || len(m.Features) != 1 {
		t.Fatalf("the model is %+v", m)
	}
	return p
}

// TestScoreHash changes the hash of a project with what is in a model's file, and not with where the
// file is.
func TestScoreHash(t *testing.T) {
	one := `{"type": "logistic", "intercept": 1, "coefficients": {"age": 0.5}}`
	base := scored(t, "a", one).Hash
	if scored(t, "b/c", one).Hash != base {
		t.Error("the folder of the model changes the hash")
	}
	if scored(t, "a", strings.Replace(one, "0.5", "0.6", 1)).Hash == base {
		t.Error("another model does not change the hash")
	}
}

// TestScoreOutside reads no model that a link leads to outside of the folder, and none that is too
// large.
func TestScoreOutside(t *testing.T) {
	load := func(t *testing.T, make func(path string) error) string {
		dir := t.TempDir()
		writeBase(t, dir, []fileData{{"case.yml", scoredTrait}})
		if err := make(filepath.Join(dir, "m.json")); err != nil {
			t.Fatal(err)
		}
		_, fs := Load(dir, "")
		return render(fs)
	}
	t.Run("link", func(t *testing.T) {
		secret := filepath.Join(t.TempDir(), "secret.json")
		if err := os.WriteFile(secret, []byte(`{"type": "linear", "coefficients": {"age": 1}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		got := load(t, func(path string) error { return os.Symlink(secret, path) })
		if !strings.Contains(got, "case.yml:7:31: the model m.json can not be read") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("large", func(t *testing.T) {
		got := load(t, func(path string) error {
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Truncate(scoring.MaxBytes + 1)
		})
		if !strings.Contains(got, "case.yml:7:31: the model m.json has more than 64 MB") {
			t.Errorf("got %s", got)
		}
	})
}
