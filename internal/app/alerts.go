package app

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-data/weir/destinations/rest"
	"github.com/weir-data/weir/internal/alert"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// Alerted is what became of one message of one alert.
type Alerted struct {
	Alert string   `json:"alert"`
	Event string   `json:"event"`
	Syncs []string `json:"syncs"`
	Title string   `json:"title"`
	Error string   `json:"error,omitempty"` // why it did not arrive; it is told again with the next run
}

// AlertStatus is an alert as declared, and what it has told that still holds.
type AlertStatus struct {
	Alert   string      `json:"alert"`
	Type    string      `json:"type"`
	On      []string    `json:"on"`
	Syncs   []string    `json:"syncs,omitempty"`   // none means all
	Targets []string    `json:"targets,omitempty"` // none means those that send live
	Active  bool        `json:"active"`            // tells of runs of this target
	Told    []ToldState `json:"told"`
}

// ToldState is what was last told of a sync; of the project, if Sync is empty.
type ToldState struct {
	Sync  string    `json:"sync"`
	State string    `json:"state"`
	Since time.Time `json:"since"`
}

// tellTime bounds all the messages about one group of runs.
const tellTime = time.Minute

// sizesFrom is how many earlier runs make a usual size.
const sizesFrom = 10

// Alerting reports whether any alert tells of the runs of this target.
func (a *App) Alerting() bool {
	return slices.ContainsFunc(a.p.Alerts, func(x project.Alert) bool { return x.At(a.p.Target) })
}

// Tell tells people what came of runs: of the syncs called names, which res and err are about, as
// Run returned, or a Service told them; of what was stopped, without an error and without Failures,
// since that is nobody's fault. It returns what was told; an alert that did not arrive is an entry
// with an Error and nothing else. err is about the store only. It opens what it needs and closes it.
func (a *App) Tell(ctx context.Context, names []string, res *RunResult, err error) ([]Alerted, error) {
	if !a.Alerting() {
		return nil, nil
	}
	return a.tellAll(ctx, func(ctx context.Context, g *App) (decide, error) {
		seen, err := g.seen(ctx, names, res, err)
		return func(about alert.About, rule alert.Rule, x *project.Alert, told []alert.State) []alert.Notice {
			return alert.Decide(about, rule, told, slices.DeleteFunc(slices.Clone(seen), func(s alert.Seen) bool { return !x.About(s.Sync) }))
		}, err
	})
}

// TellReading tells people that the files of the project changed and are refused, so that this one,
// which was read before, stays; or, where err is nil, that they are in order again. It is told by the
// alerts that are about all syncs. findings and err are as Load returned them; the rest is as with Tell.
func (a *App) TellReading(ctx context.Context, findings []diag.Finding, err error) ([]Alerted, error) {
	if !a.Alerting() {
		return nil, nil
	}
	var r *alert.Reading
	if err != nil {
		r = &alert.Reading{Failure: failureOf(err)}
		for _, f := range findings {
			if f.Severity == diag.Warning {
				continue
			}
			if r.Findings++; r.Findings == 1 {
				r.First = Unnamed(f.What)
				switch {
				case f.Line > 0:
					r.First = fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Col, r.First)
				case f.File != "":
					r.First = f.File + ": " + r.First
				}
			}
		}
	}
	return a.tellAll(ctx, func(context.Context, *App) (decide, error) {
		return func(about alert.About, rule alert.Rule, x *project.Alert, told []alert.State) []alert.Notice {
			if len(x.Syncs) > 0 {
				return nil
			}
			return alert.DecideReading(about, rule, told, r)
		}, nil
	})
}

// decide is what an alert has to tell after what it told before.
type decide func(about alert.About, rule alert.Rule, x *project.Alert, told []alert.State) []alert.Notice

// tellAll tells what each alert of this target has to tell.
func (a *App) tellAll(ctx context.Context, look func(context.Context, *App) (decide, error)) (out []Alerted, _ error) {
	g := &App{o: a.o, p: a.p, buckets: a.buckets}
	defer func() { _ = g.Close() }()
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	st, err := g.journal(ctx)
	if err != nil {
		return nil, err
	}
	by, err := look(ctx, g)
	if err != nil {
		return nil, err
	}
	known, err := st.Told(ctx)
	if err != nil {
		return nil, a.worldly(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for i := range a.p.Alerts {
		x := &a.p.Alerts[i]
		if !x.At(a.p.Target) {
			continue
		}
		wg.Go(func() {
			told, err := g.tellOne(ctx, st, x, known, by)
			mu.Lock()
			defer mu.Unlock()
			out, errs = append(out, told...), append(errs, err)
		})
	}
	wg.Wait()
	slices.SortStableFunc(out, func(x, y Alerted) int { return strings.Compare(x.Alert, y.Alert) })
	return out, a.worldly(errors.Join(errs...))
}

// tellOne tells by one alert what it has not told yet.
func (a *App) tellOne(ctx context.Context, st store.Alerts, x *project.Alert, known []store.Told, by decide) ([]Alerted, error) {
	var told []alert.State
	for _, k := range known {
		if k.Alert == x.Name {
			told = append(told, alert.State{Sync: k.Sync, Topic: k.Topic, State: k.State, Since: k.At})
		}
	}
	rule := alert.Rule{On: x.On, SizeChange: x.SizeChange.BasisPoints}
	var out []Alerted
	for _, n := range by(alert.About{Project: a.p.Name, Target: a.p.Target.Name, Now: time.Now()}, rule, x, told) {
		if m := n.Message; m != nil {
			t := Alerted{Alert: x.Name, Event: m.Event, Syncs: m.Syncs, Title: m.Title}
			if err := a.send(ctx, x, *m); err != nil {
				t.Error = Unnamed(err.Error())
			}
			if out = append(out, t); t.Error != "" {
				continue // and again with the next run
			}
		}
		var states []store.Told
		for _, s := range n.States {
			states = append(states, store.Told{Alert: x.Name, Sync: s.Sync, Topic: s.Topic, State: s.State, At: s.Since})
		}
		if err := st.Tell(context.WithoutCancel(ctx), states); err != nil {
			return out, err
		}
	}
	return out, nil
}

// seen brings together what came of syncs, with what alerts need to know of their past.
func (a *App) seen(ctx context.Context, names []string, res *RunResult, err error) ([]alert.Seen, error) {
	reports := map[string]*syncs.Report{}
	out := map[string]bool{} // paused or skipped: nothing came of them
	var failed map[string]error
	if res != nil {
		for i := range res.Runs {
			r := res.Runs[i]
			if r.Status != syncs.Held { // what a guard says is weir's own words, with numbers in them
				r.Error = Unnamed(r.Error)
			}
			reports[r.Sync] = &r
		}
		for _, p := range res.Paused {
			out[p.Sync] = true
		}
		for _, k := range res.Skipped { // what kept them from it is told of the sync that they follow
			out[k.Sync] = true
		}
		failed = res.Failures
	}
	var list []alert.Seen
	for _, name := range names {
		s := a.p.Sync(name)
		if s == nil || out[name] {
			continue
		}
		x := alert.Seen{Sync: name, Append: s.Mode == syncs.Append, Report: reports[name]}
		if x.Report == nil {
			why := failed[name]
			if why == nil && len(failed) == 0 {
				why = err
			}
			var held *syncs.HeldError
			if why == nil || errors.As(why, &held) {
				continue // it was not begun, or somebody else runs it and will tell
			}
			x.Failure = failureOf(why)
		} else if err := a.past(ctx, &x); err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

// past fills in what is known of the runs before.
func (a *App) past(ctx context.Context, x *alert.Seen) error {
	runs, err := a.st.Runs(ctx, store.Filter{Sync: x.Sync, Before: x.Report.Run, Limit: 5 * sizesFrom})
	if err != nil {
		return a.worldly(err)
	}
	for _, r := range runs {
		if r.Report == nil || !EndedWell(r.Report.Status) {
			continue
		}
		x.Before = true
		if t := r.Report.Tally; t != nil && len(x.Sizes) < sizesFrom {
			x.Sizes = append(x.Sizes, t.Desired)
		}
	}
	return nil
}

func failureOf(err error) alert.Failure {
	var ae *Error
	if errors.As(err, &ae) {
		return alert.Failure{Code: ae.Code, Text: Unnamed(ae.Message), Fix: ae.Fix}
	}
	return alert.Failure{Code: "weir.failed", Text: Unnamed(err.Error())}
}

// send sends one message by an alert.
func (a *App) send(ctx context.Context, x *project.Alert, m alert.Message) error {
	r, err := a.p.ResolveAlert(*x)
	if err != nil {
		return err
	}
	var by alert.Sender
	switch r.Type {
	case "slack":
		by = alert.Slack{URL: r.URL}
	case "http":
		by = alert.HTTP{URL: r.URL, Secret: r.Secret}
	case "email":
		by = alert.Email{Host: r.SMTP.Host, Port: r.SMTP.Port, User: r.SMTP.User, Password: r.SMTP.Password, TLS: r.SMTP.TLS, From: r.From, To: r.To}
	default:
		return fmt.Errorf("alert %s: unknown type %q", r.Name, r.Type) // the check of the project lets none through
	}
	return by.Send(ctx, m)
}

// Alerts lists the alerts of the project and what they have told that still holds.
func (a *App) Alerts(ctx context.Context) ([]AlertStatus, error) {
	st, err := a.journal(ctx)
	if err != nil {
		return nil, err
	}
	known, err := st.Told(ctx)
	if err != nil {
		return nil, a.worldly(err)
	}
	out := []AlertStatus{}
	for i := range a.p.Alerts {
		x := &a.p.Alerts[i]
		s := AlertStatus{Alert: x.Name, Type: x.Type, On: x.On, Syncs: x.Syncs, Targets: x.Targets, Active: x.At(a.p.Target), Told: []ToldState{}}
		for _, k := range known {
			if k.Alert == x.Name && (k.Sync == "" || a.p.Sync(k.Sync) != nil) {
				s.Told = append(s.Told, ToldState{k.Sync, k.State, k.At})
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// TestAlert sends a message by one alert, whatever it tells and of which targets.
func (a *App) TestAlert(ctx context.Context, name string) (*Alerted, error) {
	x := a.p.Alert(name)
	if x == nil {
		var names []string
		for _, y := range a.p.Alerts {
			names = append(names, y.Name)
		}
		e := &Error{Kind: Refused, Code: "alerts.unknown", Message: fmt.Sprintf("there is no alert %q", name), Fix: diag.DidYouMean(name, names)}
		if len(names) == 0 {
			e.Fix = `add one: alerts: {team: {type: slack, url: "${env:SLACK_URL}"}}`
		}
		return nil, e
	}
	m := alert.Message{Event: alert.Test, Project: a.p.Name, Target: a.p.Target.Name, Syncs: []string{}, At: time.Now().UTC(),
		Title: "a test of the alert " + name, Text: "Somebody asked for this by weir alerts test. When a sync is not as it should be, it is told here.", Command: "weir alerts"}
	m.ID = "test-" + m.At.Format("20060102T150405.000")
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	if err := a.send(ctx, x, m); err != nil {
		var ref *project.ReferenceError
		if errors.As(err, &ref) {
			return nil, a.refused("alerts.settings", err)
		}
		return nil, &Error{Kind: Unavailable, Code: "alerts.not_sent", Message: "alert " + name + ": " + Unnamed(err.Error()), Fix: "check its settings, and that the receiver is there", Err: err}
	}
	return &Alerted{Alert: name, Event: alert.Test, Syncs: []string{}, Title: m.Title}, nil
}

// Unnamed makes the words of a vendor, a warehouse or a receiver fit for logs and alerts: their first
// line, without what stands in quotes, which may be anybody's name, and without addresses, numbers of
// phones, tokens and URLs.
func Unnamed(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return rest.Scrub(quoted.ReplaceAllString(text, "“…”"))
}

// quoted finds what stands in quotes; not the apostrophe of a word.
var quoted = regexp.MustCompile(`"[^"]*"|“[^”]*”|«[^»]*»|'[^' ][^']*'|` + "`[^`]*`")
