package app

import (
	"context"
	"fmt"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/warehouse"
)

// IdentityReview are pairs of records of an entity that a person should look at.
type IdentityReview struct {
	Entity  string       `json:"entity"`
	Build   string       `json:"build"`
	Open    int64        `json:"open"`    // pairs that nobody has looked at
	Waiting int64        `json:"waiting"` // decisions that the build in force does not know yet
	Pairs   []ReviewPair `json:"pairs"`   // the likeliest of them
}

// ReviewPair is one of them.
type ReviewPair struct {
	A           RecordRef     `json:"a"`
	B           RecordRef     `json:"b"`
	Probability float64       `json:"probability"`
	Weight      float64       `json:"weight"` // log2 of the odds
	Reasons     string        `json:"reasons"`
	Fields      []ReviewField `json:"fields,omitempty"`
}

// RecordRef names a row of a source. Profile is whose it is; empty where that is not known.
type RecordRef struct {
	Source  string `json:"source"`
	Key     string `json:"key"`
	Profile string `json:"profile_id,omitempty"`
}

// String is the form in which people write it: crm_contacts:17.
func (r RecordRef) String() string { return r.Source + ":" + r.Key }

// ReviewField is a compared field as both rows have it.
type ReviewField struct {
	Field string `json:"field"`
	A     string `json:"a"`
	B     string `json:"b"`
}

// matched are the entities that were picked and have fuzzy matching.
func (a *App) matched() ([]string, error) {
	var out []string
	for _, name := range a.chosenEntities() {
		if a.p.Model.Entity(name).Identity.Fuzzy != nil {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, &Error{Kind: Refused, Code: "identity.no_fuzzy", Message: "nothing that was picked has fuzzy matching, so there are no pairs to look at",
			Fix: "declare identity.fuzzy of the entity: see docs/identity.md"}
	}
	return out, nil
}

// Review lists the likeliest pairs of the build in force that a person should look at, and with
// Values what is compared of both rows.
func (a *App) Review(ctx context.Context, o IdentityOptions) ([]IdentityReview, error) {
	names, err := a.matched()
	if err != nil {
		return nil, err
	}
	in, err := a.input(ctx)
	if err != nil {
		return nil, err
	}
	out := []IdentityReview{}
	err = a.session(ctx, func(s warehouse.Session) error {
		for _, name := range names {
			r, err := a.review(ctx, s, name, o)
			if err != nil {
				return err
			}
			if o.Values {
				in := in
				in.Entity = name
				if err := a.reviewValues(ctx, s, in, r.Pairs); err != nil {
					return err
				}
			}
			out = append(out, *r)
		}
		return nil
	})
	return out, err
}

func (a *App) review(ctx context.Context, s warehouse.Session, entity string, o IdentityOptions) (*IdentityReview, error) {
	b, _, err := a.liveBuild(ctx, s, entity)
	if err != nil {
		return nil, err
	}
	r := &IdentityReview{Entity: entity, Build: b.ID, Pairs: []ReviewPair{}}
	has, err := a.has(ctx, s, entity, b, compile.Pairs)
	if err != nil {
		return nil, err
	}
	if !has[compile.Pairs] {
		return nil, &Error{Kind: Refused, Code: "identity.no_pairs", Message: fmt.Sprintf("build %s of %s matched nothing: it was made before fuzzy matching was declared", b.ID, entity), Fix: "make one that does: weir build"}
	}
	if err := warehouse.Exec(ctx, s, a.w.Kind().Dialect(), compile.ReviewsTable(b.Schema, entity)); err != nil {
		return nil, err
	}
	if err := a.row(ctx, s, compile.ReviewCounts(entity, b), &r.Open, &r.Waiting); err != nil {
		return nil, err
	}
	for row, err := range a.rows(ctx, s, compile.ToReview(entity, b, o.Limit)) {
		if err != nil {
			return nil, err
		}
		p := ReviewPair{A: RecordRef{text(row[0]), text(row[1]), text(row[7])}, B: RecordRef{text(row[2]), text(row[3]), text(row[8])}, Reasons: text(row[6])}
		if p.Weight, err = number(row[4]); err != nil {
			return nil, err
		}
		if p.Probability, err = number(row[5]); err != nil {
			return nil, err
		}
		r.Pairs = append(r.Pairs, p)
	}
	return r, nil
}

// reviewValues adds the compared fields of both rows of each pair.
func (a *App) reviewValues(ctx context.Context, s warehouse.Session, in compile.Input, pairs []ReviewPair) error {
	keys := map[string][]string{}
	for _, p := range pairs {
		keys[p.A.Source] = append(keys[p.A.Source], p.A.Key)
		keys[p.B.Source] = append(keys[p.B.Source], p.B.Key)
	}
	fields := in.Model.Entity(in.Entity).Identity.Fuzzy.FieldNames()
	values := map[string][]string{} // by record, in the order of fields
	for source, list := range keys {
		if in.Model.Source(source) == nil {
			continue // taken out of the project since the build
		}
		q, problems := compile.FieldValues(in, source, list)
		if err := a.mismatch(problems); err != nil {
			return err
		}
		for row, err := range a.rows(ctx, s, q) {
			if err != nil {
				return err
			}
			var v []string
			for i := range fields {
				v = append(v, text(row[i+1]))
			}
			values[RecordRef{Source: source, Key: text(row[0])}.String()] = v
		}
	}
	for i := range pairs {
		va, vb := values[pairs[i].A.String()], values[pairs[i].B.String()]
		for f, name := range fields {
			x := ReviewField{Field: name}
			if va != nil {
				x.A = va[f]
			}
			if vb != nil {
				x.B = vb[f]
			}
			pairs[i].Fields = append(pairs[i].Fields, x)
		}
	}
	return nil
}
