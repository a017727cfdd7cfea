package destinations

import (
	"slices"
	"time"
)

// DeclaredBucket is the bucket of the rates that users declare.
const DeclaredBucket = "declared"

var declaredRates = []struct {
	setting Setting
	per     time.Duration
}{
	{Setting{Name: "calls_per_second", Type: Integer, Min: 1, Doc: "Most requests in a second, over all syncs of the destination."}, time.Second},
	{Setting{Name: "calls_per_minute", Type: Integer, Min: 1, Doc: "Most requests in a minute, over all syncs of the destination."}, time.Minute},
	{Setting{Name: "calls_per_day", Type: Integer, Min: 1, Doc: "Most requests in any 24 hours, over all syncs of the destination. What is left then waits for a later run."}, 24 * time.Hour},
}

// RateSettings are the settings with which a user states the limits of an account, for a Spec whose
// vendor's limits cannot be known here.
func RateSettings() []Setting {
	var out []Setting
	for _, d := range declaredRates {
		out = append(out, d.setting)
	}
	return out
}

// Splitter is a Destination of which one Write may be several requests. Where a user has declared
// rates, which are about requests, the engine keeps its batches as small as one.
type Splitter interface {
	// RowsPerRequest is how many rows of an object fit into one request, for any op.
	RowsPerRequest(object string, with map[string]any) int
}

// DeclaredRates are the rates that the values of RateSettings say. The engine keeps to them beside
// those of the object.
func DeclaredRates(settings map[string]any) []Rate {
	var out []Rate
	for _, d := range declaredRates {
		if n, ok := plain(settings[d.setting.Name]).(int64); ok && n > 0 {
			out = append(out, Rate{N: int(n), Per: d.per, Bucket: DeclaredBucket})
		}
	}
	return slices.Clip(out)
}
