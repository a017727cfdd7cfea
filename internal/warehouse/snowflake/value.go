package snowflake

import (
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// described is what the driver tells of a column.
type described interface {
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeLength
}

// readers are functions that bring a value of each column into the form that a session gives, and
// the columns' names.
func readers(r driver.Rows) ([]func(driver.Value) (any, error), []string) {
	names := r.Columns()
	out := make([]func(driver.Value) (any, error), len(names))
	d, _ := r.(described)
	for i := range names {
		native, scale := "TEXT", int64(0)
		if d != nil {
			native = d.ColumnTypeDatabaseTypeName(i)
			_, scale, _ = d.ColumnTypePrecisionScale(i)
		}
		out[i] = reader(native, scale)
	}
	return out, names
}

// reader reads values of a type by the driver's name of it.
func reader(native string, scale int64) func(driver.Value) (any, error) {
	switch native {
	case "FIXED":
		return func(v driver.Value) (any, error) { return number(v, int(scale)) }
	case "ARRAY":
		return func(v driver.Value) (any, error) {
			if s, ok := v.(string); ok {
				return list(s)
			}
			return v, nil
		}
	}
	return func(v driver.Value) (any, error) {
		switch v := v.(type) {
		case nil, string, bool, float64, int64:
			return v, nil
		case time.Time: // of a TIMESTAMP_NTZ the driver says UTC
			if native == "TIME" {
				return v.Format("15:04:05.999999"), nil
			}
			return v.UTC().Truncate(time.Microsecond), nil
		case []byte:
			return hex.EncodeToString(v), nil
		case *big.Int, *big.Float:
			return number(v, int(scale))
		}
		return nil, fmt.Errorf("a %T is none of the values that are known", v)
	}
}

// number reads a fixed-point number: one without a scale is an integer, if it has 64 bits.
func number(v driver.Value, scale int) (any, error) {
	var digits string
	switch v := v.(type) {
	case nil:
		return nil, nil
	case int64:
		return v, nil
	case *big.Int:
		if v.IsInt64() {
			return v.Int64(), nil
		}
		digits = v.String()
	case *big.Float:
		digits = v.Text('f', scale)
	case float64:
		digits = strconv.FormatFloat(v, 'f', scale, 64)
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && scale == 0 {
			return n, nil
		}
		digits = v
	default:
		return nil, fmt.Errorf("a %T is no number", v)
	}
	return plain(digits), nil
}

// plain is a number without zeros at the end of its fraction.
func plain(digits string) json.Number {
	if strings.Contains(digits, ".") {
		digits = strings.TrimRight(strings.TrimRight(digits, "0"), ".")
	}
	if digits == "-0" || digits == "" {
		digits = "0"
	}
	return json.Number(digits)
}

// list is the text of an ARRAY as a JSON array without blanks. The server puts each item on a line of
// its own, writes undefined for NULL, and floating-point numbers with an exponent.
func list(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case ' ', '\n', '\r', '\t':
			i++
		case '"':
			end := i + 1
			for end < len(s) && s[end] != '"' {
				if s[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(s) {
				return "", errors.New("reading an array: a quote is not closed")
			}
			var item string
			if err := json.Unmarshal([]byte(s[i:end+1]), &item); err != nil {
				return "", errors.New("reading an array: an item is no text of JSON")
			}
			same, err := warehouse.JSON(item) // as everywhere: a slash may be escaped
			if err != nil {
				return "", err
			}
			b.WriteString(same)
			i = end + 1
		case '[', ']', '{', '}', ',', ':':
			b.WriteByte(c)
			i++
		default:
			end := i
			for end < len(s) && strings.IndexByte(" \n\r\t[]{},:\"", s[end]) < 0 {
				end++
			}
			b.WriteString(word(s[i:end]))
			i = end
		}
	}
	return b.String(), nil
}

// word is a number or a name in an array.
func word(w string) string {
	switch {
	case w == "undefined":
		return "null"
	case w[0] != '-' && (w[0] < '0' || w[0] > '9'):
		return w
	case !strings.ContainsAny(w, "eE"):
		return string(plain(w))
	}
	if x, err := strconv.ParseFloat(w, 64); err == nil {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return w
}

// typeOf is the model type of a native one, and whether it is a timestamp without a zone.
func typeOf(native string, scale int64) (models.Type, bool) {
	switch native {
	case "TEXT":
		return models.Text, false
	case "FIXED":
		if scale == 0 {
			return models.Integer, false
		}
		return models.Number, false
	case "REAL", "DECFLOAT":
		return models.Number, false
	case "BOOLEAN":
		return models.Boolean, false
	case "DATE":
		return models.Date, false
	case "TIMESTAMP_LTZ", "TIMESTAMP_TZ":
		return models.Timestamp, false
	case "TIMESTAMP_NTZ":
		return models.Timestamp, true
	case "ARRAY":
		return models.List, false
	}
	return models.Unknown, false
}

// nativeOf is a native type as SQL has it.
func nativeOf(native string, precision, scale, length int64) string {
	switch native {
	case "FIXED":
		return fmt.Sprintf("NUMBER(%d,%d)", precision, scale)
	case "TEXT":
		if length > 0 {
			return fmt.Sprintf("VARCHAR(%d)", length)
		}
		return "VARCHAR"
	case "REAL":
		return "FLOAT"
	}
	return native
}
