// Package sandbox is what the local servers that stand in for vendors have in common.
//
// A vendor's package brings a Vendor: its routes and its memory, behaving as its documentation
// says. New puts around it what every real vendor has and what tests need:
//
//	request ─► body read whole ─► rate windows ─► a fault by seed? ─► Vendor.ServeHTTP ─► answer
//	                                 429            429, 500, lost before or after being
//	                                                applied, half a body, HTML
//	GET /_members    what the vendor holds now
//	GET /_requests   the latest requests: route, status, injected fault; no bodies, no persons
//
// The memory can be carried over a restart with Snapshot and Restore. A lost request is a
// connection closed without an answer, so that nobody waits for a timeout.
package sandbox
