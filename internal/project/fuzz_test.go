package project

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models/diag"
)

// FuzzCheck puts any file beside the base project, and merges and checks the two: whatever it
// holds, there is a project or a finding.
func FuzzCheck(f *testing.F) {
	base, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		f.Fatal(err)
	}
	cases, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		b, err := os.ReadFile(c)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range txtar.Parse(b).Files {
			if part.Name == "case.yml" {
				f.Add(part.Data)
			}
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, in []byte) {
		p := &Project{Dir: dir, Timezone: time.UTC, owners: map[string]*yamldoc.Doc{}}
		l := &loader{p: p}
		var files []File
		for _, part := range append(base.Files, txtar.File{Name: "case.yml", Data: in}) {
			var file File
			doc, fs := yamldoc.Decode(part.Name, part.Data, &file)
			p.docs, files, l.findings = append(p.docs, doc), append(files, file), append(l.findings, fs...)
		}
		l.merge(files)
		l.check("")
		p.Model.FillDefaults()
		if first, second := p.hash(), p.hash(); first != second {
			t.Error("the hash of one project differs")
		}
		for _, x := range l.findings {
			if x.Code == "" || x.What == "" {
				t.Errorf("%q", x)
			}
			_ = x.String()
		}
		if diag.HasError(l.findings) {
			return
		}
		// What has no error can be put in order and resolved.
		for _, e := range p.Model.Entities {
			if _, err := p.Model.SegmentOrder(e.Name); err != nil {
				t.Error(err)
			}
			if _, err := e.TraitOrder(); err != nil {
				t.Error(err)
			}
		}
		for i := range p.Syncs {
			if s := &p.Syncs[i]; s.Mode == "" || s.Object == "" || p.Purpose(s) == "" {
				t.Errorf("%+v has no error and no mode, object or purpose", s)
			}
		}
	})
}

// TestAgain holds that spellings of one rule come to one.
func TestAgain(t *testing.T) {
	for in, want := range map[string]string{`never`: "never", `on_reentry`: "on_reentry", `"after: 30d"`: "30d", `30d`: "30d", `"after: 2w"`: "14d"} {
		p, fs := Load(folder(t, file("s.yml", "syncs:\n  s: {segment: vip, destination: sms, again: "+in+", match: {to: email}, with: {from: x}, fields: {body: {value: Hi}}}\n")), "")
		if len(fs) > 0 || p.Syncs[0].Again != want {
			t.Errorf("%s: %q, %s", in, p.Syncs[0].Again, render(fs))
		}
	}
}
