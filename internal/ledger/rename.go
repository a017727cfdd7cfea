package ledger

import (
	"context"
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// RenameError says why a ledger cannot be carried over to another name.
type RenameError struct{ From, To, Why string }

// Error says why.
func (e *RenameError) Error() string {
	return fmt.Sprintf("the ledger of %s cannot become that of %s: %s", e.From, e.To, e.Why)
}

// byName are the tables whose rows are of a sync by its name, but for those of its ledger and epochs.
var byName = []string{tControls, tDefinitions, tRuns, tDeliveries, tPlans}

// Rename carries the ledger of a sync over to another name, with its history and what people said
// of it. Nothing is sent. It is refused if the other name has a ledger of its own, and while a plan
// of the old one is open. Both grants are of an Acquire. What else goes by the name is renamed by
// also, the last thing before it is done: with an error of it, nothing is. A crash may come after
// also and before the rest, so that doing it again has to be harmless.
func (l *Ledger) Rename(ctx context.Context, from, to syncs.Grant, also func(context.Context) error) error {
	old, next := &source{Ledger: l, name: from.Sync}, &source{Ledger: l, name: to.Sync}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	of := func(name string) rel.Expr { return eq(t("sync"), rel.T(name)) }
	refuse := func(why string) error { return &RenameError{from.Sync, to.Sync, why} }
	return l.with(ctx, "renaming "+from.Sync, func(s *session) error {
		for _, x := range []struct {
			table string
			where rel.Expr
			want  bool
			why   string
		}{
			{tLedgers, of(from.Sync), true, from.Sync + " has no ledger"},
			{tLedgers, of(to.Sync), false, to.Sync + " has one of its own"},
			{tPlans, and(of(from.Sync), rel.InList{Expr: t("state"), List: []rel.Expr{rel.T(planOpen), rel.T(planKept)}}), false, "a run of it is not settled, or a job of it is open"},
		} {
			there, err := s.some(ctx, l.table(x.table), x.where)
			if err != nil {
				return err
			}
			if there != x.want {
				return refuse(x.why)
			}
		}
		// The copy is nobody's until the transaction says whose it is.
		columns, err := s.Columns(ctx, old.own())
		if err != nil {
			return err
		}
		var cs []rel.Column
		for _, c := range columns {
			cs = append(cs, rel.As(c.Name, t(c.Name)))
		}
		err = s.do(ctx, rel.DropTable{Name: next.own()}, rel.CreateTable{Name: next.own(), As: rel.Select{Columns: cs, From: rel.Table{Name: old.own(), Alias: "t"}}})
		if err != nil {
			return err
		}
		err = s.Tx(ctx, func(ctx context.Context) error {
			for _, x := range []struct {
				s *source
				g syncs.Grant
			}{{old, from}, {next, to}} {
				if err := x.s.fence(ctx, s, x.g); err != nil {
					return err
				}
			}
			sts := []rel.Statement{rel.Update{Table: l.table(tLedgers), Set: []rel.Assign{{Column: "sync", Value: rel.T(to.Sync)}}, Where: of(from.Sync)}}
			for _, name := range byName {
				if name == tControls || name == tDefinitions { // one row for each sync
					sts = append(sts, rel.Delete{From: l.table(name), Where: of(to.Sync)})
				}
				sts = append(sts, rel.Update{Table: l.table(name), Set: []rel.Assign{{Column: "sync", Value: rel.T(to.Sync)}}, Where: of(from.Sync)})
			}
			if err := s.do(ctx, sts...); err != nil {
				return err
			}
			return also(ctx)
		})
		if err != nil {
			return err
		}
		return s.do(ctx, rel.DropTable{Name: old.own()})
	})
}

// Leave forgets a sync that is not declared any more: its ledger, and what people said of it. What
// it sent stays at the destination, and its history in runs and deliveries.
func (l *Ledger) Leave(ctx context.Context, g syncs.Grant) error {
	if err := l.Reset(ctx, g.Sync, g, false); err != nil {
		return err
	}
	return l.with(ctx, "forgetting "+g.Sync, func(s *session) error {
		var sts []rel.Statement
		for _, name := range []string{tControls, tDefinitions} {
			sts = append(sts, rel.Delete{From: l.table(name), Where: eq(rel.C("t", "sync"), rel.T(g.Sync))})
		}
		return s.do(ctx, sts...)
	})
}

// Slots are the names of the identifiers by which the ledger of a sync knows people.
func (l *Ledger) Slots(ctx context.Context, sync string) (names []string, err error) {
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	there, err := l.has(ctx, s, tLedgers)
	if err != nil || !there {
		return nil, err
	}
	err = s.each(ctx, rel.Select{Columns: []rel.Column{rel.As("slots", rel.C("t", "slots"))}, From: rel.Table{Name: l.table(tLedgers), Alias: "t"}, Where: eq(rel.C("t", "sync"), rel.T(sync))},
		func(r []any) error {
			if text := asText(r[0]); text != "" {
				names = strings.Split(text, ",")
			}
			return nil
		})
	return names, err
}

// Nobody is the rows of a sync that wants nobody, by the identifiers named.
func Nobody(ids []string) rel.Query {
	text := func(name string) rel.Column { return rel.As(name, rel.Null("text")) }
	cs := []rel.Column{text("key")}
	for i := range ids {
		cs = append(cs, text(id(i)))
	}
	return rel.Select{Columns: append(cs, text("barred"), text("invalid")), Where: rel.B(false)}
}
