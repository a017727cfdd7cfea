package project

import (
	"github.com/weir-data/weir/internal/dbt"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// File is what one YAML file may hold. Its tags, and those of the types in it, are the schema.
type File struct {
	Project       string   `yaml:"project" doc:"Name of the project. Once per project."`
	Timezone      string   `yaml:"timezone" doc:"Time zone of schedules, bare dates and calendar windows. Defaults to UTC."`
	DefaultTarget string   `yaml:"default_target" doc:"Target that is used if none is named."`
	SecretKey     string   `yaml:"secret_key" doc:"Key of the hashes of people who were erased or suppressed: a reference, such as ${env:WEIR_SECRET_KEY}."`
	Keep          Keep     `yaml:"keep" doc:"How long the history of runs is kept in the warehouse and on disk. Without it, for good."`
	DBT           DBT      `yaml:"dbt" doc:"The project of dbt whose models are sources. Needed if some source says dbt:, or for exposures."`
	Targets       []Target `yaml:"targets" doc:"Warehouses to work in, and where each may send."`
	models.Model  `yaml:",inline"`
	Destinations  []Destination `yaml:"destinations" doc:"Where people are reached."`
	Syncs         []syncs.Sync  `yaml:"syncs" doc:"What is kept true where."`
	Alerts        []Alert       `yaml:"alerts" doc:"Who is told when the state of a sync changes."`
	Tests         []Test        `yaml:"tests" doc:"Tests of the models: rows in, people out."`
}

// Keep says how long the history of runs is kept. What ledgers need stays whatever it says.
type Keep struct {
	Deliveries models.Duration `yaml:"deliveries" doc:"Rows of deliveries: what was sent for whom, and what came of it, such as 180d." like:"rows,row_log"`
	Runs       models.Duration `yaml:"runs" doc:"Runs with their numbers; the last one of each sync stays." like:"history"`
}

// Target is a warehouse to work in, and where it may send.
type Target struct {
	Name       string         `yaml:",key"`
	Type       string         `yaml:"type" doc:"Kind of warehouse. Needed where there is no dbt_profile."`
	Send       string         `yaml:"send" enum:"live,sandbox,none" doc:"Where syncs may send: live to the vendors, sandbox to local stand-ins, none nowhere. Defaults to none."`
	Store      string         `yaml:"store" doc:"Where runs and schedules are remembered: a PostgreSQL URL, as a reference, shared by several machines. Defaults to a file beside the project." like:"state,journal"`
	MaxBytes   Size           `yaml:"max_bytes" json:",omitzero" doc:"How much of the sources a plan, build or run may scan, such as 100GB, where the warehouse tells: more is held before anything is read." like:"max_scan,maximum_bytes_billed,bytes_limit"`
	DBTProfile string         `yaml:"dbt_profile" json:",omitempty" doc:"Profile of dbt's profiles.yml that says how to connect; settings beside it go before its own." like:"profile"`
	DBTTarget  string         `yaml:"dbt_target" json:",omitempty" doc:"Output of that profile. Defaults to the profile's target." like:"output"`
	Settings   map[string]any `yaml:",rest"` // as written, references unresolved

	profile *dbt.Output // of DBTProfile, for the chosen target
}

// Destination is a declared destination.
type Destination struct {
	Name     string         `yaml:",key"`
	Type     string         `yaml:"type,required" doc:"Kind of destination; weir destinations lists them."`
	Purpose  string         `yaml:"purpose" doc:"Why people are reached; policies guard it. none where nobody is reached."`
	Settings map[string]any `yaml:",rest"` // as written, references unresolved
}
