package dialect

import (
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// results are the types of functions whose arguments do not matter.
var results = map[rel.Fn]rel.Type{
	rel.Eq: models.Boolean, rel.Ne: models.Boolean, rel.Lt: models.Boolean, rel.Le: models.Boolean,
	rel.Gt: models.Boolean, rel.Ge: models.Boolean, rel.Distinct: models.Boolean, rel.Same: models.Boolean,
	rel.And: models.Boolean, rel.Or: models.Boolean, rel.Not: models.Boolean, rel.IsNull: models.Boolean,
	rel.NotNull: models.Boolean, rel.IsTrue: models.Boolean, rel.RegexTest: models.Boolean,
	rel.HasPrefix: models.Boolean, rel.HasSuffix: models.Boolean, rel.HasBit: models.Boolean,
	rel.Divide: models.Number,
	rel.Mod:    models.Integer, rel.Length: models.Integer, rel.Bytes: models.Integer, rel.Position: models.Integer,
	rel.Hash64: models.Integer, rel.HashRow: models.Integer, rel.Bucket: models.Integer,
	rel.Concat: models.Text, rel.Lower: models.Text, rel.Upper: models.Text, rel.Trim: models.Text,
	rel.Substr: models.Text, rel.Replace: models.Text, rel.RegexDrop: models.Text, rel.SHA256: models.Text,
	rel.RegexReplace: models.Text, rel.Translate: models.Text, rel.Part: models.Text, rel.Unaccent: models.Text,
	rel.UTCText: models.Text, rel.MonthDay: models.Text, rel.JSONText: models.Text,
	rel.AddSecs: models.Timestamp, rel.Instant: models.Timestamp,
	rel.TextList: models.List, rel.ListAny: models.Boolean, rel.ListAll: models.Boolean, rel.GreatCircle: models.Number,
}

// typeOf is the type of an expression as far as the expression itself tells; Unknown for columns
// and the user's own SQL.
func typeOf(e rel.Expr) rel.Type {
	switch e := e.(type) {
	case rel.Lit:
		return e.Type
	case rel.Cast:
		return e.Type
	case rel.InList, rel.Exists:
		return models.Boolean
	case rel.Case:
		types := make([]rel.Type, 0, len(e.Whens)+1)
		for _, a := range e.Whens {
			types = append(types, typeOf(a.Then))
		}
		if e.Else != nil {
			types = append(types, typeOf(e.Else))
		}
		return common(types)
	case rel.Agg:
		return aggregateType(e)
	case rel.Over:
		if e.Agg != nil {
			return aggregateType(*e.Agg)
		}
		return models.Integer
	case rel.Call:
		if t, ok := results[e.Fn]; ok {
			return t
		}
		args := e.Args
		if e.Fn == rel.NullIf && len(args) > 0 {
			args = args[:1]
		}
		types := make([]rel.Type, len(args))
		for i, a := range args {
			types[i] = typeOf(a)
		}
		return common(types)
	}
	return models.Unknown
}

func aggregateType(a rel.Agg) rel.Type {
	switch a.Fn {
	case rel.CountRows, rel.Count, rel.BitXor, rel.BitOr:
		return models.Integer
	case rel.SumInt:
		return models.Integer
	case rel.Collect:
		return models.List
	case rel.Sum, rel.Avg:
		return models.Number
	case rel.Min, rel.Max, rel.First:
		if a.Arg != nil {
			return typeOf(a.Arg)
		}
	}
	return models.Unknown
}

// common is the type of values that meet: one of them, or Number for numbers and integers. An
// integer tells nothing beside something unknown, which may be a Number.
func common(types []rel.Type) rel.Type {
	if len(types) == 0 {
		return models.Unknown
	}
	all := types[0]
	for _, t := range types[1:] {
		switch {
		case t == all:
		case numeric(t) && numeric(all):
			all = models.Number
		case t == models.Unknown && !numeric(all), all == models.Unknown && !numeric(t):
			all = max(t, all) // the one that is known
		default:
			return models.Unknown
		}
	}
	return all
}

func numeric(t rel.Type) bool { return t == models.Integer || t == models.Number }

// isWide tells that the text of an expression of type Integer or Number has that type for the
// warehouse too: 64 bits, or all the digits.
func isWide(e rel.Expr) bool {
	switch e := e.(type) {
	case rel.Lit:
		return e.Value == nil
	case rel.Cast:
		return true
	case rel.Case:
		return !slices.ContainsFunc(e.Whens, func(a rel.When) bool { return !isWide(a.Then) }) && (e.Else == nil || isWide(e.Else))
	case rel.Over:
		return e.Agg == nil || isWide(*e.Agg)
	case rel.Agg:
		switch e.Fn {
		case rel.CountRows, rel.Count, rel.Sum, rel.Avg:
			return true
		}
		return isWide(e.Arg)
	case rel.Call:
		switch e.Fn {
		case rel.Divide, rel.Hash64, rel.HashRow, rel.Bucket, rel.GreatCircle:
			return true
		case rel.Coalesce, rel.Greatest, rel.Least:
			return !slices.ContainsFunc(e.Args, func(a rel.Expr) bool { return !isWide(a) })
		}
	}
	return false
}

// isNumber tells that the text of an expression is a Number for the warehouse too.
func isNumber(e rel.Expr) bool { return typeOf(e) == models.Number && isWide(e) }

// neverNull tells that an expression has a value whatever the columns hold, as far as its form
// shows it.
func neverNull(e rel.Expr) bool {
	switch e := e.(type) {
	case rel.Lit:
		return e.Value != nil
	case rel.Cast:
		return !e.Try && neverNull(e.Expr)
	case rel.Case:
		for _, a := range e.Whens {
			if !neverNull(a.Then) {
				return false
			}
		}
		return e.Else != nil && neverNull(e.Else)
	case rel.Call:
		switch e.Fn {
		case rel.Coalesce:
			return slices.ContainsFunc(e.Args, neverNull)
		case rel.IsNull, rel.NotNull, rel.IsTrue, rel.Distinct, rel.Same:
			return true
		case rel.NullIf, rel.Divide, rel.Mod:
			return false
		}
		return !slices.ContainsFunc(e.Args, func(a rel.Expr) bool { return !neverNull(a) })
	}
	return false
}
