package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/weir-data/weir/examples"
	"github.com/weir-data/weir/internal/project"
)

// Schema returns the draft-07 JSON Schema of a project's YAML files.
func Schema() ([]byte, error) { return project.Schema() }

// Init writes a new project into dir and returns the files written, relative to dir. Files that
// exist are never changed; if weir.yml exists already, nothing is written.
func Init(dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, "weir.yml")); err == nil {
		return nil, &Error{Kind: Refused, Code: "init.exists", Message: filepath.Join(dir, "weir.yml") + " exists already", Fix: "give an empty folder: weir init NEW_FOLDER"}
	}
	return writeProject(examples.Start(), dir)
}

// writeProject copies an example project into dir, with the line that tells editors the schema on
// top of each YAML file, and the schema itself. Files that exist stay as they are.
func writeProject(from fs.FS, dir string) ([]string, error) {
	var written []string
	write := func(name string, b []byte) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = f.Write(b)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err == nil {
			written = append(written, name)
		}
		return err
	}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".yml") {
			up := strings.Repeat("../", strings.Count(name, "/"))
			b = append([]byte("# yaml-language-server: $schema="+up+".weir/schema.json\n"), b...)
		}
		return write(name, b)
	})
	if err == nil {
		err = write(".gitignore", []byte(".weir/*\n!.weir/schema.json\n*.duckdb*\n"))
	}
	var schema []byte
	if err == nil {
		schema, err = project.Schema()
	}
	if err == nil {
		err = write(".weir/schema.json", schema)
	}
	if err != nil {
		return written, fmt.Errorf("writing the project: %w", err)
	}
	return written, nil
}
