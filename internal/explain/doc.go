// Package explain says why identifiers are one profile, or what keeps them apart. It is pure: it
// is given the identifiers and rows of a few profiles and searches the graph that they make.
//
// Identifiers and rows take turns in that graph: an identifier stands beside every row that has
// it. Two records that look like one person are joined by a match, which stands between two rows
// as an identifier does.
//
//	identifier ── row ── identifier ── row ── match ── row ── identifier
//
// What the build left apart is in the graph too, at a price: a chain crosses where it passes from
// one profile to another, or over an identifier that finds nobody. The best chain crosses least,
// so that one without a crossing is evidence, and the crossings of the others are what has to be
// explained.
package explain
