package dialect

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// cast renders a conversion. Only pairs of types that have a meaning are converted; the others
// are a fault, or NULL with Try.
func (w *writer) cast(c rel.Cast, level int) (string, int) {
	to := w.typeName(c.Type)
	from := c.From
	if from == models.Unknown {
		from = typeOf(c.Expr)
	}
	if l, ok := c.Expr.(rel.Lit); ok && l.Value == nil {
		return "CAST(NULL AS " + to + ")", precAtom
	}
	x := w.arg(c.Expr, level)
	direct := "CAST(" + w.expr(c.Expr, level) + " AS " + to + ")"
	if c.Type == models.Text {
		return w.s.bytewise(w.castText(c, from, x, direct)), precAtom
	}
	if from == models.Unknown && (c.Try && c.Type != models.Number || c.Type == models.Boolean) {
		from, x = models.Text, w.s.anyText(x)
	}
	if _, raw := c.Expr.(rel.RawExpr); raw && c.Type == models.List && w.s.textLists {
		return w.s.fn[rel.TextList]([]string{x}), precAtom // what the user's SQL gives is an array
	}
	switch {
	case c.Type == models.Number && (from == models.Number || from == models.Unknown):
		return w.number(c.Expr, x, c.Try), precAtom
	case from == models.Unknown && c.Type == models.Integer && w.s.truncates:
		return w.s.whole("CAST("+x+" AS "+w.typeName(models.Number)+")", false), precAtom
	case from == c.Type, from == models.Unknown:
		return direct, precAtom
	case from == models.Text:
		return w.castFromText(c, x, direct), precAtom
	}
	switch [2]rel.Type{from, c.Type} {
	case [2]rel.Type{rel.Double, models.Number}:
		return w.numberOfDouble(x, c.Try), precAtom
	case [2]rel.Type{models.Integer, models.Number}, [2]rel.Type{models.Date, models.Timestamp}:
		return direct, precAtom
	case [2]rel.Type{models.Number, models.Integer}:
		return w.s.whole(w.number(c.Expr, x, c.Try), c.Try), precAtom
	case [2]rel.Type{models.Boolean, models.Integer}, [2]rel.Type{models.Boolean, models.Number}:
		return "CAST(CASE WHEN " + x + " THEN 1 WHEN NOT " + x + " THEN 0 END AS " + to + ")", precAtom
	case [2]rel.Type{models.Integer, models.Boolean}, [2]rel.Type{models.Number, models.Boolean}:
		return x + " <> 0", precCompare
	case [2]rel.Type{models.Timestamp, models.Date}:
		return w.s.day(x), precAtom
	}
	if c.Try {
		return "CAST(NULL AS " + to + ")", precAtom
	}
	return w.fail("a value of type %s cannot become one of type %s", from, c.Type), precAtom
}

// number makes the text x of a numeric expression a Number, unless it is one.
func (w *writer) number(e rel.Expr, x string, try bool) string {
	if isNumber(e) {
		return x
	}
	return w.s.number(x, try)
}

func (w *writer) castText(c rel.Cast, from rel.Type, x, direct string) string {
	switch from {
	case models.Text:
		if _, column := c.Expr.(rel.Col); !column {
			return x
		}
		return direct
	case models.Boolean:
		if w.s.boolText != nil {
			return w.s.boolText(x)
		}
		return direct
	case models.Integer, models.Date:
		return direct
	case models.Number:
		return w.s.numberText(w.number(c.Expr, x, true))
	case models.Timestamp:
		return w.s.fn[rel.UTCText]([]string{x})
	case models.List:
		return w.s.listText(x)
	default:
		return w.s.anyText(x)
	}
}

func (w *writer) castFromText(c rel.Cast, x, direct string) string {
	switch {
	case c.Type == models.Boolean:
		return "CASE WHEN lower(trim(" + x + ")) IN ('true', 't', 'yes', 'y', 'on', '1') THEN TRUE" +
			" WHEN lower(trim(" + x + ")) IN ('false', 'f', 'no', 'n', 'off', '0') THEN FALSE END"
	case !c.Try:
		return direct
	default:
		return w.s.tryText(x, c.Type)
	}
}

// The forms that a text must have to be tried, common to the dialects. What is wanted is the
// only group; they have no backslashes, so that every literal is plain.
const (
	space         = `[[:space:]]*`
	integerShape  = `^` + space + `([+-]?[0-9]{1,40})` + space + `$`
	numberShape   = `^` + space + `([+-]?(?:[0-9]{1,28}(?:[.][0-9]*)?|[.][0-9]+|[0-9](?:[.][0-9]*)?[eE](?:[+]?[01]?[0-9]|[+]?2[0-7]|-[0-9]{1,2})))` + space + `$`
	clockShape    = `(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]+)?)?(?: ?(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?))?)?`
	dateShape     = `[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}`
	leapDayShape  = `(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:1[26]|[2468][048]|[3579][26])00)-02-29`
	realDateShape = `(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|` + leapDayShape + `)`
)

// dayOf and instantOf are the shapes of a date, with anything after it, and of a timestamp.
func dayOf(date string) string     { return `^` + space + `(` + date + `)(?:[T ].*)?$` }
func instantOf(date string) string { return `^` + space + `(` + date + clockShape + `)` + space + `$` }
