package models

import (
	"fmt"
	"time"
)

// Model is everything that a project declares about its data. Slices keep the order in which
// things were written; names are unique per kind.
type Model struct {
	Sources  []Source  `yaml:"sources" doc:"Tables that the warehouse has; weir only reads them."`
	Entities []Entity  `yaml:"entities" doc:"What profiles are made of: usually one, customer."`
	Segments []Segment `yaml:"segments" doc:"Who belongs together."`
	Policies []Policy  `yaml:"policies" doc:"What is allowed."`
}

// Source is a table, or a query, that the warehouse already has.
type Source struct {
	Name        string             `yaml:",key"`
	Table       string             `yaml:"table" doc:"Table, as schema.table or database.schema.table." like:"relation,view"`
	SQL         string             `yaml:"sql" doc:"One SELECT in the warehouse's own SQL, in place of a table."`
	DBT         string             `yaml:"dbt" json:",omitempty" doc:"What dbt makes the table of, in place of a table: ref('customers'), ref('package', 'customers') or source('shop', 'orders')." like:"ref,model"`
	Key         string             `yaml:"key" doc:"Column whose value names a row." like:"primary_key,id"`
	UpdatedAt   string             `yaml:"updated_at" doc:"Column with the time of the last change: rows are records, not events." like:"modified_at"`
	Time        string             `yaml:"time" doc:"Column with the time of the event: rows are events." like:"timestamp,occurred_at,event_time"`
	Lookback    Duration           `yaml:"lookback" doc:"How long before the newest row rows may still come or change without a full reading. Defaults to 3d." like:"late,watermark"`
	FresherThan Duration           `yaml:"fresher_than" json:",omitzero" doc:"How old the newest row may be: 26h. Where it is older, nothing that rests on this source is sent, but for removals that policies demand." like:"freshness,max_age,stale_after"`
	Timezone    string             `yaml:"timezone" doc:"Zone of timestamps without one. Defaults to UTC."`
	Identifiers []SourceIdentifier `yaml:"identifiers" doc:"Identifier type to the column that holds its value."`
	Related     []Relation         `yaml:"related" doc:"Source to the column of this one that holds its key: {products: product_id}. Then where: takes products.category, and rows without identifiers of their own belong to whom the related row belongs." like:"joins,relations,belongs_to,references"`
	Columns     []Column           `yaml:"columns" doc:"Column types, to check models without connecting."`
	Description string             `yaml:"description" doc:"For people."`
}

// SourceIdentifier says which column of a source holds an identifier.
type SourceIdentifier struct {
	Type    string `yaml:",key"`
	Column  string `yaml:"column,scalar,required" doc:"Column that holds the value."`
	Country string `yaml:"country" doc:"Column with the country of each row, for phone numbers without one: ISO 3166 codes of two or three letters. Where it is empty or unknown the identifier's country applies."`
}

// Relation says which column of a source holds the key of another source's row.
type Relation struct {
	Source string `yaml:",key"`
	Column string `yaml:"column,scalar,required" doc:"Column with the key of the other source's row."`
}

// DefaultLookback is the look-back of a source that says none.
const DefaultLookback = Duration(72 * time.Hour)

// Column is a declared or observed column.
type Column struct {
	Name string `yaml:",key"`
	Type Type   `yaml:"type,scalar,required" enum:"text,integer,number,boolean,date,timestamp,list" doc:"Type of its values."`
}

// Type is the type of a value, the same on every warehouse.
type Type string

// The types. Unknown is only inside the compiler, before columns are known.
const (
	Unknown   Type = ""
	Text      Type = "text"
	Integer   Type = "integer"
	Number    Type = "number"
	Boolean   Type = "boolean"
	Date      Type = "date"
	Timestamp Type = "timestamp"
	List      Type = "list" // of texts
)

// Entity is a kind of thing that has profiles.
type Entity struct {
	Name      string   `yaml:",key"`
	Identity  Identity `yaml:"identity,required" doc:"Which identifiers make one profile."`
	Traits    []Trait  `yaml:"traits" doc:"What is known of a profile."`
	Anonymous string   `yaml:"anonymous" enum:"include,exclude" doc:"Whether profiles with only weak identifiers are in segments. Defaults to include."`

	Holdout    Percent `yaml:"holdout" doc:"Share of all profiles kept out of every sync, by a salted hash: the universal holdout." like:"universal_holdout,global_holdout"`
	Salt       string  `yaml:"salt" doc:"Salt of the holdout. Defaults to the entity's name."`
	Provenance *bool   `yaml:"provenance" doc:"Whether it is kept which row each trait's value comes from. Defaults to true." like:"lineage,trace"`
}

// Identity says which identifiers make one profile.
type Identity struct {
	Identifiers []Identifier  `yaml:"identifiers,required" doc:"Identifier types, strongest first."`
	From        []string      `yaml:"from,one,required" doc:"Sources whose rows belong to profiles."`
	Guard       IdentityGuard `yaml:"guard" doc:"What holds a build."`
	Finish      string        `yaml:"finish" enum:"process,warehouse" doc:"Where the last links of large groups are worked out: process fetches numbers of identifiers, never values; warehouse keeps to SQL. Defaults to process."`
	Fuzzy       *Fuzzy        `yaml:"fuzzy" doc:"Which records may be one person though no identifier says so."`
}

// IdentityGuard holds a build that would do harm.
type IdentityGuard struct {
	MaxProfileSize int     `yaml:"max_profile_size" doc:"Most identifiers that one profile may have. Defaults to 500."`
	MaxMerged      Percent `yaml:"max_merged" doc:"Largest share of profiles that one build may merge away. Defaults to 5%."`
}

// Identifier is a type of identifier, such as email.
type Identifier struct {
	Type          string     `yaml:",key"`
	Normalize     string     `yaml:"normalize" enum:"none,trim,lower,email,phone,name,address,date" doc:"How values are made comparable. Defaults to email for email, phone for phone, trim otherwise."`
	Country       string     `yaml:"country" doc:"ISO 3166 country of phone numbers without one."`
	ProviderRules bool       `yaml:"provider_rules" doc:"Emails: addresses that their provider says are one mailbox are one: without dots and +tag at Google, without +tag at Fastmail and Proton. Defaults to false."`
	DateOrder     string     `yaml:"date_order" enum:"day_first,month_first" doc:"Dates: how to read 31/01/2026. Without it such dates are invalid."`
	Limit         Limit      `yaml:"limit" doc:"Most values of this type that one profile may have."`
	MaxLinks      []MaxLinks `yaml:"max_links" doc:"A value seen with more values of a stronger type than this stops joining profiles."`
	Ignore        []string   `yaml:"ignore,one" doc:"Globs of values that join nothing, beside the built-in list."`
	Role          string     `yaml:"role" enum:"link,attach" doc:"attach finds a profile but never joins two. Defaults to link."`
}

// Limit bounds the values of one identifier type in a profile. Max 0 means no limit.
type Limit struct {
	Max    int      `yaml:"max,scalar,required" doc:"Most values."`
	Within Duration `yaml:"within" doc:"Counts only values seen in this window." like:"window,since,last"`
}

// MaxLinks bounds how many values of a stronger type one value may be seen with.
type MaxLinks struct {
	Type string `yaml:",key"`
	Max  int    `yaml:"max,scalar,required" doc:"Most values of that type."`
}

// Source returns the source called name, or nil.
func (m *Model) Source(name string) *Source {
	return find(m.Sources, name, func(s *Source) string { return s.Name })
}

// Entity returns the entity called name, or nil.
func (m *Model) Entity(name string) *Entity {
	return find(m.Entities, name, func(e *Entity) string { return e.Name })
}

// Segment returns the segment called name, or nil.
func (m *Model) Segment(name string) *Segment {
	return find(m.Segments, name, func(s *Segment) string { return s.Name })
}

// Trait returns the trait called name, or nil.
func (e *Entity) Trait(name string) *Trait {
	return find(e.Traits, name, func(t *Trait) string { return t.Name })
}

// Identifier returns the identifier type called name and its rank (0 is the strongest), or nil.
func (e *Entity) Identifier(name string) (*Identifier, int) {
	for i := range e.Identity.Identifiers {
		if e.Identity.Identifiers[i].Type == name {
			return &e.Identity.Identifiers[i], i
		}
	}
	return nil, -1
}

func find[T any](xs []T, name string, of func(*T) string) *T {
	for i := range xs {
		if of(&xs[i]) == name {
			return &xs[i]
		}
	}
	return nil
}

// Path returns the path of a value below a named thing: Path("segments", "vip", "where").
func Path(kind, name string, rest ...string) string {
	p := fmt.Sprintf("%s.%s", kind, name)
	for _, r := range rest {
		p += "." + r
	}
	return p
}
