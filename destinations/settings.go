package destinations

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// SettingProblem is one thing wrong with the settings of a destination or the `with:` of a sync.
type SettingProblem struct {
	Path string // the setting's name
	What string // one sentence; never a secret's value
	Fix  string // what to do
	Code string // "destinations.unknown_setting", …
}

// CheckSettings checks given against defs and returns it with defaults filled in and integers as
// int64, beside all problems in order of name. Values with a reference (`${env:NAME}`) stay
// as they are: the same function checks them again once they are resolved. A secret given as text
// must be such a reference; any other type stands for one that was resolved and passes.
func CheckSettings(defs []Setting, given map[string]any) (filled map[string]any, problems []SettingProblem) {
	filled = map[string]any{}
	byName := map[string]Setting{}
	for _, d := range defs {
		byName[d.Name] = d
	}
	for name := range given {
		if _, ok := byName[name]; !ok {
			problems = append(problems, SettingProblem{Path: name, Code: "destinations.unknown_setting",
				What: fmt.Sprintf("unknown setting %q", name), Fix: suggest(name, slices.Sorted(maps.Keys(byName)))})
		}
	}
	for _, d := range defs {
		v, ok := given[d.Name]
		if s, text := v.(string); !ok || v == nil || text && s == "" {
			switch {
			case d.Default != nil:
				filled[d.Name] = plain(d.Default)
			case d.Required:
				problems = append(problems, SettingProblem{Path: d.Name, Code: "destinations.missing_setting",
					What: fmt.Sprintf("setting %q is required: %s", d.Name, d.Doc), Fix: missingFix(d)})
			}
			continue
		}
		v = plain(v)
		if p := d.check(v); p != nil {
			p.Path = d.Name
			problems = append(problems, *p)
			continue
		}
		filled[d.Name] = v
	}
	slices.SortStableFunc(problems, func(a, b SettingProblem) int { return strings.Compare(a.Path, b.Path) })
	return filled, problems
}

func missingFix(d Setting) string {
	switch {
	case d.Secret:
		return fmt.Sprintf("add `%s: \"${env:%s}\"`", d.Name, strings.ToUpper(d.Name))
	case len(d.Enum) > 0:
		return fmt.Sprintf("add `%s:` with one of %s", d.Name, strings.Join(d.Enum, ", "))
	}
	return fmt.Sprintf("add `%s:`", d.Name)
}

var reference = regexp.MustCompile(`\$\{(env|file):[^}]+\}`)

// check returns the problem with v, whose nested values are plain already, or nil.
func (d Setting) check(v any) *SettingProblem {
	text, isText := v.(string)
	if d.Secret {
		if isText && !reference.MatchString(text) {
			return &SettingProblem{Code: "destinations.secret_in_plain", What: fmt.Sprintf("setting %q is a secret written in plain", d.Name),
				Fix: fmt.Sprintf("write `%s: \"${env:%s}\"` and put the value into that variable", d.Name, strings.ToUpper(d.Name))}
		}
		return nil
	}
	if isText && reference.MatchString(text) {
		return nil
	}
	wrong := func(want, fix string) *SettingProblem {
		return &SettingProblem{Code: "destinations.bad_setting", What: fmt.Sprintf("setting %q must be %s", d.Name, want), Fix: fix}
	}
	switch d.Type {
	case Integer:
		n, ok := v.(int64)
		if !ok {
			return wrong("a whole number", "give a number without a fraction or quotes")
		}
		if d.Min != 0 && n < d.Min {
			return wrong(fmt.Sprintf("%d or more", d.Min), "give a larger number, or leave the setting out")
		}
	case Boolean:
		if _, ok := v.(bool); !ok {
			return wrong("true or false", "give true or false, without quotes")
		}
	case Duration:
		if t, err := time.ParseDuration(text); !isText || err != nil || t < 0 {
			return wrong("a duration", `give a duration such as "30s" or "5m"`)
		}
	case Tree:
		return nil
	default:
		if !isText {
			return wrong("text", "put the value in quotes")
		}
	}
	if len(d.Enum) > 0 && !slices.Contains(d.Enum, text) {
		p := wrong("one of "+strings.Join(d.Enum, ", "), suggest(text, d.Enum))
		return p
	}
	if d.Pattern != "" && isText && !regexp.MustCompile(`^(?:`+d.Pattern+`)$`).MatchString(text) {
		return wrong("of the form "+d.Pattern, d.Doc)
	}
	if d.Host && isText {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
			return wrong("an URL", "give an URL such as https://api.example.com/path, without user and password")
		}
	}
	return nil
}

// plain brings what YAML and JSON decoders make into the types that Env.Settings promises.
func plain(v any) any {
	switch x := v.(type) {
	case int:
		return int64(x)
	case int32:
		return int64(x)
	case uint64:
		if x <= math.MaxInt64 {
			return int64(x)
		}
		return float64(x)
	case float32:
		return float64(x)
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, _ := x.Float64()
		return f
	case []string:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = e
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = plain(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = plain(e)
		}
		return out
	case map[any]any: // YAML, where a key is a number
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[fmt.Sprint(k)] = plain(e)
		}
		return out
	case map[string]string:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = e
		}
		return out
	}
	return v
}

// suggest says which known name is meant, or which there are.
func suggest(name string, known []string) string {
	best, at := "", len(name)/3+2
	for _, k := range known {
		if d := distance(name, k); d < at {
			best, at = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) == 0:
		return "there are no settings here; remove it"
	}
	return "use one of " + strings.Join(known, ", ")
}

// distance is the number of single-rune edits between a and b (Levenshtein).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := diagonal
			if x[i] != y[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(y)]
}

// WithChecker is a destination that can say more about a sync's `with:` than its settings do,
// such as whether a template in it can be read. It makes no request.
type WithChecker interface {
	CheckWith(object string, with map[string]any) []SettingProblem
}

// CheckWith checks the `with:` of a sync to object: its settings, and then what the destination
// itself has to say.
func CheckWith(d Destination, object string, given map[string]any) (filled map[string]any, problems []SettingProblem) {
	o, ok := d.Spec().Object(object)
	if !ok {
		return map[string]any{}, nil
	}
	filled, problems = CheckSettings(o.With, given)
	if c, ok := d.(WithChecker); ok && len(problems) == 0 {
		problems = c.CheckWith(o.Name, filled)
	}
	return filled, problems
}
