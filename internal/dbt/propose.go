package dbt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/models"
)

// Proposal is a project of weir's over the tables of dbt's, for a person to read and change. All of
// it has a reason: a test, a constraint, a name, a type. What nothing speaks for is not in it.
type Proposal struct {
	Entity      string
	Sources     []ProposedSource     // by name
	Identifiers []ProposedIdentifier // strongest first
	Traits      []ProposedTrait
	Left        []LeftOut // what looks as if it were about people and is not proposed
	Others      int       // nodes that have columns, and none that says whom their rows are about
	Unknown     int       // nodes of which no column is known
}

// ProposedSource is a table of dbt's that has rows about people.
type ProposedSource struct {
	Name        string
	Ref         Reference
	Description string
	Key         Reasoned
	Time        Reasoned // of events; its Value is "" for none
	UpdatedAt   Reasoned // of records; "" for none
	FresherThan Reasoned // such as "2d"; "" for none
	Identifiers []ProposedColumn
	Related     []ProposedColumn // source to column
	Notes       []string         // what to look at

	node    *Node
	columns []Column
	people  string // word for the people of whom it has one row each, such as "customer"; "" if none
}

// Reasoned is a value and why it was chosen.
type Reasoned struct{ Value, Why string }

// ProposedColumn is a column that holds something: an identifier, or the key of another source.
type ProposedColumn struct{ Name, Column, Why string }

// ProposedIdentifier is a type of identifier.
type ProposedIdentifier struct {
	Type    string
	Email   bool
	Phone   bool
	Limited bool   // it is the customer's own number: a profile has one
	Under   string // that number, where a value that is seen with two of it joins nobody
}

// ProposedTrait is a column that a table of people has, one row each.
type ProposedTrait struct {
	Name string
	From []string // source.column
	Keep string
	PII  string
}

// LeftOut is a node that is not proposed.
type LeftOut struct {
	Ref Reference
	Why string
}

// Propose proposes a project from what dbt knows; c may be nil. The same manifest and catalog give
// the same proposal.
func Propose(m *Manifest, c *Catalog) *Proposal {
	p := &proposing{m: m, c: c, out: &Proposal{}, types: map[[2]string]string{}}
	p.candidates()
	p.numbers()
	p.identify()
	p.covered()
	p.relate()
	p.alone()
	p.finish()
	return p.out
}

// proposing is one proposal on its way.
type proposing struct {
	m     *Manifest
	c     *Catalog
	out   *Proposal
	all   []*ProposedSource
	types map[[2]string]string // node and column in lower case, that hold a person's number: its type
	cover map[string]*ProposedSource
}

// candidates are the nodes that have rows in the warehouse and of which columns are known.
func (p *proposing) candidates() {
	for _, nodes := range [][]Node{p.m.Nodes, p.m.Sources} {
		for i := range nodes {
			n := &nodes[i]
			s := &ProposedSource{node: n, Ref: p.m.Reference(n), Description: firstLine(n.Description), columns: p.columns(n)}
			if n.Version != "" && n.Version != n.Latest {
				continue // the latest one is proposed
			}
			if len(s.columns) == 0 {
				if n.Made != "ephemeral" {
					p.out.Unknown++
				}
				continue
			}
			p.all = append(p.all, s)
		}
	}
}

// columns are those that the catalog has, or those that the manifest describes. Names are written
// as weir reads them.
func (p *proposing) columns(n *Node) []Column {
	list := p.c.Columns(n.ID)
	if len(list) == 0 {
		list = n.Columns
	}
	var out []Column
	for _, c := range list {
		if p.m.Adapter == "snowflake" && c.Name == strings.ToUpper(c.Name) || fold(p.m.Adapter) && p.c.Columns(n.ID) == nil {
			c.Name = strings.ToLower(c.Name)
		}
		double := slices.ContainsFunc(out, func(o Column) bool { return strings.EqualFold(o.Name, c.Name) })
		if plainName.MatchString(c.Name) && !double {
			out = append(out, c)
		}
	}
	return out
}

// column finds a column of a source whatever its case.
func (s *ProposedSource) column(name string) *Column {
	for i := range s.columns {
		if strings.EqualFold(s.columns[i].Name, name) {
			return &s.columns[i]
		}
	}
	return nil
}

// leave takes a source out and says why.
func (p *proposing) leave(s *ProposedSource, format string, args ...any) {
	p.all = slices.DeleteFunc(p.all, func(x *ProposedSource) bool { return x == s })
	p.out.Left = append(p.out.Left, LeftOut{s.Ref, fmt.Sprintf(format, args...)})
}

// numbers finds the columns that hold the number of a person: by their name, by the key of a table
// of people, and by relationships that lead to either.
func (p *proposing) numbers() {
	for _, s := range p.all {
		s.Key = p.key(s)
		people := peopleOf(s.node.Name)
		for _, c := range s.columns {
			if holdsText(c.Type) || holdsNumber(c.Type) {
				if t := numberOf(c.Name); t != "" {
					p.types[at(s, c.Name)] = t
				}
			}
		}
		if people == "" || s.Key.Value == "" {
			continue
		}
		switch t := p.types[at(s, s.Key.Value)]; {
		case t != "":
			s.people = people
		case slices.Contains([]string{"id", "uuid", "key"}, strings.ToLower(s.Key.Value)):
			p.types[at(s, s.Key.Value)] = people + "_" + strings.ToLower(s.Key.Value)
			s.people = people
		}
	}
	// What a relationship leads to says more than a name: orders.user_id may be a customer's number.
	for range p.m.Tests { // each round can tell one more, at least
		more := false
		for _, t := range p.m.Tests {
			if t.Name != "relationships" || t.Column == "" || t.Field == "" {
				continue
			}
			to := p.types[[2]string{t.To, strings.ToLower(t.Field)}]
			from := [2]string{t.Node, strings.ToLower(t.Column)}
			if to != "" && p.types[from] != to && t.Node != t.To {
				p.types[from], more = to, true
			}
		}
		if !more {
			break
		}
	}
}

func at(s *ProposedSource, column string) [2]string {
	return [2]string{s.node.ID, strings.ToLower(column)}
}

// relation finds the test by which a column leads to another node.
func (p *proposing) relation(node, column string) *Test {
	for i := range p.m.Tests {
		if t := &p.m.Tests[i]; t.Name == "relationships" && t.Node == node && strings.EqualFold(t.Column, column) {
			return t
		}
	}
	return nil
}

// identify notes the identifiers of each source, and leaves out what can not be read.
func (p *proposing) identify() {
	for _, s := range slices.Clone(p.all) {
		var best = map[string]ProposedColumn{}
		for _, c := range s.columns {
			typ, why := p.types[at(s, c.Name)], "by its name"
			switch {
			case typ != "" && numberOf(c.Name) != typ && strings.EqualFold(c.Name, s.Key.Value) && s.people != "":
				why = "the key of a table of people"
			case typ != "":
				if t := p.relation(s.node.ID, c.Name); t != nil && p.types[[2]string{t.To, strings.ToLower(t.Field)}] == typ {
					if to := p.m.Node(t.To); to != nil {
						why = fmt.Sprintf("a relationships test leads to %s of %s", t.Field, p.m.Reference(to))
					}
				}
			case emailRank(c.Name) > 0 && holdsText(c.Type):
				typ = "email"
			case phoneRank(c.Name) > 0 && holdsText(c.Type):
				typ = "phone"
			case slices.Contains(anonymous, strings.ToLower(c.Name)) && (holdsText(c.Type) || holdsNumber(c.Type)):
				typ = strings.ToLower(c.Name)
			}
			if typ == "" {
				continue
			}
			was, taken := best[typ]
			if taken && preference(typ, was.Column) <= preference(typ, c.Name) {
				s.Notes = append(s.Notes, fmt.Sprintf("%s may hold a %s too; a source has one column for each", c.Name, typ))
				continue
			}
			if taken {
				s.Notes = append(s.Notes, fmt.Sprintf("%s may hold a %s too; a source has one column for each", was.Column, typ))
			}
			best[typ] = ProposedColumn{typ, c.Name, why}
		}
		for _, c := range s.columns { // in the order of the table
			for typ, b := range best {
				if b.Column == c.Name {
					s.Identifiers = append(s.Identifiers, best[typ])
				}
			}
		}
		if len(s.Identifiers) == 0 {
			continue // relate may still find to whom its rows lead
		}
		var f *Fault
		_, err := p.m.Table(s.node)
		if err != nil {
			f, _ = err.(*Fault) //nolint:errorlint // Table says so
		}
		is, err := p.m.Resolve(s.Ref)
		switch {
		case err != nil || is != s.node:
			p.leave(s, "several of dbt's nodes are called so: name its table with table:")
		case f != nil && f.Code == "dbt.ephemeral":
			p.leave(s, "it is ephemeral: there is no table of it")
		case f != nil:
			p.leave(s, "%s", strings.TrimPrefix(f.What, s.Ref.String()+" "))
		case s.node.Type == "snapshot":
			p.leave(s, "a snapshot has several rows of one key")
		case s.Key.Value == "":
			p.leave(s, "nothing says which column names a row: add a unique test in dbt")
		}
	}
}

// covered leaves out sources, seeds and staging models where a model that comes from them says as
// much: it is called the same and has the same key, or is in staging and made of it alone, and it
// has every identifier of theirs.
func (p *proposing) covered() {
	p.cover = map[string]*ProposedSource{}
	byID := map[string]*ProposedSource{}
	for _, s := range p.all {
		byID[s.node.ID] = s
	}
	for _, s := range slices.Clone(p.all) {
		if len(s.Identifiers) == 0 || !s.node.early() {
			continue
		}
		var by *ProposedSource
		for _, x := range p.all {
			if x == s || len(x.Identifiers) == 0 || !p.uses(x.node, s.node.ID, map[string]bool{}) || !holdsAll(x, s) {
				continue
			}
			same := strings.EqualFold(x.Key.Value, s.Key.Value) && stem(x.node.Name) == stem(s.node.Name)
			renames := x.node.early() && x.node.Type == "model" && s.node.Type != "model" && slices.Equal(x.node.Uses, []string{s.node.ID})
			if !same && !renames {
				continue
			}
			if by == nil || by.node.early() && !x.node.early() {
				by = x
			}
		}
		if by != nil {
			p.cover[s.node.ID] = by
		}
	}
	for _, s := range slices.Clone(p.all) {
		if by := p.covering(s.node.ID); by != nil {
			p.leave(s, "%s comes from it and has all its identifiers, with the key %s", by.Ref, by.Key.Value)
		}
	}
}

// covering follows covers to one that is not covered itself.
func (p *proposing) covering(id string) *ProposedSource {
	var last *ProposedSource
	for range len(p.cover) {
		by := p.cover[id]
		if by == nil {
			break
		}
		last, id = by, by.node.ID
	}
	return last
}

// uses reports whether a node comes from another, directly or not.
func (p *proposing) uses(n *Node, id string, seen map[string]bool) bool {
	for _, u := range n.Uses {
		if u == id {
			return true
		}
		if seen[u] {
			continue
		}
		seen[u] = true
		if x := p.m.Node(u); x != nil && p.uses(x, id, seen) {
			return true
		}
	}
	return false
}

func holdsAll(x, of *ProposedSource) bool {
	for _, id := range of.Identifiers {
		if !slices.ContainsFunc(x.Identifiers, func(o ProposedColumn) bool { return o.Name == id.Name }) {
			return false
		}
	}
	return true
}

// relate takes in tables whose rows lead to a proposed one by a relationships test, and to nobody
// else: the items of orders.
func (p *proposing) relate() {
	byID := map[string]*ProposedSource{}
	for _, s := range p.all {
		if len(s.Identifiers) > 0 {
			byID[s.node.ID] = s
		}
	}
	for _, s := range slices.Clone(p.all) {
		if len(s.Identifiers) > 0 {
			continue
		}
		var leads []*Test
		for i := range p.m.Tests {
			t := &p.m.Tests[i]
			if t.Name != "relationships" || t.Node != s.node.ID || s.column(t.Column) == nil {
				continue
			}
			to := byID[t.To]
			if by := p.covering(t.To); to == nil && by != nil {
				to = by
			}
			if to != nil && strings.EqualFold(to.Key.Value, t.Field) {
				leads = append(leads, t)
				if len(leads) == 1 {
					s.Related = []ProposedColumn{{to.node.ID, s.column(t.Column).Name, fmt.Sprintf("a relationships test leads to %s of %s", t.Field, p.m.Reference(p.m.Node(t.To)))}}
				} else {
					s.Notes = append(s.Notes, fmt.Sprintf("%s leads to %s too; rows belong to people by one way", t.Column, to.Ref))
				}
			}
		}
		_, err := p.m.Table(s.node)
		is, unclear := p.m.Resolve(s.Ref)
		if len(leads) == 0 || err != nil || unclear != nil || is != s.node || s.Key.Value == "" || s.node.Type == "snapshot" {
			p.all = slices.DeleteFunc(p.all, func(x *ProposedSource) bool { return x == s })
			p.out.Others++
		}
	}
}

// alone takes out identifiers that no source has beside another one: they join nothing, and rows
// that have no other would be people of their own.
func (p *proposing) alone() {
	for {
		sources, beside := map[string]int{}, map[string]bool{}
		var order []string
		for _, s := range p.all {
			for _, id := range s.Identifiers {
				if sources[id.Name] == 0 {
					order = append(order, id.Name)
				}
				sources[id.Name]++
				beside[id.Name] = beside[id.Name] || len(s.Identifiers) > 1
			}
		}
		if len(order) < 2 {
			return
		}
		// If nothing stands beside anything, the one that most sources have stays.
		slices.SortFunc(order, func(a, b string) int {
			return cmp.Or(cmp.Compare(btoi(beside[a]), btoi(beside[b])), cmp.Compare(sources[a], sources[b]), cmp.Compare(rankOf(b), rankOf(a)), cmp.Compare(b, a))
		})
		worst := order[0]
		if beside[worst] {
			return
		}
		for _, s := range slices.Clone(p.all) {
			s.Identifiers = slices.DeleteFunc(s.Identifiers, func(c ProposedColumn) bool { return c.Name == worst })
			if len(s.Identifiers) == 0 && len(s.Related) == 0 {
				p.leave(s, "it has %s only, and no table has that beside another identifier: its rows would be people of their own", worst)
			}
		}
		gone := func(r ProposedColumn) bool {
			return !slices.ContainsFunc(p.all, func(x *ProposedSource) bool { return x.node.ID == r.Name })
		}
		for _, s := range slices.Clone(p.all) {
			if slices.ContainsFunc(s.Related, gone) {
				p.leave(s, "its rows lead to a table that is not proposed")
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// finish names things and puts them in order.
func (p *proposing) finish() {
	taken := map[string]bool{}
	names := map[string]string{} // by ID
	slices.SortFunc(p.all, func(a, b *ProposedSource) int { return cmp.Compare(a.node.ID, b.node.ID) })
	for _, s := range p.all {
		for _, try := range []string{s.node.Name, cmp.Or(s.node.Source, s.node.Package) + "_" + s.node.Name} {
			if s.Name = snake(try); !taken[s.Name] {
				break
			}
		}
		for i := 2; taken[s.Name]; i++ {
			s.Name = fmt.Sprintf("%.50s_%d", snake(s.node.Name), i)
		}
		taken[s.Name] = true
		names[s.node.ID] = s.Name
	}
	for _, s := range p.all {
		for i := range s.Related {
			s.Related[i].Name = names[s.Related[i].Name]
		}
		p.times(s)
	}
	p.ranks()
	p.traits()
	for _, s := range p.all {
		p.out.Sources = append(p.out.Sources, *s)
	}
	slices.SortFunc(p.out.Sources, func(a, b ProposedSource) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(p.out.Left, func(a, b LeftOut) int { return cmp.Compare(a.Ref.String(), b.Ref.String()) })
}

// ranks orders identifiers: numbers of people, the one that most sources have first; addresses;
// phones; what browsers have.
func (p *proposing) ranks() {
	sources := map[string]int{}
	var types []string
	for _, s := range p.all {
		for _, id := range s.Identifiers {
			if sources[id.Name] == 0 {
				types = append(types, id.Name)
			}
			sources[id.Name]++
		}
	}
	slices.SortFunc(types, func(a, b string) int {
		return cmp.Or(cmp.Compare(rankOf(a), rankOf(b)), cmp.Compare(sources[b], sources[a]), cmp.Compare(a, b))
	})
	p.out.Entity = "customer"
	number := ""
	for _, t := range types {
		id := ProposedIdentifier{Type: t, Email: t == "email", Phone: t == "phone"}
		switch {
		case number == "" && rankOf(t) == rankNumber:
			number, id.Limited = t, len(types) > 1
			for _, s := range p.all {
				if s.people != "" && strings.EqualFold(p.types[at(s, s.Key.Value)], t) {
					p.out.Entity = s.people
					break
				}
			}
		case number != "":
			id.Under = number
		}
		p.out.Identifiers = append(p.out.Identifiers, id)
	}
	if what, _ := models.NameProblem(p.out.Entity); what != "" {
		p.out.Entity = "customer"
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if r := []rune(strings.TrimSpace(line)); len(r) > 160 {
		return string(r[:159]) + "…"
	}
	return strings.TrimSpace(line)
}
