package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	var files []projectFile
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(from, name)
		files = append(files, projectFile{name, b})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("writing the project: %w", err)
	}
	return writeFiles(files, dir)
}

// projectFile is a file of a new project, by its slash path.
type projectFile struct {
	name string
	text []byte
}

// writeFiles writes a project into dir, as writeProject does.
func writeFiles(files []projectFile, dir string) ([]string, error) {
	schema, err := project.Schema()
	if err != nil {
		return nil, fmt.Errorf("writing the project: %w", err)
	}
	files = append(slices.Clone(files), projectFile{".gitignore", []byte(".weir/*\n!.weir/schema.json\n*.duckdb*\n")}, projectFile{".weir/schema.json", schema})
	var written []string
	for _, f := range files {
		if strings.HasSuffix(f.name, ".yml") {
			up := strings.Repeat("../", strings.Count(f.name, "/"))
			f.text = append([]byte("# yaml-language-server: $schema="+up+".weir/schema.json\n"), f.text...)
		}
		done, err := writeNew(filepath.Join(dir, filepath.FromSlash(f.name)), f.text)
		if err != nil {
			return written, fmt.Errorf("writing the project: %w", err)
		}
		if done {
			written = append(written, f.name)
		}
	}
	return written, nil
}

// writeNew writes a file that is not there yet, with its folder. It reports whether it did.
func writeNew(path string, text []byte) (bool, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = f.Write(text)
	return err == nil, errors.Join(err, f.Close())
}
