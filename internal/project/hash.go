package project

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/weir-data/weir/models"
)

// hash is Project.Hash. What has a name is put in the order of names, so that moving it to
// another file changes nothing; where order has a meaning it stays.
func (p *Project) hash() string {
	byName := func(a, b string) int { return cmp.Compare(a, b) }
	m := models.Model{
		Sources: slices.Clone(p.Model.Sources), Entities: slices.Clone(p.Model.Entities),
		Segments: slices.Clone(p.Model.Segments), Policies: slices.Clone(p.Model.Policies),
	}
	for i := range m.Sources {
		m.Sources[i].Description = ""
	}
	for i := range m.Segments {
		m.Segments[i].Description, m.Segments[i].Tags = "", nil
	}
	for i := range m.Policies {
		m.Policies[i].Description = ""
	}
	for i := range m.Entities {
		m.Entities[i].Traits = slices.Clone(m.Entities[i].Traits)
		for j := range m.Entities[i].Traits {
			m.Entities[i].Traits[j].Description = ""
			if s := m.Entities[i].Traits[j].Score; s != nil {
				// What the file holds counts, not where it is.
				m.Entities[i].Traits[j].Score = &models.Score{Features: s.Features, Output: s.Output, Sum: s.Sum}
			}
		}
	}
	ss := slices.Clone(p.Syncs)
	for i := range ss {
		ss[i].Description, ss[i].Tags = "", nil
		ss[i].Schedule, ss[i].Every, ss[i].After = "", "", ""
	}
	ds := slices.Clone(p.Destinations)
	slices.SortFunc(m.Sources, func(a, b models.Source) int { return byName(a.Name, b.Name) })
	slices.SortFunc(m.Entities, func(a, b models.Entity) int { return byName(a.Name, b.Name) })
	slices.SortFunc(m.Segments, func(a, b models.Segment) int { return byName(a.Name, b.Name) })
	slices.SortFunc(m.Policies, func(a, b models.Policy) int { return byName(a.Name, b.Name) })
	slices.SortFunc(ss, func(a, b syncT) int { return byName(a.Name, b.Name) })
	slices.SortFunc(ds, func(a, b Destination) int { return byName(a.Name, b.Name) })
	b, err := json.Marshal(struct {
		Name, Timezone string
		Target         Target
		Model          models.Model
		Destinations   []Destination
		Syncs          []syncT
		SecretKey      string
	}{p.Name, p.Timezone.String(), p.Target, m, ds, ss, p.SecretKey})
	if err != nil {
		panic("project: hashing: " + err.Error()) // every type in it can be encoded
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
