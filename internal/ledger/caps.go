package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/rel"
)

// Cap bounds the messages that a profile gets from several syncs together.
type Cap struct {
	Code  string    // of who is kept out: policy.NAME
	Syncs []string  // that are counted together; all of them append
	Max   int       // most messages
	Since time.Time // from then on
}

// cappedTable holds who has had as many messages as a cap allows: profile and code.
var cappedTable = rel.Name{"weir_capped"}

// capped reports whether caps bound this sync. Keys that are no profiles have none: a project with
// both does not pass its checks.
func (s *source) capped() bool { return len(s.b.Caps) > 0 && s.appends() && !s.keyed() }

// counted is true for rows of deliveries, under the alias t, that count for a cap. A message counts
// from the time at which its run was settled, also one that may have been sent.
func (c Cap) counted() rel.Expr {
	t := func(n string) rel.Expr { return rel.C("t", n) }
	return and(rel.InList{Expr: t("sync"), List: texts(c.Syncs)}, rel.InList{Expr: t("state"), List: texts([]string{"delivered", "accepted", "in_doubt"})},
		rel.F(rel.Ge, t("at"), rel.At(c.Since)))
}

// Messages lists when a person got what counts for a cap, oldest first. profiles are the person's
// ids, of now and of before merges.
func (l *Ledger) Messages(ctx context.Context, c Cap, profiles []string) (at []time.Time, err error) {
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	have, err := s.have(ctx, l.w.Schema())
	if err != nil || !have[tDeliveries] {
		return nil, err
	}
	var mine []rel.Expr
	for _, p := range profiles {
		mine = append(mine, rel.F(rel.HasPrefix, rel.C("t", "key"), rel.T(p+":")))
	}
	err = s.each(ctx, rel.Select{Columns: []rel.Column{rel.As("at", rel.C("t", "at"))}, From: rel.Table{Name: l.table(tDeliveries), Alias: "t"},
		Where: and(c.counted(), or(mine...)), OrderBy: []rel.Order{{Expr: rel.C("t", "at")}}},
		func(r []any) error { at = append(at, asTime(r[0])); return nil })
	return at, err
}

// countCaps makes cappedTable. Messages of a run that goes on do not count, being its own. What was
// sent to a profile that was merged away counts for whom it is part of now.
func (s *source) countCaps(ctx context.Context, se *session, run string) error {
	err := se.do(ctx, rel.DropTable{Name: cappedTable}, rel.CreateTable{Name: cappedTable, Temp: true, Columns: fields("profile code")})
	if err != nil {
		return err
	}
	for _, c := range s.b.Caps {
		if err := s.countCap(ctx, se, run, c); err != nil {
			return fmt.Errorf("counting the messages of %s: %w", c.Code, err)
		}
	}
	return nil
}

func (s *source) countCap(ctx context.Context, se *session, run string, c Cap) error {
	t := func(n string) rel.Expr { return rel.C("t", n) }
	profile := s.profile(t("key"))
	sent := rel.Select{
		Columns: []rel.Column{rel.As("profile", profile), rel.As("n", rel.Agg{Fn: rel.CountRows})},
		From:    rel.Table{Name: s.table(tDeliveries), Alias: "t"},
		Where:   and(c.counted(), rel.F(rel.Ne, t("run"), rel.T(run))),
		GroupBy: []rel.Expr{profile},
	}
	// Two tables take turns, since a table cannot be made of itself.
	names := []rel.Name{{"weir_sent_a"}, {"weir_sent_b"}}
	if err := se.do(ctx, rel.DropTable{Name: names[0]}, rel.CreateTable{Name: names[0], Temp: true, As: sent, Comment: "messages since " + c.Since.Format(time.RFC3339)}); err != nil {
		return err
	}
	heir := rel.Join{Rel: rel.Sub{Alias: "m", Query: rel.Select{
		Columns: []rel.Column{rel.As("from_id", rel.C("g", "from_id")), rel.As("to_id", rel.Agg{Fn: rel.Min, Arg: rel.C("g", "to_id")})},
		From:    rel.Sub{Query: s.b.Rows.Merged, Alias: "g"}, GroupBy: []rel.Expr{rel.C("g", "from_id")},
	}}, On: eq(rel.C("m", "from_id"), rel.C("t", "profile"))}
	for round := 0; s.b.Rows.Merged != nil; round++ {
		n, err := se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})},
			From: rel.Table{Name: names[0], Alias: "t"}, Joins: []rel.Join{heir}})
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if round == maxMerges {
			return fmt.Errorf("the merges of profiles lead back to themselves")
		}
		step := heir
		step.Kind = rel.Left
		now := coalesce(rel.C("m", "to_id"), t("profile"))
		err = se.do(ctx, rel.DropTable{Name: names[1]}, rel.CreateTable{Name: names[1], Temp: true, As: rel.Select{
			Columns: []rel.Column{rel.As("profile", now), rel.As("n", rel.Agg{Fn: rel.SumInt, Arg: t("n")})},
			From:    rel.Table{Name: names[0], Alias: "t"}, Joins: []rel.Join{step}, GroupBy: []rel.Expr{now},
		}})
		if err != nil {
			return err
		}
		slices.Reverse(names)
	}
	return se.do(ctx,
		rel.Insert{Into: cappedTable, Columns: []string{"profile", "code"}, From: rel.Select{
			Columns: []rel.Column{rel.As("profile", t("profile")), rel.As("code", rel.T(c.Code))},
			From:    rel.Table{Name: names[0], Alias: "t"}, Where: rel.F(rel.Ge, t("n"), rel.I(int64(c.Max))),
		}},
		rel.DropTable{Name: names[0]}, rel.DropTable{Name: names[1]})
}

// cap is the code of the cap that keeps a row's message back, and the joins that find it. The key
// is that of an entry; one that was sent already is not kept back: it is done.
func (s *source) cap(key rel.Expr) (rel.Expr, []rel.Join) {
	capped := rel.Select{
		Columns: []rel.Column{rel.As("profile", rel.C("c", "profile")), rel.As("code", rel.Agg{Fn: rel.Min, Arg: rel.C("c", "code")})},
		From:    rel.Table{Name: cappedTable, Alias: "c"}, GroupBy: []rel.Expr{rel.C("c", "profile")},
	}
	joins := []rel.Join{
		{Kind: rel.Left, Rel: rel.Sub{Query: capped, Alias: "cp"}, On: eq(rel.C("cp", "profile"), s.profile(key))},
		{Kind: rel.Left, Rel: rel.Table{Name: s.own(), Alias: "ce"}, On: eq(rel.C("ce", "key"), key)},
	}
	fresh := and(or(isNull(rel.C("ce", "state")), eq(rel.C("ce", "state"), rel.T(stAbsent))), not(isTrue(rel.C("ce", "doubt"))))
	return when(fresh, rel.C("cp", "code")), joins
}
