package project

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/weir-data/weir/models"
)

// loadWith loads the sound project with one more file.
func loadWith(t *testing.T, text string) *Project {
	t.Helper()
	base, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, base.Files)
	write(t, dir, []txtar.File{{Name: "more.yml", Data: []byte(text)}})
	p, findings := Load(dir, "")
	for _, f := range findings {
		t.Errorf("%s", f)
	}
	return p
}

func TestAlertDefaults(t *testing.T) {
	p := loadWith(t, `alerts:
  team: {type: slack, url: "${env:SLACK_URL}"}
  size: {type: http, url: "https://alerts.example.com", on: size_change, targets: dev}
  both: {type: http, url: "https://alerts.example.com", on: failed, size_change: 12.5%}
  mail: {type: email, from: weir@example.com, to: ops@example.com, smtp: {host: smtp.example.com}}
  safe: {type: email, from: weir@example.com, to: [ops@example.com], smtp: {host: smtp.example.com, tls: tls}}
`)
	usual := []string{"failed", "held", "degraded", "full_resync", "recovered", "reload"}
	third := models.Percent{BasisPoints: 3000, Set: true}
	want := []Alert{
		{Name: "team", Type: "slack", URL: "${env:SLACK_URL}", On: usual, SizeChange: third},
		{Name: "size", Type: "http", URL: "https://alerts.example.com", On: []string{"size_change"}, Targets: []string{"dev"}, SizeChange: third},
		{Name: "both", Type: "http", URL: "https://alerts.example.com", On: []string{"failed", "size_change"}, SizeChange: models.Percent{BasisPoints: 1250, Set: true}},
		{Name: "mail", Type: "email", From: "weir@example.com", To: []string{"ops@example.com"}, On: usual, SizeChange: third, SMTP: &SMTP{Host: "smtp.example.com", Port: 587, TLS: "starttls"}},
		{Name: "safe", Type: "email", From: "weir@example.com", To: []string{"ops@example.com"}, On: usual, SizeChange: third, SMTP: &SMTP{Host: "smtp.example.com", Port: 465, TLS: "tls"}},
	}
	if d := cmp.Diff(want, p.Alerts); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for name, at := range map[string]bool{"team": false, "size": true} { // dev sends to sandboxes
		if got := p.Alert(name).At(p.Target); got != at {
			t.Errorf("%s tells of the runs of %s: %v", name, p.Target.Name, got)
		}
	}
}

func TestResolveAlert(t *testing.T) {
	p := loadWith(t, "alerts:\n  mail: {type: email, from: weir@example.com, to: [\"${env:ALERTS_TO}\"], smtp: {host: smtp.example.com, user: weir, password: \"${env:SMTP_PASSWORD}\"}}\n")
	t.Setenv("SMTP_PASSWORD", "pass")
	_, err := p.ResolveAlert(*p.Alert("mail"))
	var ref *ReferenceError
	if !errors.As(err, &ref) || !strings.Contains(err.Error(), "alert mail: to[0]: ${env:ALERTS_TO}") {
		t.Errorf("%v", err)
	}
	t.Setenv("ALERTS_TO", "ops@example.com")
	a, err := p.ResolveAlert(*p.Alert("mail"))
	if err != nil || a.To[0] != "ops@example.com" || a.SMTP.Password != "pass" {
		t.Errorf("%+v, %v", a, err)
	}
	if now := p.Alert("mail"); now.To[0] != "${env:ALERTS_TO}" || now.SMTP.Password != "${env:SMTP_PASSWORD}" {
		t.Errorf("the project was changed: %+v", now)
	}
}
