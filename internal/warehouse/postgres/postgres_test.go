//go:build unix

package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

const slow = "SELECT count(*) AS n FROM generate_series(1, 9000) AS a (x), generate_series(1, 9000) AS b (y), generate_series(1, 9) AS c (z) WHERE x + y + z = -1"

func TestConformance(t *testing.T) {
	dsn := pgtest.Start(t)
	warehousetest.Run(t, warehousetest.Options{Rows: 200_000, Stop: 5 * time.Second, Texts: warehousetest.Texts{Slow: slow}}, func(t *testing.T) warehouse.Warehouse {
		w, err := kind{}.Open(warehouse.Config{Settings: map[string]string{"dsn": dsn}, Label: "weir test"})
		if err != nil {
			t.Fatal(err)
		}
		return w
	})
}

func TestOpenTellsNoSecret(t *testing.T) {
	for _, dsn := range []string{"", "postgres://u:hunter2@host:notaport/db", "host=x password='hunter2"} {
		_, err := kind{}.Open(warehouse.Config{Settings: map[string]string{"dsn": dsn}})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error is %v", dsn, err)
		}
	}
	w, err := kind{}.Open(warehouse.Config{Settings: map[string]string{"dsn": "postgres://u:hunter2@127.0.0.1:1/shop?connect_timeout=1"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.Identity(), "postgres:127.0.0.1:1/shop"; got != want {
		t.Errorf("identity is %s, want %s", got, want)
	}
	_, err = w.Session(t.Context())
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "127.0.0.1:1/shop") {
		t.Errorf("error is %v", err)
	}
}
