package dbt

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Lookup finds a variable of the environment, as os.LookupEnv does.
type Lookup func(name string) (string, bool)

// callRE is the one thing of Jinja that profiles commonly hold: env_var, perhaps with a default,
// perhaps with a filter that says what type the text is of.
var callRE = regexp.MustCompile(`^-?\s*env_var\(\s*(?:'([^']*)'|"([^"]*)")\s*(?:,\s*(?:'([^']*)'|"([^"]*)"|([0-9.]+)|(None|none))\s*)?\)\s*((?:\|\s*[a-z_]+\s*)*)-?$`)

// filters that change nothing of a text that becomes a setting.
var filters = []string{"as_number", "as_native", "as_bool", "as_text", "int", "string", "trim"}

// fill replaces env_var in a value of a profile. With a nil lookup nothing is looked up: the shape
// is checked, and every variable is empty. The error says what is wrong, and never a value.
func fill(text string, lookup Lookup) (string, error) {
	if strings.Contains(text, "{%") || strings.Contains(text, "{#") {
		return "", fmt.Errorf("this is Jinja, of which weir knows env_var only")
	}
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{{")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		body, after, ok := strings.Cut(rest, "}}")
		if !ok {
			return "", fmt.Errorf("a {{ is not closed")
		}
		m := callRE.FindStringSubmatch(strings.TrimSpace(body))
		if m == nil {
			return "", fmt.Errorf("this is Jinja, of which weir knows env_var only")
		}
		value, err := variable(m, lookup)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = after
	}
}

// variable is the value of one env_var, by what callRE found in it.
func variable(m []string, lookup Lookup) (string, error) {
	name := m[1] + m[2]
	var wanted []string
	for f := range strings.SplitSeq(m[7], "|") {
		if f = strings.TrimSpace(f); f == "" {
			continue
		}
		if !slices.Contains(filters, f) {
			return "", fmt.Errorf("weir does not know Jinja's filter %s", f)
		}
		wanted = append(wanted, f)
	}
	if lookup == nil {
		return "", nil
	}
	value, ok := lookup(name)
	if !ok {
		if !strings.Contains(m[0], ",") {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		value = m[3] + m[4] + m[5]
	}
	for _, f := range wanted {
		switch f {
		case "as_number", "int":
			if _, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
				return "", fmt.Errorf("the environment variable %s is not a number", name)
			}
		case "trim":
			value = strings.TrimSpace(value)
		}
	}
	return value, nil
}
