// Package rest is HTTP for destinations that talk to a vendor's API.
//
// It holds one rule above all others: a write that left this machine is never repeated here.
// Whether it may be repeated is the engine's decision, from the Fault that comes back:
//
//	request ──► did any byte leave? ── no ──► retried here, capped back-off ──► Transient
//	                │ yes
//	                ├─ read (GET, HEAD) or Request.Repeatable (a poll, a search, a token)
//	                │        └─ retried here on broken connections, 429 and 5xx
//	                └─ write
//	                         ├─ an answer came ──► Classify: Throttled, Refused, BadBatch, …
//	                         └─ no usable answer (cut, late, HTML) ──► Ambiguous
//
// Around that: answers are bounded also after decompression, every attempt has a deadline,
// redirects of writes are not followed, waits that vendors ask for are read from five headers and
// clamped, and no error carries a query string, a header, a credential or a person.
//
// No destination uses go-retryablehttp but by this package.
package rest
