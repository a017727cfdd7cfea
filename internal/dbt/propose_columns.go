package dbt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// kindOf is what a column holds, by the warehouse's own word for its type: text, number, boolean,
// date, timestamp, other; "" if that is not known.
func kindOf(typ string) string {
	typ = strings.ToLower(strings.TrimSpace(typ))
	has := func(prefixes string) bool {
		return slices.ContainsFunc(strings.Fields(prefixes), func(p string) bool { return strings.HasPrefix(typ, p) })
	}
	switch {
	case typ == "":
		return ""
	case strings.HasSuffix(typ, "[]") || has("array struct map list json row record variant object super geography geometry interval"):
		return "other"
	case has("timestamp datetime"):
		return "timestamp"
	case typ == "date":
		return "date"
	case has("varchar char character nchar nvarchar text string citext uuid bpchar enum"):
		return "text"
	case has("bool"):
		return "boolean"
	case has("int bigint smallint tinyint hugeint uint ubigint usmallint utinyint uhugeint numeric decimal dec number float double real bignumeric bigdecimal"):
		return "number"
	}
	return "other"
}

// A column whose type is not known may hold what its name says.
func holdsText(typ string) bool   { return kindOf(typ) == "text" || kindOf(typ) == "" }
func holdsNumber(typ string) bool { return kindOf(typ) == "number" }
func holdsTime(typ string) bool {
	return slices.Contains([]string{"timestamp", "date", ""}, kindOf(typ))
}

// key finds the column that names a row: by a unique test or a constraint, or else by its name,
// which the reason says.
func (p *proposing) key(s *ProposedSource) Reasoned {
	rank := func(column string) int {
		c, of := strings.ToLower(column), stem(s.node.Name)
		last := of[strings.LastIndexByte(of, '_')+1:]
		switch {
		case c == of+"_id" || c == of+"_key" || c == of+"_uuid" || c == last+"_id" || c == last+"_key":
			return 0
		case c == "id" || c == "uuid" || c == "key":
			return 1
		case strings.HasSuffix(c, "_id") || strings.HasSuffix(c, "_key") || strings.HasSuffix(c, "_uuid"):
			return 2
		case emailRank(c) > 0 || phoneRank(c) > 0:
			return 4
		}
		return 3
	}
	var best Reasoned
	consider := func(column, why string) {
		if c := s.column(column); c != nil && kindOf(c.Type) != "other" && (best.Value == "" || rank(c.Name) < rank(best.Value)) {
			best = Reasoned{c.Name, why}
		}
	}
	for _, c := range s.node.Unique {
		consider(c, "dbt is told that it names a row: a primary key, a unique constraint or unique_key")
	}
	tests := func(name string) (columns []string) {
		for _, t := range p.m.Tests {
			if t.Name == name && t.Node == s.node.ID && !t.Partly && t.Column != "" {
				columns = append(columns, strings.ToLower(t.Column))
			}
		}
		return columns
	}
	unique, full := tests("unique"), tests("not_null")
	for _, c := range unique {
		if slices.Contains(full, c) {
			consider(c, "dbt tests that it is unique and not null")
		}
	}
	if best.Value != "" {
		return best
	}
	for _, c := range unique {
		consider(c, "dbt tests that it is unique")
	}
	if best.Value != "" {
		return best
	}
	for _, c := range s.columns {
		if rank(c.Name) < 2 {
			consider(c.Name, "by its name alone: no test of dbt says that it is unique")
		}
	}
	return best
}

// The names of columns with a time, the likeliest first.
var (
	changed  = strings.Fields("updated_at modified_at last_modified_at last_updated_at changed_at last_modified last_updated updated_on modified_on updated modified update_time update_date last_modified_date lastmodifieddate systemmodstamp")
	happened = strings.Fields("occurred_at happened_at event_at event_time event_timestamp event_date sent_at timestamp created_at created_on created ts date time seen_at started_at")
	ingested = strings.Fields("load ingest sync extract etl elt batch fivetran airbyte dbt stitch sdc")
	endings  = []string{"_at", "_on", "_time", "_timestamp", "_date", "_ts", "_datetime", "_tstamp"}
	notFirst = strings.Fields("first last latest most recent birth expire expires expiry expired due end ended valid deleted cancelled canceled shipped delivered returned refunded estimated expected")
)

// times finds the column that tells when a row happened or changed.
func (p *proposing) times(s *ProposedSource) {
	update, updateWhy := "", ""
	for _, name := range changed {
		for _, c := range s.columns {
			l := strings.ToLower(c.Name)
			if update == "" && holdsTime(c.Type) && (l == name || strings.HasSuffix(l, "_"+name)) {
				update, updateWhy = c.Name, "by its name, and the rows are records that change"
			}
		}
	}
	untyped := func(column, why string) string {
		if c := s.column(column); c != nil && kindOf(c.Type) == "" {
			return why + "; its type is not known without dbt's catalog"
		}
		return why
	}
	if s.people != "" {
		if update != "" {
			s.UpdatedAt = Reasoned{update, untyped(update, updateWhy)}
		} else {
			s.Notes = append(s.Notes, "no column says when a row changed. If the table gets one, name it by updated_at:, and traits can keep: latest")
		}
		p.fresh(s)
		return
	}
	event, why := p.event(s, update)
	switch {
	case event != "":
		s.Time = Reasoned{event, untyped(event, why)}
		if update != "" {
			s.Notes = append(s.Notes, fmt.Sprintf("rows change, too (%s): weir reads those of the last lookback: again, 3d if it says nothing", update))
		}
	case update != "":
		s.UpdatedAt = Reasoned{update, untyped(update, updateWhy)}
	case len(s.Related) == 0:
		s.Notes = append(s.Notes, "no column is clearly the time of a row: add time: for events or updated_at: for records, and traits and windows can use it")
	}
	p.fresh(s)
}

// event finds the time of an event: the one that is called after what happens, that dbt measures
// freshness by, that has a usual name, or that is the only one.
func (p *proposing) event(s *ProposedSource, update string) (column, why string) {
	of := stem(s.node.Name)
	of = of[strings.LastIndexByte(of, '_')+1:]
	root := strings.TrimSuffix(of, "e")
	named := func(l string) bool {
		return slices.Contains(happened, l) || slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(l, e) })
	}
	var all []string
	whole := false // column tells the time of the day, too
	for _, c := range s.columns {
		l := strings.ToLower(c.Name)
		words := strings.Split(l, "_")
		if len(root) > 2 && strings.HasPrefix(words[0], root) && holdsTime(c.Type) && c.Name != update && named(l) {
			if t := kindOf(c.Type) == "timestamp"; column == "" || t && !whole {
				column, whole = c.Name, t
			}
			continue
		}
		switch {
		case !holdsTime(c.Type) || c.Name == update || strings.HasPrefix(l, "_"):
		case slices.ContainsFunc(words, func(w string) bool {
			return slices.Contains(notFirst, w) || slices.ContainsFunc(ingested, func(i string) bool { return strings.HasPrefix(w, i) })
		}):
		case named(l):
			all = append(all, c.Name)
		}
	}
	if column != "" {
		return column, "it is called after what happens"
	}
	if c := s.column(s.node.LoadedAt); c != nil && slices.Contains(all, c.Name) {
		return c.Name, "dbt measures freshness by it (loaded_at_field)"
	}
	for _, name := range happened {
		for _, c := range all {
			if strings.EqualFold(c, name) {
				return c, "by its name"
			}
		}
	}
	if len(all) == 1 {
		return all[0], "it is the only time that a row has"
	}
	if len(all) > 1 {
		s.Notes = append(s.Notes, "each of these may be its time: "+strings.Join(all, ", "))
	}
	return "", ""
}

// fresh takes over how old dbt lets a source be, where weir would look at the same column.
func (p *proposing) fresh(s *ProposedSource) {
	n := s.node
	column := s.Time.Value + s.UpdatedAt.Value
	if n.StaleAfter <= 0 || n.LoadedAt == "" || !strings.EqualFold(n.LoadedAt, column) {
		return
	}
	var text string
	switch minutes := int(n.StaleAfter*60 + .5); {
	case minutes%(24*60) == 0:
		text = strconv.Itoa(minutes/(24*60)) + "d"
	case minutes%60 == 0:
		text = strconv.Itoa(minutes/60) + "h"
	default:
		text = strconv.Itoa(minutes) + "m"
	}
	s.FresherThan = Reasoned{text, "dbt calls it an error when it is older: freshness.error_after"}
}

// traits are the columns of tables with one row a person. Of email, phone and name other tables are
// asked, too.
func (p *proposing) traits() {
	tables := slices.DeleteFunc(slices.Clone(p.all), func(s *ProposedSource) bool { return len(s.Identifiers) == 0 })
	slices.SortStableFunc(tables, func(a, b *ProposedSource) int { return btoi(b.people != "") - btoi(a.people != "") })
	index := map[string]int{}
	kinds := map[string]string{}
	timed := map[string]bool{}
	for _, s := range tables {
		for _, c := range s.columns {
			name, kind := strings.ToLower(c.Name), kindOf(c.Type)
			tag := pii(name)
			switch {
			case s.people == "" && tag != "email" && tag != "phone", tag == "email" && p.typeOf(s, c.Name) != "email", tag == "phone" && p.typeOf(s, c.Name) != "phone":
				continue
			case kind == "other", c.Name == s.UpdatedAt.Value, strings.HasPrefix(name, "_"), strings.HasPrefix(name, "dbt_"), !validName(name), name == "profile_id", name == "anonymous":
				continue
			case strings.EqualFold(c.Name, s.Key.Value) && p.typeOf(s, c.Name) == "":
				continue
			}
			if t := p.typeOf(s, c.Name); t != "" {
				name = t
			}
			from := s.Name + "." + c.Name
			i, known := index[name]
			if !known {
				index[name], kinds[name], timed[name] = len(p.out.Traits), kind, s.UpdatedAt.Value != "" || s.Time.Value != ""
				p.out.Traits = append(p.out.Traits, ProposedTrait{Name: name, From: []string{from}, PII: tag})
			} else if t := &p.out.Traits[i]; kinds[name] == kind && !slices.Contains(t.From, from) {
				t.From = append(t.From, from)
			}
		}
	}
	for i := range p.out.Traits {
		t := &p.out.Traits[i]
		if t.Keep = "first_found"; len(t.From) == 1 && timed[t.Name] {
			t.Keep = "latest"
		}
	}
}

// typeOf is the identifier that a column holds for its source; "" for none.
func (p *proposing) typeOf(s *ProposedSource, column string) string {
	for _, id := range s.Identifiers {
		if id.Column == column {
			return id.Name
		}
	}
	return ""
}
