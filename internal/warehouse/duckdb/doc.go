// Package duckdb is the embedded warehouse: one DuckDB file on this machine.
//
// DuckDB lets one process at a time hold a file. weir holds it for an operation only: the file is
// opened by the first session and closed a moment after the last one, so that another weir, or a
// person with a DuckDB shell, gets its turn. Whoever waits does so for ten seconds and is then
// told who holds it.
//
// The SQL of a project runs here with the rights of weir's user, so the engine is closed up
// after it has started: no reading or writing of files, no ATTACH, COPY or INSTALL, and no
// changing of settings. What Query takes is exactly one SELECT.
//
// Names are case-insensitive in DuckDB even when quoted.
package duckdb
