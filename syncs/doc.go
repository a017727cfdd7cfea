// Package syncs plans and runs syncs: what a destination should hold, against what it last
// accepted, and only the difference sent.
//
// # Promises
//
//  1. No change is lost. A difference between what should be at a destination and what the ledger
//     says is there is planned again until it was delivered, rejected for good, or forbidden.
//  2. The ledger never claims what was not delivered. A row that may or may not have arrived is in
//     doubt, and says so.
//  3. A row is sent again only if it may not have arrived, with the same bytes and the same key.
//     Where that is harmful, as with a message to a phone, it is not sent again without a person.
//  4. One sync runs once at a time, on however many machines.
//  5. A plan that a guard holds sends nothing, but for removals that the law or a policy demands.
//  6. After a run without rejects, a plan shows nothing to do.
//
// Delivery is at least once for each change and the latest value wins; it is effectively once
// where a destination takes a repeated write as one. Exactly once does not exist across a network
// that may lose an answer. The one gap is a destination that applies a request later than Hold
// after it was sent.
//
// # The parts
//
// A Source is the sync's side of the warehouse: lease, ledger and frozen plans. A Journal is the
// memory of attempts on disk. A destinations.Session is the vendor. Machine decides everything
// and does nothing; Performer does one thing at a time and decides nothing; the Runner's driver
// carries things between them in goroutines. The simulator in syncstest puts the same Machine
// through crashes, freezes and lies, and checks the promises after every step.
//
// # The protocol
//
//	                  somebody else holds the lease ──► end
//	                 │
//	acquire ─► begin ─► survey ─► recover ─► check jobs ─► freeze ─► guard ─┬─► open ─► send ─► poll
//	  epoch    fence    what is    settle     of earlier    plan      holds │                     │
//	                    open       each run   runs                          │   ┌─────────────────┘
//	                                                                        └─► settle ─► end ─► release
//
//	send, for each batch, several at once:
//
//	  token of its rates ─► intend ─► write ─► ack ─┬─► rejected, delivered: done
//	                        on disk   if now        ├─► not applied: the same again, later
//	                        first     < until       ├─► may be applied: the same again, or a person
//	                                                └─► too large, some row bad: split
//
// Why this order is the safe one:
//
//   - acquire, one conditional update in the warehouse, gives an epoch. Whoever comes later has a
//     higher one, and the ledger refuses lower ones. Nothing is sent at or after until, which is
//     the end of the lease less one timeout and a margin, counted from when the lease was asked
//     for: what leaves before has ended before the lease can be somebody else's.
//   - begin raises the fence of the journal before anything is read. From here on nobody before us
//     can record an attempt, a verdict or a job, so what the survey finds is final. And since a
//     run is begun before its plan exists, a plan that the journal does not know means that the
//     journal was lost: every row of it may have been sent.
//   - recover settles what earlier runs left, oldest first, before a new plan is made. Rows with an
//     attempt and no verdict are in doubt; the new plan has them again.
//   - freeze makes the plan in one statement, so that it is of one moment, and it is read again and
//     again by row number: the same row has the same bytes in every attempt.
//   - guard comes before open, since opening may create the list.
//   - The first write waits until Hold has passed since the lease was acquired, if the one before
//     was not released cleanly: its requests may still be on their way, and must not arrive after
//     ours.
//   - intend reaches the disk before the call leaves. A crash in between costs a repetition; the
//     other order would cost the knowledge that something was sent. An intent supersedes the
//     verdicts of earlier attempts on its rows, since "not applied" is about one attempt only. For
//     the same reason a row of which one attempt went unanswered stays in doubt whatever later
//     attempts say, until one is applied.
//   - ack follows the answer. A crash before it leaves the rows in doubt.
//   - While the journal writes, acks and intents gather; they are the next write, one at a time and
//     each reaching the disk once. The acks come first in it and the intents with them or not at
//     all: an ack that came after a later intent on the same rows would seem to be about that one.
//   - settle folds the verdicts into the ledger in one transaction with the run's marker, so that
//     settling twice is settling once. Only then does the journal hear of it.
//   - A finished job is told to the ledger before the journal closes it.
//   - release is clean only if nothing that was sent can still arrive.
//
// # The states of a row
//
//	                        ┌──────────── its values change, or a person asks ◄─────────────┐
//	                        ▼                                                               │
//	planned ────────────► due ──► intended ──┬─► delivered                                  │
//	   │                   ▲                 ├─► accepted ──► delivered, or as below,       │
//	   │                   │                 │   by a job     when the job has ended        │
//	   │                   ├── not applied ◄─┤                                              │
//	   │                   ├── its time ◄────┼─► rejected ── for good, or too often ──► quarantined
//	   │                   │                 │
//	   │                   ├── harmless ◄────┴─► in doubt: no answer, or none of use
//	   │                   └── harmful: a person says that it was not sent
//	   │                                         harmful: a person says that it was ──► delivered
//	   └─► suppressed, invalid: left out, not sent
//
// Suppressions are looked at again when a row is read to be sent. In doubt lasts until one attempt is
// applied, whatever other attempts say. Quarantined and what waits for its time are left out of plans.
//
// # What a crash leaves
//
// Killed, suspended or cut off from disk and warehouse, right after:
//
//	acquire    the lease is held: it ends by itself, at once if the process is dead on this machine
//	begin      a run without a plan: nothing was sent
//	survey     the same
//	recover    settled or not, in one transaction: the next run does the same again
//	freeze     a plan without attempts: all its rows are due
//	open       the same; a list may have been created, and is found
//	intend     rows that may have been sent and were not: in doubt, and sent again
//	           (messages wait for a person)
//	write      the same, and they were: sent again, the same bytes and the same key
//	ack        what is known is known; the rest as above
//	settle     the marker is there: settling again changes nothing
//	mark, end  the ledger has everything; the next run closes the journal's record
//	release    nothing: the run is over
//
// A journal that is lost makes every row of an open plan one that may have been sent. A process that
// wakes up after its lease finds that it may no longer send, and that journal and ledger refuse it.
// syncstest goes through each of these points with each thing that can happen to a call;
// docs/failures.md has every failure with its test.
//
// # Ends
//
// A Fault decides about the call and never about a row: throttled calls wait, for all syncs of the
// account, and make less room for calls at once; a wait that is longer than a run waits, or a quota
// that the journal has no more calls of, ends the run, and later ones begin to send when it is over;
// transient errors back off and spend from a budget of one repetition for ten calls that went well,
// after which the circuit is open and one call at a time asks; an expired credential is refreshed
// once; a refused one, wrong settings or a list that is gone end the run and blame no row. A batch that
// is refused as a whole is halved until the bad rows stand alone; if every row that stands alone is
// refused and none was taken, the destination is at fault.
//
// Stopping a run lets calls in flight finish within the grace, records what they said, and leaves
// the rest due.
package syncs
