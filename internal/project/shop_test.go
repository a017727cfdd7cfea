package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	_ "github.com/weir-data/weir/destinations/klaviyo"
	_ "github.com/weir-data/weir/destinations/meta"
	_ "github.com/weir-data/weir/destinations/twilio"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

const shop = "../../examples/shop"

// TestShop loads the example: it has no finding, and its defaults are filled in.
func TestShop(t *testing.T) {
	p, fs := Load(shop, "")
	if len(fs) > 0 {
		t.Fatal(render(fs))
	}
	if p.Name != "shop" || p.Timezone.String() != "Europe/Paris" || p.Target.Name != "dev" || p.Target.Type != "duckdb" || p.Target.Send != "sandbox" {
		t.Errorf("%s %s %+v", p.Name, p.Timezone, p.Target)
	}
	if len(p.Model.Sources) != 5 || len(p.Model.Segments) != 5 || len(p.Model.Policies) != 3 || len(p.Destinations) != 3 || p.Files != 8 {
		t.Errorf("%d sources, %d segments, %d policies, %d destinations, %d files", len(p.Model.Sources), len(p.Model.Segments), len(p.Model.Policies), len(p.Destinations), p.Files)
	}
	type row struct {
		Mode              syncs.Mode
		OnLeave           syncs.OnLeave
		FirstRun          syncs.FirstRun
		Again, Object     string
		Removed, Rejected string
		Policies          string
	}
	got := map[string]row{}
	for i := range p.Syncs {
		s := &p.Syncs[i]
		var policies []string
		for _, q := range p.Policies(s) {
			policies = append(policies, q.Name)
		}
		got[s.Name] = row{s.Mode, s.OnLeave, s.FirstRun, s.Again, s.Object, s.Guard.MaxRemoved.String(), s.Guard.MaxRejected.String(), strings.Join(policies, " ")}
	}
	want := map[string]row{
		"vip_lapsed_email": {syncs.Mirror, syncs.Remove, syncs.Adopt, "", "list", "20%", "5%", "marketing_email"},
		"vip_ads":          {syncs.Mirror, syncs.Remove, syncs.Adopt, "", "audience", "20%", "5%", "advertising"},
		"cart_sms":         {syncs.Append, syncs.Keep, syncs.Send, "never", "message", "20%", "5%", "marketing_sms"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	e := p.Model.Entity("customer")
	if id, rank := e.Identifier("phone"); id.Normalize != "phone" || rank != 2 || id.Role != "link" {
		t.Errorf("phone: %+v, rank %d", id, rank)
	}
	if tr := e.Trait("first_name"); tr.Keep != models.Latest {
		t.Errorf("first_name: keep %q", tr.Keep)
	}
	order, err := p.Model.SegmentOrder("customer")
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, s := range order {
		at[s.Name] = i
	}
	if at["vip"] < at["employees"] || at["vip_lapsed"] < at["vip"] || at["vip_lapsed"] < at["newsletter_readers"] {
		t.Errorf("order %v", at)
	}
}

// TestHash changes the shop and looks at what changes its hash.
func TestHash(t *testing.T) {
	load := func(change func(dir string)) string {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(shop)); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(dir)
		}
		p, fs := Load(dir, "")
		if len(fs) > 0 {
			t.Fatal(render(fs))
		}
		return p.Hash
	}
	replace := func(file, old, by string) func(string) {
		return func(dir string) {
			path := filepath.Join(dir, file)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(b), old) {
				t.Fatalf("%s has no %q", file, old)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(b), old, by, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	base := load(nil)
	for name, change := range map[string]func(string){
		"comment":     replace("weir.yml", "# A shop", "# The shop"),
		"description": replace("segments/segments.yml", "Spent 500 or more, our own people apart.", "Spent a lot."),
		"schedule":    replace("syncs/syncs.yml", "0 * * * *", "5 * * * *"),
		"file name": func(dir string) {
			if err := os.Rename(filepath.Join(dir, "policies.yml"), filepath.Join(dir, "zz.yaml")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if load(change) != base {
			t.Errorf("%s changes the hash", name)
		}
	}
	for name, change := range map[string]func(string){
		"threshold":   replace("segments/segments.yml", "at_least: 500", "at_least: 501"),
		"value type":  replace("customer.yml", "status: paid", "status: 1"),
		"mapping":     replace("syncs/syncs.yml", "match: {email: email, phone: phone}", "match: {email: email}"),
		"text":        replace("syncs/syncs.yml", "Hi {first_name|there}", "Hello {first_name|there}"),
		"target":      replace("weir.yml", "send: sandbox", "send: live"),
		"zone":        replace("weir.yml", "Europe/Paris", "Europe/Berlin"),
		"policy":      replace("policies.yml", "is: true", "exists: true"),
		"identifiers": replace("customer.yml", "limit: 5", "limit: 6"),
		"destination": replace("destinations.yml", "1234567890", "1234567891"),
	} {
		if load(change) == base {
			t.Errorf("%s does not change the hash", name)
		}
	}
}

// TestParts names what differs between two projects, and the file that says so.
func TestParts(t *testing.T) {
	load := func(change func(dir string)) *Project {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(shop)); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(dir)
		}
		p, fs := Load(dir, "")
		if len(fs) > 0 {
			t.Fatal(render(fs))
		}
		return p
	}
	base := map[string]string{}
	for _, x := range load(nil).Parts() {
		if base[x.Name] != "" {
			t.Errorf("there are two parts %s", x.Name)
		}
		base[x.Name] = x.Hash
	}
	differs := func(file, old, by string) string {
		p := load(func(dir string) {
			path := filepath.Join(dir, file)
			b, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(b), old) {
				t.Fatalf("%s has no %q: %v", file, old, err)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(b), old, by, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
		})
		var out []string
		for _, x := range p.Parts() {
			if base[x.Name] != x.Hash {
				out = append(out, x.Name+" in "+x.File)
			}
		}
		return strings.Join(out, ", ")
	}
	for _, tt := range []struct{ file, old, by, want string }{
		{"segments/segments.yml", "at_least: 500", "at_least: 501", "segment vip in segments/segments.yml"},
		{"syncs/syncs.yml", "Hi {first_name|there}", "Hello {first_name|there}", "sync cart_sms in syncs/syncs.yml"},
		{"policies.yml", "is: true", "exists: true", "policy marketing_email in policies.yml"},
		{"weir.yml", "Europe/Paris", "Europe/Berlin", "timezone in weir.yml"},
		{"weir.yml", "send: sandbox", "send: live", "target dev in weir.yml"},
		{"segments/segments.yml", "Spent 500 or more, our own people apart.", "Spent a lot.", ""},
	} {
		if got := differs(tt.file, tt.old, tt.by); got != tt.want {
			t.Errorf("%s: %s differs, want %s", tt.by, got, tt.want)
		}
	}
}
