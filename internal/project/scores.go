package project

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/scoring"
)

// scores reads the models' files that traits name, from the folder of the YAML file that names
// them. A file is read once however many traits name it.
func (l *loader) scores() {
	known := map[string]*models.Score{}
	for i := range l.p.Model.Entities {
		e := &l.p.Model.Entities[i]
		for j := range e.Traits {
			if s := e.Traits[j].Score; s != nil && s.Model != "" {
				l.score(s, models.Path("entities", e.Name, "traits", e.Traits[j].Name, "score.model"), known)
			}
		}
	}
}

func (l *loader) score(s *models.Score, at string, known map[string]*models.Score) {
	doc := l.p.owner(at)
	if doc == nil {
		return
	}
	name := path.Join(path.Dir(doc.File), filepath.ToSlash(s.Model))
	if path.IsAbs(filepath.ToSlash(s.Model)) || filepath.IsAbs(s.Model) || strings.HasPrefix(s.Model, "~") || !filepath.IsLocal(filepath.FromSlash(name)) {
		l.fail(at, "project.outside", "put the file into the project, and name it from the folder of this one", "the model %s is not in the project's folder", s.Model)
		return
	}
	if first := known[name]; first != nil {
		s.Sum, s.Formula = first.Sum, first.Formula // what is wrong with it has been said
		return
	}
	known[name] = s
	l.p.beside = append(l.p.beside, filepath.Join(l.p.Dir, filepath.FromSlash(name)))
	data, err := readModel(l.p.Dir, name)
	var unfit *scoring.Unfit
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.fail(at, "project.missing", "put it there, or name the file that it is in", "there is no file %s", name)
	case err != nil:
		l.fail(at, "project.unreadable", "check that it is a file of the project, and its permissions", "the model %s can not be read: %v", name, reason(err))
	case len(data) > scoring.MaxBytes:
		l.fail(at, "project.too_large", "train fewer or smaller trees", "the model %s has more than %d MB", name, scoring.MaxBytes>>20)
	default:
		if err := s.Load(data); errors.As(err, &unfit) {
			l.fail(at, "models.score_model", unfit.Fix, "%s: %s", name, unfit.What)
		}
	}
}

// readModel reads a file of the project's folder, by its slash path, and no more of it than tells
// that it is too large. Links lead to files of the folder only.
func readModel(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	st, err := root.Stat(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("it is no file")
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, scoring.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading it: %w", err)
	}
	return data, nil
}
