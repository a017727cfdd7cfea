// Command weir turns models kept in git into profiles, segments and syncs, inside the warehouse.
//
// It is a list of imports and one call: each warehouse and each destination registers itself.
package main

import (
	_ "time/tzdata" // schedules and calendar windows work in bare containers

	_ "github.com/weir-data/weir/destinations/file"
	_ "github.com/weir-data/weir/destinations/http"
	_ "github.com/weir-data/weir/destinations/klaviyo"
	_ "github.com/weir-data/weir/destinations/meta"
	_ "github.com/weir-data/weir/destinations/twilio"
	"github.com/weir-data/weir/internal/cli"
	_ "github.com/weir-data/weir/internal/warehouse/bigquery"
	_ "github.com/weir-data/weir/internal/warehouse/databricks"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb"
	_ "github.com/weir-data/weir/internal/warehouse/postgres"
	_ "github.com/weir-data/weir/internal/warehouse/redshift"
	_ "github.com/weir-data/weir/internal/warehouse/snowflake"
)

func main() { cli.Exec() }
