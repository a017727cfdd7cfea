// Package rel says what a statement means, apart from any warehouse's spelling of it. Package
// dialect gives it a text.
//
// Only what every warehouse can do is here: no QUALIFY, no FILTER, no recursion, no MERGE, no
// array unnesting. Aggregates over a condition are written as CASE; a set difference is a LEFT
// JOIN or NOT EXISTS; a row number in a subquery takes the place of DISTINCT ON. What differs in
// name or behaviour (hashing, regular expressions, time arithmetic, safe casts) is a Fn, whose
// meaning stands here and whose text each dialect gives.
package rel
