// Package project reads a folder of YAML files into one checked project.
//
// Any file under the folder may hold any of the top-level keys, and names are unique per kind
// over the whole project. Load reads, merges and checks everything that can be checked without
// connecting anywhere, and reports all findings with their places:
//
//	read      every .yml and .yaml file below the folder      yaml.*, project.*
//	merge     names once per kind, single keys once           project.*
//	check     models (models.Check, models.CheckColumns)      models.*
//	          targets against their warehouse's settings      project.*
//	          destinations and syncs against their Spec       destinations.*, syncs.*
//
// A value whose YAML is at fault is not checked further, and if names were lost nothing is,
// so that one fault gives one finding and not ten.
//
// References to secrets stay references in a Project. They are resolved at the last moment,
// and what they resolve to prints as "redacted".
package project
