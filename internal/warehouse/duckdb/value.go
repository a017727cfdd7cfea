//go:build cgo && !noduckdb

package duckdb

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/weir-data/weir/internal/warehouse"
)

// value is a value of the driver as one of the kinds that a Session gives. Decimals are
// json.Number without zeros at the end; bytes are lower-case hex; lists, structs and maps are
// their JSON.
func value(v any, kind string) any {
	switch v := v.(type) {
	case nil, bool, int64, float64:
		return v
	case string:
		return v
	case int32:
		return int64(v)
	case int16:
		return int64(v)
	case int8:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		if v > 1<<63-1 {
			return json.Number(strconv.FormatUint(v, 10))
		}
		return int64(v)
	case float32:
		// By its shortest text: 0.1 and not 0.10000000149.
		f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
		return f
	case *big.Int:
		if v.IsInt64() {
			return v.Int64()
		}
		return json.Number(v.String())
	case duckdb.Decimal:
		return json.Number(v.String())
	case time.Time:
		if kind == "TIME" || kind == "TIME_TZ" || kind == "TIMETZ" {
			return v.Format("15:04:05.999999")
		}
		return v.UTC()
	case []byte:
		if kind == "UUID" && len(v) == 16 {
			return fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:])
		}
		return hex.EncodeToString(v)
	case duckdb.Interval:
		return fmt.Sprintf("%d months %d days %d microseconds", v.Months, v.Days, v.Micros)
	default:
		text, err := warehouse.JSON(plain(v))
		if err != nil {
			return fmt.Sprint(v)
		}
		return text
	}
}

// plain is a nested value in a form that JSON has.
func plain(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case duckdb.OrderedMap:
		out := make(map[string]any, v.Len())
		for i, k := range v.Keys() {
			out[fmt.Sprint(value(k, ""))] = plain(v.Values()[i])
		}
		return out
	case duckdb.Union:
		return plain(v.Value)
	default:
		return value(v, "")
	}
}
