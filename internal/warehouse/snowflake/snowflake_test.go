package snowflake_test

import (
	"testing"
	"time"

	"github.com/weir-data/weir/internal/dialect/dialecttest/gap"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/snowflake" // the kind that is tested
	"github.com/weir-data/weir/internal/warehouse/warehousetest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/sftest"
)

// digits are ten rows, of which a product makes as many as one likes.
const digits = "WITH d AS (SELECT x FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS v (x)) "

// texts are what the kit asks in words of Snowflake. A date in an ARRAY is a text.
var texts = warehousetest.Texts{
	Slow:    digits + "SELECT COUNT(*) AS n FROM d AS a, d AS b, d AS c, d AS e, d AS f, d AS g, d AS h, d AS i, d AS j, d AS k WHERE a.x + b.x + c.x + e.x + f.x + g.x + h.x + i.x + j.x + k.x = -1",
	Series:  digits + "SELECT a.x FROM d AS a, d AS b, d AS c, d AS e",
	Numbers: "SELECT CAST(7 AS SMALLINT), CAST(7 AS INTEGER), CAST(7 AS BIGINT), CAST(0.1 AS REAL), CAST(0.1 AS DOUBLE PRECISION), CAST(1.50 AS DECIMAL(10,2)), CAST(100 AS DECIMAL(10,2))",
	Leap:    "CAST('2016-12-31 23:59:60' AS TIMESTAMP_NTZ)",
	Lists:   "SELECT ARRAY_CONSTRUCT(1, 2) AS whole, ARRAY_CONSTRUCT('a', NULL) AS text, ARRAY_CONSTRUCT(1.5) AS decimal, ARRAY_CONSTRUCT(CAST(0.1 AS DOUBLE)) AS double, ARRAY_CONSTRUCT(TRUE) AS yes, ARRAY_CONSTRUCT('2026-01-31T00:00:00Z') AS day",
}

const foldsNull = "DuckDB fails to work out an expression of nothing but NULL while planning; columns that hold NULL are no trouble"

// gaps are what the stand-in lacks and Snowflake has.
var gaps = map[string]string{
	"estimates": "it has no EXPLAIN; errors_test.go holds what is made of Snowflake's",
	"rights":    "it has no roles, virtual warehouses and SHOW GRANTS; errors_test.go holds what is made of Snowflake's",
	"files":     "DuckDB, which the stand-in keeps its data in, has functions that read files; Snowflake has none",

	"dialect/text of null":          foldsNull,
	"dialect/text of a null number": foldsNull,
	"dialect/float of NULL":         foldsNull,
}

func TestConformance(t *testing.T) {
	s := sftest.Start(t)
	warehousetest.Run(t, warehousetest.Options{Rows: 20_000, Stop: 5 * time.Second, Texts: texts, Gaps: gap.New(t, "the stand-in for Snowflake", gaps)}, func(t *testing.T) warehouse.Warehouse {
		return sftest.Open(t, s.Settings())
	})
}
