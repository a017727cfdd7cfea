// Package server answers over HTTP how a running weir serve stands: /healthz, /readyz and /metrics.
// Nothing in its answers names a person: labels are names of the project's things and words of
// fixed lists, so that their number is bounded by the project.
package server
