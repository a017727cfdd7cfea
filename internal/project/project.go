package project

import (
	"fmt"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/dbt"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// Project is a project as read, merged and checked, for one target. Defaults are filled in:
// whoever reads it need not know them. It is not changed after Load.
type Project struct {
	Name         string
	Dir          string // the folder, absolute
	Timezone     *time.Location
	Target       Target   // the chosen one
	Targets      []Target // all of them, in the order of the files
	Model        models.Model
	Destinations []Destination
	Syncs        []syncs.Sync
	Alerts       []Alert
	Tests        []Test
	Keep         Keep
	DBT          DBT
	SecretKey    string // a reference, unresolved; "" if none is declared
	Files        int    // files that hold something
	// Hash changes with everything that decides what is built and sent: models, syncs,
	// destinations, target and time zone; not with descriptions, tests, comments or the file that
	// a thing stands in.
	Hash string
	// Columns are those of each source that were known without connecting: declared ones, and
	// those that `weir columns` wrote for the target.
	Columns map[string][]models.Column

	manifest     *dbt.Manifest // nil until something needed it
	manifestPath string
	beside       []string // files that were read and are none of the project's own, absolute

	docs   []*yamldoc.Doc
	owners map[string]*yamldoc.Doc // "segments.vip": the file that declares it
}

// Beside lists the files that Load read, or looked for, and that are no YAML of the project:
// dbt's manifest and profiles, and models of scores. Where one of them changes, the project may.
func (p *Project) Beside() []string { return p.beside }

// Destination returns the destination called name, or nil.
func (p *Project) Destination(name string) *Destination {
	for i := range p.Destinations {
		if p.Destinations[i].Name == name {
			return &p.Destinations[i]
		}
	}
	return nil
}

// Sync returns the sync called name, or nil.
func (p *Project) Sync(name string) *syncs.Sync {
	for i := range p.Syncs {
		if p.Syncs[i].Name == name {
			return &p.Syncs[i]
		}
	}
	return nil
}

// Findings gives problems their places, by the file that declares each value. It serves checks
// that are made later, against the warehouse.
func (p *Project) Findings(problems []diag.Problem) []diag.Finding {
	out := make([]diag.Finding, 0, len(problems))
	for _, q := range problems {
		out = append(out, p.finding(q))
	}
	diag.Sort(out)
	return out
}

func (p *Project) finding(q diag.Problem) diag.Finding {
	if doc := p.owner(q.Path); doc != nil {
		return doc.Finding(q)
	}
	if q.Severity == "" {
		q.Severity = diag.Error
	}
	return diag.Finding{Severity: q.Severity, Code: q.Code, What: q.What, Fix: q.Fix}
}

// owner finds the file that declares what a path leads to: "segments.vip.where" or "timezone".
func (p *Project) owner(path string) *yamldoc.Doc {
	if doc := p.owners[head(path)]; doc != nil {
		return doc
	}
	// Names that are no names may hold dots.
	best := ""
	for k := range p.owners {
		if strings.HasPrefix(path, k+".") && len(k) > len(best) {
			best = k
		}
	}
	if best != "" {
		return p.owners[best]
	}
	kind, _, _ := strings.Cut(path, ".")
	return p.owners[kind]
}

// head returns the first two parts of a path: "segments.vip" of "segments.vip.where.all[1]".
func head(path string) string {
	kind, rest, ok := strings.Cut(path, ".")
	if !ok {
		return kind
	}
	if i := strings.IndexAny(rest, ".["); i >= 0 {
		rest = rest[:i]
	}
	return kind + "." + rest
}

// place writes where a path stands, for a finding that names another place.
func place(doc *yamldoc.Doc, path string) string {
	key, _, _ := doc.Locate(path)
	return fmt.Sprintf("%s:%d:%d", doc.File, key.Line, key.Col)
}
