//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/warehouse"
)

// kept is how many copies can be restored: a copy that turns out to be none is not the last one.
const kept = 2

// A copy rests on no other one if the differences since the last one that does weigh as much as it,
// or are many: reading them back is to cost no more than reading it.
const (
	lightest    = 1
	mostChanges = 30
)

// copyPath is where a copy is made before it gets its name, and read. It is the only file beside the
// database itself that the engine may open.
func copyPath(path string) string { return path + ".ledger-new" }

// The schemas of a copy: the rows, under the names of their tables; and of tables of which it has
// the difference, the units to delete first.
const (
	copyOf  = "weir_copy"
	unitsOf = "weir_units"
)

// Keep implements warehouse.Keeper. The copies of shop.duckdb are shop.duckdb.ledger-7.duckdb and so
// on, each a database of its own, with a page that says what it is: see page. Of one moment they
// are by a transaction; a copy is there as soon as its file has its name, and not before.
func (s *session) Keep(ctx context.Context, c warehouse.Copied) error {
	if len(c.Tables) == 0 || s.memory {
		return nil
	}
	if s.inTx {
		return errors.New("a copy is no part of a transaction")
	}
	s.file.copying.Lock() // one copy at a time: its name is taken
	defer s.file.copying.Unlock()
	had, highest, err := copies(s.path)
	if err != nil {
		return err
	}
	path := copyPath(s.path)
	if err := removeCopy(path); err != nil {
		return fmt.Errorf("removing an unfinished copy of the ledger: %w", err)
	}
	p := &page{Number: highest + 1, Base: highest + 1, Note: c.Note}
	var last *page
	if n := len(had); n > 0 {
		last = had[n-1]
		if !c.Whole && last.Number == highest && !heavy(had) {
			p.Base = last.Base
		}
	}
	err = s.copyTables(ctx, path, c, p, last)
	if err == nil {
		err = syncFile(path)
	}
	if err == nil {
		err = p.write(s.path)
	}
	if err == nil {
		err = os.Rename(path, copyName(s.path, p.Number))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("copying the ledger of %s: %w", s.shown, err), removeCopy(path))
	}
	if err := syncFile(filepath.Dir(s.path)); err != nil {
		return fmt.Errorf("copying the ledger of %s: %w", s.shown, err)
	}
	if err := dropOld(s.path, append(had, p)); err != nil {
		return fmt.Errorf("removing an old copy of the ledger: %w", err)
	}
	return nil
}

// heavy reports whether the next copy is one that rests on no other.
func heavy(had []*page) bool {
	if len(had) == 0 || !had[len(had)-1].paged {
		return true
	}
	last := had[len(had)-1]
	var whole, changes int64
	for _, p := range had {
		switch {
		case p.Number == last.Base:
			whole = p.bytes
		case p.Base == last.Base:
			changes += p.bytes
		}
	}
	return whole == 0 || changes > whole || last.Number-last.Base >= mostChanges
}

// dropOld removes the files that none of the last copies needs.
func dropOld(path string, good []*page) error {
	all, err := numbers(path)
	if err != nil {
		return err
	}
	first := good[max(0, len(good)-kept)]
	for _, n := range all {
		if n < first.Base {
			if err := removeNumber(path, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyTables writes the tables to a database file in one transaction and closes it.
func (s *session) copyTables(ctx context.Context, path string, c warehouse.Copied, p, last *page) (err error) {
	if _, err := s.Exec(ctx, "ATTACH "+text(path)+" AS "+copyOf); err != nil {
		return err
	}
	defer func() {
		// The copy is checkpointed by that, so that it is one file.
		if _, closing := s.Exec(context.WithoutCancel(ctx), "DETACH "+copyOf); err == nil {
			err = closing
		}
	}()
	return s.Tx(ctx, func(ctx context.Context) error {
		p.At, p.Tables = time.Now().UTC(), nil
		for _, schema := range []string{s.Schema(), unitsOf} {
			if _, err := s.Exec(ctx, "CREATE SCHEMA "+copyOf+"."+quote(schema)); err != nil {
				return err
			}
		}
		for _, t := range c.Tables {
			var before *pageTable
			if p.Base != p.Number {
				before = last.table(t.Name)
			}
			x, err := s.copyTable(ctx, t, before)
			if err != nil {
				if m := (*warehouse.MissingError)(nil); errors.As(err, &m) {
					m.Name = s.Schema() + "." + t.Name
				}
				return err
			}
			p.Tables = append(p.Tables, x)
		}
		return nil
	})
}

// copyTable writes one table, or its difference from what the copy before has, or nothing.
func (s *session) copyTable(ctx context.Context, t warehouse.CopiedTable, before *pageTable) (x pageTable, err error) {
	from := quote(s.Schema()) + "." + quote(t.Name)
	x = pageTable{Name: t.Name, Kind: isWhole}
	stamp, err := s.stamp(ctx, t, from)
	if err != nil {
		return x, err
	}
	x.Stamp, x.Rows = stamp.now+" "+stamp.columns, stamp.rows
	if before != nil && before.Stamp == x.Stamp {
		x.Kind = isSame
		return x, nil
	}
	into, c := copyOf+"."+from, t.Change
	if before == nil || c == nil || before.Stamp != c.From+" "+stamp.columns || stamp.now != c.To {
		_, err = s.Exec(ctx, "CREATE TABLE "+into+" AS SELECT * FROM "+from)
		return x, err
	}
	x.Kind, x.Unit = isChange, c.Unit
	units := copyOf + "." + unitsOf + "." + quote(t.Name)
	if _, err := s.Exec(ctx, "CREATE TABLE "+units+" AS SELECT unit FROM ("+c.Units+") AS u(unit)"); err != nil {
		return x, err
	}
	rows := c.Rows
	if rows == "" {
		rows = "t." + quote(c.Unit) + " IN (SELECT unit FROM " + units + ")"
	}
	_, err = s.Exec(ctx, "CREATE TABLE "+into+" AS SELECT * FROM "+from+" AS t WHERE "+rows)
	return x, err
}

// stamped is what is known of a table at the moment of a copy.
type stamped struct {
	rows    int64
	now     string // another one whenever rows are others
	columns string // under other columns all rows are others
}

func (s *session) stamp(ctx context.Context, t warehouse.CopiedTable, from string) (x stamped, err error) {
	of := t.Stamp
	if of == "" {
		of = "SELECT count(*)::VARCHAR || ':' || coalesce(sum(hash(t))::VARCHAR, '') FROM " + from + " AS t"
	}
	for row, err := range s.Query(ctx, "SELECT count(*), ("+of+") FROM "+from+" AS t") {
		if err != nil {
			return x, err
		}
		x.rows, _ = row[0].(int64)
		x.now, _ = row[1].(string)
	}
	cs, err := s.Columns(ctx, []string{s.Schema(), t.Name})
	if err != nil {
		return x, err
	}
	var names []string
	for _, c := range cs {
		names = append(names, c.Name+" "+c.Native)
	}
	slices.Sort(names)
	x.columns = strings.Join(names, ",")
	return x, nil
}

func removeCopy(path string) error {
	for _, p := range []string{path, path + ".wal", path + ".wal.checkpoint"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// syncFile makes sure that a file is on the disk before it gets the name that others trust, or
// that a folder has the name.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

var _ warehouse.Keeper = (*session)(nil)
