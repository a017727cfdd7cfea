// Package ledger remembers in the warehouse what each destination was last told, plans the
// difference to what it should be told, and folds the answers in. It implements syncs.Source.
//
// # What lies in the warehouse
//
//	ledger_<sync>     one row per person that the destination was told of, or that it refused
//	ledgers           one row per sync: what its ledger is bound to, fingerprint, version
//	definitions       one row per sync: what it was when a run of it was last settled
//	epochs            one row per sync: the newest epoch, and who holds its lease until when
//	stores            the journals that this warehouse knows
//	plans             one row per plan: being made, saved as a preview, open, or kept for its jobs
//	kept              one row per plan that was not sent and may be, for three days
//	calm              one row per sync: what its next plan has no need to look at
//	plan_<sync>_<run> what one run is to send, in order
//	runs              the marker of each settled run, with its counts
//	deliveries        every planned row of every run with its outcome
//	erasures, suppressions   keyed hashes of identifiers that must not be sent
//
// # The life of a plan
//
//	Freeze:  plans row "making" ─► CREATE TABLE plan_… ─► plans row "open"   (under the fence)
//	Read:    by ranges of seq, in pages
//	Settle:  staging ─► one transaction: fence, marker, ledger, deliveries ─► DROP plan, copy
//
// A table is made before the one statement that publishes it, so that no transaction ever holds
// a change of definitions; a plan that stayed "making" is garbage, found by its row.
//
// A plan looks closely at what may differ only: rows of the ledger have marks of what they were made
// from, by which those that are as before are told without normalising them. See narrow.go. Where
// nothing at all is different from when the last run was settled, it looks at no row twice, has no
// table, and nothing is folded or copied. See calm.go.
//
// # The fence
//
// Every transaction that publishes or folds starts with an update of the sync's epochs row that
// matches only its own epoch. It changes one row or the transaction ends with syncs.ErrFenced;
// and since it holds that row, a newer run cannot take over in the middle of it.
//
// # Who a row is
//
// A row of the ledger is one match value: the first of the object's identifiers that the person
// has. Of several profiles with one value the lowest id has it.
//
// Where a member is told by several values, a removal names one of them, since a destination may
// hold a value in more rows than the last that was sent: old pairs of people who swapped addresses.
// Every value that is to go has a removal of its own, unless somebody who is wanted has it. A value
// that the destination may hold and that stands in no other row is a row of the ledger by itself.
// So after a run the values at the destination are those of the people who are wanted.
//
// An append ledger has a row per profile and entry instead, and of identifiers only a keyed hash.
//
// # Profiles that merge and split
//
// Planning follows each profile of the ledger through all merges since to whom it is part of now,
// and takes its rows for that one's:
//
//	the survivor is sent under the value       the row passes to it; an update if the payload differs
//	nobody is, and people are taken out        remove, or clear, as on_leave says
//	nobody is, and nobody is taken out         the row passes to the survivor: in mode add as it is,
//	                                           with on_leave keep closed, with code syncs.merged
//	the survivor said no, or is erased         a removal that no guard holds, whatever the mode
//	append                                     what was sent to either counts as sent to the survivor
//
// A part that splits off is a new profile. A value that it took with it passes to it as an update;
// in an append ledger the value says that it was sent to.
//
// # Keyed hashes
//
// Erasures and suppressions are kept as H(b ‖ H(a ‖ kind ‖ value)), with the kind of the identifier
// in it, since two kinds may have equal values that are two people's, and with H = SHA-256 in lower-case hex
// and a, b two hex keys derived from the project's secret. That is the nesting of HMAC with a
// prefix for a pad, which every warehouse can compute from functions of text: HMAC itself needs
// bytes. The keys are loaded as rows, so that no statement's text shows them.
package ledger
