package demo_test

import (
	"context"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/demo"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb"
)

func duck() warehouse.Kind {
	k, ok := warehouse.Lookup("duckdb")
	if !ok {
		panic("built without DuckDB")
	}
	return k
}

func open(t *testing.T) warehouse.Session {
	t.Helper()
	w, err := duck().Open(warehouse.Config{Dir: t.TempDir(), Settings: map[string]string{"path": filepath.Join(t.TempDir(), "shop.duckdb")}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); w.Close() })
	return s
}

func generate(t *testing.T, s warehouse.Session, seed uint64) map[string]int64 {
	t.Helper()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	rows, err := demo.Generate(t.Context(), s, duck().Dialect(), demo.Options{People: 4000, Seed: seed, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func texts(t *testing.T, s warehouse.Session, q string) []string {
	t.Helper()
	var out []string
	for row, err := range s.Query(context.Background(), q) {
		if err != nil {
			t.Fatal(err)
		}
		v, _ := row[0].(string)
		out = append(out, v)
	}
	return out
}

func number(t *testing.T, s warehouse.Session, q string) int64 {
	t.Helper()
	var n int64
	for row, err := range s.Query(context.Background(), q) {
		if err != nil {
			t.Fatal(err)
		}
		n = row[0].(int64)
	}
	return n
}

func TestGenerateLooksLikeAShop(t *testing.T) {
	s := open(t)
	rows := generate(t, s, 1)
	for source, table := range map[string]string{"crm_contacts": "crm.contacts", "orders": "shop.orders", "web_events": "web.events", "newsletter": "news.subscribers", "support_tickets": "support.tickets"} {
		if n := number(t, s, "select count(*) from "+table); n == 0 || n != rows[source] {
			t.Errorf("%s has %d rows, said to have %d", table, n, rows[source])
		}
	}
	for what, q := range map[string]string{
		"addresses typed with blanks or capitals": `select count(*) from crm.contacts where email <> lower(trim(email))`,
		"junk addresses":              `select count(*) from crm.contacts where email in ('n/a', 'none', 'test@example.com')`,
		"junk phones":                 `select count(*) from crm.contacts where mobile = '0000000000'`,
		"addresses of two people":     `select count(*) from (select lower(trim(email)) e from crm.contacts where email like '%home.%' group by 1 having count(distinct customer_no) = 2)`,
		"cookies that log in later":   `select count(*) from (select cookie_id from web.events group by 1 having count(*) > 1 and count(login_email) = 1)`,
		"people who were never asked": `select count(*) from crm.contacts where sms_opt_in is null`,
		"guests":                      `select count(*) from shop.orders where customer_no is null and email is not null`,
		"one phone of many customers": `select count(*) from (select right(regexp_replace(mobile, '[^0-9]', '', 'g'), 9) p from crm.contacts group by 1 having count(distinct customer_no) > 20)`,
	} {
		if number(t, s, q) == 0 {
			t.Errorf("the shop has no %s", what)
		}
	}
	if n := number(t, s, "select count(*) - count(distinct (source, key)) from demo.truth"); n != 0 {
		t.Errorf("%d rows have two truths", n)
	}
	if n := number(t, s, "select count(distinct person) from demo.truth"); n < 3800 {
		t.Errorf("only %d of 4000 people left a row", n)
	}
}

// Every number must be one that regulators keep free for fiction.
func TestNumbersAreFiction(t *testing.T) {
	s := open(t)
	generate(t, s, 2)
	fiction := regexp.MustCompile(`^(33(63998|19900|26191|35301|46571|53649)\d{4}|447700900\d{3}|44(20794\d{1}0|1\d{2}4960)\d{3}|49(3023125|6990009|4066969|2214710|8999998)\d{3}|1[2-9]\d{2}55501\d{2}|0*|123)$`)
	for _, v := range texts(t, s, `select distinct regexp_replace(mobile, '[^0-9]', '', 'g') from crm.contacts where mobile is not null and mobile <> 'n/a'`) {
		if len(v) > 2 && v[:2] == "00" && len(v) > 10 {
			v = v[2:]
		} else if len(v) == 10 && v[0] == '0' && v != "0000000000" {
			v = "33" + v[1:]
		}
		if !fiction.MatchString(v) {
			t.Errorf("%s is not from a range kept for fiction", v)
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	a, b, c := open(t), open(t), open(t)
	ra, rb, rc := generate(t, a, 7), generate(t, b, 7), generate(t, c, 8)
	if d := cmp.Diff(ra, rb); d != "" {
		t.Errorf("the same seed gives other counts:\n%s", d)
	}
	if cmp.Equal(ra, rc) {
		t.Error("another seed gives the same counts")
	}
	const print = `select bit_xor(hash(c))::varchar from crm.contacts c union all select bit_xor(hash(e))::varchar from web.events e union all select bit_xor(hash(t))::varchar from demo.truth t`
	if d := cmp.Diff(texts(t, a, print), texts(t, b, print)); d != "" {
		t.Errorf("the same seed gives other rows:\n%s", d)
	}
}

func TestMeasure(t *testing.T) {
	s := open(t)
	generate(t, s, 1)
	d := duck().Dialect()
	owners := func(sql string) rel.Query { return rel.RawQuery{SQL: sql} }
	q, err := demo.Measure(t.Context(), s, d, owners("select source, key, person::varchar || '/' || chain::varchar as profile_id from demo.truth"))
	if err != nil || q.Precision != 1 || q.Recall != 1 {
		t.Errorf("the truth itself scores %+v, %v", q, err)
	}
	q, err = demo.Measure(t.Context(), s, d, owners("select source, key, 'everybody' as profile_id from demo.truth"))
	if err != nil || q.Precision > 0.01 || q.Recall != 1 {
		t.Errorf("one profile for all scores %+v, %v", q, err)
	}
	q, err = demo.Measure(t.Context(), s, d, owners("select source, key, source || key as profile_id from demo.truth"))
	if err != nil || q.Recall != 0 {
		t.Errorf("a profile for each row scores %+v, %v", q, err)
	}
}
