package klaviyo_test

import (
	"testing"

	"github.com/weir-data/weir/destinations/destinationtest"
	"github.com/weir-data/weir/destinations/klaviyo"
)

func TestConformance(t *testing.T) {
	destinationtest.Run(t, klaviyo.Destination{}, destinationtest.Options{MaxRows: 10_000})
}
