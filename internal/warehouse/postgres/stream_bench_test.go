//go:build unix

package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/streamtest"
)

// BenchmarkStream reads rows through a session, beside the driver's loop with variables of the columns'
// types, and beside one that looks at no value.
func BenchmarkStream(b *testing.B) {
	dsn := pgtest.Start(b)
	w, err := kind{}.Open(warehouse.Config{Settings: map[string]string{"dsn": dsn}})
	if err != nil {
		b.Fatal(err)
	}
	s, err := w.Session(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	plain, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer plain.Close(b.Context())
	n := streamtest.Rows(1_000_000)
	sql := streamtest.Fill(b, w, s, n)
	streamtest.Measure(b, s, sql, n, streamtest.Loop{Name: "driver, values", Read: func() (read int, err error) {
		rows, err := plain.Query(b.Context(), sql)
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		for ; rows.Next(); read++ {
			var id, value, hash int64
			var email, first, country *string
			var yes *bool
			var at *time.Time
			if err := rows.Scan(&id, &email, &first, &country, &value, &yes, &at, &hash); err != nil {
				return read, err
			}
		}
		return read, rows.Err()
	}}, streamtest.Loop{Name: "driver, bytes unread", Read: func() (read int, err error) {
		r := plain.PgConn().ExecParams(b.Context(), sql, nil, nil, nil, nil)
		for r.NextRow() {
			read++
		}
		_, err = r.Close()
		return read, err
	}})
}
