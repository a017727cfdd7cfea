package klaviyo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// memory is all that the sandbox knows.
type memory struct {
	People map[string]*person
	Lists  map[string]*list
	Jobs   map[string]*job
	Next   int

	byID map[[2]string]string // identifier to profile; made when needed
}

type person struct {
	ID         string
	Attributes map[string]any // standard ones, identifiers among them
	Location   map[string]any
	Properties map[string]any
	Direct     bool // imported without a list
}

type list struct {
	ID, Name string
	Made     time.Time
	Members  map[string]bool // profile ids

	order []string // of Members, sorted; nil after a change
}

// job is an import. Its rows are applied when it completes.
type job struct {
	ID      string
	List    string
	Rows    []json.RawMessage
	Total   int
	At      [3]time.Time // created, started, complete
	Applied bool
	Errors  []failure
}

type failure struct {
	Row     int
	Field   string
	Detail  string
	Payload json.RawMessage
	Pointed bool // with a pointer, without the payload; else the other way round
}

func (m *memory) id(prefix string) string {
	m.Next++
	return fmt.Sprintf("%s%09d", prefix, m.Next)
}

// name is the strongest identifier that the person has.
func (p *person) name() string {
	for _, k := range identifying {
		if v, ok := p.Attributes[k].(string); ok && v != "" {
			return v
		}
	}
	return p.ID
}

func (l *list) sorted() []string {
	if l.order == nil {
		l.order = slices.Sorted(maps.Keys(l.Members))
	}
	return l.order
}

func (j *job) status(now time.Time) string {
	switch {
	case now.Before(j.At[1]):
		return "queued"
	case now.Before(j.At[2]):
		return "processing"
	}
	return "complete"
}

// index finds profiles by identifier.
func (m *memory) index() map[[2]string]string {
	if m.byID == nil {
		m.byID = map[[2]string]string{}
		for id, p := range m.People {
			m.enter(id, p)
		}
	}
	return m.byID
}

func (m *memory) enter(id string, p *person) {
	for _, k := range identifying {
		if v, ok := p.Attributes[k].(string); ok && v != "" {
			m.byID[[2]string{k, v}] = id
		}
	}
}

func (m *memory) leave(p *person) {
	for _, k := range identifying {
		if v, ok := p.Attributes[k].(string); ok {
			delete(m.byID, [2]string{k, v})
		}
	}
}

// advance applies the jobs that are complete by now, oldest first.
func (m *memory) advance(now time.Time) {
	var due []*job
	for _, j := range m.Jobs {
		if !j.Applied && !now.Before(j.At[2]) {
			due = append(due, j)
		}
	}
	slices.SortFunc(due, func(a, b *job) int { return cmp.Compare(a.ID, b.ID) })
	for _, j := range due {
		for i, raw := range j.Rows {
			m.apply(j, i, raw)
		}
		j.Applied, j.Rows = true, nil
	}
}

// profileIn is a profile as an import or a patch gives it.
type profileIn struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Attributes map[string]any `json:"attributes"`
	Meta       struct {
		Patch struct {
			Unset any `json:"unset"`
		} `json:"patch_properties"`
	} `json:"meta"`
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// apply imports one row, or records why it failed.
func (m *memory) apply(j *job, i int, raw json.RawMessage) {
	var in profileIn
	_ = json.Unmarshal(raw, &in) // checked when the job was made
	email, _ := in.Attributes["email"].(string)
	phone, _ := in.Attributes["phone_number"].(string)
	f := failure{Row: i, Payload: raw, Pointed: len(j.Errors)%2 == 0}
	switch {
	case phone != "" && !e164.MatchString(phone):
		f.Field, f.Detail = "phone_number", "The phone number "+phone+" is not valid."
	case strings.HasSuffix(strings.ToLower(email), ".invalid"):
		f.Field, f.Detail = "email", "The email address "+email+" is not valid."
	}
	if f.Field != "" {
		j.Errors = append(j.Errors, f)
		return
	}
	p := m.match(in.Attributes)
	if p == nil {
		p = &person{ID: m.id("01SANDBOX"), Attributes: map[string]any{}, Location: map[string]any{}, Properties: map[string]any{}}
		m.People[p.ID] = p
	}
	m.leave(p)
	p.merge(in, false)
	m.enter(p.ID, p)
	if l := m.Lists[j.List]; l != nil {
		if !l.Members[p.ID] {
			l.Members[p.ID], l.order = true, nil
		}
	} else {
		p.Direct = true
	}
}

// match finds the profile that any identifier leads to, the strongest first.
func (m *memory) match(attributes map[string]any) *person {
	for _, k := range []string{"external_id", "email", "phone_number"} {
		if v, ok := attributes[k].(string); ok && v != "" {
			if id, ok := m.index()[[2]string{k, same(k, v)}]; ok {
				return m.People[id]
			}
		}
	}
	m.index()
	return nil
}

// merge takes over what is given. An import ignores null; an update clears by it.
func (p *person) merge(in profileIn, clears bool) {
	put := func(to map[string]any, k string, v any) {
		switch {
		case v != nil:
			if s, ok := v.(string); ok {
				v = same(k, s)
			}
			to[k] = v
		case clears:
			delete(to, k)
		}
	}
	for k, v := range in.Attributes {
		group, isGroup := v.(map[string]any)
		switch {
		case k == "location" && isGroup:
			for k, v := range group {
				put(p.Location, k, v)
			}
		case k == "properties" && isGroup:
			for k, v := range group {
				put(p.Properties, k, v)
			}
		default:
			put(p.Attributes, k, v)
		}
	}
	switch u := in.Meta.Patch.Unset.(type) {
	case string:
		delete(p.Properties, u)
	case []any:
		for _, k := range u {
			delete(p.Properties, fmt.Sprint(k))
		}
	}
}
