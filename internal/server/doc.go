// Package server answers over HTTP how a running weir serve stands: /healthz, /readyz and /metrics.
// Nothing in its answers names a person.
package server
