// Package demo invents a shop: raw tables such as a real warehouse has, with typing variants,
// shared addresses and phones, junk, anonymous visitors who later log in, and missing consent,
// beside a table that says who really is who. The same seed gives the same shop.
package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// Options of a shop.
type Options struct {
	People   int
	Seed     uint64
	Now      time.Time        // rows lie before it
	Progress func(people int) // called now and then; may be nil
}

// Truth is the table of who is who: source, key (as text), person (1 to N), chain. Rows of one
// person and chain can be known to belong together from the data alone.
var Truth = rel.Name{"demo", "truth"}

// chunk bounds how many people are in memory at once.
const chunk = 10000

type table struct {
	source string // of the example project
	name   rel.Name
	fields []rel.Field
}

var tables = []table{
	{"crm_contacts", rel.Name{"crm", "contacts"}, fields("contact_id text, customer_no text, first_name text, last_name text, email text, mobile text, country text, sms_opt_in boolean, ads_opt_in boolean, modified_at timestamp")},
	{"orders", rel.Name{"shop", "orders"}, fields("order_id integer, customer_no text, email text, ship_country text, category text, amount number, status text, ordered_at timestamp")},
	{"web_events", rel.Name{"web", "events"}, fields("event_id integer, cookie_id text, login_email text, page text, occurred_at timestamp")},
	{"newsletter", rel.Name{"news", "subscribers"}, fields("subscriber_id integer, email text, opted_in boolean, changed_at timestamp")},
	{"support_tickets", rel.Name{"support", "tickets"}, fields("ticket_id integer, customer_no text, from_email text, phone text, subject text, status text, opened_at timestamp")},
	{"", Truth, fields("source text, key text, person integer, chain integer")},
}

func fields(list string) []rel.Field {
	var fs []rel.Field
	for f := range strings.SplitSeq(list, ", ") {
		name, typ, _ := strings.Cut(f, " ")
		fs = append(fs, rel.Field{Name: name, Type: models.Type(typ)})
	}
	return fs
}

// Generate makes the shop's tables on a session and returns the number of rows in each source.
// Memory does not grow with the number of people.
func Generate(ctx context.Context, s warehouse.Session, d dialect.Dialect, o Options) (map[string]int64, error) {
	for _, t := range tables {
		for _, st := range []rel.Statement{
			rel.CreateSchema{Name: t.name[:1]},
			rel.CreateTable{Name: t.name, Columns: t.fields},
		} {
			text, err := d.Statement(st)
			if err == nil {
				_, err = s.Exec(ctx, text)
			}
			if err != nil {
				return nil, fmt.Errorf("making table %s.%s: %w", t.name[0], t.name[1], err)
			}
		}
	}
	counts := map[string]int64{}
	batch := make([]*person, 0, min(chunk, o.People))
	flush := func() error {
		for i, t := range tables {
			names := make([]string, len(t.fields))
			for j, f := range t.fields {
				names[j] = f.Name
			}
			n, err := s.Load(ctx, t.name, names, rows(batch, i, o.Now))
			if err != nil {
				return fmt.Errorf("loading %s.%s: %w", t.name[0], t.name[1], err)
			}
			if t.source != "" {
				counts[t.source] += n
			}
		}
		batch = batch[:0]
		return nil
	}
	for p := range people(o.Seed, o.People) {
		batch = append(batch, p)
		if len(batch) == chunk || p.n == o.People {
			if err := flush(); err != nil {
				return nil, err
			}
			if o.Progress != nil {
				o.Progress(p.n)
			}
		}
	}
	return counts, nil
}

// rows yields the rows of the i-th table for some people.
func rows(ps []*person, i int, now time.Time) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, p := range ps {
			for row := range p.rows(i, now) {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

func (p *person) rows(table int, now time.Time) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		switch table {
		case 0:
			for _, c := range p.contacts {
				if !yield([]any{c.key, c.customer, c.first, c.last, c.email, c.phone, c.country, c.sms, c.ads, at(now, c.ago)}) {
					return
				}
			}
		case 1:
			for _, o := range p.orders {
				amount := fmt.Sprintf("%d.%02d", o.cents/100, o.cents%100)
				if !yield([]any{o.key, o.customer, o.email, o.country, o.category, json.Number(amount), o.status, at(now, o.ago)}) {
					return
				}
			}
		case 2:
			for _, v := range p.views {
				if !yield([]any{v.key, v.cookie, v.email, v.page, at(now, v.ago)}) {
					return
				}
			}
		case 3:
			for _, s := range p.signups {
				if !yield([]any{s.key, s.email, s.opted, at(now, s.ago)}) {
					return
				}
			}
		case 4:
			for _, t := range p.tickets {
				if !yield([]any{t.key, t.customer, t.email, t.phone, t.subject, t.status, at(now, t.ago)}) {
					return
				}
			}
		default:
			p.truth(yield)
		}
	}
}

// truth yields source, key, person and chain of each of the person's rows.
func (p *person) truth(yield func([]any) bool) {
	var refs [][]string
	var names [][2]string
	add := func(source string, key any, r []string) {
		names = append(names, [2]string{source, fmt.Sprint(key)})
		refs = append(refs, r)
	}
	for _, c := range p.contacts {
		add("crm_contacts", c.key, c.refs)
	}
	for _, o := range p.orders {
		add("orders", o.key, o.refs)
	}
	for _, v := range p.views {
		add("web_events", v.key, v.refs)
	}
	for _, s := range p.signups {
		add("newsletter", s.key, s.refs)
	}
	for _, t := range p.tickets {
		add("support_tickets", t.key, t.refs)
	}
	for i, c := range p.chains(refs) {
		if !yield([]any{names[i][0], names[i][1], int64(p.n), int64(c)}) {
			return
		}
	}
}
