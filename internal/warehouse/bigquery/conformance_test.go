package bigquery_test

import (
	"regexp"
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
	Slow:         "SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 3000)) AS b WHERE a + b = -1",
	Series:       "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 10000)) AS x",
	Numbers:      "SELECT CAST(7 AS SMALLINT) AS a, CAST(7 AS INTEGER) AS b, CAST(7 AS BIGINT) AS c, CAST(0.1 AS FLOAT64) AS d, CAST(0.1 AS FLOAT64) AS e, CAST(1.50 AS NUMERIC) AS f, CAST(100 AS NUMERIC) AS g",
	Lists:        "SELECT [1, 2] AS whole, ['a', NULL] AS text, [CAST(1.5 AS NUMERIC)] AS decimal, [0.1] AS double, [TRUE] AS yes, [DATE '2026-01-31'] AS day",
	Leap:         "TIMESTAMP '2016-12-31 23:59:60+00'",
	Naive:        "DATETIME '2024-01-01 00:00:00'",
	Types:        []string{"INT64", "DATE", "TIMESTAMP", "BOOL"},
	ListsAreText: true,
	Unfit:        func(name string) bool { return !tableName.MatchString(name) },
}

// tableName is what a table may be called: letters, marks, digits, connectors, dashes and blanks.
var tableName = regexp.MustCompile(`^[\pL\pM\pN\p{Pc}\p{Pd}\p{Zs}]+$`)

const noSessions = "it has no sessions, and so neither transactions nor temporary tables of one session"

// gaps are what the emulator lacks and BigQuery has.
var gaps = map[string]string{
	"dialect/json_text":                     "it writes control characters into JSON as they are",
	"dialect/integer of a number rounds":    "it rounds a decimal wrongly when it is made an integer",
	"dialect/integer of a number too large": "it takes an integer that is too large for another one",
	"dialect/sum over a partition":          "it loses the rows of a DISTINCT over a window function",
	"dialect/float of what is no number":    "it cannot render IS_NAN in a condition",
	"temporary":                             noSessions,
	"two sessions":                          noSessions,
	"transactions":                          noSessions,
}

func TestConformance(t *testing.T) {
	s := bqtest.Start(t)
	warehousetest.Run(t, warehousetest.Options{Rows: 20_000, Brief: true, Stop: 5 * time.Second, Texts: texts, Gaps: gap.New(t, "BigQuery's emulator", gaps)}, func(t *testing.T) warehouse.Warehouse {
		return bqtest.Open(t, s.Settings())
	})
}
