package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// The tables that every project has.
const (
	tEpochs       = "epochs"
	tLock         = "lock"
	tStores       = "stores"
	tLedgers      = "ledgers"
	tPlans        = "plans"
	tRuns         = "runs"
	tDeliveries   = "deliveries"
	tErasures     = "erasures"
	tSuppressions = "suppressions"
	tSecret       = "secret"
	tControls     = "controls"    // what people said of a sync: to pause, to adopt who is there
	tDefinitions  = "definitions" // what each sync was when it was last settled
	tKept         = "kept"        // plans that were not sent and may be
	tCalm         = "calm"        // what each sync has no need to look at again
)

// The states of a plans row.
const (
	planMaking  = "making"
	planPreview = "preview"
	planOpen    = "open"
	planKept    = "kept"
)

// The states of a ledger row.
const (
	stSent     = "sent"     // the destination has it
	stAccepted = "accepted" // taken into a queue or a job
	stLeaving  = "leaving"  // its removal was taken into a job that is open
	stAbsent   = "absent"   // the destination does not have it: an add was refused, or is in doubt
	stSkipped  = "skipped"  // append: was in at the first run and was not sent to
)

func fields(of string) []rel.Field {
	var out []rel.Field
	for _, f := range strings.Fields(of) {
		name, t, _ := strings.Cut(f, ":")
		out = append(out, rel.Field{Name: name, Type: map[string]rel.Type{
			"": models.Text, "i": models.Integer, "b": models.Boolean, "t": models.Timestamp,
		}[t]})
	}
	return out
}

// pastColumns are the columns of runs that say how a run ended: see Past. Of a run that was settled
// and did not come to record its end they are NULL; of one of which nothing was settled, at, epoch
// and hash are.
const pastColumns = "status code error fix asked started:t ended:t requests:i holds refused report"

// tables lists the columns of the tables that every project has.
var tables = map[string][]rel.Field{
	tEpochs:       fields("sync epoch:i store host pid:i born clean:b expires:t writes:i"),
	tStores:       fields("store host since:t"),
	tLedgers:      fields("sync account object target print columns slots canary:i version:i started:t"),
	tPlans:        fields("sync run epoch:i state table_name rows:i forced:i hash version tally holds as_of:t made:t"),
	tRuns:         fields("run sync epoch:i at:t hash rows:i added:i updated:i removed:i unchanged:i delivered:i accepted:i rejected:i invalid:i suppressed:i due:i in_doubt:i quarantined:i " + pastColumns),
	tDeliveries:   fields("run sync key op state code reason at:t"),
	tErasures:     fields("hash at:t"),
	tSuppressions: fields("channel hash at:t source"),
	tSecret:       fields("name hash"),
	tControls:     fields("sync paused:t by_whom reason adopt:b"),
	tDefinitions:  fields("sync definition filled at:t"),
	tCalm:         fields("sync started version:i bars wanted tally"),
	tKept:         fields("plan sync run kind origin made:t ends:t asked about"),
}

// ledgerFields are the columns of a sync's own table. Match values stand in numbered slots; which
// identifier has which slot is in its ledgers row, so that a changed mapping changes no table.
func ledgerFields(slots int) []rel.Field {
	out := fields("key profile grp")
	for i := range slots {
		out = append(out, rel.Field{Name: slot(i), Type: models.Text})
	}
	return append(out, fields("hash:i doubt:b version:i state attempts:i next_try:t code reason tried tried_hash:i remote_id sent_at:t run mark:i")...)
}

func slot(i int) string { return fmt.Sprintf("id_%d", i+1) }

// spareSlots is the room for identifiers that an object gains later.
const spareSlots = 4

// Prepare makes what is missing of weir's tables. It can be called again, by several processes
// at once.
func (l *Ledger) Prepare(ctx context.Context) error {
	return l.with(ctx, "preparing weir's tables", func(*session) error { return nil })
}

func (l *Ledger) prepareOn(ctx context.Context, s *session) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.prepared {
		return nil
	}
	have, err := s.have(ctx, l.w.Schema())
	if err != nil {
		return err
	}
	if len(have) == 0 {
		if err := s.do(ctx, rel.CreateSchema{Name: rel.Name{l.w.Schema()}}); err != nil {
			return err
		}
	}
	for name, fs := range tables {
		if have[name] {
			if name != tRuns {
				continue
			}
			if err := l.grow(ctx, s, name); err != nil {
				return err
			}
			continue
		}
		if err := s.do(ctx, rel.CreateTable{Name: l.table(name), IfNotExists: true, Columns: fs}); err != nil {
			return err
		}
	}
	// Of several that make the lock at once, one does: it has its row from the start.
	if !have[tLock] {
		err := s.do(ctx, rel.CreateTable{Name: l.table(tLock), As: rel.Select{Columns: []rel.Column{rel.As("taken", rel.I(0))}}})
		if err != nil {
			if have, herr := s.have(ctx, l.w.Schema()); herr != nil || !have[tLock] {
				return err
			}
		}
	}
	l.prepared = true
	return nil
}

// grow adds the columns that a table of an earlier weir does not have.
func (l *Ledger) grow(ctx context.Context, s *session, name string) error {
	there, err := s.Columns(ctx, l.table(name))
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, c := range there {
		has[c.Name] = true
	}
	for _, f := range tables[name] {
		if !has[f.Name] {
			if err := s.do(ctx, rel.AddColumn{Table: l.table(name), Column: f}); err != nil {
				return err
			}
		}
	}
	return nil
}

// have lists the tables of a schema.
func (s *session) have(ctx context.Context, schema string) (map[string]bool, error) {
	names, err := s.Tables(ctx, schema)
	var missing *warehouse.MissingError
	if err != nil && !errors.As(err, &missing) {
		return nil, err
	}
	out := map[string]bool{}
	for _, n := range names {
		out[n[strings.LastIndexByte(n, '.')+1:]] = true
	}
	return out, nil
}

// named makes a table name that is at most 60 bytes long, which every warehouse takes: longer
// ones are cut and told apart by a hash.
func named(parts ...string) string {
	n := strings.Join(parts, "_")
	if len(n) <= 60 {
		return n
	}
	sum := sha256.Sum256([]byte(n))
	return n[:49] + "_" + hex.EncodeToString(sum[:5])
}

func ledgerTable(sync string) string    { return named("ledger", sync) }
func planTable(sync, run string) string { return named("plan", sync, strings.ToLower(run)) }

// all selects every column of a table.
func all(fs []rel.Field, alias string) []rel.Column {
	out := make([]rel.Column, len(fs))
	for i, f := range fs {
		out[i] = rel.As(f.Name, rel.C(alias, f.Name))
	}
	return out
}
