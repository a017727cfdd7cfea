package file

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
)

// Members folds the files of target in order and yields who is there, sorted. Formula guards are
// taken off again.
func (s *session) Members(ctx context.Context, _, target string, columns destinations.Columns, yield func([]any) bool) error {
	dir := filepath.Join(s.dir, target)
	names, err := parts(dir)
	if err != nil {
		return fault("reading the folder", err)
	}
	held := map[string][]any{}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading %s: %w", target, err)
		}
		if err := fold(filepath.Join(dir, name), columns.IDs, held); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(held)) {
		if !yield(held[key]) {
			return nil
		}
	}
	return nil
}

// fold applies one file to held.
func fold(path string, ids []string, held map[string][]any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	next := csvRows
	if strings.HasSuffix(path, ".jsonl") {
		next = jsonRows
	}
	return next(f, func(row map[string]any) error {
		member, key := make([]any, len(ids)), strings.Builder{}
		for i, id := range ids {
			member[i] = destinations.Absent
			if v, ok := row[id].(string); ok && v != "" {
				member[i] = v
				fmt.Fprintf(&key, "%d:%s", i, v)
			}
		}
		switch row["op"] {
		case "remove", "delete":
			delete(held, key.String())
		default:
			held[key.String()] = member
		}
		return nil
	})
}

func csvRows(r io.Reader, each func(map[string]any) error) error {
	c := csv.NewReader(bufio.NewReader(r))
	names, err := c.Read()
	if err != nil {
		return err
	}
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		row := map[string]any{}
		for i, v := range rec {
			if len(v) > 1 && v[0] == '\'' && strings.ContainsRune("=+-@\t\r", rune(v[1])) {
				v = v[1:]
			}
			row[names[i]] = v
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

func jsonRows(r io.Reader, each func(map[string]any) error) error {
	d := json.NewDecoder(bufio.NewReader(r))
	for {
		var row map[string]any
		if err := d.Decode(&row); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
}
