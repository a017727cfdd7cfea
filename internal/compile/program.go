// Package compile turns models into programs of statements. It is pure: no connection, no
// clock, no randomness. What differs between warehouses is left to package dialect.
package compile

import (
	"iter"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Input is what compiling an entity needs to know.
type Input struct {
	Model    *models.Model
	Entity   string
	Columns  map[string][]models.Column // of each source, as the warehouse has them
	Naive    map[string]map[string]bool // source, column: a timestamp without a zone
	AsOf     time.Time                  // UTC, microseconds; a literal in every statement
	Timezone *time.Location             // of the project: bare dates are midnight there
	Build    Build                      // what is made
	Previous Build                      // what is in force, read for ids and histories; zero for none
	Full     bool                       // identity is made from nothing, with the ids of before, though it could go on from Previous
	Only     string                     // "identity": no traits and no segments
	State    State                      // what the build in force left for this one
	// Place tells where a model of the project is declared, for comments: "segments.yml:14". It may be
	// nil, and may be "".
	Place func(path string) string
}

// called is a model's name for comments, with its place where that is known.
func (in Input) called(name string, path ...string) string {
	if in.Place != nil {
		if at := in.Place(strings.Join(path, ".")); at != "" {
			return name + " (" + at + ")"
		}
	}
	return name
}

// Build names the tables of one build of one entity. Tables are made under fresh names and
// become live when the build is published.
type Build struct {
	Schema  string
	ID      string // "17"; "" for no build
	Scratch bool   // made beside the live tables and dropped with the plan
}

// Table returns the name of an entity's table in this build: weir.customer_profiles_b17, or
// weir.scratch_4f2c_customer_profiles.
func (b Build) Table(entity, what string) rel.Name {
	if b.Scratch {
		return rel.Name{b.Schema, "scratch_" + b.ID + "_" + entity + "_" + what}
	}
	return rel.Name{b.Schema, entity + "_" + what + "_b" + b.ID}
}

// View returns the name under which people and other systems read the live table.
func (b Build) View(entity, what string) rel.Name { return rel.Name{b.Schema, entity + "_" + what} }

// The tables and views of a build, as `what` of Build.Table. Each has a view of the same name
// without the build. Beside them each source of an entity's identity has Combos(source), and each
// event source Owners(source).
//
// A build that follows another one writes only what changed: what is marked "layered" is a view
// over a base, made by a full build, and the changes since then; see layers.go.
const (
	Identifiers  = "identifiers"        // view: type text, value text (normalised), profile_id text, first_seen, last_seen timestamp, source text
	Profiles     = "profiles"           // profile_id text, anonymous boolean, then every trait
	Records      = "records"            // view: source text, key text, profile_id text: rows of sources with updated_at, each key once
	Nodes        = "nodes"              // layered: node integer, type text, value text, source text, status text (active|shared), first_seen, last_seen timestamp, seen integer, component integer (before limits), cluster integer (after; NULL if it finds nobody), profile_id text; rank, src integer. Type "record" is a row without any identifier, its value source:key
	Tuples       = "tuples"             // view: source text, key text (NULL for events), node_<type> integer per identifier type, node integer (the owner), first_seen, last_seen timestamp, seen integer
	Map          = "map"                // view: node integer, component integer, cluster integer
	Clusters     = "clusters"           // layered: cluster integer, number integer, profile_id text, anonymous boolean, size integer (identifiers): one row per profile
	Sequence     = "sequence"           // last integer: the highest number ever given to a profile
	Merges       = "merges"             // layered: at timestamp, kind text (new|merge|split), from_id text, to_id text, type text, value text, build text
	DroppedLinks = "dropped_links"      // type text, value text, rule text (junk|ignore|invalid|max_links|limit|contested), profile_id text (nullable), detail text, node integer, other integer: the nodes kept apart, NULL where there are none
	StateTable   = "state"              // source text ('' for the entity), what the next build needs to go on from this one
	Memberships  = "memberships"        // profile_id text, segment text, since timestamp, arm text (of the split, holdout or priority; NULL where the segment has none): who is in now
	History      = "membership_history" // profile_id text, segment text, entered_at timestamp, left_at timestamp (nullable)
	Assignments  = "assignments"        // profile_id text, segment text ("*" for the entity's holdout), arm text, since timestamp, contaminated boolean (two arms met in the profile): who was ever given which arm by chance
	Provenance   = "provenance"         // profile_id text, then per kept trait <trait>__source, <trait>__key text, <trait>__at timestamp: the row that each value came from
	Predictions  = "predictions"        // trait text, name text (people, repeaters, the parameters of the fit, or absent), value number, note text: what a predicted trait was told by, or, for absent, why it could not be
	Pairs        = "pairs"              // source_a, key_a, source_b, key_b text (a before b), weight number (log2 of the odds), probability number, decision text (join|review|apart), by text (weight|person), reasons text: records that may be one person
	Weights      = "weights"            // field text ('' for any two records), level integer (from 1, the best, to the one after the last, which is different), label text, m, u number, weight number (log2), origin text (data|given|default), reason text, declaration text: what a comparison says
	Frequencies  = "frequencies"        // field text, value text, records integer, weight number, reason text: what agreeing on a value says beyond agreeing
	Compared     = "compared"           // source text, key text, print integer: the records that were compared, and what they were
	BigBlocks    = "big_blocks"         // block text, value text, records integer: blocks that too many records agree on to be compared
)

// Reviews names the table, of no build, as `what` of Build.View, in which people say which records are one person:
// source_a, key_a, source_b, key_b text, same boolean, by text, at timestamp. Of several rows of a
// pair, in either order, the latest counts.
const Reviews = "reviews"

// BuildTables are all of them that have a fixed name.
var BuildTables = []string{Identifiers, Profiles, Records, Nodes, Tuples, Map, Clusters, Sequence, Merges, DroppedLinks, StateTable,
	Memberships, History, Assignments, Provenance, Predictions, Pairs, Weights, Frequencies, Compared, BigBlocks}

// Owners names the table that says which profile owns the rows of an event source: one text
// column per identifier type of the source with the value as the source has it, absent as ”, and profile_id
// text, NULL if the row's identifiers find nobody.
func Owners(source string) string { return "owners_" + source }

// Program is a list of steps, run in order on one session.
type Program struct {
	Steps  []Step
	Tables []string // what it makes that stays and people read, as `what` of Build.Table
	// Identity says how identity is made: "incremental" from the build in force, or "full", and
	// then Why.
	Identity, Why string
	Stats         []Stat // asked after the last step
}

// Step is a few statements, or a loop of them.
type Step struct {
	Name  string // for people and progress: "identity: tuples"
	Do    []rel.Statement
	Solve *Solve // after Do
	If    *If    // after Solve
	Loop  *Loop  // after If
}

// If runs Then if Query, of one integer, gives more than 0, and Else otherwise.
type If struct {
	Query rel.Query
	Then  []Step
	Else  []Step
}

// Solve is a piece of work that is done in this process: Run is given the rows of each of Read
// and gives the rows of Into, in the order of its columns. A sequence is read to its end before
// the next is begun. Values are as warehouse.Session has them; Run is pure.
type Solve struct {
	Read []rel.Query
	Into rel.CreateTable // with Columns, without As
	Run  func(read []iter.Seq2[[]any, error]) iter.Seq2[[]any, error]
}

// Loop repeats Body for round 1, 2, … until Rest, a query of one integer, gives Small or less.
// Rest is asked before each round with the number of rounds done, at first 0. Then After runs with
// the number of rounds that ran. A loop that needs more than Max rounds is at fault. Loops nest.
type Loop struct {
	Small int64
	Rest  func(done int) rel.Query
	Body  func(round int) []Step
	After func(rounds int) []Step
	Max   int
}

// Stat is a number worth telling: a query of one integer. With Each it is several: the query has
// rows of a text and an integer, and each is called Name and its text.
type Stat struct {
	Name  string // "profiles", "records", "dropped.limit"; with Each: "segment." for "segment.vip", …
	Each  bool
	Query rel.Query
}
