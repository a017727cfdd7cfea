package meta_test

import (
	"testing"

	"github.com/weir-data/weir/destinations/destinationtest"
	"github.com/weir-data/weir/destinations/meta"
)

func TestConformance(t *testing.T) {
	destinationtest.Run(t, meta.Destination{}, destinationtest.Options{
		MaxRows: 10_000,
		// A preview hides the proof, so only without one does it equal what is sent.
		Settings: map[string]any{"app_secret": ""},
	})
}
