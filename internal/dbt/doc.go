// Package dbt reads what dbt leaves behind and what it is set up with, and writes what it reads:
//
//	target/manifest.json  which models, seeds, snapshots and sources there are     Manifest
//	target/catalog.json   the columns that the warehouse has for them              Catalog
//	profiles.yml          how dbt connects                                         Profiles
//	exposures             what of weir's uses what of dbt's                        Exposures
//
// Nothing is executed: there is no Jinja here. Of a manifest only the fields are read that have
// been the same since dbt 1.0 (manifest v4 to v12; docs.getdbt.com, "Manifest JSON file"). The
// package reads files, and the environment where a caller hands it over; it connects to nothing.
package dbt

// ProjectFile is the file that makes a folder a project of dbt.
const ProjectFile = "dbt_project.yml"

// Fault is something in dbt's files, or in how a project refers to them, that a person must mend.
// It holds no value of a profile.
type Fault struct {
	Code string // stable and dotted, such as "dbt.unknown"
	What string // one line, lower case, no full stop
	Fix  string // imperative; may be empty
	File string // that Line and Col are in, where it is one that people write; "" otherwise
	Line int    // 0 if no line is at fault
	Col  int
}

// Error returns what is wrong.
func (f *Fault) Error() string { return f.What }
