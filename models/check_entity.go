package models

import (
	"fmt"
	"slices"
)

// The names that no entity and no trait can have: they stand in the names of weir's own tables
// and columns.
var (
	reservedEntities = []string{"build", "builds", "deliveries", "epochs", "erasures", "ledger", "plan", "runs", "scratch", "segment_sizes", "staging", "suppressions"}
	reservedTraits   = []string{"profile_id", "anonymous"}
)

// entity checks identity and traits.
func (c *checker) entity(e *Entity) {
	at := Path("entities", e.Name)
	c.name("entity", at, e.Name, reservedEntities...)
	c.identity(e, at+".identity")
	for i := range e.Traits {
		c.trait(e, &e.Traits[i])
	}
	c.together(e)
	c.traitCircles(e)
	c.universal(e)
}

func (c *checker) identity(e *Entity, at string) {
	links := 0
	for i := range e.Identity.Identifiers {
		id := &e.Identity.Identifiers[i]
		if id.Role != "attach" {
			links++
		}
		c.identifier(e, i, id, at+".identifiers."+id.Type)
	}
	if len(e.Identity.Identifiers) > 0 && links == 0 {
		c.failKey(at+".identifiers", "models.no_link", "take role: attach away from the strongest", "every identifier of %s has role attach, so that nothing makes a profile", e.Name)
	}
	if g := e.Identity.Guard; g.MaxProfileSize < 0 {
		c.fail(at+".guard.max_profile_size", "models.limit", "", "max_profile_size must be more than 0")
	}
	c.fuzzy(e, at+".fuzzy")
	c.doubles(at+".from", e.Identity.From)
	beside := map[string]bool{} // identifier types that some source has together with another
	missing := false
	for i, name := range e.Identity.From {
		s, ok := c.sources[name]
		if !ok {
			c.unknown(item(at+".from", i), "source", name, c.m.SourceNames())
			missing = true
			continue
		}
		var held []string
		for _, id := range s.Identifiers {
			if _, ok := c.ids[e.Name][id.Type]; ok {
				held = append(held, id.Type)
			}
		}
		if len(held) == 0 {
			c.fail(item(at+".from", i), "models.no_identifier", fmt.Sprintf("add identifiers: to the source %s, or take it out of this list", name),
				"source %s has no identifier of %s, so that its rows belong to nobody", name, e.Name)
		}
		if len(held) > 1 {
			for _, id := range held {
				beside[id] = true
			}
		}
	}
	if links < 2 || missing {
		return
	}
	for _, id := range e.Identity.Identifiers {
		if id.Role != "attach" && !beside[id.Type] {
			c.warn(at+".identifiers."+id.Type, "models.links_nothing", fmt.Sprintf("add a source that has %s beside another identifier", id.Type),
				"no source of %s has %s beside another identifier, so that it joins nothing", e.Name, id.Type)
			c.out[len(c.out)-1].OnKey = true
		}
	}
}

func (c *checker) identifier(e *Entity, rank int, id *Identifier, at string) {
	c.name("identifier", at, id.Type)
	if id.Limit.Max < 0 || id.Limit.Max == 0 && id.Limit.Within != 0 {
		c.fail(at+".limit", "models.limit", "leave limit out for no limit", "a limit must be at least 1")
	}
	if id.Role == "attach" {
		if id.Limit.Max != 0 {
			c.failKey(at+".limit", "models.attach_limit", "take limit out, or role: attach", "%s has role attach: it never joins two profiles, so that it can have no limit", id.Type)
		}
		if len(id.MaxLinks) > 0 {
			c.failKey(at+".max_links", "models.attach_limit", "take max_links out, or role: attach", "%s has role attach: it never joins two profiles, so that it can have no max_links", id.Type)
		}
	}
	for _, l := range id.MaxLinks {
		p := at + ".max_links." + l.Type
		r, ok := c.ids[e.Name][l.Type]
		switch {
		case !ok:
			c.unknownKey(p, "identifier", l.Type, e.IdentifierNames())
		case r >= rank:
			c.failKey(p, "models.not_stronger", fmt.Sprintf("name an identifier that stands above %s, or move %s above it", id.Type, l.Type),
				"max_links counts values of a stronger identifier; %s is not stronger than %s", l.Type, id.Type)
		case e.Identity.Identifiers[r].Role == "attach":
			c.failKey(p, "models.not_stronger", "name an identifier that links", "%s has role attach and links nothing", l.Type)
		case l.Max < 1:
			c.fail(p, "models.limit", "", "max_links must be at least 1")
		}
	}
	if id.Country != "" {
		switch {
		case id.Normalizer() != "phone":
			c.failKey(at+".country", "models.country", "take country out, or add normalize: phone", "country is for phone numbers; %s is not normalised as phone", id.Type)
		default:
			c.country(at+".country", id.Country)
		}
	}
	if id.ProviderRules && id.Normalizer() != "email" {
		c.failKey(at+".provider_rules", "models.normalize", "take provider_rules out, or add normalize: email", "provider_rules is for emails; %s is not normalised as email", id.Type)
	}
	if id.DateOrder != "" && id.Normalizer() != "date" {
		c.failKey(at+".date_order", "models.normalize", "take date_order out, or add normalize: date", "date_order is for dates; %s is not normalised as date", id.Type)
	}
	if slices.Contains([]string{"name", "address", "date"}, id.Normalizer()) && id.Role != "attach" && len(id.MaxLinks) == 0 {
		c.warn(at+".normalize", "models.shared_value", "add max_links or role: attach, or compare it under fuzzy instead",
			"people share a %s: as an identifier, %s joins everybody who has the same", id.Normalizer(), id.Type)
	}
	for i, g := range id.Ignore {
		if g == "" || g == "*" {
			c.fail(item(at+".ignore", i), "models.ignore", "write a value, with * for any text", "%q ignores everything or nothing", g)
		}
	}
	c.doubles(at+".ignore", id.Ignore)
}

// Normalizer is how values of the identifier are made comparable: what is declared, or by the
// type's name: email for email, phone for phone, trim otherwise.
func (i *Identifier) Normalizer() string {
	switch {
	case i.Normalize != "":
		return i.Normalize
	case slices.Contains([]string{"email", "phone"}, i.Type):
		return i.Type
	}
	return "trim"
}

// FillDefaults writes the documented defaults into the places that were left empty, so that who
// reads the model need not know them: the normaliser and role of identifiers, the bounds of fuzzy matching, the identity guard,
// whether anonymous profiles are in segments, keep of traits from columns, and the salts of holdouts and splits.
func (m *Model) FillDefaults() {
	for i := range m.Entities {
		e := &m.Entities[i]
		if e.Anonymous == "" {
			e.Anonymous = "include"
		}
		e.Salt = e.SaltOf()
		if e.Identity.Guard.MaxProfileSize == 0 {
			e.Identity.Guard.MaxProfileSize = 500
		}
		if !e.Identity.Guard.MaxMerged.Set {
			e.Identity.Guard.MaxMerged = Percent{BasisPoints: 500, Set: true}
		}
		if f := e.Identity.Fuzzy; f != nil {
			f.Threshold, f.Review, f.MaxBlock = f.JoinFrom(), f.ReviewFrom(), f.BlockLimit()
		}
		for j := range e.Identity.Identifiers {
			id := &e.Identity.Identifiers[j]
			id.Normalize = id.Normalizer()
			if id.Role == "" {
				id.Role = "link"
			}
		}
		for j := range e.Traits {
			t := &e.Traits[j]
			if _, columns := t.Columns(); len(columns) > 0 && t.Keep == "" {
				t.Keep = Latest
			}
			if t.RFM != nil {
				t.RFM.Parts = t.RFM.PartsOf()
			}
			if t.Predict != nil && t.Predict.What != "churn" {
				t.Predict.Horizon = Duration(t.Predict.HorizonOf())
			}
		}
	}
	for i := range m.Segments {
		m.Segments[i].Salt = m.Segments[i].SaltOf()
	}
}
