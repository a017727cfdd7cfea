package build

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// The tables of this package, in weir's schema.
const (
	buildsTable    = "builds"        // entity text, build integer, as_of, published_at timestamp, holder text: the newest of an entity is in force
	leasesTable    = "build_leases"  // entity text, epoch integer, holder text ('' for nobody), expires timestamp
	scratchesTable = "build_scratch" // id text, entity text, holder text, began timestamp: scratch builds that are not dropped yet
)

// ErrLost says that another process took the lease while this one built. Nothing was published.
var ErrLost = errors.New("another process took over this build")

// BusyError says that another process builds the entity.
type BusyError struct {
	Entity string
	Holder string // "process 4711 on host"
	Until  time.Time
}

// Error names the holder.
func (e *BusyError) Error() string {
	return fmt.Sprintf("%s builds it; its lease ends at %s at the latest", e.Holder, e.Until.UTC().Format(time.RFC3339))
}

// prepare makes the schema and the tables of this package.
func (r *run) prepare(ctx context.Context) error {
	text := func(n string) rel.Field { return rel.Field{Name: n, Type: models.Text, NotNull: true} }
	at := func(n string) rel.Field { return rel.Field{Name: n, Type: models.Timestamp, NotNull: true} }
	num := func(n string) rel.Field { return rel.Field{Name: n, Type: models.Integer, NotNull: true} }
	for _, st := range []rel.Statement{
		rel.CreateSchema{Name: rel.Name{r.schema}},
		rel.CreateTable{Name: r.name(buildsTable), IfNotExists: true, Columns: []rel.Field{text("entity"), num("build"), at("as_of"), at("published_at"), text("holder")}},
		rel.CreateTable{Name: r.name(leasesTable), IfNotExists: true, Columns: []rel.Field{text("entity"), num("epoch"), text("holder"), at("expires")}},
		rel.CreateTable{Name: r.name(scratchesTable), IfNotExists: true, Columns: []rel.Field{text("id"), text("entity"), text("holder"), at("began")}},
	} {
		if _, err := r.exec(ctx, st); err != nil {
			return fmt.Errorf("preparing schema %s: %w", r.schema, err)
		}
	}
	r.token = newToken()
	return nil
}

// newToken names this process and this build of it.
func newToken() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d:%s", strings.ReplaceAll(host, ":", "-"), os.Getpid(), rand.Text()[:8])
}

// dead reports whether a token is of a process of this host that is no more.
func dead(token string) bool {
	parts := strings.Split(token, ":")
	host, err := os.Hostname()
	if err != nil || len(parts) != 3 || parts[0] != strings.ReplaceAll(host, ":", "-") {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	return err == nil && !alive(pid)
}

// acquire takes the lease of the entity and a new epoch, which is also the number of the build.
// A lease of a dead process of this host is taken over at once.
func (r *run) acquire(ctx context.Context, now time.Time) error {
	mine := rel.F(rel.Eq, rel.C("t", "entity"), rel.T(r.entity))
	_, err := r.exec(ctx, rel.Insert{
		Into: r.name(leasesTable), Columns: []string{"entity", "epoch", "holder", "expires"},
		From: rel.Select{
			Columns: []rel.Column{rel.As("entity", rel.T(r.entity)), rel.As("epoch", rel.I(0)), rel.As("holder", rel.T("")), rel.As("expires", rel.At(now))},
			Where: rel.F(rel.Not, rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))},
				From: rel.Table{Name: r.name(leasesTable), Alias: "t"}, Where: mine}}),
		},
	})
	if err != nil {
		return fmt.Errorf("taking the lease: %w", err)
	}
	gone := ""
	for {
		free := []rel.Expr{rel.F(rel.Eq, rel.C("t", "holder"), rel.T("")), rel.F(rel.Lt, rel.C("t", "expires"), rel.At(now))}
		if gone != "" {
			free = append(free, rel.F(rel.Eq, rel.C("t", "holder"), rel.T(gone)))
		}
		if _, err := r.exec(ctx, rel.Update{
			Table: r.name(leasesTable),
			Set: []rel.Assign{{Column: "epoch", Value: rel.F(rel.Add, rel.C("t", "epoch"), rel.I(1))},
				{Column: "holder", Value: rel.T(r.token)}, {Column: "expires", Value: rel.At(now.Add(leaseTime))}},
			Where: rel.F(rel.And, mine, rel.F(rel.Or, free...)),
		}); err != nil {
			return fmt.Errorf("taking the lease: %w", err)
		}
		epoch, holder, until, err := r.lease(ctx)
		if err != nil {
			return err
		}
		if holder == r.token {
			r.epoch = epoch
			return nil
		}
		if holder == gone || !dead(holder) {
			parts := append(strings.Split(holder, ":"), "", "")
			return &BusyError{Entity: r.entity, Holder: fmt.Sprintf("process %s on %s", parts[1], parts[0]), Until: until}
		}
		gone = holder
	}
}

// lease reads the entity's lease.
func (r *run) lease(ctx context.Context) (epoch int64, holder string, until time.Time, err error) {
	text, err := r.d.Query(rel.Select{
		Columns: []rel.Column{rel.As("epoch", rel.C("t", "epoch")), rel.As("holder", rel.C("t", "holder")), rel.As("expires", rel.C("t", "expires"))},
		From:    rel.Table{Name: r.name(leasesTable), Alias: "t"}, Where: rel.F(rel.Eq, rel.C("t", "entity"), rel.T(r.entity)),
	})
	if err != nil {
		return 0, "", until, err
	}
	for row, err := range r.s.Query(ctx, text) {
		if err != nil {
			return 0, "", until, fmt.Errorf("reading the lease: %w", err)
		}
		epoch, _ = row[0].(int64)
		holder, _ = row[1].(string)
		until, _ = row[2].(time.Time)
	}
	return epoch, holder, until, nil
}

// ours is true for the lease row while it is this build's.
func (r *run) ours() rel.Expr {
	return rel.F(rel.And, rel.F(rel.Eq, rel.C("t", "entity"), rel.T(r.entity)),
		rel.F(rel.Eq, rel.C("t", "epoch"), rel.I(r.epoch)), rel.F(rel.Eq, rel.C("t", "holder"), rel.T(r.token)))
}

// release gives the lease back. A lease that cannot be given back runs out.
func (r *run) release(ctx context.Context) {
	_, _ = r.exec(ctx, rel.Update{Table: r.name(leasesTable), Set: []rel.Assign{{Column: "holder", Value: rel.T("")}}, Where: r.ours()})
}

// publish puts the build in force, in one statement that does nothing if the lease is lost. It is
// renewed just before: whoever waits for its end does not take it meanwhile.
func (r *run) publish(ctx context.Context, asOf time.Time) error {
	if err := r.renew(ctx); err != nil {
		return err
	}
	now, err := r.s.Now(ctx)
	if err != nil {
		return fmt.Errorf("asking for the time: %w", err)
	}
	if _, err := r.exec(ctx, rel.Insert{
		Into: r.name(buildsTable), Columns: []string{"entity", "build", "as_of", "published_at", "holder"},
		From: rel.Select{
			Columns: []rel.Column{rel.As("entity", rel.C("t", "entity")), rel.As("build", rel.C("t", "epoch")), rel.As("as_of", rel.At(asOf)),
				rel.As("published_at", rel.At(now)), rel.As("holder", rel.C("t", "holder"))},
			From: rel.Table{Name: r.name(leasesTable), Alias: "t"}, Where: r.ours(),
		},
	}); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	n, err := r.integer(ctx, rel.Select{
		Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Table{Name: r.name(buildsTable), Alias: "b"},
		Where: rel.F(rel.And, rel.F(rel.Eq, rel.C("b", "entity"), rel.T(r.entity)), rel.F(rel.Eq, rel.C("b", "build"), rel.I(r.epoch)),
			rel.F(rel.Eq, rel.C("b", "holder"), rel.T(r.token))),
	})
	if err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	if n == 0 {
		return ErrLost
	}
	return nil
}
