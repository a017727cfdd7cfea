package dbt

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
)

// Catalog is which columns the warehouse had for the nodes of a project when dbt last looked:
// dbt docs generate writes it.
type Catalog struct {
	columns map[string][]Column // by ID, in the order of the table
}

var catalogRE = regexp.MustCompile(`/catalog/v[0-9]{1,4}\.json$`)

// ReadCatalog reads the catalog at path; shown is what people call it. It is nil if there is none.
// An error is a *Fault.
func ReadCatalog(path, shown string) (*Catalog, error) {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // most projects have none
	}
	if err != nil {
		return nil, unreadable(shown, err)
	}
	bad := &Fault{Code: "dbt.catalog", What: shown + " is not a catalog of dbt", Fix: "let dbt write it again: dbt docs generate; or take it away"}
	if !st.Mode().IsRegular() || st.Size() > maxManifest {
		return nil, bad
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(shown, err)
	}
	type table struct {
		Columns map[string]struct {
			Name  string `json:"name"`
			Type  string `json:"type"`
			Index int    `json:"index"`
		} `json:"columns"`
	}
	var raw struct {
		Metadata struct {
			Schema string `json:"dbt_schema_version"`
		} `json:"metadata"`
		Nodes   map[string]table `json:"nodes"`
		Sources map[string]table `json:"sources"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		bad.Line, bad.Col = spot(data, err)
		if bad.Line > 0 {
			bad.What += fmt.Sprintf(" (line %d, column %d)", bad.Line, bad.Col)
		}
		return nil, bad
	}
	if !catalogRE.MatchString(raw.Metadata.Schema) {
		return nil, bad
	}
	out := &Catalog{columns: map[string][]Column{}}
	for _, tables := range []map[string]table{raw.Nodes, raw.Sources} {
		for id, t := range tables {
			type placed struct {
				Column
				at int
			}
			var all []placed
			for _, c := range t.Columns {
				all = append(all, placed{Column{Name: c.Name, Type: c.Type}, c.Index})
			}
			slices.SortFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.Name, b.Name)) })
			list := make([]Column, len(all))
			for i, c := range all {
				list[i] = c.Column
			}
			out.columns[id] = list
		}
	}
	return out, nil
}

// Columns are the columns of a node, in the order of its table; none if the catalog does not have
// it, or is nil.
func (c *Catalog) Columns(id string) []Column {
	if c == nil {
		return nil
	}
	return c.columns[id]
}
