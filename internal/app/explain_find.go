package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// asked is what somebody typed to say whom they mean.
type asked struct {
	text   string
	name   string // of an identifier type or a source; "" for a bare value
	value  string
	source bool // name is a source
}

// readAsked understands ID, VALUE, TYPE=VALUE, SOURCE=KEY and SOURCE:KEY. A bare value may hold an
// equals sign or a colon. What holds no value is an error.
func readAsked(ls []*lookup, text string) (asked, error) {
	q, err := splitAsked(ls, strings.TrimSpace(text))
	if err == nil && strings.TrimSpace(q.value) == "" {
		err = &Error{Kind: Refused, Code: "identity.no_value", Message: "this names nobody: it holds no value", Fix: "write a profile's id, a value, TYPE=VALUE or SOURCE:KEY"}
	}
	return q, err
}

// splitAsked is readAsked of any text, with or without a value.
func splitAsked(ls []*lookup, text string) (asked, error) {
	if source, key, ok := strings.Cut(text, ":"); ok {
		for _, l := range ls {
			if slices.Contains(l.e.Identity.From, source) {
				return asked{text, source, key, true}, nil
			}
		}
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return asked{text: text, value: text}, nil
	}
	var known []string
	for _, l := range ls {
		known = append(known, identifierTypes(l.e)...)
		if slices.Contains(l.e.Identity.From, name) {
			return asked{text, name, value, true}, nil
		}
	}
	if slices.Contains(known, name) {
		return asked{text: text, name: name, value: strings.TrimSpace(value)}, nil
	}
	if what, _ := models.NameProblem(name); what != "" || value == "" {
		return asked{text: text, value: text}, nil
	}
	fix := diag.DidYouMean(name, known)
	if fix == "" {
		fix = "there are " + strings.Join(known, ", ")
	}
	return asked{}, &Error{Kind: Refused, Code: "identity.unknown_type", Message: fmt.Sprintf("there is no identifier type %q", name), Fix: fix}
}

func identifierTypes(e *models.Entity) []string {
	var out []string
	for _, id := range e.Identity.Identifiers {
		out = append(out, id.Type)
	}
	return out
}

// find looks somebody up. Several are what an ambiguous value may be; none is an error of the
// caller's.
func (l *lookup) find(ctx context.Context, q asked) ([]*Found, error) {
	if q.source {
		return l.findRow(ctx, q)
	}
	if q.name == "" {
		for _, id := range l.profileIDs(q.value) {
			if f, err := l.findProfile(ctx, id); f != nil || err != nil {
				return []*Found{f}, err
			}
		}
	}
	types := identifierTypes(l.e)
	if q.name != "" {
		if !slices.Contains(types, q.name) {
			return nil, nil
		}
		types = []string{q.name}
	}
	forms, err := l.forms(ctx, q.value)
	if err != nil {
		return nil, err
	}
	for _, by := range []func(context.Context, asked, []string, map[string][]string) ([]*Found, error){l.findNodes, l.findDropped, l.findRaw, l.findForeign} {
		if found, err := by(ctx, q, types, forms); len(found) > 0 || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// forms lists for each identifier type what a typed value may stand as, best first.
func (l *lookup) forms(ctx context.Context, value string) (map[string][]string, error) {
	out := map[string][]string{}
	err := l.each(ctx, compile.NormalForms(l.in, value), func(c cells) error {
		for i, t := range identifierTypes(l.e) {
			for _, v := range []string{c.text(i), value, strings.ToLower(value)} {
				if v != "" && !slices.Contains(out[t], v) {
					out[t] = append(out[t], v)
				}
			}
		}
		return nil
	})
	return out, err
}

// profileIDs are the ids that somebody may mean: as typed, and with the zeros that people leave out.
func (l *lookup) profileIDs(value string) []string {
	prefix := l.in.Entity[:min(3, len(l.in.Entity))] + "_"
	digits, ok := strings.CutPrefix(strings.ToLower(value), prefix)
	if n, err := strconv.ParseUint(digits, 10, 64); ok && err == nil {
		if whole := fmt.Sprintf("%s%08d", prefix, n); whole != value {
			return []string{value, whole}
		}
	}
	return []string{value}
}

// findProfile finds a profile by its id, also one that was merged away.
func (l *lookup) findProfile(ctx context.Context, id string) (*Found, error) {
	f := &Found{Asked: id, Entity: l.in.Entity, ProfileID: id}
	for range maxHistory {
		err := l.each(ctx, rel.Select{Columns: columns("c", "cluster"), From: l.table(compile.Clusters, "c"), Where: equal(rel.C("c", "profile_id"), rel.T(f.ProfileID))},
			func(c cells) error { f.cluster, f.clustered = c.int(0), true; return nil })
		if err != nil {
			return nil, err
		}
		if f.clustered {
			break
		}
		m := func(c string) rel.Expr { return rel.C("m", c) }
		went, err := l.events(ctx, rel.F(rel.And, equal(m("kind"), rel.T("merge")), equal(m("from_id"), rel.T(f.ProfileID))))
		if err != nil {
			return nil, err
		}
		if len(went) == 0 {
			break
		}
		last := went[len(went)-1]
		f.Followed, f.ProfileID = append(f.Followed, last), last.To
	}
	if f.clustered && len(f.Followed) == 0 {
		return f, nil
	}
	born, err := l.events(ctx, rel.F(rel.And, equal(rel.C("m", "to_id"), rel.T(id)), rel.F(rel.Ne, rel.C("m", "kind"), rel.T("merge"))))
	if err != nil || len(born)+len(f.Followed) == 0 {
		return nil, err
	}
	if len(born) > 0 {
		f.founder = [2]string{born[0].Type, born[0].Value}
	}
	if !f.clustered {
		f.ProfileID = "" // its rows are gone, and it with them
	}
	return f, nil
}

// findRow finds a record by its source and key.
func (l *lookup) findRow(ctx context.Context, q asked) ([]*Found, error) {
	if !slices.Contains(l.e.Identity.From, q.name) {
		return nil, nil
	}
	if s := l.in.Model.Source(q.name); s.UpdatedAt == "" {
		are := "events, which are"
		if s.Time == "" {
			are = "no records, since it has no updated_at: they are"
		}
		return nil, &Error{Kind: Refused, Code: "identity.events", Message: fmt.Sprintf("the rows of %s are %s known by their identifiers and not by keys", q.name, are),
			Fix: "name an identifier of the row: " + strings.Join(identifierTypes(l.e), ", ")}
	}
	var out []*Found
	err := l.each(ctx, rel.Select{Columns: columns("r", "profile_id"), From: l.table(compile.Records, "r"),
		Where: rel.F(rel.And, equal(rel.C("r", "source"), rel.T(q.name)), equal(rel.C("r", "key"), rel.T(q.value)))},
		func(c cells) error {
			out = append(out, &Found{Asked: q.text, Entity: l.in.Entity, ProfileID: c.text(0), Source: q.name, Key: q.value})
			return nil
		})
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return out[:1], l.placed(ctx, out[0])
}

// placed adds the cluster of the profile that somebody belongs to.
func (l *lookup) placed(ctx context.Context, f *Found) error {
	return l.each(ctx, rel.Select{Columns: columns("c", "cluster"), From: l.table(compile.Clusters, "c"), Where: equal(rel.C("c", "profile_id"), rel.T(f.ProfileID))},
		func(c cells) error { f.cluster, f.clustered = c.int(0), true; return nil })
}

// findNodes finds identifiers by their normal form, or as somebody typed them.
func (l *lookup) findNodes(ctx context.Context, q asked, types []string, forms map[string][]string) ([]*Found, error) {
	var is []rel.Expr
	for _, t := range types {
		is = append(is, rel.F(rel.And, equal(rel.C("n", "type"), rel.T(t)), oneOf(rel.C("n", "value"), forms[t])))
	}
	best := map[string]*Found{}
	err := l.each(ctx, rel.Select{Columns: columns("n", "node", "type", "value", "component", "cluster", "profile_id"), From: l.table(compile.Nodes, "n"), Where: anyOf(is)},
		func(c cells) error {
			f := &Found{Asked: q.text, Entity: l.in.Entity, ProfileID: c.text(5), Type: c.text(1), Value: c.text(2), node: c.int(0), hasNode: true, component: c.int(3), cluster: c.int(4), clustered: c[4] != nil}
			was := best[f.Type]
			if was == nil || slices.Index(forms[f.Type], f.Value) < slices.Index(forms[f.Type], was.Value) {
				best[f.Type] = f
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	var out []*Found
	for _, t := range types {
		f := best[t]
		if f == nil {
			continue
		}
		out = append(out, f)
		if f.Barred, err = l.dropped(ctx, rel.F(rel.And, equal(rel.C("d", "type"), rel.T(t)), equal(rel.C("d", "value"), rel.T(f.Value)),
			rel.F(rel.Ne, rel.C("d", "rule"), rel.T("limit"))), 10); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// findForeign finds numbers that were dropped with the country of their row behind them.
func (l *lookup) findForeign(ctx context.Context, q asked, types []string, forms map[string][]string) ([]*Found, error) {
	var by []string
	for _, t := range types {
		if slices.ContainsFunc(l.e.Identity.From, func(source string) bool {
			return slices.ContainsFunc(l.in.Model.Source(source).Identifiers, func(id models.SourceIdentifier) bool { return id.Type == t && id.Country != "" })
		}) {
			by = append(by, t)
		}
	}
	return l.droppedAs(ctx, q, by, forms, compile.NumberOf(rel.C("d", "value")))
}

// findDropped finds values that join nobody.
func (l *lookup) findDropped(ctx context.Context, q asked, types []string, forms map[string][]string) ([]*Found, error) {
	return l.droppedAs(ctx, q, types, forms, rel.C("d", "value"))
}

// droppedAs finds the values that were dropped of which a text, such as the value itself, is one of forms.
func (l *lookup) droppedAs(ctx context.Context, q asked, types []string, forms map[string][]string, of rel.Expr) ([]*Found, error) {
	if len(types) == 0 {
		return nil, nil
	}
	var is []rel.Expr
	for _, t := range types {
		is = append(is, rel.F(rel.And, equal(rel.C("d", "type"), rel.T(t)), oneOf(of, forms[t])))
	}
	list, err := l.dropped(ctx, anyOf(is), 100)
	if err != nil {
		return nil, err
	}
	var out []*Found
	for _, d := range list {
		if !slices.ContainsFunc(out, func(f *Found) bool { return f.Type == d.Type }) {
			out = append(out, &Found{Asked: q.text, Entity: l.in.Entity, Type: d.Type, Value: d.Value, Barred: []Dropped{d}})
		}
	}
	return out, nil
}

// findRaw finds profiles by values as a source has them, where the normal form of the one that
// was typed is another: a number whose country only its row tells.
func (l *lookup) findRaw(ctx context.Context, q asked, types []string, _ map[string][]string) ([]*Found, error) {
	var out []*Found
	for _, t := range types {
		for _, source := range l.e.Identity.From {
			having, problem := compile.Having(l.in, source, t, q.value)
			if problem != nil || having == nil {
				continue // the source has changed since; others may know
			}
			err := l.each(ctx, having, func(c cells) error {
				if !slices.ContainsFunc(out, func(f *Found) bool { return f.ProfileID == c.text(0) && f.Type == t }) {
					out = append(out, &Found{Asked: q.text, Entity: l.in.Entity, ProfileID: c.text(0), Type: t, Value: q.value})
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(out, func(a, b *Found) int { return cmp.Compare(a.ProfileID, b.ProfileID) })
	for _, f := range out {
		if err := l.placed(ctx, f); err != nil {
			return nil, err
		}
	}
	return out, nil
}
