package dialect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// How tight an expression binds. Comparisons and arithmetic do not mix without parentheses,
// since warehouses differ in the details.
const (
	precOr = iota + 1
	precAnd
	precNot
	precCompare
	precOperator
	precAtom
)

// expr renders an expression.
func (w *writer) expr(e rel.Expr, level int) string {
	text, _ := w.bound(e, level)
	return text
}

// arg renders an expression as an operand of anything.
func (w *writer) arg(e rel.Expr, level int) string { return w.tight(e, precAtom, level) }

// tight renders an expression, in parentheses if it binds less than prec.
func (w *writer) tight(e rel.Expr, prec, level int) string {
	text, p := w.bound(e, level)
	if p < prec {
		return "(" + text + ")"
	}
	return text
}

// bound renders an expression and tells how tight it binds.
func (w *writer) bound(e rel.Expr, level int) (string, int) {
	switch e := e.(type) {
	case rel.Col:
		if e.Table == "" {
			return w.ident(e.Name), precAtom
		}
		return w.ident(e.Table) + "." + w.ident(e.Name), precAtom
	case rel.Lit:
		return w.literal(e), precAtom
	case rel.Call:
		return w.call(e, level)
	case rel.Case:
		return w.cases(e, level), precAtom
	case rel.Cast:
		return w.cast(e, level)
	case rel.InList:
		if len(e.List) == 0 {
			return w.fail("a list to look in is empty"), precAtom
		}
		return w.arg(e.Expr, level) + " IN (" + w.list(e.List, level) + ")", precCompare
	case rel.Exists:
		if w.s.looksUp {
			if text, ok := w.among(e.Query, false, level); ok {
				return text, precAtom
			}
		}
		return "EXISTS " + w.inner(e.Query, level), precAtom
	case rel.Agg:
		return w.aggregate(e, level), precAtom
	case rel.Over:
		return w.over(e, level), precAtom
	case rel.RawExpr:
		text := w.raw(e.SQL)
		if strings.ContainsAny(text, "\n\r") || strings.Contains(text, "--") || w.s.lexicon.mayComment(text) {
			text += "\n"
		}
		return "(" + text + ")", precAtom
	case nil:
		return w.fail("an expression is missing"), precAtom
	default:
		return w.fail("unknown expression %T", e), precAtom
	}
}

func (w *writer) cases(e rel.Case, level int) string {
	if len(e.Whens) == 0 {
		return w.fail("a case has no arms")
	}
	end, in := " ", flat
	if level >= 0 && len(e.Whens) > 1 {
		end, in = nl(level), level+1
	}
	text := "CASE"
	for _, a := range e.Whens {
		text += nl(in) + "WHEN " + w.expr(a.If, in) + " THEN " + w.expr(a.Then, in)
	}
	if e.Else != nil {
		text += nl(in) + "ELSE " + w.expr(e.Else, in)
	}
	return text + end + "END"
}

// operators stand between two operands.
var operators = map[rel.Fn]string{
	rel.Eq: "=", rel.Ne: "<>", rel.Lt: "<", rel.Le: "<=", rel.Gt: ">", rel.Ge: ">=",
	rel.Distinct: "IS DISTINCT FROM", rel.Same: "IS NOT DISTINCT FROM",
	rel.Add: "+", rel.Subtract: "-", rel.Multiply: "*", rel.Mod: "%", rel.Concat: "||",
}

// functions have the same name everywhere.
var functions = map[rel.Fn]string{
	rel.Coalesce: "COALESCE", rel.NullIf: "NULLIF", rel.Greatest: "GREATEST", rel.Least: "LEAST",
	rel.Length: "length", rel.Substr: "substr", rel.Position: "strpos", rel.Replace: "replace",
	rel.HasPrefix: "starts_with", rel.Translate: "translate", rel.Part: "split_part",
}

// arity is the least and most arguments of a function; most 0 means any number.
var arity = map[rel.Fn][2]int{
	rel.Eq: {2, 2}, rel.Ne: {2, 2}, rel.Lt: {2, 2}, rel.Le: {2, 2}, rel.Gt: {2, 2}, rel.Ge: {2, 2},
	rel.Distinct: {2, 2}, rel.Same: {2, 2}, rel.And: {0, 0}, rel.Or: {0, 0}, rel.Not: {1, 1},
	rel.IsNull: {1, 1}, rel.NotNull: {1, 1}, rel.IsTrue: {1, 1}, rel.Coalesce: {1, 0}, rel.NullIf: {2, 2},
	rel.Greatest: {1, 0}, rel.Least: {1, 0}, rel.Add: {2, 0}, rel.Subtract: {2, 2}, rel.Multiply: {2, 0},
	rel.Divide: {2, 2}, rel.Mod: {2, 2}, rel.Concat: {1, 0}, rel.Lower: {1, 1}, rel.Upper: {1, 1},
	rel.Trim: {1, 1}, rel.Length: {1, 1}, rel.Bytes: {1, 1}, rel.Substr: {3, 3}, rel.Position: {2, 2},
	rel.Replace: {3, 3}, rel.RegexTest: {2, 2}, rel.RegexDrop: {2, 2}, rel.HasPrefix: {2, 2},
	rel.HasSuffix: {2, 2}, rel.Hash64: {1, 1}, rel.HashRow: {1, 0}, rel.SHA256: {1, 1}, rel.Bucket: {1, 1}, rel.AddSecs: {2, 2},
	rel.Instant: {2, 2}, rel.MonthDay: {1, 1}, rel.UTCText: {1, 1}, rel.JSONText: {1, 1}, rel.RegexReplace: {3, 3}, rel.Translate: {3, 3}, rel.Part: {3, 3},
	rel.Unaccent: {1, 1}, rel.HasBit: {2, 2}, rel.TextList: {1, 1}, rel.ListAny: {2, 0}, rel.ListAll: {2, 0}, rel.GreatCircle: {4, 4},
}

func (w *writer) call(c rel.Call, level int) (string, int) {
	n, ok := arity[c.Fn]
	if !ok {
		return w.fail("unknown function %q", c.Fn), precAtom
	}
	if len(c.Args) < n[0] || n[1] > 0 && len(c.Args) > n[1] {
		return w.fail("function %s does not take %d arguments", c.Fn, len(c.Args)), precAtom
	}
	if w.s.call != nil {
		if text, prec, ok := w.s.call(w, c, level); ok {
			return text, prec
		}
	}
	switch c.Fn {
	case rel.And:
		return w.chain(c.Args, " AND ", "TRUE", precAnd, level)
	case rel.Or:
		return w.chain(c.Args, " OR ", "FALSE", precOr, level)
	case rel.Not:
		return "NOT " + w.tight(c.Args[0], precAtom, level), precNot
	case rel.IsNull:
		return w.arg(c.Args[0], level) + " IS NULL", precCompare
	case rel.NotNull:
		return w.arg(c.Args[0], level) + " IS NOT NULL", precCompare
	case rel.IsTrue:
		return "COALESCE(" + w.expr(c.Args[0], level) + ", FALSE)", precAtom
	case rel.Divide:
		// The quotient of what may be integers is taken of Numbers.
		return w.s.fn[rel.Divide]([]string{w.arg(c.Args[0], level), w.divisor(c.Args[1], level)}), precAtom
	case rel.Mod:
		return w.arg(c.Args[0], level) + " % " + w.divisor(c.Args[1], level), precOperator
	case rel.HasBit:
		l, _ := c.Args[1].(rel.Lit)
		bit, ok := l.Value.(int64)
		if !ok || bit < 0 || bit > 62 {
			return w.fail("function %s: the bit must be an integer literal from 0 to 62", c.Fn), precAtom
		}
		mask := strconv.FormatInt(1<<bit, 10)
		if has := w.s.fn[rel.HasBit]; has != nil {
			return has([]string{w.arg(c.Args[0], level), mask}), precCompare
		}
		return "(" + w.arg(c.Args[0], level) + " & " + mask + ") <> 0", precCompare
	case rel.RegexTest, rel.RegexDrop, rel.RegexReplace:
		err := checkPattern(c.Args[1])
		if err == nil && c.Fn == rel.RegexReplace {
			err = checkReplacement(c.Args[2])
		}
		if err != nil {
			return w.fail("function %s: %w", c.Fn, err), precAtom
		}
		c.Args = w.patterns(c.Args)
	case rel.Instant, rel.LocalDate:
		if l, ok := c.Args[1].(rel.Lit); !ok || l.Type != models.Text || l.Value == nil {
			return w.fail("function %s: the zone must be a text literal", c.Fn), precAtom
		}
	}
	if op, ok := operators[c.Fn]; ok {
		return w.operator(c, op, level)
	}
	if name, ok := functions[c.Fn]; ok && w.s.fn[c.Fn] == nil {
		return name + "(" + w.list(c.Args, level) + ")", precAtom
	}
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = w.arg(a, level)
	}
	write := w.s.fn[c.Fn]
	if write == nil {
		return w.fail("%s has no function %s", w.s.name, c.Fn), precAtom
	}
	text := write(args)
	if c.Fn == rel.Hash64 && w.s.hashesNull && !neverNull(c.Args[0]) {
		text = "CASE WHEN " + args[0] + " IS NOT NULL THEN " + text + " END"
	}
	return text, precAtom
}

// patterns are the arguments of a function of patterns, as the warehouse's engine reads them.
func (w *writer) patterns(args []rel.Expr) []rel.Expr {
	if w.s.pattern == nil {
		return args
	}
	p := args[1].(rel.Lit).Value.(string)
	out := []rel.Expr{args[0], rel.T(w.s.pattern(p))}
	switch {
	case len(args) > 2 && w.s.replacement == nil:
		out = append(out, args[2])
	case len(args) > 2:
		r, err := w.s.replacement(p, args[2].(rel.Lit).Value.(string))
		if err != nil {
			w.fail("pattern %q: %w", p, err)
		}
		out = append(out, rel.T(r))
	}
	return out
}

// chain joins conditions; none at all is the neutral one.
func (w *writer) chain(args []rel.Expr, word, none string, prec, level int) (string, int) {
	switch len(args) {
	case 0:
		return none, precAtom
	case 1:
		return w.bound(args[0], level)
	}
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = w.tight(a, prec+1, level)
	}
	return strings.Join(parts, word), prec
}

func (w *writer) operator(c rel.Call, op string, level int) (string, int) {
	parts := make([]string, len(c.Args))
	for i, a := range c.Args {
		parts[i] = w.arg(a, level)
	}
	switch c.Fn {
	case rel.Lt, rel.Le, rel.Gt, rel.Ge:
		if typeOf(c.Args[0]) == models.Text || typeOf(c.Args[1]) == models.Text {
			parts[0] = w.s.bytewise(parts[0])
		}
		return strings.Join(parts, " "+op+" "), precCompare
	case rel.Eq, rel.Ne, rel.Distinct, rel.Same:
		return strings.Join(parts, " "+op+" "), precCompare
	}
	if len(parts) == 1 {
		return parts[0], precAtom
	}
	return strings.Join(parts, " "+op+" "), precOperator
}

// divisor makes division by zero NULL.
func (w *writer) divisor(e rel.Expr, level int) string {
	text := w.arg(e, level)
	if l, ok := e.(rel.Lit); ok && l.Value != nil && text != "0" {
		return text
	}
	return "NULLIF(" + w.expr(e, level) + ", 0)"
}

func (w *writer) aggregate(a rel.Agg, level int) string {
	if a.Fn == rel.CountRows {
		if a.Arg != nil || a.Distinct {
			return w.fail("aggregate %s takes no argument", a.Fn)
		}
		return "COUNT(*)"
	}
	if a.Arg == nil {
		return w.fail("aggregate %s needs an argument", a.Fn)
	}
	if (a.Fn == rel.First) != (len(a.OrderBy) > 0) {
		return w.fail("aggregate %s: an order goes with first, and first needs one", a.Fn)
	}
	distinct := ""
	if a.Distinct {
		distinct = "DISTINCT "
	}
	if a.Where != nil && a.Fn != rel.First {
		return w.fail("aggregate %s takes no condition: use a case", a.Fn)
	}
	arg := w.expr(a.Arg, level)
	typ := typeOf(a.Arg)
	switch a.Fn {
	case rel.Count:
		return "COUNT(" + distinct + arg + ")"
	case rel.Sum, rel.Avg:
		switch {
		case typ == models.Integer && w.s.scaledSum:
			arg = "CAST(" + arg + " AS " + w.typeName(models.Number) + ")"
		case typ != models.Integer && !isNumber(a.Arg), a.Fn == rel.Avg && typ == models.Integer && w.s.scaledAvg:
			arg = w.s.number(w.arg(a.Arg, level), true)
		}
		return "CAST(" + map[rel.AggFn]string{rel.Sum: "SUM", rel.Avg: "AVG"}[a.Fn] + "(" + distinct + arg + ") AS " + w.typeName(models.Number) + ")"
	case rel.SumInt:
		return "CAST(SUM(" + distinct + arg + ") AS " + w.typeName(models.Integer) + ")"
	case rel.Min, rel.Max:
		word := map[rel.AggFn]string{rel.Min: "MIN", rel.Max: "MAX"}[a.Fn]
		switch typ {
		case models.Text:
			arg = w.s.bytewise(w.arg(a.Arg, level))
		case models.Boolean:
			word = map[rel.AggFn]string{rel.Min: w.s.boolMin, rel.Max: w.s.boolMax}[a.Fn]
		}
		return word + "(" + arg + ")"
	case rel.Collect:
		return w.s.collect(w.s.bytewise(w.arg(a.Arg, level)))
	case rel.BitXor:
		switch {
		case w.s.xorOf != nil && a.Distinct:
			return w.fail("aggregate %s: not of distinct values on %s", a.Fn, w.s.name)
		case w.s.xorOf != nil:
			return w.s.xorOf(w.arg(a.Arg, level))
		}
		return cmp.Or(w.s.bitXor, "bit_xor") + "(" + distinct + arg + ")"
	case rel.BitOr:
		return cmp.Or(w.s.bitOr, "bit_or") + "(" + arg + ")"
	case rel.First:
		if w.s.first == nil {
			return w.fail("aggregate %s: it must be a column of a select", a.Fn)
		}
		where := ""
		if a.Where != nil {
			where = w.expr(a.Where, level)
		}
		if typ == models.List && w.s.listValue != nil {
			text, back := w.s.listValue(arg)
			return back(w.s.first(text, w.sorted(a.OrderBy, level), where, models.Text))
		}
		if typ == models.Unknown {
			typ = a.Is
		}
		if typ == models.Unknown && w.s.typedFirst {
			return w.fail("aggregate %s: the type of its value is not known, and %s needs it", a.Fn, w.s.name)
		}
		return w.s.first(arg, w.sorted(a.OrderBy, level), where, typ)
	default:
		return w.fail("unknown aggregate %q", a.Fn)
	}
}

// frames are the same everywhere.
var frames = map[rel.Frame]string{
	rel.Before: "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
	rel.After:  "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
}

func (w *writer) over(o rel.Over, level int) string {
	var text string
	switch {
	case (o.Agg == nil) == (o.Rank == ""):
		return w.fail("a window needs either a ranking function or an aggregate")
	case o.Agg != nil:
		if o.Agg.Distinct || o.Agg.Fn == rel.First || o.Agg.Fn == rel.Collect {
			return w.fail("a window cannot take distinct values or the first")
		}
		// A sum is made a Number outside of the window.
		text = w.aggregate(*o.Agg, level)
	case o.Rank == rel.Ntile && o.Parts < 1:
		return w.fail("a window is cut into %d parts", o.Parts)
	case o.Rank != rel.RowNumber && o.Rank != rel.Ntile:
		return w.fail("unknown ranking function %q", o.Rank)
	case len(o.OrderBy) == 0 && len(o.PartitionBy) > 0:
		return w.fail("a ranking within groups needs an order")
	default:
		text = "ROW_NUMBER()"
	}
	var parts []string
	if len(o.PartitionBy) > 0 {
		parts = append(parts, "PARTITION BY "+w.list(o.PartitionBy, level))
	}
	switch {
	case len(o.OrderBy) > 0:
		parts = append(parts, "ORDER BY "+w.sorted(o.OrderBy, level))
	case o.Rank != "" && w.s.anyOrder != "":
		parts = append(parts, "ORDER BY "+w.s.anyOrder)
	}
	if o.Frame != "" {
		frame, ok := frames[o.Frame]
		if !ok || o.Agg == nil || len(o.OrderBy) == 0 {
			return w.fail("frame %q: a frame goes with an aggregate and an order", o.Frame)
		}
		parts = append(parts, frame)
	}
	window := " OVER (" + strings.Join(parts, " ") + ")"
	if o.Rank == rel.Ntile {
		return "CAST(NTILE(" + strconv.Itoa(o.Parts) + ")" + window + " AS " + w.typeName(models.Integer) + ")"
	}
	result := models.Number
	if o.Agg != nil && o.Agg.Fn == rel.SumInt {
		result = models.Integer
	}
	if cast := " AS " + w.typeName(result) + ")"; o.Agg != nil && slices.Contains([]rel.AggFn{rel.Sum, rel.Avg, rel.SumInt}, o.Agg.Fn) {
		return strings.TrimSuffix(text, cast) + window + cast
	}
	return text + window
}
