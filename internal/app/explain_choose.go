package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// choose finds whom the words mean: the entity in which all of them are known, and one meaning of
// each. What may have been meant goes into out.
func (a *App) choose(ctx context.Context, ls []*lookup, out *Meant, words ...string) (*lookup, []*Found, error) {
	var best *lookup
	var found [][]*Found
	known := make([]bool, len(words))
	for _, l := range ls {
		var here [][]*Found
		for i, text := range words {
			if text == "" {
				here = append(here, []*Found{nil})
				continue
			}
			q, err := readAsked(ls, text)
			if err != nil {
				return nil, nil, err
			}
			list, err := l.find(ctx, q)
			if err != nil {
				return nil, nil, err
			}
			known[i] = known[i] || len(list) > 0
			here = append(here, list)
		}
		if slices.ContainsFunc(here, func(list []*Found) bool { return len(list) == 0 }) {
			continue
		}
		if best != nil {
			for _, list := range append(found, here...) {
				out.Candidates = append(out.Candidates, list...)
			}
			return nil, nil, &Error{Kind: Refused, Code: "identity.ambiguous", Message: fmt.Sprintf("%s and %s both have them", best.in.Entity, l.in.Entity), Fix: "say which: --select " + best.in.Entity}
		}
		best, found = l, here
	}
	if best == nil {
		for i, text := range words {
			if !known[i] && text != "" {
				return nil, nil, a.unknown(ctx, ls, out, text)
			}
		}
		return nil, nil, &Error{Kind: Refused, Code: "identity.two_entities", Message: "the two are not of one entity, and nothing joins those", Fix: "ask about two of one entity"}
	}
	var one []*Found
	for _, list := range found {
		if len(list) > 1 {
			out.Candidates = list
			return nil, nil, ambiguous(list)
		}
		one = append(one, list[0])
	}
	return best, one, nil
}

// ambiguous is the error that a value may be several things.
func ambiguous(list []*Found) error {
	var types []string
	for _, f := range list {
		if !slices.Contains(types, f.Type) {
			types = append(types, f.Type)
		}
	}
	if len(types) == 1 {
		return &Error{Kind: Refused, Code: "identity.ambiguous", Message: fmt.Sprintf("rows of %d profiles have this value of %s", len(list), types[0]), Fix: "name one of the profiles by its id"}
	}
	return &Error{Kind: Refused, Code: "identity.ambiguous", Message: "this value is an identifier of several types: " + strings.Join(types, ", "), Fix: "say which: " + types[0] + "=VALUE"}
}

// unknown is the error that nobody has a value.
func (a *App) unknown(ctx context.Context, ls []*lookup, out *Meant, text string) error {
	q, err := readAsked(ls, text)
	if err != nil {
		return err
	}
	for _, l := range ls {
		near, err := l.near(ctx, q)
		if err != nil {
			return err
		}
		out.Near = append(out.Near, near...)
	}
	e := &Error{Kind: Refused, Code: "identity.unknown", Message: "nobody has this id or identifier", Fix: "look at how it is written; a build may also be older than it: weir build"}
	if q.name != "" {
		e.Message = "nobody has this value of " + q.name
	}
	if q.source {
		e.Message = "source " + q.name + " has no row with this key"
	}
	if len(out.Near) > 0 {
		e.Fix = "see what is near to it"
	}
	return e
}
