package databricks

import (
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// columnsOf describes the columns of a result.
func columnsOf(r driver.Rows) []warehouse.Column {
	names := r.Columns()
	types, _ := r.(driver.RowsColumnTypeDatabaseTypeName)
	out := make([]warehouse.Column, len(names))
	for i, n := range names {
		out[i].Name = n
		if types != nil {
			out[i].Native = types.ColumnTypeDatabaseTypeName(i)
			out[i].Type, out[i].Naive = typeOf(out[i].Native)
		}
	}
	return out
}

// typeOf is the model type of a native one ("Data types"), and whether it is a timestamp without a zone.
func typeOf(native string) (models.Type, bool) {
	name := strings.ToUpper(native)
	if i := strings.IndexAny(name, "(<"); i >= 0 {
		name = name[:i]
	}
	switch name {
	case "STRING", "VARCHAR", "CHAR":
		return models.Text, false
	case "BIGINT", "INT", "INTEGER", "SMALLINT", "TINYINT", "LONG", "SHORT", "BYTE":
		return models.Integer, false
	case "DECIMAL", "DEC", "NUMERIC", "DOUBLE", "FLOAT", "REAL":
		return models.Number, false
	case "BOOLEAN":
		return models.Boolean, false
	case "DATE":
		return models.Date, false
	case "TIMESTAMP", "TIMESTAMP_LTZ":
		return models.Timestamp, false
	case "TIMESTAMP_NTZ":
		return models.Timestamp, true
	case "ARRAY":
		return models.List, false
	}
	return models.Unknown, false
}

// value is a value of the driver as a session gives it.
func value(v driver.Value, native string) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64:
		return v, nil
	case int8:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case float32: // by its own digits
		return strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
	case time.Time:
		return v.UTC(), nil
	case []byte:
		return hex.EncodeToString(v), nil
	case string:
		if strings.HasPrefix(strings.ToUpper(native), "DECIMAL") {
			if strings.IndexByte(v, '.') >= 0 {
				v = strings.TrimRight(strings.TrimRight(v, "0"), ".")
			}
			if _, err := strconv.ParseFloat(v, 64); err != nil {
				return nil, errors.New("the driver's decimal has another form")
			}
			return json.Number(v), nil
		}
		return v, nil
	}
	return nil, fmt.Errorf("the driver gave a %T", v)
}

// literal is a value in a VALUES clause. fits is false if it is not of the column's type.
func literal(v any, t models.Type) (sql string, fits bool) {
	switch v := v.(type) {
	case nil:
		return "NULL", true
	case bool:
		return strconv.FormatBool(v), t == models.Boolean
	case int64:
		if v == -1<<63 { // its digits alone are out of range before the sign is seen
			return "CAST('" + strconv.FormatInt(v, 10) + "' AS BIGINT)", t == models.Integer || t == models.Number
		}
		return strconv.FormatInt(v, 10), t == models.Integer || t == models.Number
	case float64:
		return "CAST('" + strconv.FormatFloat(v, 'g', -1, 64) + "' AS DOUBLE)", t == models.Number
	case json.Number:
		_, err := strconv.ParseFloat(string(v), 64)
		return "CAST('" + string(v) + "' AS DECIMAL(38,9))", (err == nil || errors.Is(err, strconv.ErrRange)) && (t == models.Number || t == models.Integer)
	case time.Time:
		if t == models.Date {
			return "DATE '" + v.UTC().Format(time.DateOnly) + "'", true
		}
		return "TIMESTAMP '" + v.UTC().Format("2006-01-02 15:04:05.999999+00:00") + "'", t == models.Timestamp
	case string:
		if t == models.List {
			return "FROM_JSON(" + text(v) + ", 'ARRAY<STRING>')", !strings.ContainsRune(v, 0)
		}
		return text(v), (t == models.Text || t == models.Unknown) && !strings.ContainsRune(v, 0)
	}
	return "", false
}
