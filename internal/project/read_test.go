package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/weir-data/weir/models"
)

// folder makes a sound project with some files over it.
func folder(t *testing.T, files ...txtar.File) string {
	t.Helper()
	base, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, base.Files)
	write(t, dir, files)
	return dir
}

func file(name, data string) txtar.File { return txtar.File{Name: name, Data: []byte(data)} }

func TestMissingProject(t *testing.T) {
	empty := t.TempDir()
	for dir, want := range map[string]string{
		filepath.Join(empty, "nowhere"): "there is no folder " + filepath.Join(empty, "nowhere"),
		empty:                           "there is no project in " + empty + ": it has no weir.yml",
	} {
		p, fs := Load(dir, "")
		if p == nil || len(fs) != 1 || fs[0].What != want || fs[0].Code != "project.missing" || !strings.Contains(fs[0].Fix, "`weir init`") || !strings.Contains(fs[0].Fix, "`weir demo`") {
			t.Errorf("%s: %s", dir, render(fs))
		}
	}
	path := filepath.Join(empty, "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, fs := Load(path, ""); len(fs) != 1 || fs[0].Code != "project.unreadable" {
		t.Errorf("a file: %s", render(fs))
	}
}

// TestWhatIsRead puts files where they are no part of the project. Each would be a finding if it
// were read.
func TestWhatIsRead(t *testing.T) {
	bad := "nonsense: true\n"
	dir := folder(t,
		file(".hidden/a.yml", bad), file(".b.yml", bad), file(".weir/c.yml", bad), file("node_modules/d.yml", bad),
		file("other/weir.yml", "project: other\n"), file("other/e.yml", bad),
		file("notes.txt", bad), file("f.yml.bak", bad), file("deep/er/g.yaml", "segments: {deep: {entity: customer}}\n"))
	pipe(t, filepath.Join(dir, "pipe.yml"))
	if err := os.Mkdir(filepath.Join(dir, "folder.yml"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, fs := Load(dir, "")
	if len(fs) > 0 || p.Model.Segment("deep") == nil {
		t.Errorf("%s", render(fs))
	}
	if p.Files != 3 {
		t.Errorf("%d files", p.Files)
	}
}

// TestLinks follows links inside the folder and no others.
func TestLinks(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret.yml")
	if err := os.WriteFile(outside, []byte("segments: {outside: {entity: customer}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := folder(t, file(".store/in.txt", "segments: {inside: {entity: customer}}\n"))
	for link, to := range map[string]string{"out.yml": outside, "in.yml": ".store/in.txt", "loop.yml": "loop.yml", "up.yml": "../../../../etc/hosts"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(".", filepath.Join(dir, "again")); err != nil {
		t.Fatal(err)
	}
	p, fs := Load(dir, "")
	var got []string
	for _, f := range fs {
		got = append(got, f.File+" "+f.Code+" "+string(f.Severity))
	}
	if want := "loop.yml project.outside warning, out.yml project.outside warning, up.yml project.outside warning"; strings.Join(got, ", ") != want {
		t.Errorf("findings %s", render(fs))
	}
	if p.Model.Segment("inside") == nil || p.Model.Segment("outside") != nil {
		t.Error("the link inside was not followed, or the one outside was")
	}
}

func TestBadFiles(t *testing.T) {
	for name, c := range map[string]struct{ data, code, what string }{
		"latin 1":  {"project: shop\n# caf\xe9\n", "yaml.encoding", "line 2 is not UTF-8 text"},
		"utf 16":   {"\xff\xfep\x00", "yaml.encoding", "line 1 holds a NUL byte: this is not a text file"},
		"nul":      {"a: b\n\x00", "yaml.encoding", "line 2 holds a NUL byte: this is not a text file"},
		"control":  {"segments:\n  a: {entity: \"b\x07\"}\n", "yaml.syntax", "not YAML: control characters are not allowed"},
		"too long": {strings.Repeat("# comment\n", 300_000), "yaml.too_large", "the file has more than 2097152 bytes"},
		"too many": {"segments: {a: {tags: [" + strings.Repeat("x,", 250_000) + "]}}", "yaml.too_large", "the file holds more than 200000 values"},
	} {
		_, fs := Load(folder(t, file("bad.yml", c.data)), "")
		if len(fs) != 1 || fs[0].Code != c.code || fs[0].What != c.what || fs[0].File != "bad.yml" {
			t.Errorf("%s: %s", name, render(fs))
		}
	}
	for name, data := range map[string]string{"bom": "\xef\xbb\xbfsegments: {a: {entity: customer}}\n", "crlf": "segments:\r\n  a: {entity: customer}\r\n", "empty": "", "comment": "# nothing\n"} {
		if _, fs := Load(folder(t, file("fine.yml", data)), ""); len(fs) > 0 {
			t.Errorf("%s: %s", name, render(fs))
		}
	}
}

func TestChosenTarget(t *testing.T) {
	dir := folder(t, file("weir.yml", "project: shop\ndefault_target: dev\ntargets:\n  dev: {type: duckdb, path: a}\n  prod: {type: duckdb, path: b, send: live, memory: 4}\n"))
	for name, want := range map[string]string{"": "dev none", "dev": "dev none", "prod": "prod live"} {
		p, fs := Load(dir, name)
		if got := p.Target.Name + " " + p.Target.Send; len(fs) > 0 || got != want {
			t.Errorf("%q: %s, %s", name, got, render(fs))
		}
	}
	_, fs := Load(dir, "prd")
	if got := render(fs); got != "the project has no target \"prd\"\n  did you mean \"prod\"?\n  project.unknown_target\n" {
		t.Errorf("%s", got)
	}
	p, _ := Load(dir, "prod")
	cfg, err := p.WarehouseConfig()
	if err != nil || cfg.Settings["path"] != "b" || cfg.Settings["schema"] != "weir" || cfg.Settings["memory"] != "4" || cfg.Dir != p.Dir {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestColumnsRoundTrip(t *testing.T) {
	dir := t.TempDir()
	if cols, err := ReadColumns(dir, "dev"); err != nil || cols != nil {
		t.Errorf("without a file: %v, %v", cols, err)
	}
	want := map[string][]models.Column{"orders": {{Name: "id", Type: models.Integer}, {Name: "payload", Type: models.Unknown}}, "empty": {}}
	if err := WriteColumns(dir, "dev", want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadColumns(dir, "dev")
	if err != nil || len(got) != 2 || len(got["orders"]) != 2 || got["orders"][0] != want["orders"][0] || got["orders"][1] != want["orders"][1] {
		t.Errorf("%v, %v", got, err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, StateDir, "*"))
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
