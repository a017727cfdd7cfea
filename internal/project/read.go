package project

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/dbt"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models/diag"
)

// The bounds of a folder.
const (
	maxFiles = 10_000
	maxTotal = 64 << 20 // bytes of all files
)

// projectFiles are the names of the file that makes a folder a project.
var projectFiles = []string{"weir.yml", "weir.yaml"}

// read decodes every YAML file of the folder, in the order of their paths.
func read(dir string) (docs []*yamldoc.Doc, files []File, findings []diag.Finding) {
	fail := func(file, code, what, fix string) {
		findings = append(findings, diag.Finding{File: file, Severity: diag.Error, Code: code, What: what, Fix: fix})
	}
	root, err := os.OpenRoot(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fail("", "project.missing", fmt.Sprintf("there is no folder %s", dir), "run `weir init` in the folder of your project, or name it with --project; `weir demo` shows one at work")
		return
	case err != nil:
		fail("", "project.unreadable", fmt.Sprintf("the folder %s can not be read: %v", dir, reason(err)), "check that it is a folder, and its permissions")
		return
	}
	defer root.Close()
	if !slices.ContainsFunc(projectFiles, func(n string) bool { st, err := root.Stat(n); return err == nil && st.Mode().IsRegular() }) {
		fail("", "project.missing", fmt.Sprintf("there is no project in %s: it has no weir.yml", dir), "run `weir init` to start one here, or name its folder with --project; `weir demo` shows one at work")
		return
	}
	total := int64(0)
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			fail(name, "project.unreadable", fmt.Sprintf("it can not be read: %v", reason(err)), "check its permissions")
			return nil
		}
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || nested(root, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if ext := path.Ext(name); strings.HasPrefix(d.Name(), ".") || ext != ".yml" && ext != ".yaml" {
			return nil
		}
		st, err := root.Stat(name) // follows links, but not out of the folder
		switch {
		case err != nil && d.Type()&fs.ModeSymlink != 0:
			findings = append(findings, diag.Finding{File: name, Severity: diag.Warning, Code: "project.outside",
				What: "this link leads nowhere or out of the project, and is not read", Fix: "put the file itself into the project"})
			return nil
		case err != nil:
			fail(name, "project.unreadable", fmt.Sprintf("it can not be read: %v", reason(err)), "check its permissions")
			return nil
		case !st.Mode().IsRegular():
			return nil
		}
		total += min(st.Size(), yamldoc.MaxBytes+1)
		if len(docs) >= maxFiles || total > maxTotal {
			fail("", "project.too_large", fmt.Sprintf("the folder has more than %d YAML files or %d MB of them", maxFiles, maxTotal>>20), "keep files that are no part of the project outside of its folder")
			return fs.SkipAll
		}
		data, err := readFile(root, name)
		if err != nil {
			fail(name, "project.unreadable", fmt.Sprintf("it can not be read: %v", reason(err)), "check its permissions")
			return nil
		}
		var f File
		doc, fs := yamldoc.Decode(name, data, &f)
		docs, files, findings = append(docs, doc), append(files, f), append(findings, fs...)
		return nil
	})
	if err != nil {
		fail("", "project.unreadable", fmt.Sprintf("the folder %s can not be read: %v", dir, reason(err)), "check its permissions")
	}
	return docs, files, findings
}

// nested reports whether a folder is a project of its own, of weir or of dbt.
func nested(root *os.Root, dir string) bool {
	return slices.ContainsFunc(append(slices.Clone(projectFiles), dbt.ProjectFile), func(n string) bool { _, err := root.Lstat(path.Join(dir, n)); return err == nil })
}

// readFile reads no more of a file than what tells that it is too large.
func readFile(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, yamldoc.MaxBytes+1))
}

// reason is an error without the path, which the finding names already.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
