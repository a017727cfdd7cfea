package app

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// resting lists the sources on which a sync rests: through identity, traits, segments and policies.
// policies names, for those by which a policy says who may be reached, that policy.
func (a *App) resting(s *syncs.Sync) (sources []string, policies map[string]string) {
	m := &a.p.Model
	purpose := a.p.Purpose(s)
	e := m.Entity(compile.EntityOf(m, *s, purpose))
	all := m.RestsOn(e)
	all.Source(s.Source)
	for i := range s.Match {
		all.Mapped(s.Source, s.Match[i].Trait)
	}
	for i := range s.Fields {
		all.Mapped(s.Source, s.Fields[i].Trait)
		if parts, err := syncs.ParseText(s.Fields[i].Text); err == nil { // checked when the project was read
			for _, p := range parts {
				all.Mapped(s.Source, p.Trait)
			}
		}
	}
	if e == nil {
		return all.Sources(), nil
	}
	all.Segment(s.Segment)
	all.Profiles(s.Entity != "")
	policies = map[string]string{}
	kind := string(a.channelOf(s))
	for i := range m.Policies {
		p := &m.Policies[i]
		of := m.RestsOn(e)
		switch {
		case p.Entity != e.Name:
		case p.Require != nil && p.Purpose == purpose && purpose != "" && purpose != "none":
			of.Condition(p.Require)
		case p.Suppress != nil && (p.Purpose == "" || p.Purpose == purpose) && (len(p.Suppress.Kinds) == 0 || slices.Contains(p.Suppress.Kinds, kind)):
			of.Source(p.Suppress.Source)
		}
		for _, name := range of.Sources() {
			all.Source(name)
			if policies[name] == "" {
				policies[name] = p.Name
			}
		}
	}
	return all.Sources(), policies
}

// sourceStates looks at the sources on which a sync rests, as of a build: how old they are where
// somebody asks for it, and whether those of policies were emptied. filled are the sources of
// policies that count as having rows once this run is settled: those that have, and those that
// had and were emptied without a person agreeing to it.
func (a *App) sourceStates(ctx context.Context, s *syncs.Sync, in compile.Input) (states []syncs.SourceState, filled []string, err error) {
	names, policies := a.resting(s)
	before, err := a.led.Definitions(ctx)
	if err != nil {
		return nil, nil, a.worldly(err)
	}
	agreed := slices.Contains(a.o.Approve, syncs.HoldPolicyEmpty)
	err = a.session(ctx, func(se warehouse.Session) error {
		for _, name := range names {
			src := a.p.Model.Source(name)
			x := syncs.SourceState{Source: name, Policy: policies[name]}
			if x.Policy != "" {
				some := false
				for _, err := range a.rows(ctx, se, compile.AnyRow(src)) {
					if err != nil {
						return err
					}
					some = true
				}
				was := slices.Contains(before[s.Name].Filled, name)
				x.Emptied = !some && was
				if some || was && !agreed {
					filled = append(filled, name)
				}
			}
			if src.FresherThan > 0 {
				x.Limit = time.Duration(src.FresherThan)
				if x.Newest, err = a.newest(ctx, se, in, src); err != nil {
					return err
				}
			}
			if x.Limit > 0 || x.Emptied {
				states = append(states, x)
			}
		}
		return nil
	})
	slices.Sort(filled)
	return states, filled, err
}

// newest reads the time of the newest row of a source as of a build, once for all syncs of it.
func (a *App) newest(ctx context.Context, se warehouse.Session, in compile.Input, s *models.Source) (at time.Time, err error) {
	key := newestKey{s.Name, in.AsOf}
	if v, ok := a.newestRows.Load(key); ok {
		return v.(time.Time), nil
	}
	q, problem := compile.Newest(in, s)
	if problem != nil {
		return at, a.mismatch([]diag.Problem{*problem})
	}
	for row, err := range a.rows(ctx, se, q) {
		if err != nil {
			return at, err
		}
		at, _ = row[0].(time.Time) // NULL stays zero
	}
	a.newestRows.Store(key, at)
	return at, nil
}

// newestKey names what newest reads.
type newestKey struct {
	source string
	asOf   time.Time
}

// defined is what is kept of a sync with its ledger, for when it is not declared any more: enough to
// take out whom it put there.
type defined struct {
	Destination string         `json:"destination"`
	Object      string         `json:"object"`
	Into        string         `json:"into,omitempty"`
	With        map[string]any `json:"with,omitempty"`
	Mode        syncs.Mode     `json:"mode"`
}

func definition(s *syncs.Sync) string {
	b, err := json.Marshal(defined{s.Destination, s.Object, s.Into, s.With, s.Mode})
	if err != nil { // of values that YAML gave: cannot fail but for what is no JSON, such as .inf
		return ""
	}
	return string(b)
}

// definedAs reads a definition back; ok is false if there is none.
func definedAs(d ledger.Definition) (out defined, ok bool) {
	return out, d.Text != "" && json.Unmarshal([]byte(d.Text), &out) == nil
}
