// Package bench measures how fast weir delivers, with its real engine: ledger, machine,
// performer, journal and the destination type http, against an endpoint in a process of its own.
// Figures are CPU seconds and ratios to baselines that are measured in the same run: a bare Go
// loop over the same rows, and the best SQL by hand.
//
// Every part runs in a process of its own, so that its CPU seconds and its peak of memory are
// those of the part: the command starts itself again, and tells each child what to do.
//
//	setup    people, and a ledger that has sent everybody
//	diff     a plan of 1 % of changes, beside the same by hand
//	bare     the rows of the plan to come: read, hashed, encoded and posted by a bare loop
//	sync     a whole sync of the changes
//	nothing  a whole sync with no change
//	waiting  a first sync to an endpoint that takes its time, and one that is stopped
//
// A part fails where the endpoint did not get what the plan says: what is not delivered in full
// has no speed.
package bench
