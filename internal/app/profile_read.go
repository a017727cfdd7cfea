package app

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// What of a large profile is listed.
const (
	listedRecords = 100
	listedStays   = 100
)

func (l *lookup) identifiers(ctx context.Context, v *ProfileView) error {
	p := &people{nodes: map[int64]*member{}}
	q := rel.Select{From: l.table(compile.Nodes, "n"), Where: among(rel.C("n", "cluster"), []int64{v.Asked.cluster}), Limit: maxNodes, OrderBy: []rel.Order{{Expr: rel.C("n", "node")}}}
	if err := l.members(ctx, q, p); err != nil {
		return err
	}
	v.Identifiers = []Member{}
	for _, m := range p.of(v.Asked.cluster) {
		switch {
		case m.Type == compile.RecordType: // a row without identifiers stands under Records
		case len(v.Identifiers) == listedMembers:
			v.More["identifiers"]++
		default:
			v.Identifiers = append(v.Identifiers, m.Member)
		}
	}
	return nil
}

func (l *lookup) records(ctx context.Context, v *ProfileView) error {
	v.Records = []Row{}
	r := func(c string) rel.Expr { return rel.C("r", c) }
	return l.each(ctx, rel.Select{Columns: columns("r", "source", "key"), From: l.table(compile.Records, "r"), Where: equal(r("profile_id"), rel.T(v.ProfileID)),
		OrderBy: []rel.Order{{Expr: r("source")}, {Expr: r("key")}}, Limit: maxRows}, func(c cells) error {
		if len(v.Records) == listedRecords {
			v.More["records"]++
			return nil
		}
		v.Records = append(v.Records, Row{c.text(0), c.text(1)})
		return nil
	})
}

// traits reads the profile's row, and the row that each trait came from where the build says so.
func (l *lookup) traits(ctx context.Context, v *ProfileView) error {
	v.Traits = []TraitValue{}
	have, err := l.s.Columns(ctx, l.in.Build.Table(l.in.Entity, compile.Profiles))
	if err != nil {
		return err
	}
	q := rel.Select{From: l.table(compile.Profiles, "p"), Where: equal(rel.C("p", "profile_id"), rel.T(v.ProfileID))}
	for _, c := range have {
		e := rel.Expr(rel.C("p", c.Name))
		if c.Type == models.Unknown {
			e = rel.Cast{Expr: e, Type: models.Text}
		}
		q.Columns = append(q.Columns, rel.As(c.Name, e))
	}
	err = l.each(ctx, q, func(row cells) error {
		for i, c := range have {
			switch c.Name {
			case "profile_id":
			case "anonymous":
				v.Anonymous = row.bool(i)
			default:
				t := TraitValue{Name: c.Name, Type: string(c.Type), Value: plain(row[i], c.Type)}
				if tr := l.e.Trait(c.Name); tr != nil {
					t.PII = tr.PII
				}
				v.Traits = append(v.Traits, t)
			}
		}
		return nil
	})
	if err != nil || !l.has(compile.Provenance) {
		return err
	}
	return l.provenance(ctx, v)
}

func (l *lookup) provenance(ctx context.Context, v *ProfileView) error {
	have, err := l.s.Columns(ctx, l.in.Build.Table(l.in.Entity, compile.Provenance))
	if err != nil {
		return err
	}
	q := rel.Select{From: l.table(compile.Provenance, "p"), Where: equal(rel.C("p", "profile_id"), rel.T(v.ProfileID))}
	for _, c := range have {
		q.Columns = append(q.Columns, rel.As(c.Name, rel.C("p", c.Name)))
	}
	return l.each(ctx, q, func(row cells) error {
		for i, c := range have {
			at := strings.LastIndex(c.Name, "__")
			if at < 0 {
				continue
			}
			n := slices.IndexFunc(v.Traits, func(t TraitValue) bool { return t.Name == c.Name[:at] })
			if n < 0 {
				continue
			}
			switch c.Name[at:] {
			case "__source":
				v.Traits[n].Source = row.text(i)
			case "__key":
				v.Traits[n].Key = row.text(i)
			case "__at":
				v.Traits[n].At = row.time(i)
			}
		}
		return nil
	})
}

// plain is a value as JSON and people have it: dates and times are text.
func plain(v any, t models.Type) any {
	if at, ok := v.(time.Time); ok {
		if t == models.Date {
			return at.UTC().Format(time.DateOnly)
		}
		return at.UTC().Format(time.RFC3339Nano)
	}
	return v
}

func (l *lookup) segments(ctx context.Context, v *ProfileView) error {
	v.Segments, v.Left, v.Arms = []SegmentStay{}, []SegmentStay{}, []Arm{}
	mine := equal(rel.C("t", "profile_id"), rel.T(v.ProfileID))
	t := func(c string) rel.Expr { return rel.C("t", c) }
	arms := map[string]string{}
	err := l.each(ctx, rel.Select{Columns: columns("t", "segment", "arm", "since", "contaminated"), From: l.table(compile.Assignments, "t"), Where: mine, OrderBy: []rel.Order{{Expr: t("segment")}}},
		func(c cells) error {
			arms[c.text(0)] = c.text(1)
			v.Arms = append(v.Arms, Arm{c.text(0), c.text(1), c.time(2), c.bool(3)})
			return nil
		})
	if err != nil {
		return err
	}
	read := columns("t", "segment", "since")
	told, err := l.hasArms(ctx)
	if err != nil {
		return err
	}
	if told {
		read = append(read, rel.As("arm", t("arm")))
	}
	err = l.each(ctx, rel.Select{Columns: read, From: l.table(compile.Memberships, "t"), Where: mine, OrderBy: []rel.Order{{Expr: t("segment")}}},
		func(c cells) error {
			stay := SegmentStay{Segment: c.text(0), Entered: c.time(1), Arm: arms[c.text(0)]}
			if told {
				stay.Arm = c.text(2)
			}
			v.Segments = append(v.Segments, stay)
			return nil
		})
	if err != nil {
		return err
	}
	return l.each(ctx, rel.Select{Columns: columns("t", "segment", "entered_at", "left_at"), From: l.table(compile.History, "t"), Where: rel.F(rel.And, mine, rel.F(rel.NotNull, t("left_at"))),
		OrderBy: []rel.Order{{Expr: t("left_at"), Desc: true}, {Expr: t("segment")}}, Limit: maxHistory},
		func(c cells) error {
			if len(v.Left) == listedStays {
				v.More["left"]++
				return nil
			}
			v.Left = append(v.Left, SegmentStay{Segment: c.text(0), Entered: c.time(1), Left: c.time(2)})
			return nil
		})
}

// recent reads the newest rows of the entity's event sources.
func (l *lookup) recent(ctx context.Context, v *ProfileView, n int64) error {
	v.Events = []EventRow{}
	for _, source := range l.e.Identity.From {
		s := l.in.Model.Source(source)
		if s.Time == "" {
			continue
		}
		q, cols, problem := compile.EventsOf(l.in, source, v.ProfileID, n)
		if problem != nil {
			v.Notes = append(v.Notes, "the events of "+source+" are not shown: "+problem.What)
			continue
		}
		role := map[string]string{s.Time: "time", s.Key: "key"}
		for _, id := range s.Identifiers {
			role[id.Column] = "identifier"
		}
		err := l.each(ctx, q, func(c cells) error {
			e := EventRow{Source: source, At: c.time(0), Key: c.text(1)}
			for i, col := range cols {
				e.Values = append(e.Values, Value{col.Name, plain(c[2+i], col.Type), role[col.Name]})
			}
			v.Events = append(v.Events, e)
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.SortStableFunc(v.Events, func(a, b EventRow) int {
		switch {
		case a.At == nil || b.At == nil:
			return cmp.Compare(btoi(a.At == nil), btoi(b.At == nil))
		}
		return cmp.Or(b.At.Compare(*a.At), cmp.Compare(a.Source, b.Source))
	})
	v.Events = v.Events[:min(int64(len(v.Events)), n)]
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
