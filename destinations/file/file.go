package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/weir-data/weir/destinations"
)

// Open prepares a session; it touches no file.
func (files) Open(_ context.Context, env destinations.Env) (destinations.Session, error) {
	path, _ := env.Settings["path"].(string)
	if path == "" {
		path = "exports"
	}
	if !filepath.IsAbs(path) {
		if !filepath.IsLocal(path) {
			return nil, &destinations.Fault{Class: destinations.Config, Code: "path",
				Text: "path leads out of the project's folder: give one inside it, or an absolute one"}
		}
		path = filepath.Join(env.Dir, path)
	}
	return &session{dir: path, create: createFile}, nil
}

type session struct {
	dir    string
	create func(string) (handle, error)

	mu sync.Mutex // numbers of files are given one at a time
}

// handle is what a file needs to be to be written whole.
type handle interface {
	Write([]byte) (int, error)
	Sync() error
	Close() error
}

// createFile makes a file that only its owner can read: it holds personal data.
func createFile(name string) (handle, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// Check proves that the folder, or the one it would be made in, can be written to. It leaves
// nothing behind.
func (s *session) Check(context.Context) error {
	dir := s.dir
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return &destinations.Fault{Class: destinations.Config, Code: "path", Text: "path is not a folder"}
		}
		if err == nil {
			break
		}
		if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
			dir = parent
			continue
		}
		return fault("looking at the folder", err)
	}
	f, err := os.CreateTemp(dir, ".weir-check-*")
	if err != nil {
		return fault("writing to the folder", err)
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return fault("writing to the folder", err)
	}
	return nil
}

// Close frees nothing.
func (*session) Close(context.Context) error { return nil }

// Ensure makes the folder for name and returns its own name.
func (s *session) Ensure(_ context.Context, _, name string, _ map[string]any) (string, error) {
	target := folder(name)
	if target == "" {
		return "", &destinations.Fault{Class: destinations.Config, Code: "into", Text: "into: needs a name with letters or digits"}
	}
	if err := os.MkdirAll(filepath.Join(s.dir, target), 0o700); err != nil {
		return "", fault("making the folder", err)
	}
	return target, nil
}

// Find is the folder of name, or "" if there is none yet.
func (s *session) Find(_ context.Context, _, name string) (string, error) {
	target := folder(name)
	at, err := os.Stat(filepath.Join(s.dir, target))
	switch {
	case target == "" || errors.Is(err, fs.ErrNotExist) || err == nil && !at.IsDir():
		return "", nil
	case err != nil:
		return "", fault("looking for the folder", err)
	}
	return target, nil
}

// folder turns a name for people into one for every file system. Two names that differ only in
// what is replaced stay apart by a hash.
func folder(name string) string {
	safe := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name), "-.")
	if safe == "" {
		return ""
	}
	if safe != name || len(safe) > 80 {
		h := sha256.Sum256([]byte(name))
		safe = safe[:min(len(safe), 80)] + "-" + hex.EncodeToString(h[:3])
	}
	return safe
}

// Write puts b into its file.
func (s *session) Write(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	done := destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered}}
	if len(b.Rows) == 0 {
		return done, nil
	}
	if err := ctx.Err(); err != nil {
		return destinations.Outcome{}, &destinations.Fault{Class: destinations.Transient, Code: "cancelled", Text: "given up before writing", Err: err}
	}
	if b.Target == "" || !filepath.IsLocal(b.Target) {
		return destinations.Outcome{}, &destinations.Fault{Class: destinations.Config, Code: "into", Text: "the sync names no file: set into"}
	}
	ext, content, err := encode(b)
	if err != nil {
		return destinations.Outcome{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	dir := filepath.Join(s.dir, b.Target)
	name, err := nameFor(dir, b.ID, ext)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return destinations.Outcome{}, &destinations.Fault{Class: destinations.Gone, Code: "no_folder", Text: "the folder of the sync is gone"}
		}
		return destinations.Outcome{}, fault("reading the folder", err)
	}
	if err := s.put(dir, name, content); err != nil {
		return destinations.Outcome{}, err
	}
	return done, nil
}

func encode(b destinations.Batch) (ext string, content []byte, err error) {
	if b.With["format"] == "jsonl" {
		content, err = encodeLines(b)
		return ".jsonl", content, err
	}
	guard, _ := b.With["formula_guard"].(bool)
	content, err = encodeCSV(b, guard)
	return ".csv", content, err
}

// nameFor returns the name of a batch's file: the one that it has already, or the next number
// and a hash of the batch's id.
func nameFor(dir, id, ext string) (string, error) {
	names, err := parts(dir)
	if err != nil {
		return "", err
	}
	h := sha256.Sum256([]byte(id))
	tail := "-" + hex.EncodeToString(h[:8]) + ext
	next := 1
	for _, n := range names {
		if strings.HasSuffix(n, tail) {
			return n, nil
		}
		number, _, _ := strings.Cut(n, "-")
		if i, err := strconv.Atoi(number); err == nil {
			next = max(next, i+1)
		}
	}
	return fmt.Sprintf("%06d%s", next, tail), nil
}

// parts lists the finished files of a folder in the order that they were first written.
func parts(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if !strings.HasPrefix(e.Name(), ".") && (ext == ".csv" || ext == ".jsonl") {
			out = append(out, e.Name())
		}
	}
	number := func(n string) int { i, _ := strconv.Atoi(strings.SplitN(n, "-", 2)[0]); return i }
	slices.SortFunc(out, func(a, b string) int {
		if d := number(a) - number(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return out, nil
}

// put writes a file that is there whole or not at all.
func (s *session) put(dir, name string, content []byte) error {
	path, hidden := filepath.Join(dir, name), filepath.Join(dir, "."+name+".part")
	f, err := s.create(hidden)
	if err != nil {
		return fault("making the file", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(hidden, path)
	}
	if err != nil {
		_ = os.Remove(hidden)
		return fault("writing the file", err)
	}
	if d, err := os.Open(dir); err == nil { // the rename itself must survive a power cut
		_ = d.Sync() // not every file system can
		_ = d.Close()
	}
	return nil
}

// fault classifies an error of the file system: in each case the batch's file is as it was.
func fault(doing string, err error) *destinations.Fault {
	f := &destinations.Fault{Class: destinations.Transient, Code: "io", Err: err}
	cause := err
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		cause = pe.Err
	case errors.As(err, &le):
		cause = le.Err
	}
	f.Text = doing + ": " + cause.Error()
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		f.Class, f.Code, f.Text = destinations.Config, "disk_full", doing+": the disk is full; free some space and run again"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		f.Class, f.Code = destinations.Refused, "permission"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG):
		f.Class, f.Code = destinations.Config, "path"
	}
	return f
}
