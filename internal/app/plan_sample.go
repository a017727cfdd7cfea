package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// SampleChange is one change of a plan, for people. What tells of a person is masked.
type SampleChange struct {
	Op     string        `json:"op"`   // as the destination calls it: add, upsert, remove, …
	Move   string        `json:"move"` // add, update or remove
	Key    string        `json:"key"`  // id of the profile; masked where it is the source's own key, words for members whom weir did not send
	Match  []SampleValue `json:"match"`
	Fields []SampleValue `json:"fields"` // what is sent; of an update, what changes
	// Why says what of an update cannot be shown, as that it is not of this build.
	Why string `json:"why,omitempty"`
}

// SampleValue is a mapped value. Was is only of updates.
type SampleValue struct {
	Name string `json:"name"`
	Was  any    `json:"was,omitempty"`
	Is   any    `json:"is"`
}

var moveNames = map[syncs.Move]string{syncs.Adding: "add", syncs.Updating: "update", syncs.Removing: "remove"}

// sampled shows up to n changes of a sync's plan, of each kind some.
func (a *App) sampled(ctx context.Context, s *syncs.Sync, in compile.Input, made map[string]built, t *syncs.Task, p *syncs.Plan, n int) ([]SampleChange, error) {
	if n <= 0 || p.Ref.Rows == 0 {
		return nil, nil
	}
	changes, err := pickChanges(ctx, t.Source, p.Ref, n)
	if err != nil {
		return nil, err
	}
	var updated []string
	for _, c := range changes {
		if c.Move == syncs.Updating {
			updated = append(updated, c.Key)
		}
	}
	was, is, err := a.beforeAndAfter(ctx, s, in, made, updated)
	if err != nil {
		return nil, err
	}
	idTags, fieldTags := a.tagsOf(s, t)
	out := []SampleChange{}
	for _, c := range changes {
		x := SampleChange{Op: c.Op.String(), Move: moveNames[c.Move], Key: c.Key, Match: []SampleValue{}, Fields: []SampleValue{}}
		switch {
		case s.FirstRun == syncs.Replace && strings.HasPrefix(c.Key, ledger.MemberKey):
			x.Key = "not sent by weir"
		case s.Source != "" || s.SQL != "":
			x.Key = maskedKey(c.Key)
		}
		for i, v := range c.IDs {
			if v != destinations.Absent {
				x.Match = append(x.Match, SampleValue{Name: t.Columns.IDs[i], Is: shownValue(idTags[i], v)})
			}
		}
		for i, name := range t.Columns.Fields {
			switch c.Move {
			case syncs.Adding:
				x.Fields = append(x.Fields, SampleValue{Name: name, Is: shownValue(fieldTags[i], c.Fields[i])})
			case syncs.Updating:
				before, after := was[c.Key], is[c.Key]
				if before != nil && after != nil && fmt.Sprint(before[i]) != fmt.Sprint(after[i]) {
					x.Fields = append(x.Fields, SampleValue{Name: name, Was: shownValue(fieldTags[i], before[i]), Is: shownValue(fieldTags[i], c.Fields[i])})
				}
			}
		}
		if c.Move == syncs.Updating && len(x.Fields) == 0 {
			x.Why = "it changed before the build in force, or is sent again"
		}
		out = append(out, x)
	}
	return out, nil
}

// pickChanges reads up to n changes, taking turns between those at the begin of a plan, which are
// removals, in its middle and at its end.
func pickChanges(ctx context.Context, src syncs.Source, ref syncs.PlanRef, n int) ([]syncs.Change, error) {
	read := map[int64]bool{}
	by := map[syncs.Move][]syncs.Change{}
	most := int64(n)
	for _, lo := range []int64{0, ref.Tally.Removed, ref.Rows - most} {
		lo = max(0, lo)
		for c, err := range src.Read(ctx, ref, lo, min(lo+most, ref.Rows)) {
			if err != nil {
				return nil, err
			}
			if !read[c.Seq] {
				read[c.Seq] = true
				by[c.Move] = append(by[c.Move], c)
			}
		}
	}
	var out []syncs.Change
	for len(out) < n {
		took := false
		for _, m := range []syncs.Move{syncs.Adding, syncs.Updating, syncs.Removing} {
			if len(by[m]) > 0 && len(out) < n {
				out, by[m] = append(out, by[m][0]), by[m][1:]
				took = true
			}
		}
		if !took {
			break
		}
	}
	slices.SortFunc(out, func(a, b syncs.Change) int { return int(a.Seq - b.Seq) })
	return out, nil
}

// beforeAndAfter reads the mapped fields of some keys by the build in force and by the one that
// was made. Both are empty where the rows are of no profiles.
func (a *App) beforeAndAfter(ctx context.Context, s *syncs.Sync, in compile.Input, made map[string]built, keys []string) (was, is map[string][]any, err error) {
	entity := a.entityOf(s)
	m, ok := made[entity]
	if len(keys) == 0 || !ok || m.before.ID == "" || s.Source != "" || s.SQL != "" {
		return nil, nil, nil
	}
	in.Entity, in.AsOf = entity, m.result.AsOf
	obj, _ := a.objectOf(s)
	read := func(b compile.Build) (map[string][]any, error) {
		in.Build = b
		rows, problems := compile.Desired(in, *s, obj, a.destinationOf(s).Spec().Kind, a.p.Purpose(s))
		if err := a.mismatch(problems); err != nil {
			return nil, err
		}
		return a.fieldsOf(ctx, rows, keys)
	}
	if is, err = read(m.result.Build); err != nil {
		return nil, nil, err
	}
	if was, err = read(m.before); err != nil {
		// A trait that the build in force does not have cannot be compared with.
		return nil, is, nil //nolint:nilerr // the sample says so
	}
	return was, is, nil
}

func (a *App) fieldsOf(ctx context.Context, rows compile.Rows, keys []string) (map[string][]any, error) {
	r := func(c string) rel.Expr { return rel.C("r", c) }
	in := rel.InList{Expr: r("key")}
	for _, k := range keys {
		in.List = append(in.List, rel.T(k))
	}
	cs := []rel.Column{rel.As("key", r("key"))}
	for i := range rows.Fields {
		name := fmt.Sprintf("field_%d", i+1)
		cs = append(cs, rel.As(name, r(name)))
	}
	text, err := a.w.Kind().Dialect().Query(rel.Select{Columns: cs, From: rel.Sub{Query: rows.Query, Alias: "r"}, Where: in})
	if err != nil {
		return nil, err
	}
	out := map[string][]any{}
	err = a.session(ctx, func(se warehouse.Session) error {
		for row, err := range se.Query(ctx, text) {
			if err != nil {
				return err
			}
			key, _ := row[0].(string)
			out[key] = slices.Clone(row[1:])
		}
		return nil
	})
	return out, err
}

// tagsOf are the kinds of personal data that the columns of a task hold. What names a person at a
// destination always has one, and so has whatever nothing is known of.
func (a *App) tagsOf(s *syncs.Sync, t *syncs.Task) (ids, fields [][]string) {
	unknown := []string{"unknown"}
	of := func(name string) []string {
		entity := a.entityOf(s)
		switch {
		case s.SQL != "":
			return unknown
		case s.Source != "":
			if tags := compile.ColumnTags(&a.p.Model, entity, s.Source, name); len(tags) > 0 || entity != "" {
				return tags
			}
			return unknown
		}
		return a.p.Model.Tags(entity, name)
	}
	kinds := map[string]string{}
	for _, id := range t.Object.Identifiers {
		kinds[id.Name], _, _ = strings.Cut(id.Normalise, ".")
		if _, kind, ok := strings.Cut(id.Normalise, "."); ok && (kind == "email" || kind == "phone") {
			kinds[id.Name] = kind
		}
	}
	traits := map[string]string{}
	for _, m := range s.Match {
		traits[m.Identifier] = m.Trait
	}
	for _, name := range t.Columns.IDs {
		tags := of(traits[name])
		if len(tags) == 0 {
			tags = []string{kinds[name]}
		}
		ids = append(ids, tags)
	}
	mapped := map[string]*syncs.Field{}
	for i := range s.Fields {
		mapped[s.Fields[i].Name] = &s.Fields[i]
	}
	for _, name := range t.Columns.Fields {
		f := mapped[name]
		switch {
		case f == nil:
			fields = append(fields, unknown)
		case f.Trait != "":
			fields = append(fields, of(f.Trait))
		case f.Text != "":
			fields = append(fields, a.textTags(f.Text, of))
		default:
			fields = append(fields, nil) // the same for everybody
		}
	}
	return ids, fields
}

// textTags are those of all values that a text names; of a text with any, nothing is shown.
func (a *App) textTags(text string, of func(string) []string) []string {
	parts, err := syncs.ParseText(text)
	if err != nil {
		return []string{"unknown"}
	}
	for _, p := range parts {
		if p.Trait != "" && len(of(p.Trait)) > 0 {
			return []string{"text"}
		}
	}
	return nil
}

// shownValue is a value as a sample shows it.
func shownValue(tags []string, v any) any {
	if v == destinations.Absent {
		return nil
	}
	v, _ = masked(tags, plain(v, models.Unknown))
	return v
}
