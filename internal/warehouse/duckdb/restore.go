//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Restore implements the other half of warehouse.Keeper: the whole copy first, then what each later one changed.
func (s *session) Restore(ctx context.Context, number int) error {
	s.file.copying.Lock()
	defer s.file.copying.Unlock()
	had, _, err := copies(s.path)
	if err != nil {
		return err
	}
	var last *page
	for _, p := range had {
		if p.Number == number {
			last = p
		}
	}
	if last == nil {
		return fmt.Errorf("there is no copy %d of the ledger beside %s", number, s.shown)
	}
	if _, err := s.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+quote(s.Schema())); err != nil {
		return err
	}
	for _, p := range had {
		if p.Number < last.Base || p.Number > last.Number {
			continue
		}
		if err := s.restoreFrom(ctx, p); err != nil {
			return fmt.Errorf("restoring copy %d of the ledger of %s from file %d: %w", number, s.shown, p.Number, err)
		}
	}
	for _, t := range last.Tables {
		for row, err := range s.Query(ctx, "SELECT count(*) FROM "+quote(s.Schema())+"."+quote(t.Name)) {
			if err != nil {
				return err
			}
			if row[0] != t.Rows {
				return fmt.Errorf("restoring copy %d of the ledger of %s: table %s has %v rows and should have %d", number, s.shown, t.Name, row[0], t.Rows)
			}
		}
	}
	return nil
}

// restoreFrom does to the tables what one copy says.
func (s *session) restoreFrom(ctx context.Context, p *page) (err error) {
	path := copyPath(s.path)
	if err := lend(copyName(s.path, p.Number), path); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeCopy(path)) }()
	if _, err := s.Exec(ctx, "ATTACH "+text(path)+" AS "+copyOf+" (READ_ONLY)"); err != nil {
		return err
	}
	defer func() {
		if _, closing := s.Exec(context.WithoutCancel(ctx), "DETACH "+copyOf); err == nil {
			err = closing
		}
	}()
	tables := p.Tables
	if !p.paged {
		if tables, err = s.unpaged(ctx); err != nil {
			return err
		}
	}
	for _, t := range tables {
		name := quote(s.Schema()) + "." + quote(t.Name)
		var do []string
		switch t.Kind {
		case isWhole:
			do = []string{"CREATE OR REPLACE TABLE " + name + " AS SELECT * FROM " + copyOf + "." + name}
		case isChange:
			unit := quote(t.Unit)
			do = []string{
				"DELETE FROM " + name + " AS t WHERE t." + unit + " IN (SELECT unit FROM " + copyOf + "." + unitsOf + "." + quote(t.Name) + ")",
				"INSERT INTO " + name + " BY NAME SELECT * FROM " + copyOf + "." + name,
			}
		case isSame:
		default:
			return fmt.Errorf("its page says %q of table %s, which this weir does not know", t.Kind, t.Name)
		}
		for _, sql := range do {
			if _, err := s.Exec(ctx, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

// lend gives a copy the name under which the engine may open it, beside its own.
func lend(from, to string) error {
	if err := removeCopy(to); err != nil {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from) // there are file systems without links
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// unpaged lists the tables of a copy that an earlier weir made.
func (s *session) unpaged(ctx context.Context) (out []pageTable, err error) {
	for row, err := range s.Query(ctx, "SELECT table_name FROM duckdb_tables() WHERE database_name = "+text(copyOf)+" AND schema_name = "+text(s.Schema())+" ORDER BY starts_with(table_name, 'ledger_') DESC, table_name = 'ledgers'") {
		if err != nil {
			return nil, err
		}
		name, _ := row[0].(string)
		out = append(out, pageTable{Name: name, Kind: isWhole})
	}
	if len(out) == 0 {
		err = errors.New("it holds no table of schema " + s.Schema())
	}
	return out, err
}
