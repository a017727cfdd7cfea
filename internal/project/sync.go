package project

import (
	"fmt"
	"strings"

	"github.com/robfig/cron/v3"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

type syncT = syncs.Sync

// ScheduleParser reads the schedules of syncs: five fields, or a word such as @daily.
var ScheduleParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// syncs checks every sync, and fills in its defaults.
func (l *loader) syncs() {
	bound := map[string]string{} // ledger key: path of the sync that has it
	for i := range l.p.Syncs {
		s := &l.p.Syncs[i]
		at := models.Path("syncs", s.Name)
		if what, fix := models.NameProblem(s.Name); what != "" {
			l.failKey(at, "models.name", fix, "%s", what)
		}
		c := &syncCheck{loader: l, s: s, at: at}
		c.rows()
		c.arm()
		c.schedule()
		c.every()
		c.after()
		if c.lookup() {
			c.defaults()
			c.modes()
			c.into()
			c.match()
			c.fields()
			c.purposes()
			c.unheld()
			c.denied()
			c.capped()
			c.ledger(bound)
		}
	}
}

// syncCheck checks one sync.
type syncCheck struct {
	*loader
	s      *syncT
	at     string
	dest   *Destination
	spec   destinations.Spec
	object destinations.Object

	entity *models.Entity  // whose profiles are sent; nil for rows of a source or sql, or if unknown
	source *models.Source  // whose rows are sent; nil otherwise
	seg    *models.Segment // whose members are sent; nil otherwise
}

// rows checks what is sent: exactly one of segment, entity, source and sql.
func (c *syncCheck) rows() {
	s, m := c.s, &c.p.Model
	var set []string
	for _, k := range []struct{ key, v string }{{"segment", s.Segment}, {"entity", s.Entity}, {"source", s.Source}, {"sql", s.SQL}} {
		if k.v != "" {
			set = append(set, k.key)
		}
	}
	switch {
	case len(set) == 0:
		c.failKey(c.at, "syncs.no_rows", "add segment: with the name of a segment, or entity:, source: or sql:", "sync %s says not what is sent", s.Name)
	case len(set) > 1:
		c.failKey(c.at+"."+set[1], "syncs.too_many", "keep one of them", "sync %s has more than one of %s", s.Name, strings.Join(set, ", "))
	}
	unknown := func(kind, name string, known []string) {
		fix := diag.DidYouMean(name, known)
		if len(known) == 0 {
			fix = "declare the " + kind + " first"
		}
		c.fail(c.at+"."+kind, "models.unknown_"+kind, fix, "unknown %s %q", kind, name)
	}
	if s.Segment != "" {
		if c.seg = m.Segment(s.Segment); c.seg == nil {
			unknown("segment", s.Segment, m.SegmentNames(""))
		} else {
			c.entity = m.Entity(c.seg.Entity)
		}
	}
	if s.Entity != "" {
		if c.entity = m.Entity(s.Entity); c.entity == nil {
			unknown("entity", s.Entity, m.EntityNames())
		}
	}
	if s.Source != "" {
		if c.source = m.Source(s.Source); c.source == nil {
			unknown("source", s.Source, m.SourceNames())
		}
	}
	switch {
	case s.SQL != "" && s.Key == "":
		c.failKey(c.at, "syncs.no_key", "add key: with the column whose value names a row", "sync %s sends the rows of sql and has no key", s.Name)
	case s.SQL == "" && s.Key != "":
		c.failKey(c.at+".key", "syncs.not_beside", "take it out", "key goes with sql")
	}
}

func (c *syncCheck) schedule() {
	s := strings.TrimSpace(c.s.Schedule)
	if c.s.Schedule == "" {
		return
	}
	const fix = `write minute, hour, day, month and weekday, such as "0 * * * *", or @daily`
	if strings.HasPrefix(s, "TZ=") || strings.HasPrefix(s, "CRON_TZ=") {
		c.fail(c.at+".schedule", "syncs.schedule", "take the zone out; schedules are in the project's timezone", "a schedule names no time zone")
		return
	}
	sched, err := ScheduleParser.Parse(s)
	if err != nil {
		c.fail(c.at+".schedule", "syncs.schedule", fix, "%q is not a schedule: %s", c.s.Schedule, cronReason(err))
		return
	}
	if sched.Next(epoch).IsZero() {
		c.fail(c.at+".schedule", "syncs.schedule", fix, "%q names a day that never comes", c.s.Schedule)
	}
}

// lookup finds destination and object.
func (c *syncCheck) lookup() bool {
	s := c.s
	if s.Destination == "" {
		return false
	}
	if c.dest = c.p.Destination(s.Destination); c.dest == nil {
		var known []string
		for _, d := range c.p.Destinations {
			known = append(known, d.Name)
		}
		fix := diag.DidYouMean(s.Destination, known)
		if len(known) == 0 {
			fix = "declare it under destinations: first"
		}
		c.fail(c.at+".destination", "syncs.unknown_destination", fix, "unknown destination %q", s.Destination)
		return false
	}
	d, ok := destinations.Lookup(c.dest.Type)
	if !ok {
		return false // reported at the destination
	}
	c.spec = d.Spec()
	if c.object, ok = c.spec.Object(s.Object); !ok {
		var known []string
		for _, o := range c.spec.Objects {
			known = append(known, o.Name)
		}
		c.fail(c.at+".object", "syncs.unknown_object", diag.DidYouMean(s.Object, known), "unknown object %q of %s", s.Object, c.spec.Title)
		return false
	}
	return true
}

// defaults fills in what was not written, as the docs of syncs.Sync say it.
func (c *syncCheck) defaults() {
	s, o := c.s, c.object
	s.Object = o.Name
	if s.Mode == "" {
		switch {
		case o.Supports(destinations.Emit):
			s.Mode = syncs.Append
		case o.Target, !o.Supports(destinations.Upsert):
			s.Mode = syncs.Mirror
		default:
			s.Mode = syncs.Upsert
		}
	}
	if s.OnLeave == "" {
		s.OnLeave = syncs.Keep
		if s.Mode == syncs.Mirror {
			s.OnLeave = syncs.Remove
		}
	}
	if s.FirstRun == "" {
		s.FirstRun = syncs.Adopt
		if s.Mode == syncs.Append {
			s.FirstRun = syncs.Skip
		}
	}
	if s.Again == "" && s.Mode == syncs.Append {
		s.Again = "never"
	}
	percent := func(p *models.Percent, basisPoints int) {
		if !p.Set {
			*p = models.Percent{BasisPoints: basisPoints, Set: true}
		}
	}
	percent(&s.Guard.MaxRemoved, 2000)
	percent(&s.Guard.MaxAdded, 5000)
	percent(&s.Guard.MaxRejected, 500)
}

// modes checks that the object can do what mode, on_leave, first_run and again ask for.
func (c *syncCheck) modes() {
	s, o := c.s, c.object
	var can []string
	for _, m := range []syncs.Mode{syncs.Mirror, syncs.Add, syncs.Upsert, syncs.Append} {
		if enters(m, o) {
			can = append(can, string(m))
		}
	}
	if !enters(s.Mode, o) {
		c.fail(c.orKey("mode"), "syncs.mode", "use mode: "+strings.Join(can, " or "), "%s can not do mode %s with %s", c.spec.Title, s.Mode, c.object.Name)
		return
	}
	switch {
	case s.Mode == syncs.Append || s.Mode == syncs.Add:
		if s.OnLeave != syncs.Keep {
			c.fail(c.orKey("on_leave"), "syncs.not_beside", "take it out", "nobody leaves in mode %s, so that on_leave can not be %s", s.Mode, s.OnLeave)
		}
	case s.OnLeave == syncs.Remove && !o.Supports(destinations.Remove) && !o.Supports(destinations.Delete):
		c.fail(c.orKey("on_leave"), "syncs.on_leave", "use on_leave: "+leaves(o), "%s can not remove a %s", c.spec.Title, o.Name)
	case s.OnLeave == syncs.Clear && !o.Supports(destinations.Clear):
		c.fail(c.orKey("on_leave"), "syncs.on_leave", "use on_leave: "+leaves(o), "%s can not clear the fields of a %s", c.spec.Title, o.Name)
	}
	emission := s.FirstRun == syncs.Send || s.FirstRun == syncs.Skip
	switch {
	case s.Mode == syncs.Append && !emission:
		c.fail(c.at+".first_run", "syncs.first_run", "use send or skip", "in mode append a first run sends or skips; it can not %s", s.FirstRun)
	case s.Mode != syncs.Append && emission:
		c.fail(c.at+".first_run", "syncs.first_run", "use adopt", "first_run: %s goes with mode append only", s.FirstRun)
	case s.FirstRun == syncs.Replace:
		c.replaces()
	}
	if s.Again != "" && s.Mode != syncs.Append {
		c.failKey(c.at+".again", "syncs.not_beside", "take it out", "again goes with mode append only")
	} else if again, err := s.Reentry(); err != nil {
		c.fail(c.at+".again", "syncs.again", `write never, on_reentry, or "after: 30d"`, "%v", err)
	} else if s.Mode == syncs.Append {
		s.Again = again.String()
	}
}

// replaces checks that a first run can replace who is there: it reads the members back, and removes
// who is not wanted by the values that it read.
func (c *syncCheck) replaces() {
	s, o := c.s, c.object
	wrong := func(fix, format string, args ...any) {
		c.fail(c.at+".first_run", "syncs.first_run", fix, format, args...)
	}
	switch {
	case s.Mode != syncs.Mirror || s.OnLeave != syncs.Remove:
		wrong("use adopt, or mode: mirror with on_leave: remove", "first_run: replace takes out who is not wanted, which mode %s with on_leave: %s does not", s.Mode, s.OnLeave)
	case !o.Listed:
		wrong("use adopt, and take out at the destination who should not be there", "%s can not tell who is there already (%s), so that a first run can not replace them", c.spec.Title, o.Name)
	}
	for _, m := range s.Match {
		for _, id := range o.Identifiers {
			if id.Name == m.Identifier && id.Hash != "" && o.Listed {
				wrong("map what is sent in plain, or use adopt", "%s.%s is sent as a hash, by which nobody whom weir did not send can be removed", o.Name, m.Identifier)
			}
		}
	}
}

// orKey is the path of a key if it was written, and of the sync otherwise: what is at fault may
// be a default.
func (c *syncCheck) orKey(key string) string {
	if doc := c.p.owner(c.at); doc != nil && !doc.Has(c.at+"."+key) {
		return c.at
	}
	return c.at + "." + key
}

// enters reports whether an object has the operation by which a mode brings people in.
func enters(m syncs.Mode, o destinations.Object) bool {
	switch m {
	case syncs.Mirror:
		return (o.Supports(destinations.Add) || o.Supports(destinations.Upsert)) && (o.Supports(destinations.Remove) || o.Supports(destinations.Delete))
	case syncs.Add:
		return o.Supports(destinations.Add) || o.Supports(destinations.Upsert)
	case syncs.Upsert:
		return o.Supports(destinations.Upsert)
	}
	return o.Supports(destinations.Emit)
}

// leaves lists the choices of on_leave that an object has.
func leaves(o destinations.Object) string {
	out := []string{}
	if o.Supports(destinations.Remove) || o.Supports(destinations.Delete) {
		out = append(out, "remove")
	}
	if o.Supports(destinations.Clear) {
		out = append(out, "clear")
	}
	return strings.Join(append(out, "keep"), " or ")
}

// into checks the name of the list and the parameters of the object.
func (c *syncCheck) into() {
	s, o := c.s, c.object
	switch {
	case o.Target && strings.TrimSpace(s.Into) == "":
		c.failKey(c.at, "syncs.no_into", fmt.Sprintf("add into: with the name of the %s", o.Name), "sync %s says not into which %s people go", s.Name, o.Name)
	case !o.Target && s.Into != "":
		c.failKey(c.at+".into", "syncs.not_beside", "take it out", "%s %s has no lists to go into", c.spec.Title, o.Name)
	}
	dest, _ := destinations.Lookup(c.dest.Type) // lookup found it
	filled, problems := destinations.CheckWith(dest, o.Name, s.With)
	for _, q := range problems {
		c.setting(c.at+".with", q)
	}
	if len(problems) == 0 && len(filled) > 0 {
		s.With = filled
	}
	for name, v := range s.With {
		if text, ok := v.(string); ok {
			c.references(c.at+".with."+name, text)
		}
	}
}
