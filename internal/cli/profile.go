package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) profileCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "profile",
		Short: "One person, as weir knows them",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(s.profileGetCmd())
	return c
}

func (s *session) profileGetCmd() *cobra.Command {
	var o app.ProfileOptions
	c := &cobra.Command{
		Use:   "get WHO",
		Short: "Everything about one person: identifiers, traits, segments, consent, events, deliveries",
		Long: `WHO is a profile id, an identifier as TYPE=VALUE, a record as SOURCE=KEY, or a bare value. Values
may be typed as people type them; the id of a profile that was merged away is followed.

What it prints is personal data.`,
		Example: `  weir profile get email=ana@example.com
  weir profile get cus_00000017 --events 50
  weir profile get "phone=06 39 98 00 11" --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for name, n := range map[string]*int{"events": &o.Events, "deliveries": &o.Deliveries} {
				if *n < 0 {
					return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: "--" + name + " is how many, 0 or more", Fix: "see: weir profile get --help"}
				}
				if *n == 0 {
					*n = -1
				}
			}
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			v, err := a.Profile(c.Context(), args[0], o)
			if v == nil {
				return err
			}
			s.result = v
			p := s.sheet(v.Timezone)
			if err != nil {
				if v.ProfileID == "" {
					s.result = v.Meant
					p.meant(v.Meant)
				}
				return err
			}
			p.profile(v)
			return nil
		},
	}
	c.Flags().IntVar(&o.Events, "events", 20, "how many of the newest events")
	c.Flags().IntVar(&o.Deliveries, "deliveries", 20, "how many of the newest deliveries")
	return c
}

func (p *sheet) profile(v *app.ProfileView) {
	p.followed(v.Asked)
	head := p.ui.bold(v.ProfileID) + "  " + v.Entity
	if v.Anonymous {
		head += ", anonymous"
	}
	p.out("%s  %s", head, p.ui.dim(fmt.Sprintf("as of %s %s", p.at(&v.AsOf), p.zone)))

	p.title("Identifiers", p.more(v, "identifiers"))
	var rows [][]string
	for _, m := range v.Identifiers {
		row := []string{m.Type, m.Value, m.Source, p.span(m.FirstSeen, m.LastSeen)}
		if m.Attach {
			row = append(row, "only finds")
		}
		rows = append(rows, row)
	}
	p.rows(rows)
	if len(v.Records) > 0 {
		p.title("Records", p.more(v, "records"))
		p.rows(bySource(v.Records))
	}
	p.traits(v)
	p.segments(v)
	p.reach(v)
	p.events(v)
	p.deliveries(v)
	p.history(v.History)
	for _, n := range v.Notes {
		p.out("")
		p.say(p.ui.warn("!"), n)
	}
}

// more says how many of a section are not listed.
func (p *sheet) more(v *app.ProfileView, what string) string {
	if n := v.More[what]; n > 0 {
		return number(n) + " more are not listed"
	}
	return ""
}

func bySource(list []app.Row) [][]string {
	var out [][]string
	for _, r := range list {
		if n := len(out); n > 0 && out[n-1][0] == r.Source {
			out[n-1][1] += ", " + r.Key
			continue
		}
		out = append(out, []string{r.Source, r.Key})
	}
	return out
}

// value writes a value for people, times in the project's zone.
func (p *sheet) value(v any, typ string) string {
	text, isText := v.(string)
	if typ == "timestamp" && isText {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return p.at(&t)
		}
	}
	switch v := v.(type) {
	case nil:
		return "–"
	case bool:
		if v {
			return "yes"
		}
		return "no"
	}
	return strings.Join(strings.Fields(fmt.Sprint(v)), " ")
}

func (p *sheet) traits(v *app.ProfileView) {
	if len(v.Traits) == 0 {
		return
	}
	p.title("Traits", "")
	var rows [][]string
	for _, t := range v.Traits {
		rows = append(rows, []string{t.Name, p.value(t.Value, t.Type), strings.TrimSpace(t.Source + " " + t.Key), p.at(t.At)})
	}
	p.rows(rows)
}

func (p *sheet) segments(v *app.ProfileView) {
	if len(v.Segments)+len(v.Left) > 0 {
		p.title("Segments", p.more(v, "left"))
	}
	var rows [][]string
	for _, x := range v.Segments {
		rows = append(rows, []string{x.Segment, "since " + p.at(x.Entered), x.Arm})
	}
	for _, x := range v.Left {
		rows = append(rows, []string{x.Segment, "left " + p.at(x.Left), "was in since " + p.at(x.Entered)})
	}
	p.rows(rows)
	in := map[string]bool{}
	for _, x := range v.Segments {
		in[x.Segment] = true
	}
	rows = nil
	for _, a := range v.Arms {
		everything := a.Segment == "*"
		if !a.Contaminated && (in[a.Segment] || everything && a.Arm != "holdout") {
			continue // told beside the segment, or nothing to tell
		}
		row := []string{a.Segment, a.Arm, "since " + p.at(a.Since)}
		if everything {
			row[0] = "everything"
		}
		if a.Contaminated {
			row = append(row, "contaminated: two arms met when profiles merged")
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		p.title("Arms of splits and holdouts", "")
		p.rows(rows)
	}
}

func (p *sheet) reach(v *app.ProfileView) {
	if len(v.Purposes) > 0 {
		p.title("May be reached for", "")
	}
	var rows [][]string
	for _, r := range v.Purposes {
		row := []string{"✔", r.Purpose, "yes", strings.Join(r.Syncs, ", ")}
		switch {
		case !r.Open:
			row[0], row[2] = "✖", "no: "+strings.Join(r.ClosedBy, ", ")
		case len(r.Suppressed) > 0:
			row[0], row[2] = "✖", "suppressed for "+strings.Join(r.Suppressed, ", ")
		case r.Unguarded:
			row[2] = "yes: no policy is about it"
		}
		rows = append(rows, row)
	}
	p.rows(rows)
	for _, b := range v.Bars {
		what := "erased on " + p.at(b.At) + ": nothing is sent any more"
		if b.Code != "syncs.erased" {
			what = fmt.Sprintf("suppressed for %s on %s, by %s", b.Channel, p.at(b.At), b.Source)
		}
		p.say(p.ui.bad("✖"), what)
	}
}

func (p *sheet) events(v *app.ProfileView) {
	if len(v.Events) == 0 {
		return
	}
	p.title("Events", fmt.Sprintf("the newest %d", len(v.Events)))
	var rows [][]string
	for _, e := range v.Events {
		var values []string
		for _, x := range e.Values {
			if x.Value != nil && x.Role == "" {
				values = append(values, x.Column+" "+p.value(x.Value, ""))
			}
		}
		rows = append(rows, []string{p.at(e.At), e.Source, e.Key, strings.Join(values, "  ")})
	}
	p.rows(rows)
}

func (p *sheet) deliveries(v *app.ProfileView) {
	if len(v.Told) > 0 {
		p.title("Destinations", "what each was last told")
		var rows [][]string
		for _, t := range v.Told {
			state := t.State
			if t.InDoubt {
				state += ", in doubt"
			}
			var match []string
			for _, m := range t.Match {
				match = append(match, fmt.Sprint(m.Value))
			}
			where := t.Destination + " " + t.Object
			if t.Into != "" {
				where += " “" + t.Into + "”"
			}
			said := t.Code
			if t.NextTry != nil {
				said += ", again after " + p.at(t.NextTry)
			}
			rows = append(rows, []string{t.Sync, where, state, p.at(t.SentAt), strings.Join(match, ", "), said})
		}
		p.rows(rows)
	}
	if len(v.Deliveries) == 0 {
		return
	}
	p.title("Deliveries", fmt.Sprintf("the newest %d", len(v.Deliveries)))
	var rows [][]string
	for _, d := range v.Deliveries {
		rows = append(rows, []string{p.at(d.At), d.Sync, d.Op, d.State, d.Code, d.Run})
	}
	p.rows(rows)
}
