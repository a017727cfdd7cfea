package ledger

import (
	"context"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/rel"
)

// Definition is what a sync was when its ledger was last written, for when the project does not
// tell any more.
type Definition struct {
	Text   string    // as Binding.Definition gave it; "" if none was
	Filled []string  // sources of policies that had rows
	At     time.Time // when the run was settled
}

// Definitions lists what is known of the syncs that have been settled, by name. It makes nothing.
func (l *Ledger) Definitions(ctx context.Context) (map[string]Definition, error) {
	out := map[string]Definition{}
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	there, err := l.has(ctx, s, tDefinitions)
	if err != nil || !there {
		return out, err
	}
	err = s.each(ctx, rel.Select{Columns: all(tables[tDefinitions], "t"), From: rel.Table{Name: l.table(tDefinitions), Alias: "t"}}, func(r []any) error {
		d := Definition{Text: asText(r[1]), At: asTime(r[3])}
		if names := asText(r[2]); names != "" {
			d.Filled = strings.Split(names, ",")
		}
		out[asText(r[0])] = d
		return nil
	})
	return out, err
}

// define notes what the sync is.
func (s *source) define(at time.Time) []rel.Statement {
	cs := []rel.Column{rel.As("sync", rel.T(s.name)), rel.As("definition", rel.T(s.b.Definition)), rel.As("filled", rel.T(join(s.b.Filled))), rel.As("at", rel.At(at))}
	return []rel.Statement{
		rel.Delete{From: s.table(tDefinitions), Where: eq(rel.C("t", "sync"), rel.T(s.name))},
		rel.Insert{Into: s.table(tDefinitions), Columns: names(cs), From: rel.Select{Columns: cs}},
	}
}
