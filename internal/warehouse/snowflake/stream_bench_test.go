//go:build unix

package snowflake

import (
	"database/sql/driver"
	"errors"
	"io"
	"testing"

	sf "github.com/snowflakedb/gosnowflake"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/sftest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/streamtest"
)

// BenchmarkStream reads rows through a session, beside the driver's own rows.
func BenchmarkStream(b *testing.B) {
	w := sftest.Open(b, sftest.Start(b).Settings())
	ws, err := w.Session(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer ws.Close()
	s := ws.(*session)
	n := streamtest.Rows(200_000)
	sql := streamtest.Fill(b, w, s, n)
	streamtest.Measure(b, s, sql, n, streamtest.Loop{Name: "driver, values", Read: func() (read int, err error) {
		r, err := s.conn.QueryContext(sf.WithHigherPrecision(b.Context()), sql, nil)
		if err != nil {
			return 0, err
		}
		defer r.Close()
		for row := make([]driver.Value, 8); ; read++ {
			if err := r.Next(row); errors.Is(err, io.EOF) {
				return read, nil
			} else if err != nil {
				return read, err
			}
		}
	}})
}
