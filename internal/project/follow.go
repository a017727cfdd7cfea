package project

import (
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models/diag"
)

// ofSources are the codes of problems with the use of a source that lacks something. If the YAML
// of any source is at fault, that is most likely why.
var ofSources = []string{"models.no_identifier", "models.links_nothing", "models.no_time", "models.unknown_column", "models.column_type"}

// follows reports whether a problem is most likely no more than a consequence of YAML that is at
// fault and has a finding already: the value, or something in it, could not be read.
func (l *loader) follows(q diag.Problem) bool {
	doc := l.p.owner(q.Path)
	if doc == nil {
		return false
	}
	path := q.Path
	if len(doc.Faults()) > 0 {
		path = doc.Nearest(path)
	}
	for _, f := range doc.Faults() {
		if within(f, path) {
			return true
		}
		// What a sync means depends on each of its keys, and so on; in conditions and traits one
		// says nothing of the next.
		thing := head(f)
		switch kind, _, _ := strings.Cut(f, "."); kind {
		case "segments", "policies":
		case "entities":
			if (f == thing || within(f, thing+".identity")) && within(path, thing) {
				return true
			}
		default:
			if within(path, thing) {
				return true
			}
		}
	}
	return slices.Contains(ofSources, q.Code) && slices.ContainsFunc(l.p.docs, func(d *yamldoc.Doc) bool {
		return slices.ContainsFunc(d.Faults(), func(f string) bool { return strings.HasPrefix(f, "sources.") })
	})
}

// within reports whether the value at a path is the one at outer or inside of it.
func within(path, outer string) bool {
	return strings.HasPrefix(path, outer) && (len(path) == len(outer) || path[len(outer)] == '.' || path[len(outer)] == '[')
}
