package project

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// destinations checks every destination against its Spec.
func (l *loader) destinations() {
	for i := range l.p.Destinations {
		l.destination(&l.p.Destinations[i])
	}
}

func (l *loader) destination(d *Destination) {
	at := models.Path("destinations", d.Name)
	if what, fix := models.NameProblem(d.Name); what != "" {
		l.failKey(at, "models.name", fix, "%s", what)
	}
	dest, ok := destinations.Lookup(d.Type)
	if !ok {
		fix := diag.DidYouMean(d.Type, destinations.Types())
		if fix == "" {
			fix = "run `weir destinations` to see which there are"
		}
		l.fail(at+".type", "destinations.unknown_type", fix, "unknown type of destination %q", d.Type)
		return
	}
	spec := dest.Spec()
	l.purpose(at+".purpose", d.Purpose, spec)
	_, problems := destinations.CheckSettings(spec.Settings, d.Settings)
	for _, q := range problems {
		l.setting(at, q)
	}
	for _, s := range spec.Settings {
		v := d.Settings[s.Name]
		text, isText := v.(string)
		switch {
		case s.Secret && v != nil && !isText:
			l.failKey(at+"."+s.Name, "destinations.secret_in_plain", fmt.Sprintf(`write %s: "${env:%s}" and put the value into that variable`, s.Name, strings.ToUpper(s.Name)),
				"setting %q is a secret and must be a reference", s.Name)
		case !isText:
		case s.Secret && len(problems) == 0 && text != "" && !safeReference(text):
			l.failKey(at+"."+s.Name, "destinations.secret_in_plain", fmt.Sprintf(`write %s: "${env:%s}" and put the value into that variable`, s.Name, strings.ToUpper(s.Name)),
				"the default of a secret is written in plain")
		default:
			l.references(at+"."+s.Name, text)
		}
	}
}

// setting reports a problem with a setting, at the setting or at the thing that lacks it.
func (l *loader) setting(at string, q destinations.SettingProblem) {
	path := at + "." + q.Path
	if doc := l.p.owner(path); doc != nil && !doc.Has(path) {
		path = at
	}
	l.add(diag.Problem{Path: path, OnKey: q.Code == "destinations.unknown_setting" || q.Code == "destinations.secret_in_plain" || path == at,
		Code: q.Code, What: q.What, Fix: q.Fix})
}

// purpose checks a purpose as written; whether there is one at all is a matter of the sync.
func (l *loader) purpose(path, purpose string, spec destinations.Spec) {
	switch purpose {
	case "":
	case "none":
		if !spec.Kind.MayLackPurpose() {
			l.fail(path, "syncs.purpose", "name the purpose for which people agreed to be reached", "%s reaches people (%s), so that its purpose can not be none", spec.Title, spec.Kind)
		}
	default:
		known := l.p.Purposes()
		if !slices.Contains(known, purpose) {
			fix := diag.DidYouMean(purpose, known)
			if len(known) == 0 {
				fix = fmt.Sprintf("add a policy with purpose: %s", purpose)
			}
			l.warn(path, "syncs.unguarded_purpose", fix, "no policy guards the purpose %q: everybody may be reached", purpose)
		}
	}
}

// Purposes lists the purposes that policies guard, in the order of the policies.
func (p *Project) Purposes() []string {
	var out []string
	for _, q := range p.Model.Policies {
		if q.Require != nil && q.Purpose != "" && !slices.Contains(out, q.Purpose) {
			out = append(out, q.Purpose)
		}
	}
	return out
}

// Purpose returns the purpose of a sync: its own, or its destination's.
func (p *Project) Purpose(s *syncT) string {
	if s.Purpose != "" {
		return s.Purpose
	}
	if d := p.Destination(s.Destination); d != nil {
		return d.Purpose
	}
	return ""
}

// Policies lists the policies that a sync of profiles must obey: all that guard its purpose, of the
// entity whose profiles it sends. Every one of them is required.
func (p *Project) Policies(s *syncT) []*models.Policy {
	purpose, entity := p.Purpose(s), p.EntityOf(s)
	if purpose == "" || purpose == "none" || entity == "" {
		return nil
	}
	var out []*models.Policy
	for i := range p.Model.Policies {
		if q := &p.Model.Policies[i]; q.Require != nil && q.Purpose == purpose && q.Entity == entity {
			out = append(out, q)
		}
	}
	return out
}

// EntityOf returns the entity whose profiles a sync sends, or "" if it sends rows of a source or
// of sql.
func (p *Project) EntityOf(s *syncT) string {
	if s.Segment != "" {
		if seg := p.Model.Segment(s.Segment); seg != nil {
			return seg.Entity
		}
	}
	return s.Entity
}

// DestinationSettings resolves the settings of a destination that are not secret, with defaults
// filled in, as destinations.Env wants them. secret resolves one that is, when it is asked for.
// Errors name a setting and a reference, never a value.
func (p *Project) DestinationSettings(d *Destination) (settings map[string]any, secret func(name string) (string, error), err error) {
	dest, ok := destinations.Lookup(d.Type)
	if !ok {
		return nil, nil, fmt.Errorf("destination %s: unknown type %q", d.Name, d.Type)
	}
	plain := map[string]any{}
	var defs []destinations.Setting
	secrets := map[string]string{}
	for _, s := range dest.Spec().Settings {
		v, given := d.Settings[s.Name]
		if s.Secret {
			secrets[s.Name], _ = v.(string)
			continue
		}
		defs = append(defs, s)
		if !given {
			continue
		}
		if plain[s.Name], err = p.resolveTree(v); err != nil {
			return nil, nil, fmt.Errorf("destination %s: %s: %w", d.Name, s.Name, err)
		}
	}
	settings, problems := destinations.CheckSettings(defs, plain)
	if len(problems) > 0 {
		return nil, nil, fmt.Errorf("destination %s: %s; %s", d.Name, problems[0].What, problems[0].Fix)
	}
	return settings, func(name string) (string, error) {
		text, ok := secrets[name]
		if !ok {
			return "", fmt.Errorf("destination %s: %s is no secret setting", d.Name, name)
		}
		v, err := p.Resolve(text)
		if err != nil {
			return "", fmt.Errorf("destination %s: %s: %w", d.Name, name, err)
		}
		return v.Reveal(), nil
	}, nil
}

// resolveTree resolves the references in every text of a value.
func (p *Project) resolveTree(v any) (any, error) {
	switch x := v.(type) {
	case string:
		s, err := p.Resolve(x)
		return s.Reveal(), err
	case []any:
		out := make([]any, len(x))
		for i := range x {
			var err error
			if out[i], err = p.resolveTree(x[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(x))
		for k := range x {
			var err error
			if out[k], err = p.resolveTree(x[k]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// account names the account that a destination's settings lead to, as far as it is known before
// references are resolved: two destinations with the same one write to the same place.
func account(d *Destination, spec destinations.Spec) string {
	var b strings.Builder
	b.WriteString(d.Type)
	found := false
	for _, s := range spec.Settings {
		if s.Account {
			found = true
			v, ok := d.Settings[s.Name]
			if !ok {
				v = s.Default
			}
			fmt.Fprintf(&b, " %s=%v", s.Name, v)
		}
	}
	if !found {
		return d.Name
	}
	return b.String()
}
