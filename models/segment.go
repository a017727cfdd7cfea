package models

// Segment is a named set of profiles.
type Segment struct {
	Name        string    `yaml:",key"`
	Entity      string    `yaml:"entity,required" doc:"Whose profiles."`
	Description string    `yaml:"description" doc:"For people."`
	Tags        []string  `yaml:"tags,one" doc:"For selecting with tag:x."`
	Where       Condition `yaml:"where" doc:"Who is in it. Without it, everybody." like:"conditions,filter,query,rules"`
	Priority    []string  `yaml:"priority" doc:"In place of where: segments of the entity. Whoever is in one of them is in this one, in the arm with the name of the first that they are in." like:"waterfall,first_of"`
	Holdout     Percent   `yaml:"holdout" doc:"Share kept out of every sync, by a salted hash."`
	Split       []Arm     `yaml:"split" doc:"Arms to their shares, by a salted hash: {a: 50%, b: 50%}. With a holdout, of those who are not held out. Shares sum to 100%." like:"arms,variants,experiment"`
	StratifyBy  []string  `yaml:"stratify_by,one" doc:"Traits: each combination of their values is split by itself, so that arms are alike." like:"stratify,strata"`
	Salt        string    `yaml:"salt" doc:"Salt of the holdout and the split. Defaults to the segment's name."`
}

// Arm is a share of a segment.
type Arm struct {
	Name  string  `yaml:",key"`
	Share Percent `yaml:"share,scalar,required" doc:"Share of the members, such as 50%."`
}

// Policy says what is allowed. Exactly one of Require, Deny, Suppress and Cap is set.
type Policy struct {
	Name        string     `yaml:",key"`
	Entity      string     `yaml:"entity" doc:"Whose profiles."`
	Purpose     string     `yaml:"purpose" doc:"The purpose that this policy guards. Destinations and syncs name it."`
	Require     *Condition `yaml:"require" doc:"Only profiles for which this is true may be reached."`
	Deny        *Deny      `yaml:"deny" doc:"Data that may not leave."`
	Suppress    *Suppress  `yaml:"suppress" doc:"A list of identifiers that are not to be reached." like:"suppression,exclude,blocklist"`
	Cap         *Cap       `yaml:"cap" doc:"How many messages a profile gets." like:"frequency_cap,limit"`
	Description string     `yaml:"description" doc:"For people."`
}

// Deny keeps tagged data from kinds of destinations.
type Deny struct {
	PII   []string `yaml:"pii,one,required" doc:"Tags of traits."`
	Kinds []string `yaml:"kinds,one,required" doc:"Kinds of destinations: email, ads, sms, crm, messaging, file, table, http."`
}

// Suppress keeps away everybody who has an identifier that a source lists, whatever the purpose
// or, with Policy.Purpose, for that purpose.
type Suppress struct {
	Source      string             `yaml:"source,required" doc:"The source with the list. It need not be part of the identity." like:"list,from"`
	Identifiers []SourceIdentifier `yaml:"identifiers" doc:"Identifier type to the column that holds it. Defaults to the identifiers of the source."`
	Where       []ColumnTest       `yaml:"where" doc:"Only rows whose columns pass."`
	Kinds       []string           `yaml:"kinds,one" doc:"Only for these kinds of destinations. Without it, for all."`
}

// Cap bounds the messages that a profile gets over all syncs that append.
type Cap struct {
	Kinds  []string `yaml:"kinds,one,required" doc:"Kinds of destinations that are counted together: email, sms, messaging, …" like:"channels,channel"`
	Max    int      `yaml:"max,required" doc:"Most messages." like:"times,limit"`
	Within Duration `yaml:"within,required" doc:"In this time before the run." like:"per,window,every"`
}
