package syncs

import (
	"github.com/weir-data/weir/models"
)

// Sync is the declaration of one sync: which rows, to which object of which destination, and
// how. Exactly one of Segment, Entity, Source and SQL is set.
type Sync struct {
	Name        string   `yaml:",key"`
	Description string   `yaml:"description" doc:"For people."`
	Tags        []string `yaml:"tags,one" doc:"For selecting with tag:x."`

	Segment string `yaml:"segment" doc:"The members of a segment."`
	Arm     string `yaml:"arm" doc:"segment: only the members in this arm of its split or priority."`
	Entity  string `yaml:"entity" doc:"Every profile of an entity."`
	Source  string `yaml:"source" doc:"The rows of a source that has a key."`
	SQL     string `yaml:"sql" doc:"The rows of one SELECT in the warehouse's own SQL."`
	Key     string `yaml:"key" doc:"sql: the column whose value names a row."`

	Destination string         `yaml:"destination,required" doc:"A declared destination." like:"to"`
	Object      string         `yaml:"object" doc:"What rows become there. Defaults to the destination's first object."`
	Into        string         `yaml:"into" doc:"Name of the list, audience or file." like:"list,audience,target"`
	With        map[string]any `yaml:"with" doc:"Parameters of the object." like:"params,parameters,options,settings"`
	Purpose     string         `yaml:"purpose" doc:"Why people are reached, if the destination does not say it."`

	Mode     Mode     `yaml:"mode" enum:"mirror,add,upsert,append" doc:"Defaults to mirror for lists, upsert for records, append for messages."`
	Match    []Match  `yaml:"match,required" doc:"Destination identifier to the trait that holds it." like:"identifiers,on,keys"`
	Fields   []Field  `yaml:"fields" doc:"Destination field to a trait, a value or a text." like:"mapping,mappings,map,columns"`
	OnLeave  OnLeave  `yaml:"on_leave" enum:"remove,keep,clear" doc:"What happens to somebody who leaves, or whose profile became part of another one that is not sent under the same value. Defaults to remove for lists, keep for records."`
	FirstRun FirstRun `yaml:"first_run" enum:"adopt,replace,send,skip" doc:"What the first run does with those who are there already. Defaults to adopt; to skip for messages. replace takes out whoever is there and not wanted, once, after a person approved it; it needs a destination that can be read back."`
	Again    string   `yaml:"again" doc:"append: never, on_reentry, or after: 30d; judged on the person, merged ones included, and on the match value. Defaults to never."`
	Schedule string   `yaml:"schedule" doc:"Cron expression in the project's time zone; weir serve runs it." like:"cron"`
	Every    string   `yaml:"every" doc:"In place of schedule: an interval, such as 15m or 6h." like:"interval,frequency"`
	After    string   `yaml:"after" doc:"In place of schedule: the sync whose good end starts this one." like:"depends_on,follows"`
	Guard    Guard    `yaml:"guard" doc:"What holds a plan."`
}

// Mode says what a sync keeps true at its destination.
type Mode string

// The modes (SEMANTICS: a mirror's unit is the match value; append emits once per entry).
const (
	Mirror Mode = "mirror"
	Add    Mode = "add"
	Upsert Mode = "upsert"
	Append Mode = "append"
)

// OnLeave says what happens to somebody who leaves.
type OnLeave string

// The choices on leaving. Never an unsubscribe.
const (
	Remove OnLeave = "remove"
	Keep   OnLeave = "keep"
	Clear  OnLeave = "clear"
)

// FirstRun says what the first run does with those who are there already.
type FirstRun string

// The choices of a first run. Adopt and Replace are about members that weir did not put there;
// Send and Skip, for append, about people who are in the segment already.
const (
	Adopt   FirstRun = "adopt"
	Replace FirstRun = "replace"
	Send    FirstRun = "send"
	Skip    FirstRun = "skip"
)

// Match maps a destination's identifier to a trait.
type Match struct {
	Identifier string `yaml:",key"`
	Trait      string `yaml:"trait,scalar,required" doc:"A trait, or a column where the sync has a source or sql."`
}

// Field maps a destination's field to a value. Exactly one of Trait, Value and Text is set.
type Field struct {
	Name  string        `yaml:",key"`
	Trait string        `yaml:"trait,scalar" doc:"A trait, or a column where the sync has a source or sql."`
	Value *models.Value `yaml:"value" doc:"The same value for everybody."`
	Text  string        `yaml:"text" doc:"Text with traits in braces: Hi {first_name|there}. Without a fallback an absent trait makes the row invalid."`
}

// Guard holds a plan that would do harm. Shares are of the ledger's rows before the run.
type Guard struct {
	MaxRemoved  models.Percent `yaml:"max_removed" doc:"Largest share removed by one run. Defaults to 20%."`
	MaxAdded    models.Percent `yaml:"max_added" doc:"Largest share added by one run, once there are rows. Defaults to 50%."`
	MaxRejected models.Percent `yaml:"max_rejected" doc:"Largest share of the tried rows that may be rejected before a run stops. Defaults to 5%."`
	MinSize     int64          `yaml:"min_size" doc:"Fewest members that a run may leave there: below it nothing is sent. Without it a plan only warns where the vendor has a minimum." like:"minimum,min_members,at_least"`
	AllowEmpty  bool           `yaml:"allow_empty" doc:"Whether nobody at all is a sound result. Defaults to false."`
}
