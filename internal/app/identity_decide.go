package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models/diag"
)

// ReviewDecision is what a person says of two records, and what became of it.
type ReviewDecision struct {
	Entity string    `json:"entity"`
	A      RecordRef `json:"a"`
	B      RecordRef `json:"b"`
	Same   bool      `json:"same"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Was    string    `json:"was"` // what was said before: "", same or different
	Undone bool      `json:"undone"`
}

// Decide records that two records, as SOURCE:KEY, are one person or two, or takes back what was
// said of them. It takes effect at the next build. Saying the same again changes nothing.
func (a *App) Decide(ctx context.Context, first, second string, same, undo bool, by string) (*ReviewDecision, error) {
	names, err := a.matched()
	if err != nil {
		return nil, err
	}
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	d := &ReviewDecision{Same: same, By: by, Undone: undo}
	var refs [2]RecordRef
	for i, s := range []string{first, second} {
		if refs[i], err = a.recordRef(s, names); err != nil {
			return nil, err
		}
	}
	if refs[0] == refs[1] {
		return nil, &Error{Kind: Refused, Code: "identity.same_record", Message: "both are " + refs[0].String(), Fix: "name two records"}
	}
	if refs[1].Source < refs[0].Source || refs[1].Source == refs[0].Source && refs[1].Key < refs[0].Key {
		refs[0], refs[1] = refs[1], refs[0]
	}
	d.A, d.B = refs[0], refs[1]
	if d.Entity, err = a.entityOfPair(names, refs); err != nil {
		return nil, err
	}
	return d, a.session(ctx, func(s warehouse.Session) error { return a.record(ctx, s, d) })
}

// recordRef reads SOURCE:KEY, or SOURCE=KEY as other commands have it. A key may hold both signs.
func (a *App) recordRef(ref string, entities []string) (RecordRef, error) {
	var source, key string
	if i := strings.IndexAny(ref, ":="); i > 0 {
		source, key = ref[:i], ref[i+1:]
	}
	if source == "" || key == "" {
		return RecordRef{}, &Error{Kind: Refused, Code: "identity.record", Message: fmt.Sprintf("%q does not name a record", ref), Fix: "write it as SOURCE:KEY, such as crm_contacts:17"}
	}
	var known []string
	for _, e := range entities {
		known = append(known, a.p.Model.Entity(e).Identity.Fuzzy.Sources()...)
	}
	for _, name := range known {
		if name == source {
			return RecordRef{Source: source, Key: key}, nil
		}
	}
	fix := diag.DidYouMean(source, known)
	if fix == "" {
		fix = "these are matched: " + strings.Join(known, ", ")
	}
	return RecordRef{}, &Error{Kind: Refused, Code: "identity.record", Message: fmt.Sprintf("no source whose records are matched is called %q", source), Fix: fix}
}

// entityOfPair is the entity that matches records of both sources.
func (a *App) entityOfPair(entities []string, refs [2]RecordRef) (string, error) {
	var found []string
	for _, e := range entities {
		n := 0
		for _, s := range a.p.Model.Entity(e).Identity.Fuzzy.Sources() {
			for _, r := range refs {
				if r.Source == s {
					n++
				}
			}
		}
		if n == len(refs) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return "", &Error{Kind: Refused, Code: "identity.record", Message: fmt.Sprintf("no entity matches records of both %s and %s", refs[0].Source, refs[1].Source), Fix: "name two records of one entity"}
	case 1:
		return found[0], nil
	}
	return "", &Error{Kind: Refused, Code: "identity.record", Message: "several entities match these records: " + strings.Join(found, ", "), Fix: "say which: --select " + found[0]}
}

// record writes a decision, in place of what was said before.
func (a *App) record(ctx context.Context, s warehouse.Session, d *ReviewDecision) error {
	b, _, err := a.liveBuild(ctx, s, d.Entity)
	if err != nil {
		return err
	}
	table := compile.ReviewsTable(b.Schema, d.Entity)
	if err := warehouse.Exec(ctx, s, a.w.Kind().Dialect(), table); err != nil {
		return err
	}
	if err := a.knownRecords(ctx, s, d, b); err != nil {
		return err
	}
	if d.At, err = s.Now(ctx); err != nil {
		return err
	}
	pair := func(alias string, at, bt RecordRef) rel.Expr {
		var same []rel.Expr
		for i, v := range []string{at.Source, at.Key, bt.Source, bt.Key} {
			same = append(same, rel.F(rel.Eq, rel.C(alias, compile.ReviewColumns[i]), rel.T(v)))
		}
		return rel.F(rel.And, same...)
	}
	either := func(alias string) rel.Expr { return rel.F(rel.Or, pair(alias, d.A, d.B), pair(alias, d.B, d.A)) }
	said := rel.Select{Columns: []rel.Column{rel.As("same", rel.C("v", "same"))}, From: rel.Table{Name: table.Name, Alias: "v"}, Where: either("v"),
		OrderBy: []rel.Order{{Expr: rel.C("v", "at"), Desc: true}}, Limit: 1}
	for row, err := range a.rows(ctx, s, said) {
		if err != nil {
			return err
		}
		d.Was = "different"
		if row[0] == true {
			d.Was = "same"
		}
	}
	if d.Undone && d.Was == "" {
		return &Error{Kind: Refused, Code: "identity.not_reviewed", Message: fmt.Sprintf("nothing was said of %s and %s", d.A, d.B), Fix: "see: weir identity review"}
	}
	if !d.Undone && d.Was == map[bool]string{true: "same", false: "different"}[d.Same] {
		return nil
	}
	change := []rel.Statement{rel.Delete{From: table.Name, Where: either("t")}}
	if !d.Undone {
		change = append(change, rel.Insert{Into: table.Name, Columns: append(compile.ReviewColumns[:len(compile.ReviewColumns):len(compile.ReviewColumns)], "same", "by", "at"),
			From: rel.Select{Columns: []rel.Column{
				rel.As("source_a", rel.T(d.A.Source)), rel.As("key_a", rel.T(d.A.Key)), rel.As("source_b", rel.T(d.B.Source)), rel.As("key_b", rel.T(d.B.Key)),
				rel.As("same", rel.B(d.Same)), rel.As("by", rel.T(d.By)), rel.As("at", rel.At(d.At))}}})
	}
	return s.Tx(ctx, func(ctx context.Context) error { return warehouse.Exec(ctx, s, a.w.Kind().Dialect(), change...) })
}

// knownRecords is an error if the build in force does not know both records: a decision about a
// row that is not there would never do anything. One may be taken back all the same.
func (a *App) knownRecords(ctx context.Context, s warehouse.Session, d *ReviewDecision, b compile.Build) error {
	if d.Undone {
		return nil
	}
	for _, r := range []RecordRef{d.A, d.B} {
		var n int64
		if err := a.row(ctx, s, compile.HasRecord(d.Entity, b, r.Source, r.Key), &n); err != nil {
			return err
		}
		if n == 0 {
			key := "its key"
			if src := a.p.Model.Source(r.Source); src != nil {
				key = src.Key
			}
			return &Error{Kind: Refused, Code: "identity.unknown_record", Message: fmt.Sprintf("build %s knows no row of %s with %s %s", b.ID, r.Source, key, r.Key),
				Fix: "check the key; if the row is new, build first: weir build"}
		}
	}
	return nil
}
