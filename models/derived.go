package models

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/models/scoring"
)

// TraitsOf lists the other traits that a trait is computed from, each once, in the order of their
// first use. Names of no trait are left out.
func (e *Entity) TraitsOf(t *Trait) []string {
	var out []string
	for _, r := range e.traitRefs(t) {
		if e.Trait(r.name) != nil && !slices.Contains(out, r.name) {
			out = append(out, r.name)
		}
	}
	return out
}

// traitRefs are the names of traits that a trait is computed from, with the path of each.
func (e *Entity) traitRefs(t *Trait) []reference {
	at := Path("entities", e.Name, "traits", t.Name)
	var out []reference
	for _, name := range e.SQLTraits(t) {
		out = append(out, reference{name, at + ".sql"})
	}
	for i, name := range t.Ratio {
		out = append(out, reference{name, item(at+".ratio", i)})
	}
	if t.By != "" {
		out = append(out, reference{t.By, at + ".by"})
	}
	if r := t.RFM; r != nil {
		out = append(out, reference{r.Recency, at + ".rfm.recency"}, reference{r.Frequency, at + ".rfm.frequency"}, reference{r.Monetary, at + ".rfm.monetary"})
	}
	if s := t.Score; s != nil {
		for _, f := range s.Inputs() {
			path := at + ".score"
			if slices.ContainsFunc(s.Features, func(named Feature) bool { return named.Name == f.Name }) {
				path += ".features." + f.Name
			}
			out = append(out, reference{f.Trait, path})
		}
	}
	return out
}

// Derived reports whether a trait is computed from other traits.
func (t *Trait) Derived() bool {
	kinds := t.kinds()
	return len(kinds) > 0 && kinds[0] != "from"
}

// kinds lists the keys that say what a trait is computed from.
func (t *Trait) kinds() []string {
	var out []string
	for _, k := range []struct {
		key string
		set bool
	}{
		{"from", len(t.From) > 0}, {"sql", t.SQL != ""}, {"ratio", t.Ratio != nil},
		{"tiles", t.Tiles != 0 || t.By != ""}, {"rfm", t.RFM != nil}, {"score", t.Score != nil},
	} {
		if k.set {
			out = append(out, k.key)
		}
	}
	return out
}

// RowColumn is the column of the rows of a source that a trait is computed from; "" for none.
func (t *Trait) RowColumn() string {
	if t.Predict != nil {
		return t.Predict.Amount
	}
	return t.Aggregate.Column()
}

// PartsOf is how many parts each of the three is cut into.
func (r *RFM) PartsOf() int { return or(r.Parts, 5) }

// HorizonOf is how far ahead is predicted.
func (p *Predict) HorizonOf() time.Duration {
	return time.Duration(or(p.Horizon, Duration(365*24*time.Hour)))
}

// Load takes what the model's file holds. The error, a *scoring.Unfit, says why nothing can be
// computed by it; a score without a model is nobody's.
func (s *Score) Load(file []byte) (err error) {
	sum := sha256.Sum256(file)
	s.Sum = hex.EncodeToString(sum[:])
	s.Formula, err = scoring.Parse(file)
	return err
}

// Inputs lists the features that the model looks at, in its order, each with the trait that it is:
// the one that is named, or the one with the feature's name, which may be none. It is empty
// without a model.
func (s *Score) Inputs() []Feature {
	if s.Formula == nil {
		return s.Features
	}
	out := make([]Feature, len(s.Formula.Features))
	for i, name := range s.Formula.Features {
		out[i] = Feature{Name: name, Trait: name}
		if at := slices.IndexFunc(s.Features, func(f Feature) bool { return f.Name == name }); at >= 0 {
			out[i].Trait = s.Features[at].Trait
		}
	}
	return out
}

// derived checks a trait that is computed from others.
func (c *checker) derived(e *Entity, t *Trait, at, kind string) {
	c.notBeside(at, kind, t.extras(t.Aggregate.set(), true))
	if t.Type != Unknown {
		c.failKey(at+".type", "models.not_beside", "take it out", "type does not go with %s, whose type is known", kind)
	}
	switch kind {
	case "ratio":
		if len(t.Ratio) != 2 {
			c.fail(at+".ratio", "models.ratio", "write two: [revenue, orders]", "ratio takes two traits, the first divided by the second, not %d", len(t.Ratio))
		}
	case "tiles":
		switch {
		case t.By == "":
			c.failKey(at+".tiles", "models.no_by", "add by: and the name of a trait", "tiles says not by which trait")
		case t.Tiles < 2 || t.Tiles > maxTiles:
			c.fail(at+".by", "models.tiles", "add tiles: 10, for deciles", "there must be 2 to %d tiles, not %d", maxTiles, t.Tiles)
		}
	case "rfm":
		if n := t.RFM.PartsOf(); n < 2 || n > 9 {
			c.fail(at+".rfm.parts", "models.tiles", "write 5, or any number from 2 to 9", "each number of rfm is one digit, so that there are 2 to 9 parts, not %d", n)
		}
	case "score":
		c.score(e, t, at+".score")
		return // which knows better what to do
	}
	c.known(e, t)
}

// maxTiles is more than anybody cuts people into.
const maxTiles = 1000

// known reports references to traits that are not there.
func (c *checker) known(e *Entity, t *Trait) {
	for _, r := range e.traitRefs(t) {
		if c.traits[e.Name][r.name] == nil {
			c.unknown(r.at, "trait", r.name, slices.DeleteFunc(e.TraitNames(), func(n string) bool { return n == t.Name }))
		}
	}
}

// score checks that each feature of the model is a trait, and that the model has each that is named.
func (c *checker) score(e *Entity, t *Trait, at string) {
	s := t.Score
	m := s.Formula
	if m == nil {
		return // whoever reads the file says why
	}
	for _, f := range s.Features {
		if !slices.Contains(m.Features, f.Name) {
			c.unknownKey(at+".features."+f.Name, "feature", f.Name, m.Features)
		}
	}
	for _, f := range s.Inputs() {
		named := slices.ContainsFunc(s.Features, func(x Feature) bool { return x.Name == f.Name })
		switch {
		case c.traits[e.Name][f.Trait] != nil:
		case named:
			c.unknown(at+".features."+f.Name, "trait", f.Trait, e.TraitNames())
		default:
			c.failKey(at, "models.no_feature", fmt.Sprintf("add a trait of that name, or say which it is with features: {%q: …}", f.Name),
				"the model looks at the feature %q, and %s has no trait of that name", f.Name, e.Name)
		}
	}
	if s.Output == "probability" && !m.Classifies() {
		c.fail(at+".output", "models.score_output", "take it out", "the model is no classifier: it gives no probability")
	}
}

// predict checks what is predicted of the rows of a source.
func (c *checker) predict(p *Predict, at string) {
	switch {
	case p.What == "expected_value" && p.Amount == "":
		c.failKey(at, "models.no_amount", "add amount: and the column with the value of a purchase", "expected_value says not what a purchase is worth")
	case p.What != "expected_value" && p.Amount != "":
		c.failKey(at+".amount", "models.not_beside", "take it out, or predict expected_value", "amount does not go with %s", p.What)
	}
	switch {
	case p.What == "churn" && p.Horizon != 0:
		c.failKey(at+".horizon", "models.not_beside", "take it out: churn is for all time to come", "horizon does not go with churn")
	case p.HorizonOf() > maxHorizon:
		c.fail(at+".horizon", "models.horizon", "predict at most 3650d", "nothing can be said of %s ahead", p.Horizon)
	}
}

// maxHorizon is farther than the models hold.
const maxHorizon = 3650 * 24 * time.Hour

// derivedTypes checks the types of the traits that a trait is computed from, as far as they are
// known.
func (c *columnChecker) derivedTypes(e *Entity, t *Trait) {
	numbers, ordered := []Type{Integer, Number}, []Type{Integer, Number, Date, Timestamp}
	check := func(r reference, takes string, types []Type) {
		of := c.traits[e.Name][r.name]
		if of == nil {
			return
		}
		if typ := c.m.TraitType(e, of, c.lookup); typ != Unknown && !slices.Contains(types, typ) {
			c.fail(r.at, "models.trait_type", "name another trait, or make one of another type", "%s takes %s, and %s is %s", t.kinds()[0], takes, r.name, named(typ))
		}
	}
	for _, r := range e.traitRefs(t) {
		switch {
		case t.Ratio != nil:
			check(r, "numbers", numbers)
		case t.Tiles != 0:
			check(r, "numbers, dates or times", ordered)
		case t.RFM != nil && r.at == Path("entities", e.Name, "traits", t.Name, "rfm.recency"):
			check(r, "dates or times", []Type{Date, Timestamp})
		case t.RFM != nil:
			check(r, "numbers", numbers)
		case t.Score != nil:
			check(r, "numbers or true and false", append(slices.Clone(numbers), Boolean))
		}
	}
}

// amount checks the column with the value of a purchase.
func (c *columnChecker) amount(at, source string, p *Predict) {
	if p == nil || p.Amount == "" {
		return
	}
	if t, ok := c.column(at+".predict.amount", false, source, p.Amount); ok && t != Unknown && t != Integer && t != Number {
		c.fail(at+".predict.amount", "models.column_type", "name a column with numbers", "amount takes numbers, and %s.%s is %s", source, p.Amount, named(t))
	}
}

// derivedType is the type of a trait that is no value of a column, no aggregate and no sql.
func (t *Trait) derivedType() Type {
	switch {
	case t.Ratio != nil, t.Score != nil, t.Predict != nil:
		return Number
	case t.Tiles != 0:
		return Integer
	case t.RFM != nil:
		return Text
	}
	return Unknown
}
