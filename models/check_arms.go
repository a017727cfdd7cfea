package models

import (
	"fmt"
	"strings"

	"github.com/weir-data/weir/models/diag"
)

// reservedArms are the arms that weir itself puts people into.
var reservedArms = []string{ArmHoldout, ArmTreatment, ArmUniversal}

// arms checks what divides the members of a segment: holdout, split, strata and priority. e is nil
// if the segment's entity is not known.
func (c *checker) arms(s *Segment, e *Entity) {
	at := Path("segments", s.Name)
	c.holdout(at, s.Holdout)
	if s.SaltOf() != s.Name && !s.Holdout.Set && s.Split == nil {
		c.warn(at+".salt", "models.no_holdout", "add holdout: or split:, or take salt out", "salt says nothing without a holdout or a split")
	}
	c.split(s, at)
	if s.Priority != nil {
		c.priority(s, at)
	}
	if s.StratifyBy == nil {
		return
	}
	if len(s.Split) == 0 {
		c.failKey(at+".stratify_by", "models.not_beside", "add split:, or take it out", "stratify_by goes with split, and segment %s has none", s.Name)
	}
	c.doubles(at+".stratify_by", s.StratifyBy)
	if e == nil {
		return
	}
	for i, name := range s.StratifyBy {
		if c.traits[e.Name][name] == nil {
			c.unknown(item(at+".stratify_by", i), "trait", name, e.TraitNames())
		}
	}
}

func (c *checker) holdout(at string, share Percent) {
	if share.BasisPoints >= 10000 {
		c.fail(at+".holdout", "models.holdout", "use less than 100%", "a holdout of all leaves nobody to reach")
	}
}

func (c *checker) split(s *Segment, at string) {
	if s.Split == nil {
		return
	}
	if len(s.Priority) > 0 {
		c.failKey(at+".split", "models.not_beside", "split each of the segments that it lists, or write a segment over this one: where: {segment: "+s.Name+"}",
			"split does not go with priority: a member's arm is the first segment that they are in")
	}
	if len(s.Split) < 2 {
		c.failKey(at+".split", "models.split", "name at least two arms, such as {a: 50%, b: 50%}", "a split needs two arms to compare")
		return
	}
	sum := 0
	for _, a := range s.Split {
		sum += a.Share.BasisPoints
		path := at + ".split." + a.Name
		if contains(reservedArms, a.Name) {
			c.failKey(path, "models.reserved_name", "choose another name; to keep people out of syncs, write holdout: beside split", "%q is an arm that weir itself puts people into", a.Name)
		} else if what, fix := NameProblem(a.Name); what != "" {
			c.failKey(path, "models.name", fix, "%s", what)
		}
	}
	if sum != 10000 {
		fix := "change them until they do"
		if sum < 10000 {
			fix = fmt.Sprintf("give the other %s to an arm; to keep people out of syncs, write holdout: beside split", Percent{BasisPoints: 10000 - sum, Set: true})
		}
		c.failKey(at+".split", "models.split", fix, "the shares of the arms sum to %s, not 100%%", sumText(sum))
	}
}

// sumText writes a sum of shares, which may be more than all.
func sumText(basisPoints int) string {
	return strings.TrimSuffix(fmt.Sprintf("%d.%02d", basisPoints/100, basisPoints%100), ".00") + "%"
}

func (c *checker) priority(s *Segment, at string) {
	if !s.Where.empty() {
		c.failKey(at+".priority", "models.too_many", "keep one of them", "segment %s has both where and priority", s.Name)
	}
	at += ".priority"
	if len(s.Priority) == 0 {
		c.failKey(at, "models.empty_list", "name at least one segment", "priority lists no segment, so that nobody is in %s", s.Name)
	}
	c.doubles(at, s.Priority)
	for i, name := range s.Priority {
		other, ok := c.segments[name]
		switch {
		case !ok:
			c.unknown(item(at, i), "segment", name, without(c.m.SegmentNames(s.Entity), s.Name))
		case other.Entity != s.Entity:
			c.fail(item(at, i), "models.other_entity", "list segments of "+s.Entity, "segment %s is of the entity %s, not %s", name, other.Entity, s.Entity)
		case contains(reservedArms, name):
			c.fail(item(at, i), "models.reserved_name", "give the segment another name", "%q is an arm that weir itself puts people into, so that no arm of a priority can have it", name)
		}
	}
}

func without(xs []string, x string) []string {
	var out []string
	for _, y := range xs {
		if y != x {
			out = append(out, y)
		}
	}
	return out
}

// universal checks an entity's holdout.
func (c *checker) universal(e *Entity) {
	at := Path("entities", e.Name)
	c.holdout(at, e.Holdout)
	if e.SaltOf() != e.Name && !e.Holdout.Set {
		c.warn(at+".salt", "models.no_holdout", "add holdout:, or take salt out", "salt says nothing without a holdout")
	}
}

// strata checks the types of the traits by whose values a split is divided.
func (c *columnChecker) strata(e *Entity, s *Segment) {
	for i, name := range s.StratifyBy {
		t := c.traits[e.Name][name]
		if t == nil {
			continue
		}
		path := item(Path("segments", s.Name, "stratify_by"), i)
		switch typ := c.m.TraitType(e, t, c.lookup); typ {
		case List:
			c.fail(path, "models.strata", "name a trait with one value for each person", "%s is a list, and strata are by single values", name)
		case Number, Timestamp:
			c.warn(path, "models.strata", "name a trait with few values, such as a country or a decile",
				"%s is %s: nearly everybody has a value of their own, so that this divides no better than chance", name, named(typ))
		}
	}
}

// CheckArm tells what is wrong with naming an arm of a segment, as a sync does, and what to do; ""
// if nothing is.
func CheckArm(s *Segment, arm string) (what, fix string) {
	arms := s.Arms()
	switch {
	case contains(arms, arm):
		return "", ""
	case arm == ArmHoldout || arm == ArmUniversal:
		return "who is held out is left out of every sync", "name another arm"
	case arm == ArmTreatment && s.HoldsOut() && len(arms) == 0:
		return "who is held out is left out of every sync, so that all others are sent without naming an arm", "take arm out"
	case len(arms) == 0:
		return fmt.Sprintf("segment %s has no arms", s.Name), "take arm out, or give the segment a split: or a priority:"
	}
	return fmt.Sprintf("segment %s has no arm %q", s.Name, arm), diag.DidYouMean(arm, arms)
}
