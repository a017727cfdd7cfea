// Package modeltests runs the tests of a project's models: rows in, people out. Each test has a
// warehouse of its own in memory, in which the sources are tables with the rows that the test
// gives, and the clock stands still. What is built there is what a build makes anywhere else.
package modeltests
