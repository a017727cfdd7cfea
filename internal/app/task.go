package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// task resolves a sync: what should be at its destination by a build, its ledger, and how to open
// its destination. known, which may be nil, gives the profiles that a plan which is sent later may
// name; see ledger.Binding.Known.
func (a *App) task(ctx context.Context, s *syncs.Sync, in compile.Input, known func(compile.Rows) rel.Query) (*syncs.Task, error) {
	d := a.p.Destination(s.Destination)
	dest, ok := destinations.Lookup(d.Type)
	if !ok {
		return nil, fmt.Errorf("destination %s: unknown type %s", d.Name, d.Type)
	}
	spec := dest.Spec()
	obj, ok := spec.Object(s.Object)
	if !ok {
		return nil, fmt.Errorf("sync %s: %s has no object %s", s.Name, d.Type, s.Object)
	}
	if text, ok := d.Settings["timeout"].(string); ok { // leases and waits are reckoned from it
		if long, err := time.ParseDuration(text); err == nil && long > 0 {
			obj.Limits.Timeout = long
		}
	}
	limit(&obj.Limits, dest, d.Settings, s)
	rows, problems := compile.Desired(in, *s, obj, spec.Kind, a.p.Purpose(s))
	if err := a.mismatch(problems); err != nil {
		return nil, err
	}
	st, err := a.journal(ctx)
	if err != nil {
		return nil, err
	}
	epoch, err := st.Epoch(ctx, s.Name)
	if err != nil {
		return nil, a.worldly(err)
	}
	t := &syncs.Task{Sync: *s, Spec: spec, Object: obj, Account: a.account(d, spec)}
	for _, c := range rows.IDs {
		t.Columns.IDs = append(t.Columns.IDs, c.Name)
	}
	for _, c := range rows.Fields {
		t.Columns.Fields = append(t.Columns.Fields, c.Name)
	}
	b := ledger.Binding{Sync: *s, Object: obj, Rows: rows, Account: t.Account, Channel: spec.Kind, AsOf: in.AsOf, Epoch: epoch, Caps: a.caps(s, spec.Kind, in.AsOf)}
	kinds := a.kinds(s)
	for _, c := range rows.IDs {
		b.Kinds = append(b.Kinds, kinds[c.Name])
	}
	if src := columnsOf(in, s); src != nil {
		b.Columns = src
	}
	if s.FirstRun == syncs.Replace && a.p.Target.Send != "none" {
		b.Members = a.replaced(s, dest, obj)
	}
	b.Definition = definition(s)
	if t.Sources, b.Filled, err = a.sourceStates(ctx, s, in); err != nil {
		return nil, err
	}
	if known != nil {
		b.Known = known(rows)
	}
	t.Source = a.led.Source(b)
	t.Session = func() (destinations.Session, error) { return a.open(ctx, dest, d) }
	return t, nil
}

// limit adds the rates that the user declared. They are about requests, so that a batch is then no
// more than one.
func limit(l *destinations.Limits, dest destinations.Destination, settings map[string]any, s *syncs.Sync) {
	declared := destinations.DeclaredRates(settings)
	if len(declared) == 0 {
		return
	}
	l.Rates = append(slices.Clone(l.Rates), declared...)
	if split, ok := dest.(destinations.Splitter); ok {
		if n := split.RowsPerRequest(s.Object, s.With); l.Rows == 0 || n < l.Rows {
			l.Rows = n
		}
	}
}

// columnsOf describes the columns of a source or sql sync.
func columnsOf(in compile.Input, s *syncs.Sync) []string {
	name := s.Source
	if s.SQL != "" {
		name = compile.SQLSource(*s).Name
	}
	var out []string
	for _, c := range in.Columns[name] {
		out = append(out, c.Name+" "+string(c.Type))
	}
	slices.Sort(out)
	return out
}

// account names what rate limits are shared by and a ledger is bound to: the vendor's account, or
// the sandbox in its place.
func (a *App) account(d *project.Destination, spec destinations.Spec) string {
	var b strings.Builder
	b.WriteString(d.Type)
	found := false
	for _, s := range spec.Settings {
		if v, ok := d.Settings[s.Name]; s.Account && ok {
			fmt.Fprintf(&b, " %s=%v", s.Name, v)
			found = true
		}
	}
	if !found {
		b.WriteString(" " + d.Name)
	}
	if a.p.Target.Send == "sandbox" {
		return "sandbox of " + b.String()
	}
	return b.String()
}

// open opens a destination for a run: the vendor's, or on a sandbox target the local stand-in.
func (a *App) open(ctx context.Context, dest destinations.Destination, d *project.Destination) (destinations.Session, error) {
	settings, secret, err := a.p.DestinationSettings(d)
	if err != nil {
		return nil, &destinations.Fault{Class: destinations.Config, Code: "destinations.settings", Text: err.Error(), Err: err}
	}
	spec := dest.Spec()
	env := destinations.Env{Settings: settings, Secret: secret, Dir: a.p.Dir, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	guard := rest.Guard{}
	switch a.p.Target.Send {
	case "sandbox":
		if _, ok := dest.(destinations.Sandboxer); !ok {
			// What writes files writes them below the sandbox's folder.
			env.Dir = filepath.Join(a.p.Dir, project.StateDir, "sandbox", d.Name)
			if spec.Kind != destinations.File {
				return nil, &destinations.Fault{Class: destinations.Config, Code: "targets.no_sandbox", Text: d.Type + " has no sandbox, and this target sends to sandboxes only"}
			}
			break
		}
		box, err := a.sandbox(ctx, SandboxOptions{}, true)
		if err != nil {
			return nil, err
		}
		guard.AllowPrivate = true
		env.Settings = maps.Clone(settings)
		secrets := map[string]string{}
		for name, v := range box.Settings(d.Name) {
			if isSecret(spec, name) {
				secrets[name], _ = v.(string)
				continue
			}
			env.Settings[name] = v
		}
		env.Secret = func(name string) (string, error) {
			if v, ok := secrets[name]; ok {
				return v, nil
			}
			return secret(name)
		}
	case "live":
		guard.AllowPrivate = allowsPrivate(spec, settings)
	default:
		return nil, &destinations.Fault{Class: destinations.Config, Code: "targets.send_none", Text: "target " + a.p.Target.Name + " does not send"}
	}
	guard.Hosts = spec.AllowedHosts(env.Settings)
	env.HTTP = rest.NewTransport(guard)
	return dest.Open(ctx, env)
}

func isSecret(spec destinations.Spec, name string) bool {
	return slices.ContainsFunc(spec.Settings, func(s destinations.Setting) bool { return s.Name == name && s.Secret })
}

// allowsPrivate reports whether the user said, by a setting of the destination, that its host is
// inside the company.
func allowsPrivate(spec destinations.Spec, settings map[string]any) bool {
	for _, s := range spec.Settings {
		if s.Name == "allow_private" {
			yes, _ := settings[s.Name].(bool)
			return yes
		}
	}
	return false
}

// Sandbox serves the project's sandboxes from this process.
func (a *App) Sandbox(ctx context.Context, o SandboxOptions) (*Sandbox, error) {
	return a.sandbox(ctx, o, false)
}

// sandbox finds or starts the project's sandboxes.
func (a *App) sandbox(ctx context.Context, o SandboxOptions, share bool) (*Sandbox, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.box != nil {
		return a.box, nil
	}
	boxed := map[string]destinations.Sandboxer{}
	for _, d := range a.p.Destinations {
		if dest, ok := destinations.Lookup(d.Type); ok {
			if s, ok := dest.(destinations.Sandboxer); ok {
				boxed[d.Name] = s
			}
		}
	}
	if len(boxed) == 0 {
		return nil, &Error{Kind: Refused, Code: "sandbox.none", Message: "no destination of this project has a sandbox", Fix: "see: weir destinations"}
	}
	box, err := openSandbox(ctx, a.p.Dir, boxed, o, share)
	if err != nil {
		return nil, err
	}
	a.box = box
	return box, nil
}

// sends is the error that the target does not send, or that nothing can be sent from it, or nil.
func (a *App) sends() error {
	if a.p.Target.Send == "live" || a.p.Target.Send == "sandbox" {
		return a.syncable()
	}
	return &Error{Kind: Refused, Code: "targets.send_none", Message: fmt.Sprintf("target %s does not send anything", a.p.Target.Name),
		Fix: "say where it may send: send: sandbox, or send: live", Err: errors.New("send: none")}
}
