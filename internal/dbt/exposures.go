package dbt

import (
	"fmt"
	"strconv"
	"strings"
)

// Exposure is something outside of dbt that uses models of dbt, as dbt's lineage shows it.
type Exposure struct {
	Name        string // letters, digits and _
	Label       string
	Type        string // application or analysis
	Description string
	URL         string
	Maturity    string
	OwnerName   string
	OwnerEmail  string
	DependsOn   []Reference
	Meta        [][2]string // in this order
}

// Written is the first line of what WriteExposures writes.
const Written = "# Written by weir dbt exposures. What is changed here is lost when it writes again."

// WriteExposures writes exposures as YAML for a folder of dbt's models. What is known of dbt's
// version decides where meta stands: from 1.10 on it is part of config. The text depends on
// nothing else than the exposures, and their order is kept.
func WriteExposures(all []Exposure, version string) []byte {
	var b strings.Builder
	b.WriteString(Written + "\nversion: 2\n\nexposures:")
	if len(all) == 0 {
		b.WriteString(" []")
	}
	b.WriteString("\n")
	for _, e := range all {
		line := func(indent int, key, value string) {
			if value != "" {
				fmt.Fprintf(&b, "%s%s: %s\n", strings.Repeat(" ", indent), key, quote(value))
			}
		}
		fmt.Fprintf(&b, "  - name: %s\n", e.Name)
		line(4, "label", e.Label)
		fmt.Fprintf(&b, "    type: %s\n", e.Type)
		if e.Maturity != "" {
			fmt.Fprintf(&b, "    maturity: %s\n", e.Maturity)
		}
		line(4, "url", e.URL)
		line(4, "description", e.Description)
		b.WriteString("    depends_on:\n")
		for _, r := range e.DependsOn {
			fmt.Fprintf(&b, "      - %s\n", r)
		}
		b.WriteString("    owner:\n")
		line(6, "name", e.OwnerName)
		line(6, "email", e.OwnerEmail)
		indent := 4
		if since(version, 1, 10) {
			b.WriteString("    config:\n")
			indent = 6
		}
		fmt.Fprintf(&b, "%smeta:\n", strings.Repeat(" ", indent))
		for _, m := range e.Meta {
			line(indent+2, m[0], m[1])
		}
	}
	return []byte(b.String())
}

// quote writes a text for YAML and for dbt, which runs Jinja over texts.
func quote(s string) string {
	s = strings.NewReplacer("{{", "{ {", "{%", "{ %", "{#", "{ #").Replace(s)
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "�") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// since reports whether a version such as "1.10.2" is major.minor or later; a text that is no
// version is taken for a new one.
func since(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return true
	}
	a, err1 := strconv.Atoi(parts[0])
	b, err2 := strconv.Atoi(parts[1])
	return err1 != nil || err2 != nil || a > major || a == major && b >= minor
}
