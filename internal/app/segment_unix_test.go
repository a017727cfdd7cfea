//go:build cgo && !noduckdb && unix

package app

import "testing"

// TestSegmentsOnPostgreSQL asks another warehouse about the same segments.
func TestSegmentsOnPostgreSQL(t *testing.T) {
	onPostgreSQL(t, "club", map[string]func(*testing.T){
		"explain": TestExplainSegment, "moved": TestExplainMoved, "policies": TestExplainPolicies, "lists": TestExplainLists, "anonymous": TestExplainAnonymous,
		"count": TestCountSegment, "barred": TestCountBarred, "preview": TestPreviewSegment, "overlap": TestOverlapSegments, "diff": TestDiffSegment,
	})
}
