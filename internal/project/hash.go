package project

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/weir-data/weir/models"
)

// Part is one thing of a project that decides what is built and sent.
type Part struct {
	Name string // as "segment vip" or "timezone"
	File string // that declares it, relative to the project; "" where no file does
	Hash string
}

// Parts lists what Hash is made of, so that of two projects it can be said where they differ.
func (p *Project) Parts() []Part {
	c := p.canonical()
	var out []Part
	add := func(name, path string, v any) {
		part := Part{Name: name, Hash: digest(v)}
		if doc := p.owner(path); doc != nil && path != "" {
			part.File = doc.File
		}
		out = append(out, part)
	}
	add("project", "project", c.Name)
	add("timezone", "timezone", c.Timezone)
	add("target "+c.Target.Name, "targets."+c.Target.Name, c.Target)
	add("secret_key", "secret_key", c.SecretKey)
	for _, x := range c.Model.Sources {
		add("source "+x.Name, "sources."+x.Name, x)
	}
	for _, x := range c.Model.Entities {
		add("entity "+x.Name, "entities."+x.Name, x)
	}
	for _, x := range c.Model.Segments {
		add("segment "+x.Name, "segments."+x.Name, x)
	}
	for _, x := range c.Model.Policies {
		add("policy "+x.Name, "policies."+x.Name, x)
	}
	for _, x := range c.Destinations {
		add("destination "+x.Name, "destinations."+x.Name, x)
	}
	for _, x := range c.Syncs {
		add("sync "+x.Name, "syncs."+x.Name, x)
	}
	return out
}

// canonical is what of a project decides what is built and sent.
type canonical struct {
	Name, Timezone string
	Target         Target
	Model          models.Model
	Destinations   []Destination
	Syncs          []syncT
	SecretKey      string
}

// digest is a hash of anything that JSON can encode.
func digest(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("project: hashing: " + err.Error()) // every type in it can be encoded
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// hash is Project.Hash.
func (p *Project) hash() string { return digest(p.canonical()) }

// canonical leaves out what only people read. What has a name is put in the order of names, so
// that moving it to another file changes nothing; where order has a meaning it stays.
func (p *Project) canonical() canonical {
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
	target := p.Target
	if target.profile != nil { // the place that it leads to, and no secret of it
		target.Settings = maps.Clone(target.Settings)
		if target.Settings == nil {
			target.Settings = map[string]any{}
		}
		target.Settings["dbt_profile"] = target.profile.Public()
	}
	target.Store, target.MaxBytes = "", 0 // where it is remembered, and what it may cost, change nothing of what is sent
	return canonical{p.Name, p.Timezone.String(), target, m, ds, ss, p.SecretKey}
}
