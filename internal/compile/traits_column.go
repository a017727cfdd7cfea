package compile

import (
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// piece is a column that a trait may take its value from.
type piece struct {
	source *models.Source
	value  rel.Expr // of a row
	typ    models.Type
	normal *models.Identifier // the form that the value is brought into, or nil
}

// column is a trait that keeps one value of one or several columns. Absent values never win.
// Ties end in the order of the sources, then of the keys and values, so that the result does not
// depend on the order in which rows are met.
func (t *traits) column(tr *models.Trait) rel.Expr {
	pieces, typ, ok := t.pieces(tr)
	if !ok {
		return rel.Null(models.Text)
	}
	if tr.Keep == models.MostFrequent {
		return t.frequent(tr, pieces)
	}
	if (tr.Keep == models.AnyTrue || tr.Keep == models.AllTrue) && typ != models.Boolean && typ != models.Unknown {
		return t.fail(unfit(t.path(tr, "keep"), tr.From[0], fmt.Errorf("%s needs true and false, not %s", tr.Keep, typ), "say type: boolean, or keep another way"))
	}
	var ws []winner
	for i := range pieces {
		w, ok := t.winner(tr, i)
		if !ok {
			return rel.Null(models.Text)
		}
		ws = append(ws, w)
	}
	value := valueOf(tr.Keep, ws)
	t.note(tr, value, ws)
	return value
}

// pieces reads the columns of a trait, as values of one type. What does not fit is reported once.
func (t *traits) pieces(tr *models.Trait) ([]piece, models.Type, bool) {
	r, ok := t.read[tr.Name]
	if !ok {
		r.pieces, r.typ, r.ok = t.readPieces(tr)
		t.read[tr.Name] = r
	}
	return r.pieces, r.typ, r.ok
}

// reading is what pieces found.
type reading struct {
	pieces []piece
	typ    models.Type
	ok     bool
}

func (t *traits) readPieces(tr *models.Trait) ([]piece, models.Type, bool) {
	_, columns := tr.Columns()
	var out []piece
	var types []models.Type
	good := true
	for _, c := range columns {
		source := t.in.Model.Source(c.Source)
		if source == nil {
			t.fail(unknownSource(t.in, t.path(tr, "from"), c.Source))
			return nil, "", false
		}
		e, typ, problem := ownColumn(t.in, source, c.Column)
		if problem != nil {
			problem.Path = t.path(tr, "from")
			t.fail(*problem)
			good = false
			continue
		}
		p := piece{source: source, value: e, typ: typ}
		if typ == models.Text || typ == models.Unknown {
			if p.normal = normalOf(t.entity, source, c.Column, tr.PII); p.normal != nil {
				typ, p.typ = models.Text, models.Text
			}
		}
		out = append(out, p)
		types = append(types, typ)
	}
	if !good || len(out) == 0 {
		return nil, "", false
	}
	typ := tr.Type
	if typ == models.Unknown {
		var ok bool
		if typ, ok = commonType(types); !ok {
			t.fail(unfit(t.path(tr, "from"), strings.Join(tr.From, ", "), fmt.Errorf("the columns have types that do not go together, %v", types), "say type: text, or another"))
			return nil, "", false
		}
	}
	for _, p := range out {
		if p.typ != typ && p.typ != models.Unknown && (typ == models.List || p.typ == models.List && typ != models.Text) {
			t.fail(unfit(t.path(tr, "type"), strings.Join(tr.From, ", "), fmt.Errorf("%s cannot become %s", p.typ, typ), "take type out, or make the value in a query: sql: in place of the source's table:"))
			return nil, "", false
		}
	}
	if typ == models.List && tr.Keep == models.Longest {
		t.fail(unfit(t.path(tr, "keep"), strings.Join(tr.From, ", "), fmt.Errorf("longest takes text, not a list"), "use another keep"))
		return nil, "", false
	}
	for i := range out {
		p := &out[i]
		if p.typ != typ && typ != models.Unknown {
			if typ == models.Timestamp && p.typ == models.Date {
				p.value = rel.F(rel.Instant, p.value, rel.T(t.in.zone().String()))
			} else {
				p.value = rel.Cast{Expr: p.value, Type: typ, Try: true, From: p.typ}
			}
			p.typ = typ
		}
	}
	return out, typ, true
}

// commonType is the type that values of several types have together.
func commonType(types []models.Type) (models.Type, bool) {
	out := types[0]
	for _, typ := range types[1:] {
		switch {
		case typ == out || typ == models.Unknown:
		case out == models.Unknown:
			out = typ
		case out == models.Integer && typ == models.Number || out == models.Number && typ == models.Integer:
			out = models.Number
		case out == models.Date && typ == models.Timestamp || out == models.Timestamp && typ == models.Date:
			out = models.Timestamp
		default:
			return models.Unknown, false
		}
	}
	return out, true
}
