// Package jobs shares slots of schedules among several processes, on any number of machines, whose
// store is on PostgreSQL. River keeps and hands out the jobs.
//
// # A slot is one job
//
// Every process looks at the clock for itself and offers what is due. An offer is one transaction
// under the turn of the store's writers: it moves on the sync's last slot where that is older,
// which only one process can do, and inserts the job together with it. So a slot is neither
// missed nor doubled, whoever notices it first and wherever that process dies.
//
//	offer: turn ─► fired < slot? ─► still at work? ─► job + turns ─► commit
//	                    └► somebody else's  └► skipped
//
// # A job outlives its process
//
// A job is a group of syncs that are due together, so that they share a build. A row of turns
// stands for each that has not ended. A process says every few seconds which jobs it works on, by
// the clock of the server; one that says nothing for deadAfter has lost them, and any other process
// makes them available again. Who takes such a job works the turns that are left. The journal lies
// in the same store, so that each of these runs begins by settling what its predecessor left.
//
// River by itself rescues a job after a fixed time, an hour, because it cannot tell a dead process
// from a long run. Here the sign of life tells them apart, so that its own rescue is off.
//
// Two processes may still believe for a moment that a job is theirs: one was frozen, or lost the
// server. That is harmless. What sends is decided by the lease of the sync in the warehouse and
// its epoch, and the second process waits until the lease is free.
//
// A single process with its store in a file needs none of this: package schedule runs the groups
// itself.
package jobs
