package app

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// anyValue is the kind of a value that may be of no identifier type of the project.
const anyValue = "value"

// kinds are, for each identifier that a sync maps, the kinds as which it is compared with erasures
// and suppressions; none for what names nobody.
//
//	it is an email, or a phone                      every type that holds these: an address is
//	                                                one mailbox, whatever the project calls it
//	its trait comes from columns with identifiers   their types
//	anything else                                   every type
//
// What it is says the destination, or the types of the columns.
func (a *App) kinds(s *syncs.Sync) map[string][]string {
	out := map[string][]string{}
	obj, ok := a.objectOf(s)
	if !ok {
		return out
	}
	naming := a.naming(s)
	for _, m := range s.Match {
		if !naming[m.Identifier] {
			out[m.Identifier] = []string{}
			continue
		}
		of := a.typesOf(s, m.Trait)
		forms := map[string]bool{}
		for _, id := range obj.Identifiers {
			if id.Name == m.Identifier {
				forms[takenFor(id)] = true
			}
		}
		for _, t := range of {
			forms[a.formOf(t)] = true
		}
		delete(forms, "")
		if of == nil && len(forms) == 0 {
			of = append(a.typesLike(s, ""), anyValue)
		}
		for _, form := range slices.Sorted(maps.Keys(forms)) {
			of = append(append(of, a.typesLike(s, form)...), form)
		}
		slices.Sort(of)
		out[m.Identifier] = slices.Compact(of)
	}
	return out
}

// kindsOf is kinds by the name of a sync, for a ledger; nil for a sync that the project has no more.
func (a *App) kindsOf(sync, identifier string) []string {
	s := a.p.Sync(sync)
	if s == nil {
		return nil
	}
	return a.kinds(s)[identifier]
}

// takenFor says whether a destination takes an identifier for an email, a phone, or neither.
func takenFor(id destinations.Identifier) string {
	for _, kind := range []string{"email", "phone"} {
		if strings.Contains(id.Normalise, kind) {
			return kind
		}
	}
	return ""
}

// typesOf are the identifier types that a trait, or the column of a source sync, certainly holds;
// nil where that cannot be told.
func (a *App) typesOf(s *syncs.Sync, trait string) []string {
	columns := []string{s.Source + "." + trait}
	if s.Source == "" {
		e := a.p.Model.Entity(a.entityOf(s))
		if e == nil {
			return nil
		}
		t := e.Trait(trait)
		if t == nil || t.SQL != "" || len(t.From) == 0 || t.Aggregate != (models.Aggregate{}) {
			return nil
		}
		columns = t.From
	}
	var out []string
	for _, c := range columns {
		name, column, _ := strings.Cut(c, ".")
		found := false
		if src := a.p.Model.Source(name); src != nil {
			for _, id := range src.Identifiers {
				if id.Column == column {
					out, found = append(out, id.Type), true
				}
			}
		}
		if !found {
			return nil
		}
	}
	return out
}

// typesLike are the identifier types of the sync's entity, or of all where it has none, that hold
// emails or phones as form says; all types for "".
func (a *App) typesLike(s *syncs.Sync, form string) []string {
	var out []string
	own := a.entityOf(s)
	for i := range a.p.Model.Entities {
		e := &a.p.Model.Entities[i]
		if own != "" && own != e.Name {
			continue
		}
		for _, t := range identifierTypes(e) {
			if form == "" || a.formOf(t) == form {
				out = append(out, t)
			}
		}
	}
	return out
}

// formOf says whether an identifier type holds emails, phones, or neither.
func (a *App) formOf(name string) string {
	for i := range a.p.Model.Entities {
		if id, _ := a.p.Model.Entities[i].Identifier(name); id != nil {
			if form := cmp.Or(id.Normalize, id.Type); form == "email" || form == "phone" {
				return form
			}
		}
	}
	return ""
}

// identifiersOf are identifiers as the ledger knows them.
func identifiersOf(list []Member) []ledger.Identifier {
	var out []ledger.Identifier
	for _, m := range list {
		out = append(out, ledger.Identifier{Kind: m.Type, Value: m.Value})
	}
	return out
}
