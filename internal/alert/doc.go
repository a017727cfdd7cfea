// Package alert decides what people are told of runs, and tells them: by Slack, by a signed HTTP
// request, or by email.
//
// Deciding is a pure function, Decide, over what an alert has told before and what was seen now.
// For each sync there are three topics, each with a state; a message is sent when the state changes
// and not again while it stays:
//
//	status   well ──failed──► failed ──held──► held ──ok──► well    (recovered)
//	resync   "" ──everything is written again──► its reason ──a usual run──► ""
//	size     "" ──far from the median of the last runs──► grew or shrank ──near it──► ""
//
// A state that an alert does not tell of: a degraded run counts as well, a failed or held one as
// nothing seen. A run that was stopped says nothing about the status.
//
// The state is recorded after a message has arrived. A process that dies in between tells it twice;
// one that cannot reach the receiver tells it with the next run.
//
// # What a message holds
//
// Names of the project's things, counts, codes, and words that are weir's own or were masked by the
// caller. No value of any row.
package alert
