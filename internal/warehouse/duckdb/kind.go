package duckdb

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

func init() { warehouse.Register(kind{}) }

// kind is the warehouse kind "duckdb".
type kind struct{}

func (kind) Name() string             { return "duckdb" }
func (kind) Dialect() dialect.Dialect { return dialect.DuckDB() }

// TellsNoBytes implements warehouse.Unmetered.
func (kind) TellsNoBytes() {}

func (kind) Settings() []warehouse.Setting {
	return []warehouse.Setting{
		{Name: "path", Required: true, Doc: "File of the database, relative to the project. It is made if it is not there."},
		{Name: "schema", Default: "weir", Doc: "Schema of the tables that weir makes."},
		{Name: "memory_limit", Doc: "Memory that the engine may use before it spills to disk, such as 4GB. Defaults to 80% of the machine's."},
		{Name: "threads", Doc: "Threads of the engine. Defaults to the number of cores."},
	}
}

// options are the settings of a target, checked.
type options struct {
	path        string // absolute
	shown       string // as in the project
	schema      string
	memoryLimit string // "" for the engine's default
	threads     int    // 0 for the engine's default
	memory      bool   // no file: gone when it is closed
}

var memory = regexp.MustCompile(`^[0-9]+(\.[0-9]+)? ?([KMGT]i?B)$`)

func parse(cfg warehouse.Config) (options, error) {
	o := options{shown: cfg.Settings["path"], schema: cfg.Settings["schema"], memoryLimit: cfg.Settings["memory_limit"]}
	if o.schema == "" {
		o.schema = "weir"
	}
	if o.shown == "" {
		return o, errors.New("path is missing: name the file of the database, such as shop.duckdb")
	}
	if strings.ContainsAny(o.shown, "?%\x00") || strings.HasPrefix(o.shown, ":memory:") {
		return o, fmt.Errorf("path %q cannot be the file of a database: leave out ?, %% and :memory:", o.shown)
	}
	path := o.shown
	if !filepath.IsAbs(path) {
		path = filepath.Join(cfg.Dir, path)
	}
	var err error
	if o.path, err = filepath.Abs(path); err != nil {
		return o, fmt.Errorf("finding %s: %w", o.shown, err)
	}
	if o.memoryLimit != "" && !memory.MatchString(o.memoryLimit) {
		return o, fmt.Errorf("memory_limit %q is not a size; write a number and a unit, such as 4GB", o.memoryLimit)
	}
	if n := cfg.Settings["threads"]; n != "" {
		if o.threads, err = strconv.Atoi(n); err != nil || o.threads < 1 || o.threads > 1024 {
			return o, fmt.Errorf("threads %q is not a number of 1 to 1024", n)
		}
	}
	return o, nil
}
