package models

// The arms that nobody declares.
const (
	ArmHoldout   = "holdout"           // kept out of syncs by the segment's holdout
	ArmTreatment = "treatment"         // of a segment with a holdout and no split: everybody else
	ArmUniversal = "universal_holdout" // kept out of syncs by the entity's holdout
)

// UniversalSegment is the name under which the assignments of an entity's holdout stand, beside
// those of its segments.
const UniversalSegment = "*"

// Rule is the condition that says who is in the segment: where, or of a priority being in at
// least one of its segments. It is empty for everybody.
func (s *Segment) Rule() *Condition {
	if len(s.Priority) == 0 {
		return &s.Where
	}
	listed := make([]Condition, len(s.Priority))
	for i, name := range s.Priority {
		listed[i].Segment = name
	}
	return &Condition{Any: listed}
}

// RulePath is the path of what Rule was made from.
func (s *Segment) RulePath() string {
	if len(s.Priority) > 0 {
		return Path("segments", s.Name, "priority")
	}
	return Path("segments", s.Name, "where")
}

// Refers lists the segments that the segment refers to, in the order of their first use.
func (s *Segment) Refers() []string {
	var out []string
	for _, r := range s.references() {
		if !contains(out, r.name) {
			out = append(out, r.name)
		}
	}
	return out
}

// references are the segments that the segment refers to, each with its place.
func (s *Segment) references() []reference {
	if len(s.Priority) == 0 {
		return s.Where.segments(Path("segments", s.Name, "where"))
	}
	var out []reference
	for i, name := range s.Priority {
		out = append(out, reference{name, item(s.RulePath(), i)})
	}
	return out
}

// HoldsOut reports whether the segment has a holdout of its own.
func (s *Segment) HoldsOut() bool { return s.Holdout.BasisPoints > 0 }

// HoldsOut reports whether the entity has a universal holdout.
func (e *Entity) HoldsOut() bool { return e.Holdout.BasisPoints > 0 }

// Arms lists the arms that a sync may name: those of the split, or the segments of the priority.
func (s *Segment) Arms() []string {
	if len(s.Split) > 0 {
		return names(s.Split, func(a *Arm) string { return a.Name })
	}
	return s.Priority
}

// AllArms lists every arm that a member may be in, in the order in which they are told: those of
// Arms or treatment, then the holdouts. It is nil for a segment without arms.
func (m *Model) AllArms(s *Segment) []string {
	out := append([]string(nil), s.Arms()...)
	if s.HoldsOut() {
		if len(out) == 0 {
			out = append(out, ArmTreatment)
		}
		out = append(out, ArmHoldout)
	}
	if e := m.Entity(s.Entity); e != nil && e.HoldsOut() {
		out = append(out, ArmUniversal)
	}
	return out
}

// SaltOf is what the segment's holdout and split are drawn with.
func (s *Segment) SaltOf() string { return or(s.Salt, s.Name) }

// SaltOf is what the universal holdout is drawn with.
func (e *Entity) SaltOf() string { return or(e.Salt, e.Name) }
