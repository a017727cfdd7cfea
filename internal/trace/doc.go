// Package trace records what weir does as OpenTelemetry spans, if the standard variables ask for it:
// OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT and those beside them. Without one of these
// nothing is set up, nothing is dialled, and Begin costs a load and a comparison.
//
//	weir run ── build customer ── identity: rows ── SELECT, CREATE, …
//	         └─ run vip_mail ──── plan ──────────── SELECT, CREATE, …
//	                         ├─── send, send, …
//	                         └─── settle ────────── INSERT, DELETE, …
//
// Spans hold names of the project's things, counts, classes and codes; no text of a statement, no
// words of a vendor and no value of a row.
//
// It is the only package that imports OpenTelemetry.
package trace
