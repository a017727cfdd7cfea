// Package destinations is the contract between the sync engine and anything that receives
// rows: an email tool, an ad audience, an SMS gateway, a file, an HTTP endpoint.
//
// It is the one package with a stability promise, and it imports nothing else of weir's, so
// that a destination can live in a repository of its own.
//
// # Who does what
//
// A destination turns a Batch into the vendor's calls and the vendor's answers into a verdict
// on every row. It never retries, sleeps, paces, splits, refreshes credentials or logs bodies:
// the engine does each of those once, for all destinations, from the Fault that a Write
// returns and from the Limits that the Spec declares.
//
//	engine ──Open(Env)──► Session            once per run and destination; makes no request
//	       ──Check──────► credentials, permissions; changes nothing
//	       ──Ensure─────► the list or audience exists (AudienceManager)
//	       ──Write(Batch)► Outcome: a verdict on every row │ *Fault: about the whole call
//	       ──Poll(Job)──► a later, finer Outcome (Poller)
//	       ──Close
//
// # Strength of a success
//
// "Sent" has four strengths and the verdicts keep them apart: Delivered (confirmed for this
// row), Accepted (taken into a queue or job; Poll may refine it), Unchanged (nothing to do),
// and Uncertain (sent, no answer). Spec.Objects[i].Granularity says how finely the vendor reports
// errors, and people are shown it.
package destinations
