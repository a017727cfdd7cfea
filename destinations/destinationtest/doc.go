// Package destinationtest is the contract of destinations as tests. Every destination of the
// tree runs it, and so should one that lives elsewhere:
//
//	func TestConformance(t *testing.T) {
//		destinationtest.Run(t, acme{}, destinationtest.Options{})
//	}
//
// For a destination with a sandbox nothing more is needed: settings come from the sandbox, rows
// from the Spec. Each check runs in a bubble of testing/synctest, over a Wire instead of a
// network, so that deadlines and back-off cost no time. A check that does not apply says so
// with its reason, so that a test's log shows what a destination does not do.
package destinationtest
