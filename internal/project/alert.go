package project

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// Alert says where people are told when the state of a sync changes.
type Alert struct {
	Name       string         `yaml:",key"`
	Type       string         `yaml:"type,required" doc:"How they are told: slack and http by a webhook, email by SMTP." enum:"slack,http,email"`
	On         []string       `yaml:"on,one" doc:"What is told. Defaults to failed, held, degraded, full_resync, recovered and reload, and size_change where a share is given." enum:"failed,held,degraded,full_resync,size_change,recovered,reload" like:"events,when"`
	Syncs      []string       `yaml:"syncs,one" doc:"Syncs that it is about. Defaults to all." like:"sync,select"`
	Targets    []string       `yaml:"targets,one" doc:"Targets whose runs are told. Defaults to those with send: live." like:"target"`
	SizeChange models.Percent `yaml:"size_change" doc:"Share by which the people of a sync may grow or shrink against the median of its last runs. Defaults to 30%."`
	URL        string         `yaml:"url" doc:"Of the webhook: slack and http. A Slack URL is a secret and must be a reference." like:"webhook,webhook_url"`
	Secret     string         `yaml:"secret" doc:"Key of the signature of http: a reference. Without it messages are not signed."`
	SMTP       *SMTP          `yaml:"smtp" doc:"Server that sends email."`
	From       string         `yaml:"from" doc:"Address that email comes from."`
	To         []string       `yaml:"to,one" doc:"Addresses that email goes to."`
}

// SMTP is a server that sends email.
type SMTP struct {
	Host     string `yaml:"host,required" doc:"Name of the server."`
	Port     int    `yaml:"port" doc:"Defaults to 587, to 465 with tls: tls, and to 25 with tls: none."`
	User     string `yaml:"user" doc:"User to sign in as; none for a server that asks for none." like:"username,login"`
	Password string `yaml:"password" doc:"Password of the user: a reference."`
	TLS      string `yaml:"tls" doc:"starttls demands that the connection becomes encrypted, tls encrypts from the start, none never does. Defaults to starttls." enum:"starttls,tls,none"`
}

// What alerts tell.
const (
	AlertFailed     = "failed"
	AlertHeld       = "held"
	AlertDegraded   = "degraded"
	AlertResync     = "full_resync"
	AlertSizeChange = "size_change"
	AlertRecovered  = "recovered"
	AlertReload     = "reload"
)

// defaultSizeChange is the share of size_change where none is written, in basis points.
const defaultSizeChange = 3000

// About reports whether the alert tells of a sync.
func (a *Alert) About(sync string) bool { return len(a.Syncs) == 0 || slices.Contains(a.Syncs, sync) }

// At reports whether the alert tells of the runs of a target.
func (a *Alert) At(t Target) bool {
	if len(a.Targets) == 0 {
		return t.Send == "live"
	}
	return slices.Contains(a.Targets, t.Name)
}

// Tells reports whether the alert tells of something.
func (a *Alert) Tells(what string) bool { return slices.Contains(a.On, what) }

// fill puts the defaults in.
func (a *Alert) fill() {
	if a.On == nil {
		a.On = []string{AlertFailed, AlertHeld, AlertDegraded, AlertResync, AlertRecovered, AlertReload}
	}
	if a.SizeChange.Set && !a.Tells(AlertSizeChange) {
		a.On = append(slices.Clone(a.On), AlertSizeChange)
	}
	if !a.SizeChange.Set {
		a.SizeChange = models.Percent{BasisPoints: defaultSizeChange, Set: true}
	}
	if a.SMTP == nil {
		return
	}
	if a.SMTP.TLS == "" {
		a.SMTP.TLS = "starttls"
	}
	if a.SMTP.Port == 0 {
		a.SMTP.Port = map[string]int{"starttls": 587, "tls": 465, "none": 25}[a.SMTP.TLS]
	}
}

// Alert returns the alert called name, or nil.
func (p *Project) Alert(name string) *Alert {
	for i := range p.Alerts {
		if p.Alerts[i].Name == name {
			return &p.Alerts[i]
		}
	}
	return nil
}

// ResolveAlert returns the alert with its references resolved. The error names the key and the
// reference that leads to nothing, never a value.
func (p *Project) ResolveAlert(a Alert) (Alert, error) {
	if a.SMTP != nil {
		smtp := *a.SMTP
		a.SMTP = &smtp
	}
	a.To = slices.Clone(a.To)
	for _, t := range a.texts() {
		v, err := p.Resolve(*t.text)
		if err != nil {
			return a, fmt.Errorf("alert %s: %s: %w", a.Name, t.key, err)
		}
		if *t.text != "" && v.Reveal() == "" && !t.optional {
			return a, fmt.Errorf("alert %s: %s is empty", a.Name, t.key)
		}
		*t.text = v.Reveal()
	}
	return a, nil
}

type alertText struct {
	key      string
	text     *string
	secret   bool
	optional bool
}

// texts are the keys that may hold references.
func (a *Alert) texts() []alertText {
	out := []alertText{{"url", &a.URL, a.Type == "slack", false}, {"secret", &a.Secret, true, false}, {"from", &a.From, false, false}}
	for i := range a.To {
		out = append(out, alertText{fmt.Sprintf("to[%d]", i), &a.To[i], false, false})
	}
	if s := a.SMTP; s != nil {
		out = append(out, alertText{"smtp.host", &s.Host, false, false}, alertText{"smtp.user", &s.User, false, true}, alertText{"smtp.password", &s.Password, true, true})
	}
	return out
}

// urlSecretRE finds what is secret in an address: the path of a Slack webhook, which lets anybody
// post there, and a password before the host.
var urlSecretRE = regexp.MustCompile(`hooks\.slack(?:-gov)?\.com/([^\s"'},]+)|://([^\s/@"']*:[^\s/@"']*)@`)

// maskAddresses writes stars over what is secret in the addresses of a line.
func maskAddresses(line string) string {
	ms := urlSecretRE.FindAllStringSubmatchIndex(line, -1)
	for _, m := range slices.Backward(ms) {
		from, to := max(m[2], m[4]), max(m[3], m[5])
		line = line[:from] + strings.Repeat("*", utf8.RuneCountInString(line[from:to])) + line[to:]
	}
	return line
}

// alerts checks who is told and how.
func (l *loader) alerts() {
	for i := range l.p.Alerts {
		a := &l.p.Alerts[i]
		c := alertCheck{l, a, models.Path("alerts", a.Name)}
		if what, fix := models.NameProblem(a.Name); what != "" {
			l.failKey(c.at, "models.name", fix, "%s", what)
		}
		c.what()
		c.keys()
		for _, t := range a.texts() {
			switch {
			case *t.text == "":
			case t.secret && !safeReference(*t.text):
				l.failKey(c.at+"."+t.key, "project.secret_in_plain", fmt.Sprintf(`write %s: "${env:%s}" and put the value into that variable`, t.key[strings.IndexByte(t.key, '.')+1:], strings.ToUpper(a.Name+"_"+t.key[strings.IndexByte(t.key, '.')+1:])),
					"%s of alert %s is a secret written in plain", t.key, a.Name)
			default:
				l.references(c.at+"."+t.key, *t.text)
			}
		}
		a.fill()
	}
}

// alertCheck checks one alert.
type alertCheck struct {
	*loader
	a  *Alert
	at string
}

// what checks what is told, and of which syncs and targets.
func (c *alertCheck) what() {
	a, p := c.a, c.p
	if a.On != nil && len(a.On) == 0 {
		c.failKey(c.at+".on", "alerts.nothing", "name what is told, or leave on out", "alert %s tells nothing", a.Name)
	}
	if a.Tells(AlertRecovered) && !a.Tells(AlertFailed) && !a.Tells(AlertHeld) && !a.Tells(AlertDegraded) {
		c.failKey(c.at+".on", "alerts.recovered", "add failed, held or degraded", "alert %s tells when a sync is well again and never that it was not", a.Name)
	}
	if a.SizeChange.Set && a.SizeChange.BasisPoints == 0 {
		c.fail(c.at+".size_change", "alerts.size_change", "write a share such as 30%", "a size always changes by more than 0%%")
	}
	names := make([]string, len(p.Syncs))
	for i := range p.Syncs {
		names[i] = p.Syncs[i].Name
	}
	for i, s := range a.Syncs {
		if !slices.Contains(names, s) {
			c.fail(fmt.Sprintf("%s.syncs[%d]", c.at, i), "syncs.unknown", diag.DidYouMean(s, names), "unknown sync %q", s)
		}
	}
	names = nil
	for i := range p.Targets {
		names = append(names, p.Targets[i].Name)
	}
	for i, t := range a.Targets {
		if !slices.Contains(names, t) {
			c.fail(fmt.Sprintf("%s.targets[%d]", c.at, i), "project.unknown_target", diag.DidYouMean(t, names), "unknown target %q", t)
		}
	}
}

// keys checks that the alert has the keys of its type and no others.
func (c *alertCheck) keys() {
	a := c.a
	given := map[string]bool{"url": a.URL != "", "secret": a.Secret != "", "smtp": a.SMTP != nil, "from": a.From != "", "to": len(a.To) > 0}
	needed := map[string][]string{"slack": {"url"}, "http": {"url"}, "email": {"smtp", "from", "to"}}[a.Type]
	for _, k := range needed {
		if !given[k] {
			c.failKey(c.at, "alerts.missing_key", "add "+k+":", "alert %s has no %s, which %s needs", a.Name, k, a.Type)
		}
	}
	for _, k := range []string{"url", "secret", "smtp", "from", "to"} {
		if given[k] && needed != nil && !slices.Contains(needed, k) && !(k == "secret" && a.Type == "http") {
			c.failKey(c.at+"."+k, "alerts.unused_key", "take it out, or change the type", "%s has no use for %s", a.Type, k)
		}
	}
	if a.Type == "http" && a.URL != "" && !strings.Contains(a.URL, "${") {
		if u, err := url.Parse(a.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			c.fail(c.at+".url", "alerts.url", "write https:// and a host", "url of alert %s is not the address of a server", a.Name)
		} else if u.User != nil {
			c.fail(c.at+".url", "project.secret_in_plain", `put the whole address into a variable: "${env:ALERT_URL}"`, "url of alert %s holds a password in plain", a.Name)
		}
	}
	if a.Type != "email" {
		return
	}
	addresses := map[string]string{"from": a.From}
	for i, to := range a.To {
		addresses[fmt.Sprintf("to[%d]", i)] = to
	}
	for key, text := range addresses {
		if text == "" || strings.Contains(text, "${") {
			continue
		}
		if _, err := mail.ParseAddress(text); err != nil {
			c.fail(c.at+"."+key, "alerts.address", "write name@host", "%s of alert %s is not an address", key, a.Name)
		}
	}
	if s := a.SMTP; s != nil {
		switch {
		case s.Port < 0 || s.Port > 65535:
			c.fail(c.at+".smtp.port", "alerts.port", "use 587, 465 or 25", "a port is a number from 1 to 65535")
		case (s.User == "") != (s.Password == ""):
			c.failKey(c.at+".smtp", "alerts.sign_in", "give both, or none", "smtp of alert %s has one of user and password", a.Name)
		case s.User != "" && s.TLS == "none":
			c.fail(c.at+".smtp.tls", "alerts.plain_password", "use starttls or tls", "alert %s would send its password in plain", a.Name)
		}
	}
}
