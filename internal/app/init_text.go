package app

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/dbt"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// proposalText writes a proposal as YAML, with the reason of each line behind it.
type proposalText struct {
	p       *dbt.Proposal
	m       *dbt.Manifest
	d       *dbt.Project
	catalog bool
	dbt     string // dbt's folder, from the new project's
	name    string // of the target
	profile string // that it connects by; "" for none
	why     string // there is none
}

func (t *proposalText) files() []projectFile {
	return []projectFile{{"weir.yml", t.project()}, {"sources.yml", t.sources()}, {"people.yml", t.people()}}
}

func (t *proposalText) project() []byte {
	var b strings.Builder
	seen := fmt.Sprintf("manifest v%d of dbt %s", t.m.Version, cmp.Or(t.m.DBT, "of an unknown version"))
	if t.catalog {
		seen += " and its catalog"
	} else {
		seen += ", without a catalog: only columns that are described or tested in dbt are known"
	}
	remark(&b, "", "Proposed by weir init --from-dbt, from the "+seen+". The comments say why; all of it is yours to change.")
	name := cmp.Or(t.m.Project, t.d.Name, "my_project")
	if what, _ := models.NameProblem(name); what != "" {
		name = "my_project"
	}
	fmt.Fprintf(&b, "project: %s\n", name)
	b.WriteString("timezone: UTC    # of bare dates and of schedules; dbt does not say one\n")
	fmt.Fprintf(&b, "default_target: %s\n\n", t.name)
	fmt.Fprintf(&b, "dbt: {project: %s", scalar(t.dbt))
	if t.d.Target != "target" {
		fmt.Fprintf(&b, ", manifest: %s", scalar(t.d.Target+"/manifest.json"))
	}
	b.WriteString("}\n\ntargets:\n")
	if t.profile != "" {
		remark(&b, "  ", "The warehouse of dbt's profile. weir reads dbt's tables there and writes into a schema of its own.")
	} else {
		remark(&b, "  ", "The warehouse that dbt wrote the manifest for. dbt's own profile is not used: "+t.why+". Set these variables, or write the settings.")
	}
	remark(&b, "  ", "send: none sends nothing. sandbox sends to stand-ins on this machine, live to the vendors.")
	if t.profile != "" {
		fmt.Fprintf(&b, "  %s: {dbt_profile: %s, send: none}\n", t.name, scalar(t.profile))
		return []byte(b.String())
	}
	fmt.Fprintf(&b, "  %s: {type: %s", t.name, t.m.Adapter)
	if kind, ok := warehouse.Lookup(t.m.Adapter); ok {
		for _, s := range kind.Settings() {
			if s.Required {
				fmt.Fprintf(&b, ", %s: %q", s.Name, "${env:WEIR_"+strings.ToUpper(s.Name)+"}")
			}
		}
	}
	b.WriteString(", send: none}\n")
	return []byte(b.String())
}

func (t *proposalText) sources() []byte {
	var b strings.Builder
	b.WriteString("# Tables of dbt's that have rows about people. weir only reads them.\nsources:\n")
	for i, s := range t.p.Sources {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "  %s:\n", s.Name)
		if s.Description != "" {
			fmt.Fprintf(&b, "    description: %s\n", strconv.Quote(strings.ToValidUTF8(s.Description, "")))
		}
		var lines [][2]string
		add := func(key, value, why string) {
			if value != "" {
				lines = append(lines, [2]string{"    " + key + ": " + scalar(value), why})
			}
		}
		lines = append(lines, [2]string{"    dbt: " + reference(s.Ref), ""})
		add("key", s.Key.Value, s.Key.Why)
		add("time", s.Time.Value, s.Time.Why)
		add("updated_at", s.UpdatedAt.Value, s.UpdatedAt.Why)
		add("fresher_than", s.FresherThan.Value, s.FresherThan.Why)
		nested := func(key string, columns []dbt.ProposedColumn) {
			if len(columns) > 0 {
				lines = append(lines, [2]string{"    " + key + ":", ""})
			}
			for _, c := range columns {
				lines = append(lines, [2]string{"      " + c.Name + ": " + scalar(c.Column), c.Why})
			}
		}
		nested("identifiers", s.Identifiers)
		nested("related", s.Related)
		aligned(&b, lines)
		for _, n := range s.Notes {
			remark(&b, "    ", "Look at this: "+n+".")
		}
	}
	t.left(&b)
	return []byte(b.String())
}

// left tells what is not proposed.
func (t *proposalText) left(b *strings.Builder) {
	if len(t.p.Left)+t.p.Others+t.p.Unknown == 0 {
		return
	}
	b.WriteString("\n# Not proposed:\n")
	for _, l := range t.p.Left {
		fmt.Fprintf(b, "#   %s: %s\n", oneLine(l.Ref.String()), oneLine(l.Why))
	}
	if t.p.Others > 0 {
		fmt.Fprintf(b, "#   %d more: no column says whom their rows are about\n", t.p.Others)
	}
	if t.p.Unknown > 0 {
		fmt.Fprintf(b, "#   %d more: none of their columns is known. dbt docs generate writes them all\n", t.p.Unknown)
	}
}

func (t *proposalText) people() []byte {
	var b strings.Builder
	p := t.p
	fmt.Fprintf(&b, "# Who is one person, and what is known of one.\nentities:\n  %s:\n    identity:\n", p.Entity)
	b.WriteString("      identifiers:    # strongest first: when two disagree, the weaker one gives way\n")
	var lines [][2]string
	for _, id := range p.Identifiers {
		var keys []string
		why := ""
		if id.Email {
			keys = append(keys, "normalize: email")
		}
		if id.Phone {
			keys = append(keys, "normalize: phone")
		}
		if id.Limited {
			keys = append(keys, "limit: 1")
			why = "a person has one; two numbers are never joined by a weaker identifier"
		}
		if id.Under != "" {
			keys = append(keys, fmt.Sprintf("max_links: {%s: 1}", id.Under))
			why = "seen with two numbers it is shared, and joins nobody"
		}
		if id.Phone {
			why = strings.TrimPrefix(why+"; add country: FR, say, if numbers have no country code", "; ")
		}
		lines = append(lines, [2]string{"        " + id.Type + ": {" + strings.Join(keys, ", ") + "}", why})
	}
	aligned(&b, lines)
	var from []string
	for _, s := range p.Sources {
		if len(s.Identifiers) > 0 {
			from = append(from, s.Name)
		}
	}
	fmt.Fprintf(&b, "      from: [%s]\n", strings.Join(from, ", "))
	if len(p.Traits) > 0 {
		b.WriteString("\n    # Columns of tables with one row a person. Take out what nobody needs, and tag with pii: what is\n    # personal: policies can then keep it from where it does not belong.\n")
		if !t.catalog {
			remark(&b, "    ", "Without dbt's catalog these are the columns that dbt's YAML describes: weir build names those that a table does not have.")
		}
		b.WriteString("    traits:\n")
	}
	for _, x := range p.Traits {
		of := x.From[0]
		if len(x.From) > 1 {
			of = "[" + strings.Join(x.From, ", ") + "]"
		}
		fmt.Fprintf(&b, "      %s: {from: %s, keep: %s", x.Name, of, x.Keep)
		if x.PII != "" {
			fmt.Fprintf(&b, ", pii: %s", x.PII)
		}
		b.WriteString("}\n")
	}
	if i := slices.IndexFunc(p.Sources, func(s dbt.ProposedSource) bool { return s.Time.Value != "" && len(s.Identifiers) > 0 }); i >= 0 {
		fmt.Fprintf(&b, "\n# Who belongs together is for you to say, such as:\n# segments:\n#   active:\n#     entity: %s\n#     where: {did: %s, within: 90d}\n", p.Entity, p.Sources[i].Name)
	}
	return []byte(b.String())
}

// aligned writes lines with their reasons in one column.
func aligned(b *strings.Builder, lines [][2]string) {
	wide := 0
	for _, l := range lines {
		if l[1] != "" {
			wide = max(wide, len(l[0]))
		}
	}
	for _, l := range lines {
		if l[1] == "" {
			b.WriteString(l[0] + "\n")
			continue
		}
		fmt.Fprintf(b, "%-*s    # %s\n", wide, l[0], oneLine(l[1]))
	}
}

// remark writes a comment of some lines.
func remark(b *strings.Builder, indent, text string) {
	line := indent + "#"
	for _, w := range strings.Fields(text) {
		if len(line)+1+len(w) > 104 && line != indent+"#" {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + w
	}
	b.WriteString(line + "\n")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var (
	plainRE     = regexp.MustCompile(`^([A-Za-z_./][A-Za-z0-9_./-]*|[0-9]+[mhd])$`)
	referenceRE = regexp.MustCompile(`^[a-z]+\('[A-Za-z0-9_.-]+'(, '[A-Za-z0-9_.-]+')?(, v=[0-9.]+)?\)$`)
	notText     = strings.Fields("true false yes no on off null y n . ..")
)

// scalar writes a text for YAML, in quotes where it could be read as something else.
func scalar(s string) string {
	if plainRE.MatchString(s) && !slices.Contains(notText, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}

func reference(r dbt.Reference) string {
	if s := r.String(); referenceRE.MatchString(s) {
		return s
	}
	return strconv.Quote(r.String())
}
