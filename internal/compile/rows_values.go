package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// NormalVersion counts changes to how match values are normalised in the warehouse. It is part
// of every fingerprint, so that a new version is sent where it changes a value.
const NormalVersion = 1

// match gives each match value its column. Email and phone values are in their normal form,
// others are trimmed text; what is empty then is absent.
func (d *desired) match() {
	for i, m := range d.sync.Match {
		e, typ, _ := d.value("match."+m.Identifier, m.Trait)
		name := nth("id", i)
		d.ids = append(d.ids, RowColumn{Name: m.Identifier, Type: models.Text})
		text := rel.Expr(rel.Cast{Expr: e, Type: models.Text, From: typ})
		d.texts = append(d.texts, text)
		kind := formKind(d.obj, m.Identifier)
		switch {
		case kind == "" || d.source == nil && d.isNormal(m.Trait, kind):
			d.rows.Columns = append(d.rows.Columns, rel.As(name, rel.F(rel.NullIf, rel.F(rel.Trim, text), rel.T(""))))
		default:
			d.forms = append(d.forms, form{name: name, id: likeIdentifiers(d.in.Model.Entity(d.in.Entity), kind), raw: text})
		}
	}
}

// formKind is email or phone where an identifier of a destination is one, otherwise "".
func formKind(obj destinations.Object, identifier string) string {
	for _, id := range obj.Identifiers {
		if id.Name == identifier {
			switch n := id.Normalise; {
			case strings.Contains(n, "email"):
				return "email"
			case strings.Contains(n, "phone"), strings.Contains(n, "e164"):
				return "phone"
			}
		}
	}
	return ""
}

// isNormal reports whether all that a trait can be is in the normal form already.
func (d *desired) isNormal(trait, kind string) bool {
	e := d.in.Model.Entity(d.in.Entity)
	tr := e.Trait(trait)
	if tr == nil {
		return false
	}
	_, columns := tr.Columns()
	for _, c := range columns {
		s := d.in.Model.Source(c.Source)
		if s == nil || columnType(d.in, c.Source, c.Column) != models.Text {
			return false
		}
		if id := normalOf(e, s, c.Column, tr.PII); id == nil || id.Normalize != kind {
			return false
		}
	}
	return len(columns) > 0
}

// fields gives each field its column.
func (d *desired) fields() {
	for i, f := range d.sync.Fields {
		key := "fields." + f.Name
		col := RowColumn{Name: f.Name, Clear: d.obj.NullClears && d.sync.Mode != syncs.Append}
		var e rel.Expr
		switch {
		case f.Trait != "":
			e, col.Type, _ = d.value(key, f.Trait)
		case f.Value != nil:
			e, col.Type = constant(*f.Value), f.Value.Type
		default:
			e, col.Type = d.text(key, f.Text, i), models.Text
		}
		if slices.ContainsFunc(d.obj.Fields, func(of destinations.Field) bool { return of.Name == f.Name && of.Required }) && !slices.Contains(d.needed, i) {
			d.needed = append(d.needed, i)
		}
		d.columns = append(d.columns, col)
		d.rows.Columns = append(d.rows.Columns, rel.As(nth("field", i), e))
	}
}

func constant(v models.Value) rel.Expr {
	if v.Type == models.Number {
		return rel.N(decimal(v.Text))
	}
	return rel.Of(v)
}

// text is a template with its traits filled in. It is NULL, and the row invalid, where a trait
// without a fallback is absent; blank text counts as absent.
func (d *desired) text(key, template string, i int) rel.Expr {
	parts, err := syncs.ParseText(template)
	if err != nil {
		d.fail(d.problem(key, "syncs.bad_text", err.Error(), ""))
	}
	var out []rel.Expr
	for _, p := range parts {
		if p.Trait == "" {
			out = append(out, rel.T(p.Text))
			continue
		}
		e, typ, _ := d.value(key, p.Trait)
		v := rel.Expr(rel.Cast{Expr: e, Type: models.Text, From: typ})
		if typ == models.Text || typ == models.Unknown {
			v = rel.F(rel.NullIf, rel.F(rel.Trim, v), rel.T(""))
		}
		if p.Optional {
			v = rel.F(rel.Coalesce, v, rel.T(p.Fallback))
		} else if !slices.Contains(d.needed, i) {
			d.needed = append(d.needed, i)
		}
		out = append(out, v)
	}
	switch len(out) {
	case 0:
		return rel.T("")
	case 1:
		return out[0]
	}
	return rel.F(rel.Concat, out...)
}

// fingerprint is a hash of everything that makes a payload out of a row: the mapping, constants,
// texts, and how values are normalised.
func fingerprint(s *syncs.Sync, obj destinations.Object, country string) string {
	type id struct{ Name, Trait, Normalise, Hash string }
	type field struct {
		Name, Trait, Text string
		Value             *models.Value
		Clear             bool
	}
	what := struct {
		Version int
		Country string
		Object  string
		Key     string
		IDs     []id
		Fields  []field
	}{Version: NormalVersion, Country: country, Object: obj.Name, Key: s.Key}
	for _, m := range s.Match {
		x := id{Name: m.Identifier, Trait: m.Trait}
		for _, oid := range obj.Identifiers {
			if oid.Name == m.Identifier {
				x.Normalise, x.Hash = oid.Normalise, oid.Hash
			}
		}
		what.IDs = append(what.IDs, x)
	}
	for _, f := range s.Fields {
		what.Fields = append(what.Fields, field{Name: f.Name, Trait: f.Trait, Text: f.Text, Value: f.Value, Clear: obj.NullClears && s.Mode != syncs.Append})
	}
	b, err := json.Marshal(what)
	if err != nil {
		panic(fmt.Sprintf("compile: a fingerprint of plain values: %v", err)) // strings and numbers always marshal
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
