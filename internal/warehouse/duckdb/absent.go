//go:build !cgo || noduckdb

package duckdb

import (
	"errors"

	"github.com/weir-data/weir/internal/warehouse"
)

// Open says why there is no DuckDB here.
func (kind) Open(cfg warehouse.Config) (warehouse.Warehouse, error) {
	if _, err := parse(cfg); err != nil {
		return nil, err
	}
	return nil, errAbsent
}

// Memory says why there is no DuckDB here.
func (kind) Memory(string) (warehouse.Warehouse, error) { return nil, errAbsent }

var errAbsent = errors.New("this weir was built without DuckDB: build it with a C compiler, CGO_ENABLED=1 and without the tag noduckdb")
