//go:build tools

// Package bigquery holds the version of the emulator that the tests of BigQuery run on. It is a module
// of its own, so that nothing of it gets into weir's.
package bigquery

import _ "github.com/goccy/bigquery-emulator/cmd/bigquery-emulator"
