package bigquery_test

import (
	"testing"
	"time"

	"github.com/weir-data/weir/internal/dialect/dialecttest/gap"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/bigquery" // the kind that is tested
	"github.com/weir-data/weir/internal/warehouse/warehousetest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/bqtest"
)

// texts are what the kit asks in words of BigQuery.
var texts = warehousetest.Texts{
	Slow:    "SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 100000)) AS b WHERE a + b = -1",
	Series:  "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 10000)) AS x",
	Numbers: "SELECT CAST(7 AS SMALLINT) AS a, CAST(7 AS INTEGER) AS b, CAST(7 AS BIGINT) AS c, CAST(0.1 AS FLOAT64) AS d, CAST(0.1 AS FLOAT64) AS e, CAST(1.50 AS NUMERIC) AS f, CAST(100 AS NUMERIC) AS g",
	Lists:   "SELECT [1, 2] AS whole, ['a', NULL] AS text, [CAST(1.5 AS NUMERIC)] AS decimal, [0.1] AS double, [TRUE] AS yes, [DATE '2026-01-31'] AS day",
	Naive:   "DATETIME '2024-01-01 00:00:00'",
	Types:   []string{"INT64", "DATE", "TIMESTAMP", "NUMERIC", "BOOL"},
}

var gaps = map[string]string{}

func TestConformance(t *testing.T) {
	s := bqtest.Start(t)
	warehousetest.Run(t, warehousetest.Options{Rows: 20_000, Stop: 5 * time.Second, Texts: texts, Gaps: gap.New(t, "BigQuery's emulator", gaps)}, func(t *testing.T) warehouse.Warehouse {
		return bqtest.Open(t, s.Settings())
	})
}
