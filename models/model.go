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
	Key         string             `yaml:"key" doc:"Column whose value names a row." like:"primary_key,id"`
	UpdatedAt   string             `yaml:"updated_at" doc:"Column with the time of the last change: rows are records, not events." like:"modified_at"`
	Time        string             `yaml:"time" doc:"Column with the time of the event: rows are events." like:"timestamp,occurred_at,event_time"`
	Lookback    Duration           `yaml:"lookback" doc:"How long before the newest row rows may still come or change without a full reading. Defaults to 3d." like:"late,watermark"`
	Timezone    string             `yaml:"timezone" doc:"Zone of timestamps without one. Defaults to UTC."`
	Identifiers []SourceIdentifier `yaml:"identifiers" doc:"Identifier type to the column that holds its value."`
	Columns     []Column           `yaml:"columns" doc:"Column types, to check models without connecting."`
	Description string             `yaml:"description" doc:"For people."`
}

// SourceIdentifier says which column of a source holds an identifier.
type SourceIdentifier struct {
	Type    string `yaml:",key"`
	Column  string `yaml:"column,scalar,required" doc:"Column that holds the value."`
	Country string `yaml:"country" doc:"Column with the country of each row, for phone numbers without one: ISO 3166 codes of two or three letters. Where it is empty or unknown the identifier's country applies."`
}

// DefaultLookback is the look-back of a source that says none.
const DefaultLookback = Duration(72 * time.Hour)

// Column is a declared or observed column.
type Column struct {
	Name string `yaml:",key"`
	Type Type   `yaml:"type,scalar,required" enum:"text,integer,number,boolean,date,timestamp" doc:"Type of its values."`
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
)

// Entity is a kind of thing that has profiles.
type Entity struct {
	Name      string   `yaml:",key"`
	Identity  Identity `yaml:"identity,required" doc:"Which identifiers make one profile."`
	Traits    []Trait  `yaml:"traits" doc:"What is known of a profile."`
	Anonymous string   `yaml:"anonymous" enum:"include,exclude" doc:"Whether profiles with only weak identifiers are in segments. Defaults to include."`

	Provenance *bool `yaml:"provenance" doc:"Whether it is kept which row each trait's value comes from. Defaults to true." like:"lineage,trace"`
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

// Trait is one thing known of a profile. Exactly one of From and SQL is set. From a column
// takes Keep; from a source it takes one aggregate.
type Trait struct {
	Name        string   `yaml:",key"`
	From        []string `yaml:"from,one" doc:"source.column, several of them in order of preference, or a source to aggregate."`
	Keep        Keep     `yaml:"keep" enum:"latest,earliest,first_found,most_frequent,longest,any_true,all_true" doc:"Which value wins. Defaults to latest." like:"strategy,rule"`
	Together    string   `yaml:"together" doc:"Traits that say the same here take their values from one row: a street and its city." like:"group,with"`
	Aggregate   `yaml:",inline"`
	Where       []ColumnTest `yaml:"where" doc:"Only rows whose columns pass."`
	Within      Duration     `yaml:"within" doc:"Only rows in this window before the run."`
	SQL         string       `yaml:"sql" doc:"An expression over other traits, in the warehouse's own SQL."`
	Type        Type         `yaml:"type" enum:"text,integer,number,boolean,date,timestamp" doc:"Type of an sql trait, or to be cast to."`
	PII         string       `yaml:"pii" doc:"What kind of personal data this is: email, phone, name, health, …"`
	Description string       `yaml:"description" doc:"For people."`
}

// Keep is a rule of survivorship.
type Keep string

// The rules of survivorship.
const (
	Latest       Keep = "latest"
	Earliest     Keep = "earliest"
	FirstFound   Keep = "first_found"
	MostFrequent Keep = "most_frequent"
	Longest      Keep = "longest"
	AnyTrue      Keep = "any_true"
	AllTrue      Keep = "all_true"
)

// Aggregate is one number or value over many rows. At most one field is set.
type Aggregate struct {
	Count         bool   `yaml:"count" doc:"Number of rows."`
	CountDistinct string `yaml:"count_distinct" doc:"Number of different values of a column."`
	Sum           string `yaml:"sum" doc:"Sum of a column."`
	Min           string `yaml:"min" doc:"Smallest value of a column."`
	Max           string `yaml:"max" doc:"Largest value of a column."`
	Avg           string `yaml:"avg" doc:"Mean of a column."`
	MostFrequent  string `yaml:"most_frequent" doc:"Most frequent value of a column."`
}

// ColumnTest is a test on a column of a source's row.
type ColumnTest struct {
	Column string `yaml:",key"`
	Test   `yaml:",inline"`
}

// Test compares a value. Exactly one operator is set. In YAML a bare scalar means `is`, a bare
// list `in`.
type Test struct {
	Is        *Value `yaml:"is,scalar" doc:"Equal." like:"equals,equal,eq,value"`
	Operators `yaml:",inline"`
}

// Operators are the comparisons beside `is`.
type Operators struct {
	IsNot       *Value  `yaml:"is_not" doc:"Different, or absent." like:"not_equals,not_equal,ne,neq"`
	In          []Value `yaml:"in,list" doc:"Equal to one of these." like:"one_of,any_of,values"`
	NotIn       []Value `yaml:"not_in" doc:"Equal to none of these, or absent." like:"none_of"`
	AtLeast     *Value  `yaml:"at_least" doc:"The same or more, or later." like:"gte,ge,greater_or_equal"`
	AtMost      *Value  `yaml:"at_most" doc:"The same or less, or earlier." like:"lte,le,less_or_equal"`
	MoreThan    *Value  `yaml:"more_than" doc:"More, or later." like:"gt,greater_than,above,over,after"`
	LessThan    *Value  `yaml:"less_than" doc:"Less, or earlier." like:"lt,below,under,before"`
	Between     []Value `yaml:"between" doc:"From the first value, included, to the second: included for numbers, not included for times." like:"range"`
	Contains    *Value  `yaml:"contains" doc:"Text that has this text in it, whatever the case." like:"like,includes,matches"`
	NotContains *Value  `yaml:"not_contains" doc:"Text without this text in it, or absent."`
	StartsWith  *Value  `yaml:"starts_with" doc:"Text that begins with this, whatever the case." like:"prefix"`
	EndsWith    *Value  `yaml:"ends_with" doc:"Text that ends with this, whatever the case." like:"suffix"`
	Exists      *bool   `yaml:"exists" doc:"There is a value, or there is none." like:"is_set,present,not_null,is_null,missing"`
}

// Segment is a named set of profiles.
type Segment struct {
	Name        string    `yaml:",key"`
	Entity      string    `yaml:"entity,required" doc:"Whose profiles."`
	Description string    `yaml:"description" doc:"For people."`
	Tags        []string  `yaml:"tags,one" doc:"For selecting with tag:x."`
	Where       Condition `yaml:"where" doc:"Who is in it. Without it, everybody." like:"conditions,filter,query,rules"`
	Holdout     Percent   `yaml:"holdout" doc:"Share kept out of every sync, by a salted hash."`
	Salt        string    `yaml:"salt" doc:"Salt of the holdout. Defaults to the segment's name."`
}

// Condition is true or false for a profile. Exactly one of All, Any, Not, Trait, Did, Never and
// Segment is set.
type Condition struct {
	All     []Condition `yaml:"all" doc:"Every one is true." like:"and"`
	Any     []Condition `yaml:"any" doc:"At least one is true." like:"or"`
	Not     *Condition  `yaml:"not" doc:"It is false."`
	Trait   string      `yaml:"trait" doc:"Compares a trait." like:"attribute,property"`
	Segment string      `yaml:"segment" doc:"Is in another segment of the entity."`
	Did     string      `yaml:"did" doc:"Has rows in a source." like:"event,has,performed"`
	Never   string      `yaml:"never" doc:"Has no rows in a source." like:"did_not"`

	// Is is a bare value, or for an aggregate of did a test such as {at_least: 500}.
	Is        *Test `yaml:"is" doc:"Equal; or, beside did and an aggregate, a test of the aggregate."`
	Operators `yaml:",inline,nolist"`

	Where     []ColumnTest `yaml:"where" doc:"did, never: only rows whose columns pass."`
	Within    Duration     `yaml:"within" doc:"did, never: only rows in this window before the run."`
	Times     *CountTest   `yaml:"times" doc:"did: how many rows. Defaults to at_least: 1."`
	Aggregate `yaml:",inline"`
}

// CountTest compares a number of rows. A bare number means exactly that many.
type CountTest struct {
	Is       *int `yaml:"is,scalar" doc:"Exactly."`
	AtLeast  *int `yaml:"at_least" doc:"This many or more."`
	AtMost   *int `yaml:"at_most" doc:"This many or fewer."`
	MoreThan *int `yaml:"more_than" doc:"More."`
	LessThan *int `yaml:"less_than" doc:"Fewer."`
}

// Policy says what is allowed. It requires a condition for a purpose, or denies tagged data.
type Policy struct {
	Name        string     `yaml:",key"`
	Entity      string     `yaml:"entity" doc:"Whose profiles."`
	Purpose     string     `yaml:"purpose" doc:"The purpose that this policy guards. Destinations and syncs name it."`
	Require     *Condition `yaml:"require" doc:"Only profiles for which this is true may be reached."`
	Deny        *Deny      `yaml:"deny" doc:"Data that may not leave."`
	Description string     `yaml:"description" doc:"For people."`
}

// Deny keeps tagged data from kinds of destinations.
type Deny struct {
	PII   []string `yaml:"pii,one,required" doc:"Tags of traits."`
	Kinds []string `yaml:"kinds,one,required" doc:"Kinds of destinations: email, ads, sms, crm, messaging, file, table, http."`
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
