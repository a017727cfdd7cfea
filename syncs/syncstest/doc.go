// Package syncstest is a small world for the sync engine: a warehouse, a journal, a destination
// with a memory, a network between them, a clock that only moves when it is told to, and two
// machines that run the same sync. A seed decides everything that happens: in which order things
// happen, who crashes or freezes when, what the source turns into, how the destination answers.
//
// The engine under test is the real one. syncs.Machine is single-threaded and knows neither clock
// nor chance, so that Simulate can put it through any order of events and repeat that order from
// the seed alone.
//
// # What is checked
//
// After every step:
//
//   - truth: a person who is neither in doubt, nor in a job whose result is not known, nor in a
//     plan that may have been sent and is not settled, has at the destination exactly what the
//     ledger says;
//   - no overlap: nothing of an older run leaves, or arrives, after something of a newer one left;
//   - the rows of one person are never in two calls at once, and no call exceeds a limit;
//   - a held plan sends nothing but removals by policy;
//   - what is harmful to repeat arrives at most once.
//
// At the end of each run its counts add up. At the end of all, when faults have stopped, the
// destination holds exactly what the source says, and a plan shows nothing to do.
//
// # Proof that it would notice
//
// Variants are worlds whose warehouse, journal or network breaks one rule of the protocol, as a
// plausible simpler design would. A test asserts that every one of them is noticed.
package syncstest
