package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/models/diag"
)

func (s *session) destinationsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "destinations [TYPE]",
		Short: "Which destinations there are, and what each asks for",
		Example: `  weir destinations
  weir destinations klaviyo
  weir destinations twilio --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				var specs []destinations.Spec
				rows := [][]string{{"TYPE", "KIND", "TITLE", "OBJECTS"}}
				for _, t := range destinations.Types() {
					d, _ := destinations.Lookup(t)
					sp := d.Spec()
					specs = append(specs, sp)
					var objects []string
					for _, o := range sp.Objects {
						objects = append(objects, o.Name)
					}
					rows = append(rows, []string{sp.Type, string(sp.Kind), sp.Title, strings.Join(objects, ", ")})
				}
				s.result = map[string]any{"destinations": specs}
				s.out("%sWhat one asks for:  weir destinations TYPE", table(rows))
				return nil
			}
			d, ok := destinations.Lookup(args[0])
			if !ok {
				return &app.Error{Kind: app.Refused, Code: "destinations.unknown_type", Message: fmt.Sprintf("there is no destination type %q", args[0]), Fix: diag.DidYouMean(args[0], destinations.Types())}
			}
			s.result = d.Spec()
			if !s.json {
				fmt.Fprint(s.stdout, describe(d.Spec()))
			}
			return nil
		},
	}
}

// describe renders a spec as reference text.
func describe(sp destinations.Spec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)  %s\n", sp.Title, sp.Type, sp.Kind)
	if sp.APIVersion != "" {
		fmt.Fprintf(&b, "API version %s   %s\n", sp.APIVersion, sp.Docs)
	}
	settings(&b, "Settings, under destinations:", sp.Settings)
	for _, o := range sp.Objects {
		fmt.Fprintf(&b, "\nObject %s", o.Name)
		if o.Title != "" {
			fmt.Fprintf(&b, ": %s", o.Title)
		}
		b.WriteByte('\n')
		var ops []string
		for _, op := range o.Ops {
			ops = append(ops, op.String())
		}
		repeat := "harmless"
		if !o.Idempotent {
			repeat = "harmful: never done without a person"
		}
		fmt.Fprintf(&b, "  does %s; errors by %s; repeating is %s\n", strings.Join(ops, ", "), o.Granularity, repeat)
		rowsACall := number(int64(o.Limits.Rows)) + " rows"
		if o.Limits.Rows == 1 {
			rowsACall = "one row"
		}
		fmt.Fprintf(&b, "  at most %s a call", rowsACall)
		for _, r := range o.Limits.Rates {
			fmt.Fprintf(&b, ", %s calls in %s", number(int64(r.N)), short(r.Per))
		}
		b.WriteByte('\n')
		if o.Listed {
			b.WriteString("  who is there can be read back: weir verify, first_run: replace\n")
		}
		var rows [][]string
		for _, id := range o.Identifiers {
			note := id.Doc
			switch {
			case id.Required:
				note = "required. " + note
			case id.AnyOf != "":
				note = "at least one of these. " + note
			}
			if id.Hash != "" && !strings.Contains(note, "sent hashed") && !strings.Contains(note, "Sent hashed") {
				note += " Sent hashed (" + id.Hash + ")."
			}
			rows = append(rows, []string{"    match." + id.Name, strings.TrimSpace(note)})
		}
		for _, f := range o.Fields {
			note := f.Doc
			if f.Required {
				note = "required. " + note
			}
			rows = append(rows, []string{"    fields." + f.Name, note})
		}
		if o.OpenFields {
			rows = append(rows, []string{"    fields.…", "any other name"})
		}
		b.WriteString(table(rows))
		settings(&b, "  Parameters, under with: of a sync", o.With)
	}
	return b.String()
}

func settings(b *strings.Builder, title string, ss []destinations.Setting) {
	if len(ss) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	var rows [][]string
	for _, st := range ss {
		note := st.Doc
		if st.Secret {
			note = "secret. " + note
		}
		if st.Required {
			note = "required. " + note
		}
		if st.Default != nil {
			note += fmt.Sprintf(" Defaults to %v.", st.Default)
		}
		rows = append(rows, []string{"  " + st.Name, string(st.Type), note})
	}
	b.WriteString(table(rows))
}

// short writes a whole duration without its zero parts.
func short(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "0s")
	return strings.TrimSuffix(s, "0m")
}
