// Package klaviyo keeps profiles and lists in Klaviyo.
//
// Rows enter through bulk import jobs, which take 10,000 profiles at once, put them on a list
// in the same call, and later name the rows that failed:
//
//	Write(upsert, add) ─► POST profile-bulk-import-jobs ─► Accepted, Job
//	                                  │ 400 names rows ─► those Rejected, the others Later
//	Poll ─► GET job: queued, processing … complete ─► GET import-errors ─► a verdict on each row
//	Write(remove) ─► GET list's profiles by email ─► not there: Unchanged
//	                                  └─► DELETE list relationship, 1,000 at a time ─► Delivered
//
// An import job cannot clear a standard attribute: it ignores null. So a row that clears one is
// looked up, and only if the profile still holds a value is that value cleared by a call of its
// own, before the job.
//
// # Consent
//
// Being on a list is not consent in Klaviyo. This package never subscribes, unsubscribes,
// suppresses or unsuppresses anybody: it calls none of those endpoints. Leaving a list leaves
// consent as it is.
package klaviyo

import "github.com/weir-data/weir/destinations"

func init() { destinations.Register(Destination{}) }
