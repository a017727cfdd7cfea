// Package build makes an entity in the warehouse: it runs the program that package compile gives
// it, and publishes the result.
//
// A build writes fresh tables, named by its number, beside those in force. Nobody sees them until
// one statement, which checks that this process still holds the entity's lease, adds the build to
// weir.builds; the newest row there is the build in force. Then the views under the plain names
// are replaced and tables of builds that are neither in force nor the one before are dropped. So
// a build that dies at any point leaves the one in force as it was, and garbage that the next
// build of the entity collects. No definition is changed inside a transaction.
//
//	lease (epoch) ─► tables _b17 ─► guards ─► publish (checks epoch) ─► views ─► collect
//
// A scratch build is made the same way, for a plan: without lease, never published, dropped when
// the plan is done.
package build
