//go:build cgo && !noduckdb

package duckdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/warehouse"
)

// page says what a copy holds. It is a file beside the copy, written before the copy has its name:
// a page without a copy is of one that was never finished. A copy without a page is one that an
// earlier weir made, which rests on no other.
type page struct {
	Number int         `json:"number"`
	Base   int         `json:"base"` // the whole copy on which this one rests, by way of all between: its own number if it is whole
	At     time.Time   `json:"at"`
	Note   string      `json:"note,omitempty"`
	Tables []pageTable `json:"tables"` // all of that moment

	paged bool
	bytes int64 // of the copy
}

// What a copy has of a table.
const (
	isWhole  = "whole"
	isChange = "change" // the rows that have one of its units now, and the units
	isSame   = "same"   // nothing: the copy before says all
)

type pageTable struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Unit  string `json:"unit,omitempty"`
	Stamp string `json:"stamp"`
	Rows  int64  `json:"rows"` // that the table has
}

func (p *page) table(name string) *pageTable {
	for i := range p.Tables {
		if p.Tables[i].Name == name {
			return &p.Tables[i]
		}
	}
	return nil
}

func copyName(path string, n int) string { return path + ".ledger-" + strconv.Itoa(n) + ".duckdb" }
func pageName(path string, n int) string { return path + ".ledger-" + strconv.Itoa(n) + ".json" }

// write puts the page where its copy will be, all of it or nothing.
func (p *page) write(path string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	name := pageName(path, p.Number)
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		return err
	}
	if err := syncFile(name + ".new"); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	p.paged = true
	st, err := os.Stat(copyPath(path))
	if err == nil {
		p.bytes = st.Size()
	}
	return err
}

// removeNumber removes the copy before its page: without one it would seem to be whole.
func removeNumber(path string, n int) error {
	for _, name := range []string{copyName(path, n), pageName(path, n)} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// numbers are the numbers of all files beside a database that are called as copies are, in order.
func numbers(path string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("looking for copies of the ledger: %w", err)
	}
	var out []int
	for _, e := range entries {
		if n, ok := numberOf(path, e.Name()); ok {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// copies are the copies beside a file, oldest first. One whose page cannot be read, or that rests
// on one that is not there, is left out. highest is the highest number that a file has.
func copies(path string) (out []*page, highest int, err error) {
	all, err := numbers(path)
	if err != nil {
		return nil, 0, err
	}
	there := map[int]bool{}
	for _, n := range all {
		highest = n
		st, err := os.Stat(copyName(path, n))
		if errors.Is(err, os.ErrNotExist) { // another process has just removed it
			continue
		}
		if err != nil {
			return nil, 0, fmt.Errorf("looking for copies of the ledger: %w", err)
		}
		p := &page{Number: n, Base: n, At: st.ModTime().UTC(), bytes: st.Size()}
		text, err := os.ReadFile(pageName(path, n))
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return nil, 0, fmt.Errorf("looking for copies of the ledger: %w", err)
		case json.Unmarshal(text, p) != nil || p.Number != n || p.Base < 1 || p.Base > n:
			continue
		default:
			p.paged = true
		}
		if p.Base == n || there[n-1] && there[p.Base] {
			there[n] = true
			out = append(out, p)
		}
	}
	return out, highest, nil
}

// numberOf is the number of the copy that a file is by its name.
func numberOf(path, name string) (int, bool) {
	rest, ok := strings.CutPrefix(name, filepath.Base(path)+".ledger-")
	if !ok {
		return 0, false
	}
	rest, ok = strings.CutSuffix(rest, ".duckdb")
	n, err := strconv.Atoi(rest)
	return n, ok && err == nil && n > 0 && strconv.Itoa(n) == rest
}

// Copies implements warehouse.Keeper.
func (s *session) Copies() ([]warehouse.Copy, error) {
	if s.memory {
		return nil, nil
	}
	had, _, err := copies(s.path)
	var out []warehouse.Copy
	for _, p := range slices.Backward(had) {
		out = append(out, warehouse.Copy{Number: p.Number, At: p.At, Note: p.Note})
	}
	return out, err
}
