package bench

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// The statements of this package are text: their tables are the benchmark's own, and what is
// written by hand is what weir is compared with. They run on DuckDB alone.

// world is the warehouse and the journal of one part.
type world struct {
	part
	w   warehouse.Warehouse
	led *ledger.Ledger
	st  *store.Store
}

func open(p part) (*world, error) {
	kind, ok := warehouse.Lookup("duckdb")
	if !ok {
		return nil, fmt.Errorf("this weir was built without DuckDB, in which the benchmark makes its people")
	}
	w, err := kind.Open(warehouse.Config{Target: "bench", Dir: p.Dir, Settings: map[string]string{"path": "bench.duckdb", "memory_limit": p.Memory}})
	if err != nil {
		return nil, err
	}
	return &world{part: p, w: w, led: ledger.New(w, ledger.Options{Key: []byte("of no use outside of the benchmark")})}, nil
}

func (w *world) journal(ctx context.Context) (*store.Store, error) {
	if w.st == nil {
		st, err := store.Open(ctx, filepath.Join(w.Dir, "bench.db"))
		if err != nil {
			return nil, err
		}
		w.st = st
	}
	return w.st, nil
}

func (w *world) close() error {
	var err error
	if w.st != nil {
		err = w.st.Close()
	}
	if werr := w.w.Close(); err == nil {
		err = werr
	}
	return err
}

// exec runs statements on one session.
func (w *world) exec(ctx context.Context, statements ...string) error {
	s, err := w.w.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, q := range statements {
		if _, err := s.Exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// number reads one integer.
func (w *world) number(ctx context.Context, q string) (int64, error) {
	s, err := w.w.Session(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	for row, err := range s.Query(ctx, q) {
		if err != nil {
			return 0, err
		}
		n, _ := row[0].(int64)
		return n, nil
	}
	return 0, nil
}

// people makes the rows that are synced out of those that everybody has, with n changes that are
// spread evenly: half of them other values, a quarter gone, a quarter new. More than n rows stay.
func (w *world) people(ctx context.Context, n int64) error {
	picked := fmt.Sprintf("(id * %d) %% %d < %d", n, w.Rows, n)
	kind := fmt.Sprintf("((id * %d) // %d) %% 4", n, w.Rows)
	return w.exec(ctx, "CREATE SCHEMA IF NOT EXISTS shop", fmt.Sprintf(`CREATE OR REPLACE TABLE shop.people AS
		SELECT id, email, phone, first_name, city, tier, orders + CASE WHEN %[1]s AND %[2]s < 2 THEN 1 ELSE 0 END AS orders, spent
		FROM shop.everybody WHERE NOT (%[1]s AND %[2]s = 2)
		UNION ALL SELECT id + %[3]d, 'new-' || email, phone || '0', first_name, city, tier, orders, spent FROM shop.everybody WHERE %[1]s AND %[2]s = 3`,
		picked, kind, w.Rows))
}

// everybody makes the people. Their numbers have a country code that no country has.
func (w *world) everybody(ctx context.Context) error {
	return w.exec(ctx, "CREATE SCHEMA IF NOT EXISTS shop", fmt.Sprintf(`CREATE OR REPLACE TABLE shop.everybody AS
		SELECT i AS id, 'person' || i || '@example.com' AS email, '+999' || CAST(10000000 + i AS VARCHAR) AS phone,
			'Name ' || i %% 5000 AS first_name, 'City ' || i %% 300 AS city, CASE i %% 4 WHEN 0 THEN 'gold' WHEN 1 THEN 'silver' ELSE 'basic' END AS tier,
			i %% 40 AS orders, CAST(i %% 9973 AS DOUBLE) / 4 AS spent
		FROM range(%d) t(i)`, w.Rows))
}

// columns of shop.people, as the warehouse has them.
var columns = []models.Column{
	{Name: "id", Type: models.Integer}, {Name: "email", Type: models.Text}, {Name: "phone", Type: models.Text}, {Name: "first_name", Type: models.Text},
	{Name: "city", Type: models.Text}, {Name: "tier", Type: models.Text}, {Name: "orders", Type: models.Integer}, {Name: "spent", Type: models.Number},
}

// batch is how many rows go into a request: what the destination takes at most.
const batch = 500

// sync is a mirror of shop.people at the endpoint, with two hashed identifiers and five fields.
func (w *world) sync(name string) (syncs.Sync, destinations.Destination, destinations.Object, error) {
	s := syncs.Sync{Name: name, Source: "people", Destination: "sink", Object: "rows", Purpose: "none", Mode: syncs.Mirror, OnLeave: syncs.Remove, FirstRun: syncs.Adopt,
		With:  map[string]any{"batch_size": int64(batch)},
		Match: []syncs.Match{{Identifier: "email_sha256", Trait: "email"}, {Identifier: "phone_sha256", Trait: "phone"}}}
	for _, c := range columns[3:] {
		s.Fields = append(s.Fields, syncs.Field{Name: c.Name, Trait: c.Name})
	}
	dest, ok := destinations.Lookup("http")
	if !ok {
		return s, nil, destinations.Object{}, fmt.Errorf("this weir was built without the destination http")
	}
	obj, _ := dest.Spec().Object("rows")
	obj.Limits.Concurrency = w.Workers
	return s, dest, obj, nil
}

// desired compiles what a sync wants.
func desired(s syncs.Sync, obj destinations.Object) (compile.Rows, time.Time, error) {
	in := compile.Input{Timezone: time.UTC, AsOf: time.Now().UTC().Truncate(time.Microsecond), Columns: map[string][]models.Column{"people": columns},
		Model: &models.Model{Sources: []models.Source{{Name: "people", Table: "shop.people", Key: "id"}}}}
	rows, problems := compile.Desired(in, s, obj, destinations.HTTP, "none")
	for _, p := range problems {
		return rows, in.AsOf, fmt.Errorf("the benchmark's own sync: %s", p.What)
	}
	return rows, in.AsOf, nil
}

// rows is the query of what the sync wants.
func (w *world) rows() (rel.Query, error) {
	s, _, obj, err := w.sync("to_sink")
	if err != nil {
		return nil, err
	}
	rows, _, err := desired(s, obj)
	return rows.Query, err
}

// task binds the sync to the endpoint, which answers after a time.
func (w *world) task(name string, latency time.Duration) (*syncs.Task, error) {
	s, dest, obj, err := w.sync(name)
	if err != nil {
		return nil, err
	}
	rows, asOf, err := desired(s, obj)
	if err != nil {
		return nil, err
	}
	spec := dest.Spec()
	t := &syncs.Task{Sync: s, Spec: spec, Object: obj, Account: "http " + w.Sink + " for " + name}
	for _, c := range rows.IDs {
		t.Columns.IDs = append(t.Columns.IDs, c.Name)
	}
	for _, c := range rows.Fields {
		t.Columns.Fields = append(t.Columns.Fields, c.Name)
	}
	t.Source = w.led.Source(ledger.Binding{Sync: s, Object: obj, Rows: rows, Account: t.Account, Channel: spec.Kind, AsOf: asOf, Kinds: [][]string{{"email"}, {"phone"}}})
	url := fmt.Sprintf("%s/wait/%d", w.Sink, latency.Microseconds())
	t.Session = func() (destinations.Session, error) {
		return dest.Open(context.Background(), destinations.Env{
			Settings: map[string]any{"url": url, "allow_private": true, "timeout": "30s", "answer": "any"}, Dir: w.Dir, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Secret: func(string) (string, error) { return "", nil },
			HTTP:   rest.NewTransport(rest.Guard{AllowPrivate: true, Hosts: spec.AllowedHosts(map[string]any{"url": url})}),
		})
	}
	return t, nil
}

// runner is the engine over the journal of this part.
func (w *world) runner(ctx context.Context) (*syncs.Runner, error) {
	st, err := w.journal(ctx)
	if err != nil {
		return nil, err
	}
	return &syncs.Runner{Journal: st, Holder: syncs.Holder{Store: st.ID(), Host: "bench"}, Buckets: syncs.NewBuckets()}, nil
}
