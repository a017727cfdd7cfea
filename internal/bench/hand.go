package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weir-data/weir/syncs"
)

// handHash is the hash of what is sent, by the engine's own function.
const handHash = "hash(email, phone, first_name, city, tier, orders, spent)"

// handRows are the wanted rows as an engineer would write them: addresses in one form, so that the
// match value is the one by which the destination knows people.
const handRows = `SELECT CAST(id AS VARCHAR) AS key, lower(trim(email)) AS email, trim(phone) AS phone, first_name, city, tier, orders, spent, ` + handHash + ` AS h FROM shop.people`

// normalised are the same columns over the rows that a sync gives: with the normal forms of
// addresses and numbers that every sync's rows have, of which the plan by hand is spared nothing.
func (w *world) normalised() (string, error) {
	rows, err := w.rows()
	if err != nil {
		return "", err
	}
	text, err := w.w.Kind().Dialect().Query(rows)
	if err != nil {
		return "", err
	}
	return `SELECT key, id_1 AS email, id_2 AS phone, field_1 AS first_name, field_2 AS city, field_3 AS tier, field_4 AS orders, field_5 AS spent,
		hash(id_1, id_2, field_1, field_2, field_3, field_4, field_5) AS h FROM (` + text + `)`, nil
}

// byHandLedger remembers everybody, in a table for each of the two kinds of rows.
func (w *world) byHandLedger(ctx context.Context) error {
	normalised, err := w.normalised()
	if err != nil {
		return err
	}
	const made = "CREATE OR REPLACE TABLE shop.%s AS SELECT key, email, phone, h FROM (%s)"
	return w.exec(ctx, fmt.Sprintf(made, "told", normalised), fmt.Sprintf(made, "told_trimmed", handRows))
}

// Diff compares planning with SQL by hand.
type Diff struct {
	Changes int64   `json:"changes"`
	Plan    Spent   `json:"plan"`    // weir's, the best of three
	ByHand  Spent   `json:"by_hand"` // over the rows that weir's normalisers give, as weir's
	Trimmed Spent   `json:"trimmed"` // over rows whose addresses are only trimmed and in lower case
	Ratio   float64 `json:"ratio"`   // of CPU seconds, the middle one of three rounds
	Peak    int64   `json:"peak_bytes"`
}

const diffRounds = 3

// diff plans 1 % of changes.
func diff(ctx context.Context, w *world) (any, error) {
	n := w.Rows / 100
	if err := w.people(ctx, n); err != nil {
		return nil, err
	}
	t, err := w.task("to_sink", 0)
	if err != nil {
		return nil, err
	}
	normalised, err := w.normalised()
	if err != nil {
		return nil, err
	}
	hand := func(rows, told string) (Spent, error) {
		m := start()
		err := w.exec(ctx, `CREATE OR REPLACE TABLE shop.by_hand AS
			SELECT CASE WHEN d.key IS NULL THEN 'remove' WHEN l.key IS NULL THEN 'add' ELSE 'update' END AS op, coalesce(d.key, l.key) AS key,
				coalesce(d.email, l.email) AS email, coalesce(d.phone, l.phone) AS phone, d.first_name, d.city, d.tier, d.orders, d.spent, d.h
			FROM (`+rows+`) d FULL OUTER JOIN shop.`+told+` l ON l.email = d.email WHERE d.key IS NULL OR l.key IS NULL OR d.h <> l.h`)
		s := m.spent()
		if err != nil {
			return s, err
		}
		got, err := w.number(ctx, "SELECT count(*) FROM shop.by_hand")
		if err == nil && got != n {
			err = fmt.Errorf("by hand there are %d changes, not %d", got, n)
		}
		return s, err
	}
	out := &Diff{Changes: n}
	var ratios []float64
	better := func(best *Spent, s Spent) {
		if best.CPU == 0 || s.CPU < best.CPU {
			*best = s
		}
	}
	for range diffRounds {
		m := start()
		ref, err := t.Source.Freeze(ctx, syncs.Grant{}, syncs.NewRun(time.Now()))
		if err != nil {
			return nil, err
		}
		mine := m.spent()
		if ref.Rows != n {
			return nil, fmt.Errorf("the plan has %d changes, not %d", ref.Rows, n)
		}
		if err := t.Source.Discard(ctx, ref); err != nil {
			return nil, err
		}
		his, err := hand(normalised, "told")
		if err != nil {
			return nil, err
		}
		trimmed, err := hand(handRows, "told_trimmed")
		if err != nil {
			return nil, err
		}
		better(&out.Plan, mine)
		better(&out.ByHand, his)
		better(&out.Trimmed, trimmed)
		ratios = append(ratios, mine.CPU/his.CPU)
	}
	slices.Sort(ratios)
	out.Ratio, out.Peak = ratios[len(ratios)/2], peak()
	return out, w.exec(ctx, "DROP TABLE shop.by_hand")
}

// Bare is a loop over the rows that a sync is to send.
type Bare struct {
	Spent
	Rows int64 `json:"rows"`
}

// bare makes the changes, plans them, and sends the plan's rows with the least code that could:
// pages of the plan, two hashes, JSON by appending, one client. There is no journal, no retry, and
// nothing is known afterwards.
func bare(ctx context.Context, w *world) (any, error) {
	if err := w.people(ctx, w.Changes); err != nil {
		return nil, err
	}
	t, err := w.task("to_sink", 0)
	if err != nil {
		return nil, err
	}
	ref, err := t.Source.Freeze(ctx, syncs.Grant{}, syncs.NewRun(time.Now()))
	if err != nil {
		return nil, err
	}
	before, err := has(ctx, w.Sink)
	if err != nil {
		return nil, err
	}
	m := start()
	if err := w.loop(ctx, ref); err != nil {
		return nil, err
	}
	out := &Bare{Spent: m.spent(), Rows: ref.Rows}
	after, err := has(ctx, w.Sink)
	if err == nil && after.Rows-before.Rows != ref.Rows {
		err = fmt.Errorf("the bare loop sent %d of %d rows", after.Rows-before.Rows, ref.Rows)
	}
	if err != nil {
		return nil, err
	}
	return out, t.Source.Discard(ctx, ref)
}

// barePage is how many rows of a plan the bare loop reads at once.
const barePage = 50_000

func (w *world) loop(ctx context.Context, ref syncs.PlanRef) error {
	s, err := w.w.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: w.Workers}}
	defer client.CloseIdleConnections()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(w.Workers)
	var body []byte
	rows := 0
	send := func() {
		out := append(body, "]}"...)
		body, rows = make([]byte, 0, len(out)+1024), 0
		g.Go(func() error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Sink+"/wait/0", bytes.NewReader(out))
			if err != nil {
				return err
			}
			res, err := client.Do(req)
			if err != nil {
				return err
			}
			return res.Body.Close()
		})
	}
	for lo := int64(0); lo < ref.Rows; lo += barePage {
		q := fmt.Sprintf(`SELECT action, id_1, id_2, field_1, field_2, field_3, field_4, field_5 FROM %s.%s WHERE seq >= %d AND seq < %d ORDER BY seq`,
			w.w.Schema(), `"`+ref.Table+`"`, lo, lo+barePage)
		for row, err := range s.Query(ctx, q) {
			if err != nil {
				return err
			}
			if rows == 0 {
				body = append(body[:0], `{"rows":[`...)
			} else {
				body = append(body, ',')
			}
			body = appendRow(body, row)
			if rows++; rows == batch {
				send()
			}
		}
	}
	if rows > 0 {
		send()
	}
	return g.Wait()
}

var bareNames = [...]string{"op", "email_sha256", "phone_sha256", "first_name", "city", "tier", "orders", "spent"}

func appendRow(b []byte, row []any) []byte {
	b = append(b, '{')
	for i, v := range row {
		if v == nil {
			continue
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), bareNames[i]...), `":`...)
		switch v := v.(type) {
		case string:
			if i == 1 || i == 2 {
				sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(v))))
				b = append(hex.AppendEncode(append(b, '"'), sum[:]), '"')
				continue
			}
			b = strconv.AppendQuote(b, v)
		case int64:
			b = strconv.AppendInt(b, v, 10)
		case float64:
			b = strconv.AppendFloat(b, v, 'g', -1, 64)
		default:
			b = append(b, "null"...)
		}
	}
	return append(b, '}')
}
