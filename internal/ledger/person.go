package ledger

import (
	"context"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Person is what the ledger knows of one person.
type Person struct {
	Told       []Told
	Deliveries []Delivery // newest first
	Bars       []Bar
}

// Told is a row of a sync's ledger: what its destination was last told of a person.
type Told struct {
	Sync     string
	Key      string
	IDs      [][2]string // identifier and value as sent; empty where only hashes are kept
	State    string      // sent, accepted, leaving, absent or skipped
	InDoubt  bool
	Attempts int64 // that were refused since
	NextTry  time.Time
	Code     string // of the last refusal
	Reason   string
	RemoteID string // the vendor's
	SentAt   time.Time
	Run      string
}

// Delivery is a row of a run with its outcome.
type Delivery struct {
	Run, Sync, Key, Op, State, Code, Reason string
	At                                      time.Time
}

// Bar is an erasure or a suppression of one of a person's identifiers.
type Bar struct {
	Code    string // CodeErased or CodeSuppressed
	Channel string // of a suppression: a destination's kind, or "all"
	Source  string // of a suppression: who asked
	At      time.Time
}

// Person reads what each sync's destination was last told of a person, the newest deliveries,
// and what bars the person. profiles are the person's ids, of now and of before merges; values
// are the person's identifiers. It makes nothing, and tables that are not there are empty.
func (l *Ledger) Person(ctx context.Context, syncs, profiles []string, values []Identifier, deliveries int64) (*Person, error) {
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	have, err := s.have(ctx, l.w.Schema())
	if err != nil {
		return nil, err
	}
	out := &Person{}
	slots := map[string][]string{}
	if have[tLedgers] {
		err := s.each(ctx, rel.Select{Columns: []rel.Column{rel.As("sync", rel.C("t", "sync")), rel.As("slots", rel.C("t", "slots"))}, From: rel.Table{Name: l.table(tLedgers), Alias: "t"}},
			func(r []any) error {
				if names := asText(r[1]); names != "" {
					slots[asText(r[0])] = strings.Split(names, ",")
				}
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	for _, sync := range syncs {
		if have[ledgerTable(sync)] {
			if err := l.told(ctx, s, sync, slots[sync], profiles, out); err != nil {
				return nil, err
			}
		}
	}
	if have[tDeliveries] && deliveries > 0 {
		if err := l.delivered(ctx, s, profiles, deliveries, out); err != nil {
			return nil, err
		}
	}
	if have[tErasures] && have[tSuppressions] && len(values) > 0 {
		return out, l.bars(ctx, s, values, out)
	}
	return out, nil
}

func texts(list []string) []rel.Expr {
	var out []rel.Expr
	for _, s := range list {
		out = append(out, rel.T(s))
	}
	return out
}

func (l *Ledger) told(ctx context.Context, s *session, sync string, slots, profiles []string, out *Person) error {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	cs := all(fields("key state doubt:b attempts:i next_try:t code reason remote_id sent_at:t run"), "t")
	for i := range slots {
		cs = append(cs, rel.As(slot(i), t(slot(i))))
	}
	return s.each(ctx, rel.Select{
		Columns: cs, From: rel.Table{Name: l.table(ledgerTable(sync)), Alias: "t"},
		Where: rel.InList{Expr: t("profile"), List: texts(profiles)}, OrderBy: []rel.Order{{Expr: t("key")}, {Expr: t("grp")}},
	}, func(r []any) error {
		x := Told{Sync: sync, Key: asText(r[0]), State: asText(r[1]), InDoubt: asBool(r[2]), Attempts: asInt(r[3]), NextTry: asTime(r[4]),
			Code: asText(r[5]), Reason: asText(r[6]), RemoteID: asText(r[7]), SentAt: asTime(r[8]), Run: asText(r[9])}
		for i, name := range slots {
			if v := asText(r[10+i]); v != "" {
				x.IDs = append(x.IDs, [2]string{name, v})
			}
		}
		out.Told = append(out.Told, x)
		return nil
	})
}

func (l *Ledger) delivered(ctx context.Context, s *session, profiles []string, limit int64, out *Person) error {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	mine := []rel.Expr{rel.InList{Expr: t("key"), List: texts(profiles)}}
	for _, p := range profiles { // the entries of append syncs
		mine = append(mine, rel.F(rel.HasPrefix, t("key"), rel.T(p+":")))
	}
	return s.each(ctx, rel.Select{
		Columns: all(tables[tDeliveries], "t"), From: rel.Table{Name: l.table(tDeliveries), Alias: "t"},
		Where: or(mine...), Limit: limit,
		OrderBy: []rel.Order{{Expr: t("at"), Desc: true}, {Expr: t("run"), Desc: true}, {Expr: t("sync")}, {Expr: t("key")}, {Expr: t("op")}},
	}, func(r []any) error {
		out.Deliveries = append(out.Deliveries, Delivery{asText(r[0]), asText(r[1]), asText(r[2]), asText(r[3]), asText(r[4]), asText(r[5]), asText(r[6]), asTime(r[7])})
		return nil
	})
}

func (l *Ledger) bars(ctx context.Context, s *session, values []Identifier, out *Person) error {
	some, err := l.barred(ctx, s)
	if err != nil || !some {
		return err
	}
	hashes := rel.InList{Expr: rel.C("t", "hash")}
	for _, v := range values {
		hashes.List = append(hashes.List, rel.T(l.barHash(v)))
	}
	at := rel.C("t", "at")
	for _, q := range []rel.Select{
		{Columns: []rel.Column{rel.As("code", rel.T(CodeErased)), rel.As("channel", rel.Null(models.Text)), rel.As("source", rel.Null(models.Text)), rel.As("at", at)},
			From: rel.Table{Name: l.table(tErasures), Alias: "t"}},
		{Columns: []rel.Column{rel.As("code", rel.T(CodeSuppressed)), rel.As("channel", rel.C("t", "channel")), rel.As("source", rel.C("t", "source")), rel.As("at", at)},
			From: rel.Table{Name: l.table(tSuppressions), Alias: "t"}},
	} {
		q.Where, q.OrderBy = hashes, []rel.Order{{Expr: rel.C("t", "at")}, {Expr: rel.C("t", "hash")}}
		err := s.each(ctx, q, func(r []any) error {
			out.Bars = append(out.Bars, Bar{asText(r[0]), asText(r[1]), asText(r[2]), asTime(r[3])})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// CountBarred counts the people, a query of profile_id, whom erasures keep out, or suppressions of
// each of the channels. identifiers is a query of profile_id, type and value, whose types are those
// given. It makes nothing, and reads no person if there is neither an erasure nor a suppression.
func (l *Ledger) CountBarred(ctx context.Context, people, identifiers rel.Query, types []string, channels []destinations.Kind) (n int64, err error) {
	s, err := l.session(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	have, err := s.have(ctx, l.w.Schema())
	if err != nil || !have[tErasures] || !have[tSuppressions] {
		return 0, err
	}
	if some, err := l.barred(ctx, s); err != nil || !some {
		return 0, err
	}
	if err := l.loadSecret(ctx, s); err != nil {
		return 0, err
	}
	i := func(c string) rel.Expr { return rel.C("i", c) }
	var head rel.Case
	for _, t := range types {
		head.Whens = append(head.Whens, rel.When{If: eq(i("type"), rel.T(t)), Then: rel.T(kindHead(t))})
	}
	bars := rel.Union{All: true, Queries: []rel.Query{
		rel.Select{Columns: []rel.Column{rel.As("hash", rel.C("e", "hash")), rel.As("channel", rel.T(everyChannel))}, From: rel.Table{Name: l.table(tErasures), Alias: "e"}},
		rel.Select{Columns: []rel.Column{rel.As("hash", rel.C("x", "hash")), rel.As("channel", rel.C("x", "channel"))}, From: rel.Table{Name: l.table(tSuppressions), Alias: "x"}},
	}}
	all := rel.Expr(rel.B(true))
	if len(channels) == 0 {
		all = closes(everyChannel)
	}
	for _, c := range channels {
		all = and(all, closes(string(c)))
	}
	out := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", rel.C("p", "profile_id"))},
		From:    rel.Sub{Query: people, Alias: "p"},
		Joins: []rel.Join{
			{Kind: rel.Inner, Rel: rel.Sub{Query: identifiers, Alias: "i"}, On: eq(i("profile_id"), rel.C("p", "profile_id"))}, withSecret(),
			{Kind: rel.Inner, Rel: rel.Sub{Query: bars, Alias: "b"}, On: eq(rel.C("b", "hash"), keyedHash(concat(head, i("value"))))},
		},
		GroupBy: []rel.Expr{rel.C("p", "profile_id")}, Having: all,
	}
	return s.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Sub{Query: out, Alias: "o"}})
}

// closes is whether one of the bars b of a group is of a channel or of all.
func closes(channel string) rel.Expr {
	of := rel.InList{Expr: rel.C("b", "channel"), List: []rel.Expr{rel.T(channel), rel.T(everyChannel)}}
	return rel.F(rel.Gt, rel.Agg{Fn: rel.Count, Arg: when(of, rel.I(1))}, rel.I(0))
}
