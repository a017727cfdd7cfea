//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
)

// kept is how many copies of the ledger stay beside the file.
const kept = 2

// copyPath is where a copy is made before it gets its name. It is the only file beside the
// database itself that the engine may open.
func copyPath(path string) string { return path + ".ledger-new" }

// Backup copies tables, named as schema.table or as a table of weir's schema, into a database of
// their own beside the file: shop.duckdb.ledger-7.duckdb. All of them are of one moment. The last two
// copies stay. A table that is not there is a fault, and then no copy is made.
func (s *store) Backup(ctx context.Context, tables []string) error {
	if len(tables) == 0 || s.memory {
		return nil
	}
	ws, err := s.Session(ctx)
	if err != nil {
		return err
	}
	ses := ws.(*session)
	defer ses.Close()
	s.file.copying.Lock() // one copy at a time: its name is taken
	defer s.file.copying.Unlock()
	path := copyPath(s.path)
	if err := removeCopy(path); err != nil {
		return fmt.Errorf("removing an unfinished copy of the ledger: %w", err)
	}
	if err := ses.copyTables(ctx, path, tables); err != nil {
		return errors.Join(fmt.Errorf("copying the ledger of %s: %w", s.shown, err), removeCopy(path))
	}
	if err := syncFile(path); err != nil {
		return errors.Join(fmt.Errorf("copying the ledger of %s: %w", s.shown, err), removeCopy(path))
	}
	numbers, err := s.copies()
	if err != nil {
		return err
	}
	next := 1
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	if err := os.Rename(path, s.copyName(next)); err != nil {
		return fmt.Errorf("naming the copy of the ledger: %w", err)
	}
	for _, n := range numbers[:max(0, len(numbers)-kept+1)] {
		if err := os.Remove(s.copyName(n)); err != nil {
			return fmt.Errorf("removing an old copy of the ledger: %w", err)
		}
	}
	return nil
}

// copyTables writes the tables to a database file in one transaction and closes it.
func (s *session) copyTables(ctx context.Context, path string, tables []string) (err error) {
	if _, err := s.Exec(ctx, "ATTACH "+text(path)+" AS weir_copy"); err != nil {
		return err
	}
	defer func() {
		// The copy is checkpointed by that, so that it is one file.
		if _, closing := s.Exec(context.WithoutCancel(ctx), "DETACH weir_copy"); err == nil {
			err = closing
		}
	}()
	return s.Tx(ctx, func(ctx context.Context) error {
		made := map[string]bool{}
		for _, t := range tables {
			schema, name, ok := strings.Cut(t, ".")
			if !ok {
				schema, name = s.Schema(), t
			}
			from, err := quoted([]string{schema, name})
			if err != nil {
				return err
			}
			if !made[schema] {
				made[schema] = true
				if _, err := s.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS weir_copy."+quote(schema)); err != nil {
					return err
				}
			}
			if _, err := s.Exec(ctx, "CREATE TABLE weir_copy."+from+" AS SELECT * FROM "+from); err != nil {
				if m := (*warehouse.MissingError)(nil); errors.As(err, &m) {
					m.Name = schema + "." + name
				}
				return err
			}
		}
		return nil
	})
}

func (s *store) copyName(n int) string { return s.path + ".ledger-" + strconv.Itoa(n) + ".duckdb" }

// copies are the numbers of the copies beside the file, oldest first.
func (s *store) copies() ([]int, error) {
	entries, err := os.ReadDir(filepath.Dir(s.path))
	if err != nil {
		return nil, fmt.Errorf("looking for copies of the ledger: %w", err)
	}
	var out []int
	for _, e := range entries {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ".duckdb"), filepath.Base(s.path)+".ledger-")
		if n, err := strconv.Atoi(rest); ok && err == nil && n > 0 && strconv.Itoa(n) == rest {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

func removeCopy(path string) error {
	for _, p := range []string{path, path + ".wal", path + ".wal.checkpoint"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// syncFile makes sure that a file is on the disk before it gets the name that others trust.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
