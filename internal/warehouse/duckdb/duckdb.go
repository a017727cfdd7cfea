//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"path/filepath"

	"github.com/weir-data/weir/internal/warehouse"
)

// store is a Warehouse on one file.
type store struct {
	options
	label string
	file  *file
}

// Open prepares a file. It is opened by the first session.
func (kind) Open(cfg warehouse.Config) (warehouse.Warehouse, error) {
	o, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	return &store{options: o, file: fileAt(o.path), label: cfg.Label}, nil
}

// Memory opens an empty warehouse in memory, with one thread: what is done there is small.
func (kind) Memory(schema string) (warehouse.Warehouse, error) {
	o := options{shown: "memory", schema: schema, memory: true, threads: 1}
	return &store{options: o, file: &file{changing: make(chan struct{}, 1), memory: true}}, nil
}

func (s *store) Kind() warehouse.Kind { return kind{} }
func (s *store) Schema() string       { return s.schema }

// Identity is the path as the project has it, so that a project that is moved with its database
// keeps its ledgers.
func (s *store) Identity() string { return "duckdb:" + filepath.ToSlash(filepath.Clean(s.shown)) }

// Session opens the file if need be and takes a connection.
func (s *store) Session(ctx context.Context) (warehouse.Session, error) {
	c, err := s.file.connect(ctx, s.options, patience)
	if err != nil {
		return nil, err
	}
	return &session{store: s, conn: c}, nil
}

// Close closes the file at once if no session is open. What was in memory is gone.
func (s *store) Close() error {
	s.file.rest()
	return nil
}
