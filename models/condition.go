package models

// Condition is true or false for a profile. Exactly one of All, Any, Not, Trait, Segment, Did,
// Never, Every, Sequence, Top, Bottom, Near and SQL is set.
type Condition struct {
	All     []Condition `yaml:"all" doc:"Every one is true." like:"and"`
	Any     []Condition `yaml:"any" doc:"At least one is true." like:"or"`
	Not     *Condition  `yaml:"not" doc:"It is false."`
	Trait   string      `yaml:"trait" doc:"Compares a trait." like:"attribute,property"`
	Segment string      `yaml:"segment" doc:"Is in another segment of the entity."`
	Did     string      `yaml:"did" doc:"Has rows in a source." like:"event,has,performed"`
	Never   string      `yaml:"never" doc:"Has no rows in a source." like:"did_not"`

	Every    string `yaml:"every" doc:"Has rows in a source, and each of them passes where." like:"always,all_rows"`
	Sequence []Step `yaml:"sequence" doc:"Has rows that follow each other: {did: carts}, then {did: orders, within: 3d} or {never: orders, within: 3d}." like:"funnel,steps"`
	Top      *Share `yaml:"top" doc:"Is among those with the highest values of a trait: 1000 or 10%." like:"highest"`
	Bottom   *Share `yaml:"bottom" doc:"Is among those with the lowest values of a trait." like:"lowest"`
	Near     *Near  `yaml:"near" doc:"Is within a distance of a place." like:"distance,radius,geo"`
	SQL      string `yaml:"sql" doc:"One expression over traits, true or false, in the warehouse's own SQL."`

	// Is is a bare value, or for an aggregate of did a test such as {at_least: 500}.
	Is        *Test `yaml:"is" doc:"Equal; or, beside did and an aggregate, a test of the aggregate."`
	Operators `yaml:",inline,nolist"`

	Where     []ColumnTest `yaml:"where" doc:"did, never: only rows whose columns pass. every: what each row must pass."`
	Times     *CountTest   `yaml:"times" doc:"did: how many rows. Defaults to at_least: 1."`
	Days      *CountTest   `yaml:"days" doc:"did: on how many different days in the project's time zone." like:"distinct_days,frequency"`
	Same      []string     `yaml:"same,one" doc:"sequence: columns in which all its rows agree, such as product_id." like:"by_same,match_on"`
	By        string       `yaml:"by" doc:"top, bottom: the trait that ranks." like:"order_by,rank_by"`
	Of        string       `yaml:"of" doc:"top, bottom: the segment that is ranked. Without it, everybody." like:"over,among"`
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
	IsNot       *Value    `yaml:"is_not" doc:"Different, or absent." like:"not_equals,not_equal,ne,neq"`
	In          []Value   `yaml:"in,list" doc:"Equal to one of these." like:"one_of,any_of,values"`
	NotIn       []Value   `yaml:"not_in" doc:"Equal to none of these, or absent." like:"none_of"`
	AtLeast     *Value    `yaml:"at_least" doc:"The same or more, or later." like:"gte,ge,greater_or_equal"`
	AtMost      *Value    `yaml:"at_most" doc:"The same or less, or earlier." like:"lte,le,less_or_equal"`
	MoreThan    *Value    `yaml:"more_than" doc:"More, or later." like:"gt,greater_than,above,over,after"`
	LessThan    *Value    `yaml:"less_than" doc:"Less, or earlier." like:"lt,below,under,before"`
	Between     []Value   `yaml:"between" doc:"From the first value, included, to the second: included for numbers, not included for times." like:"range"`
	Contains    *Value    `yaml:"contains" doc:"Text that has this text in it, whatever the case; a list that has this item, exactly." like:"like,includes,matches"`
	NotContains *Value    `yaml:"not_contains" doc:"Text without this text in it, a list without this item, or absent."`
	StartsWith  *Value    `yaml:"starts_with" doc:"Text that begins with this, whatever the case." like:"prefix"`
	EndsWith    *Value    `yaml:"ends_with" doc:"Text that ends with this, whatever the case." like:"suffix"`
	ContainsAny []Value   `yaml:"contains_any" doc:"Lists: at least one of these is in it." like:"has_any,overlaps"`
	ContainsAll []Value   `yaml:"contains_all" doc:"Lists: all of these are in it." like:"has_all"`
	InRegion    []string  `yaml:"in_region,one" doc:"Country codes: in one of these regions, such as eu, dach, nordics, or countries." like:"region"`
	Within      *Window   `yaml:"within" doc:"Times: in this window before the run. did, never, every, sequence: only rows in it." like:"window,since,last,in_the_last,during"`
	WithinNext  Duration  `yaml:"within_next" doc:"Times: from the run on, for this long." like:"upcoming,in_the_next"`
	Anniversary *Duration `yaml:"anniversary_in" doc:"Dates: the next anniversary is today (0d) or on one of the following days." like:"birthday_in,anniversary"`
	Exists      *bool     `yaml:"exists" doc:"There is a value, or there is none." like:"is_set,present,not_null,is_null,missing"`
}

// Step is one step of a sequence. Exactly one of Did and Never is set; Never only as the last.
type Step struct {
	Did    string       `yaml:"did" doc:"A row in a source, after the step before." like:"event,performed"`
	Never  string       `yaml:"never" doc:"No row in a source for the time of within after the step before; only as the last step." like:"not,did_not"`
	Where  []ColumnTest `yaml:"where" doc:"Only rows whose columns pass."`
	Within *Duration    `yaml:"within" doc:"At most this long after the step before." like:"window"`
}

// Near is a circle on the earth.
type Near struct {
	Latitude  Value    `yaml:"latitude,required" doc:"Of the place, in degrees." like:"lat"`
	Longitude Value    `yaml:"longitude,required" doc:"Of the place, in degrees." like:"lon,lng"`
	Within    Distance `yaml:"within,required" doc:"Farthest distance: 25km, 10mi or 500m." like:"radius,distance"`
	At        []string `yaml:"at,required" doc:"The traits with the person's latitude and longitude." like:"traits,from"`
}
