// Package cli is weir's command line: one file a command. A command parses its flags, asks
// package app, and renders the answer; nothing is decided here but how to say it and the exit
// code. stdout is the result, stderr is progress.
package cli
