package destinationtest

import (
	"fmt"
	"strings"

	"github.com/weir-data/weir/destinations"
)

// person is the i-th sample of an identifier, before it is prepared: invented, from ranges
// reserved for fiction.
func person(normalise string, i int) string {
	kind := normalise[strings.LastIndex(normalise, ".")+1:]
	switch {
	case strings.HasPrefix(normalise, "email."), kind == "email":
		return fmt.Sprintf("canary.%d@example.com", i)
	case strings.HasPrefix(normalise, "phone."), kind == "phone":
		return fmt.Sprintf("+1%03d55501%02d", 201+i/100, i%100)
	case kind == "country", kind == "region_code":
		return "US"
	case strings.HasPrefix(kind, "dob"):
		return fmt.Sprintf("%d-02-03", 1950+i%50)
	case kind == "zip", kind == "postal_code":
		return fmt.Sprintf("%05d", 10000+i%80000)
	case kind == "gender":
		return "f"
	case kind == "first_name", kind == "last_name", kind == "city", kind == "state", kind == "first_initial":
		return "Canaria" + strings.NewReplacer("0", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "g", "7", "h", "8", "i", "9", "j").Replace(fmt.Sprint(i))
	}
	return fmt.Sprintf("canary-%06d", i)
}

// Sample makes a batch of n rows for an object from its Spec alone: every identifier, and the
// required fields or, with all, every field. Row i is the same person in every batch.
func Sample(o destinations.Object, op destinations.Op, n int, all bool, fields map[string]any) (destinations.Batch, error) {
	b := destinations.Batch{ID: fmt.Sprintf("batch-%s-%d", op, n), Object: o.Name}
	for _, id := range o.Identifiers {
		b.Columns.IDs = append(b.Columns.IDs, id.Name)
	}
	var defs []destinations.Field
	for _, f := range o.Fields {
		if _, given := fields[f.Name]; f.Required || all || given {
			defs = append(defs, f)
			b.Columns.Fields = append(b.Columns.Fields, f.Name)
		}
	}
	if o.OpenFields && all {
		defs = append(defs, destinations.Field{Name: "loyalty_level", Type: destinations.String})
		b.Columns.Fields = append(b.Columns.Fields, "loyalty_level")
	}
	for i := range n {
		r := destinations.Row{Key: fmt.Sprintf("profile-%d", i), Op: op, Dedup: fmt.Sprintf("dedup-%d", i)}
		for _, id := range o.Identifiers {
			v, err := destinations.Prepare(id, person(id.Normalise, i))
			if err != nil {
				return b, err
			}
			r.IDs = append(r.IDs, v)
		}
		for _, f := range defs {
			v, ok := fields[f.Name]
			if !ok {
				v = value(f)
			}
			r.Fields = append(r.Fields, v)
		}
		b.Rows = append(b.Rows, r)
	}
	return b, nil
}

func value(f destinations.Field) any {
	switch f.Type {
	case destinations.Integer:
		return int64(7)
	case destinations.Boolean:
		return true
	case destinations.Tree:
		return map[string]any{"level": "gold"}
	}
	return "Canaria"
}

// canaries are what must not be seen of the people in b.
func canaries(b destinations.Batch) []string {
	var out []string
	for i := range min(len(b.Rows), 20) {
		out = append(out, fmt.Sprintf("canary.%d@example.com", i), fmt.Sprintf("+1%03d55501%02d", 201+i/100, i%100),
			fmt.Sprintf("1%03d55501%02d", 201+i/100, i%100), fmt.Sprintf("canary-%06d", i))
		for _, v := range b.Rows[i].IDs {
			if s, ok := v.(string); ok && len(s) >= 32 {
				out = append(out, s) // a hash names the person as well
			}
		}
	}
	return out
}
