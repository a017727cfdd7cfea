// Package store is weir's memory: the journal of runs, their history and when schedules last fired,
// one for each project and target. It lies in a SQLite file, or in a schema on PostgreSQL that the
// processes of several machines share. It implements syncs.Journal.
//
// The store holds no personal data: rows are named by their sequence number in a plan, which
// lies in the warehouse.
//
// # Durability
//
// The file is in WAL mode with synchronous=FULL: a commit returns after fsync. One goroutine
// writes. It takes every request that waits, puts each into a savepoint of one transaction and
// commits them together, so that a hundred workers cost one fsync and not a hundred.
//
//	Intend ─┐
//	Ack    ─┼─► requests ─► writer: BEGIN … SAVEPOINT … COMMIT ─► fsync ─► every caller returns
//	End    ─┘
//
// On PostgreSQL a transaction first takes the writers' turn, an advisory lock, so that the writers of
// all processes follow each other as those of a file do. A commit that takes too long counts as lost:
// its callers get an error, which stops what they send, and the next change takes another connection.
//
// On a file an error on fsync is final: what the kernel did with the pages is unknown, so the store
// refuses every later write until it is opened again.
//
// # The fence
//
// The newest epoch of a sync is raised by Begin. Every later write of a run compares its epoch
// in the same transaction and gets syncs.ErrFenced if it is old, having changed nothing.
//
// # Verdicts
//
// An attempt is one row, its verdict another, and only rows that differ from their batch are
// named, packed into the verdict's row. What is known of each row is derived (verdicts.go): the
// latest attempt wins, and one without a verdict leaves its rows in doubt.
package store
