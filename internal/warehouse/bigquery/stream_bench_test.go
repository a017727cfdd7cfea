//go:build unix

package bigquery

import (
	"errors"
	"testing"

	bq "cloud.google.com/go/bigquery"
	"google.golang.org/api/iterator"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/bqtest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/streamtest"
)

// BenchmarkStream reads rows through a session, beside the client's own iterator.
func BenchmarkStream(b *testing.B) {
	w := bqtest.Open(b, bqtest.Start(b).Settings())
	ws, err := w.Session(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer ws.Close()
	s := ws.(*session)
	n := streamtest.Rows(20_000)
	sql := streamtest.Fill(b, w, s, n)
	streamtest.Measure(b, s, sql, n, streamtest.Loop{Name: "client, values", Read: func() (read int, err error) {
		it, err := s.results(b.Context(), sql)
		if err != nil {
			return 0, err
		}
		for row := []bq.Value(nil); ; read++ {
			if err := it.Next(&row); errors.Is(err, iterator.Done) {
				return read, nil
			} else if err != nil {
				return read, err
			}
		}
	}})
}
