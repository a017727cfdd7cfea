package models

import (
	"fmt"
	"slices"
	"strings"
)

// maxFuzzyFields bounds what is compared: each field is a few columns of every pair.
const maxFuzzyFields = 40

// fuzzy checks how records are matched that no identifier joins.
func (c *checker) fuzzy(e *Entity, at string) {
	f := e.Identity.Fuzzy
	if f == nil {
		return
	}
	if len(f.Fields) > maxFuzzyFields {
		c.failKey(at+".fields", "models.fuzzy_fields", "compare the fields that tell people apart best", "%d fields are compared; at most %d are allowed", len(f.Fields), maxFuzzyFields)
	}
	for i := range f.Fields {
		c.fuzzyField(e, &f.Fields[i], at+".fields."+f.Fields[i].Name)
	}
	c.fuzzyBlocks(f, at+".block")
	for i := range f.Compare {
		c.fuzzyCompare(f, &f.Compare[i], at+".compare."+f.Compare[i].Field)
	}
	if len(f.Fields) > 0 && len(f.Compare) == 0 {
		c.failKey(at+".compare", "models.fuzzy_no_compare", "add a field with its levels, such as last_name: [exact, {jaro_winkler: 0.9}]", "nothing is compared")
	}
	c.fuzzyWeights(f, at+".weights.given")
	c.fuzzyBounds(f, at)
}

func (c *checker) fuzzyField(e *Entity, field *FuzzyField, at string) {
	c.name("field", at, field.Name)
	c.doubles(at+".from", field.From)
	for i, sc := range field.Columns() {
		p := at + ".from"
		if len(field.From) > 1 {
			p = item(p, i)
		}
		s := c.memberSource(e, p, sc.Source)
		switch {
		case sc.Column == "":
			c.fail(p, "models.no_column", "write source.column", "%q names no column", field.From[i])
		case s == nil:
		case s.Time != "":
			c.fail(p, "models.fuzzy_events", fmt.Sprintf("name a source with updated_at; the rows of %s are events", s.Name), "events are not compared, records are")
		case s.UpdatedAt == "":
			c.fail(p, "models.no_time", fmt.Sprintf("add updated_at: to the source %s", s.Name), "records are compared, and source %s has no updated_at", s.Name)
		}
	}
	if field.Country != "" {
		switch {
		case field.Normalize != "phone":
			c.failKey(at+".country", "models.country", "take country out, or add normalize: phone", "country is for phone numbers; %s is not normalised as phone", field.Name)
		default:
			c.country(at+".country", field.Country)
		}
	}
	if field.DateOrder != "" && field.Normalize != "date" {
		c.failKey(at+".date_order", "models.fuzzy_dates", "take date_order out, or add normalize: date", "date_order is for dates; %s is not normalised as date", field.Name)
	}
	if field.First < 0 {
		c.fail(at+".first", "models.limit", "", "first must be at least 1")
	}
}

// fuzzyKnown reports a field that is not declared.
func (c *checker) fuzzyKnown(f *Fuzzy, path, name string, key bool) bool {
	if _, i := f.Field(name); i >= 0 {
		return true
	}
	if key {
		c.unknownKey(path, "field", name, f.FieldNames())
	} else {
		c.unknown(path, "field", name, f.FieldNames())
	}
	return false
}

func (c *checker) fuzzyBlocks(f *Fuzzy, at string) {
	if len(f.Block) == 0 {
		c.failKey(at, "models.fuzzy_no_block", "add a list of fields, such as [last_name, postcode]", "without a block no pair is compared")
	}
	seen := map[string]bool{}
	for i, b := range f.Block {
		p := item(at, i)
		if len(b.Fields) == 0 {
			c.fail(p, "models.fuzzy_no_block", "name a field", "a block of no field compares every record with every other")
		}
		for j, name := range b.Fields {
			c.fuzzyKnown(f, item(p, j), name, false)
		}
		c.doubles(p, b.Fields)
		sorted := slices.Clone(b.Fields)
		slices.Sort(sorted)
		key := strings.Join(sorted, " ")
		if seen[key] {
			c.fail(p, "models.doubled", "take one of them out", "this block stands twice")
		}
		seen[key] = true
	}
}

func (c *checker) fuzzyCompare(f *Fuzzy, x *FuzzyCompare, at string) {
	if !c.fuzzyKnown(f, at, x.Field, true) {
		return
	}
	if len(x.Levels) == 0 {
		c.fail(at, "models.fuzzy_level", "write exact, or a measure such as {jaro_winkler: 0.9}", "%s has no level of agreement", x.Field)
	}
	last := map[string]float64{}
	for i := range x.Levels {
		l, p := &x.Levels[i], item(at, i)
		kinds := l.kinds()
		switch len(kinds) {
		case 1:
		case 0:
			c.fail(p, "models.fuzzy_level", "write exact, or a measure such as {jaro_winkler: 0.9}", "this level says nothing")
			continue
		default:
			c.fail(p, "models.too_many", "keep one of them, and make the other a level of its own", "a level has one measure, not %s", strings.Join(kinds, " and "))
			continue
		}
		c.fuzzyLevel(f, x, l, p)
		// Within one measure, a level that is not looser than one before it never holds.
		kind := kinds[0]
		loose := map[string]float64{"is": 1, "jaro_winkler": -l.JaroWinkler, "levenshtein": float64(l.Levenshtein), "days": float64(l.Days), "first": -float64(l.First), "swapped": 1}[kind]
		if before, ok := last[kind]; ok && loose <= before && kind != "swapped" {
			c.fail(p, "models.fuzzy_order", "write levels from best to worst", "this level never holds: one above it takes all its pairs")
		}
		last[kind] = loose
		if l.Is == "exact" && i > 0 {
			c.fail(p, "models.fuzzy_order", "write exact first", "exact never holds here: the levels above it take its pairs")
		}
	}
}

func (c *checker) fuzzyLevel(f *Fuzzy, x *FuzzyCompare, l *FuzzyLevel, p string) {
	switch {
	case l.Is != "" && l.Is != "exact":
		c.fail(p, "models.fuzzy_level", "write exact, or a measure such as {jaro_winkler: 0.9}, {levenshtein: 2} or {days: 31}", "there is no level %q", l.Is)
	case l.JaroWinkler < 0 || l.JaroWinkler > 1:
		c.fail(p+".jaro_winkler", "models.fuzzy_level", "write a similarity such as 0.9", "a similarity is more than 0 and at most 1")
	case l.Levenshtein < 0 || l.Levenshtein > 20:
		c.fail(p+".levenshtein", "models.fuzzy_level", "write a small number such as 2", "levenshtein counts 1 to 20 changes")
	case l.Days < 0:
		c.fail(p+".days", "models.fuzzy_level", "", "days must be at least 1")
	case l.First < 0:
		c.fail(p+".first", "models.fuzzy_level", "", "first must be at least 1")
	case l.Swapped == x.Field:
		c.fail(p+".swapped", "models.fuzzy_level", "name the field with which it is mixed up", "%s is not swapped with itself", x.Field)
	case l.Swapped != "":
		c.fuzzyKnown(f, p+".swapped", l.Swapped, false)
	case l.Days > 0:
		if field, _ := f.Field(x.Field); field.Normalize != "" && field.Normalize != "date" {
			c.fail(p+".days", "models.fuzzy_dates", fmt.Sprintf("add normalize: date to the field %s", x.Field), "days compares dates; %s is normalised as %s", x.Field, field.Normalize)
		} else if field.First > 0 {
			c.fail(p+".days", "models.fuzzy_dates", fmt.Sprintf("take first out of the field %s", x.Field), "days compares whole dates")
		}
	}
}

func (c *checker) fuzzyWeights(f *Fuzzy, at string) {
	for _, g := range f.Weights.Given {
		p := at + "." + g.Field
		i := slices.IndexFunc(f.Compare, func(x FuzzyCompare) bool { return x.Field == g.Field })
		if i < 0 {
			c.unknownKey(p, "field", g.Field, names(f.Compare, func(x *FuzzyCompare) string { return x.Field }))
			continue
		}
		if want := len(f.Compare[i].Levels) + 1; len(g.Levels) != want {
			c.fail(p, "models.fuzzy_weights", "write one for each level, then one for values that differ", "%s needs %d weights, and has %d", g.Field, want, len(g.Levels))
		}
		for j, w := range g.Levels {
			switch {
			case w < -50 || w > 50:
				c.fail(item(p, j), "models.fuzzy_weights", "write log2 of how many times likelier it is", "a weight is from -50 to 50")
			case j > 0 && w > g.Levels[j-1]:
				c.fail(item(p, j), "models.fuzzy_weights", "write weights from best to worst", "a worse level has a greater weight than the one before it")
			}
		}
	}
}

func (c *checker) fuzzyBounds(f *Fuzzy, at string) {
	good := true
	for _, b := range []struct {
		key string
		v   float64
	}{{"threshold", f.Threshold}, {"review", f.Review}} {
		if b.v < 0 || b.v >= 1 {
			c.fail(at+"."+b.key, "models.fuzzy_threshold", "write a probability such as 0.99", "%s is more than 0 and less than 1", b.key)
			good = false
		}
	}
	if good && f.Review > f.JoinFrom() {
		c.fail(at+".review", "models.fuzzy_threshold", "write a probability below the threshold", "review (%v) is above the threshold (%v), so that nobody would ever be asked", f.Review, f.JoinFrom())
	}
	if f.MaxBlock < 0 || f.MaxBlock == 1 {
		c.fail(at+".max_block", "models.limit", "leave it out for the default", "max_block must be at least 2")
	}
}
