package project

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/weir-data/weir/models"
)

// StateDir is the folder under the project that weir keeps its own files in.
const StateDir = ".weir"

type knownColumn struct {
	Name string      `json:"name"`
	Type models.Type `json:"type"`
}

func columnsFile(target string) string { return StateDir + "/columns." + target + ".json" }

// ReadColumns reads the columns of each source that WriteColumns wrote for a target. Without the
// file there are none, and no error.
func ReadColumns(dir, target string) (map[string][]models.Column, error) {
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(columnsFile(target))))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", columnsFile(target), reason(err))
	}
	var in map[string][]knownColumn
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, fmt.Errorf("reading %s: it is not what weir columns writes", columnsFile(target))
	}
	out := make(map[string][]models.Column, len(in))
	for source, cols := range in {
		out[source] = []models.Column{}
		for _, c := range cols {
			if !slices.Contains([]models.Type{models.Unknown, models.Text, models.Integer, models.Number, models.Boolean, models.Date, models.Timestamp, models.List}, c.Type) {
				return nil, fmt.Errorf("reading %s: column %s.%s has the unknown type %q", columnsFile(target), source, c.Name, c.Type)
			}
			out[source] = append(out[source], models.Column{Name: c.Name, Type: c.Type})
		}
	}
	return out, nil
}

// WriteColumns keeps the columns of each source for checks without a connection. The file is
// replaced as a whole.
func WriteColumns(dir, target string, columns map[string][]models.Column) error {
	out := make(map[string][]knownColumn, len(columns))
	for source, cols := range columns {
		out[source] = []knownColumn{}
		for _, c := range cols {
			out[source] = append(out[source], knownColumn{c.Name, c.Type})
		}
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("writing columns: %w", err)
	}
	path := filepath.Join(dir, filepath.FromSlash(columnsFile(target)))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", columnsFile(target), err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".columns-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", columnsFile(target), err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(b, '\n'))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", columnsFile(target), err)
	}
	return nil
}
