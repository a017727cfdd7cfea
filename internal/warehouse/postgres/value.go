package postgres

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/models"
)

// The numbers of the types that have a meaning here, from pg_type.
const (
	oidBool        = 16
	oidBytea       = 17
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOid         = 26
	oidFloat4      = 700
	oidFloat8      = 701
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidNumeric     = 1700
	oidUUID        = 2950
)

// value reads the text form of a value. Types without a meaning here stay text, and so do
// infinite times.
func value(oid uint32, b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	switch oid {
	case oidBool:
		return len(b) == 1 && b[0] == 't', nil
	case oidInt2, oidInt4, oidInt8, oidOid:
		return strconv.ParseInt(string(b), 10, 64)
	case oidFloat4, oidFloat8:
		return strconv.ParseFloat(string(b), 64)
	case oidNumeric:
		s := string(b)
		if strings.IndexByte("NI-", s[0]) >= 0 && strings.ContainsAny(s, "NI") {
			return strconv.ParseFloat(s, 64) // NaN and the infinities
		}
		if strings.IndexByte(s, '.') >= 0 {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return json.Number(s), nil
	case oidTimestamptz, oidTimestamp, oidDate:
		s := string(b)
		if oid == oidTimestamptz {
			if s = strings.TrimSuffix(s, "+00"); len(s) == len(b) {
				break // infinity, or before Christ
			}
		}
		layout := "2006-01-02 15:04:05.999999"
		if oid == oidDate {
			layout = time.DateOnly
		} else if t, ok := instant(s); ok {
			return t, nil
		}
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	case oidBytea:
		return strings.TrimPrefix(string(b), `\x`), nil
	}
	if item, ok := items[oid]; ok {
		return list(item, string(b))
	}
	return string(b), nil
}

// instant reads 2006-01-02 15:04:05 with up to six decimals, which is the form of nearly all times and
// several times faster read like this. Anything else is not ok.
func instant(s string) (time.Time, bool) {
	if len(s) < 19 || len(s) > 26 || s[4] != '-' || s[7] != '-' || s[10] != ' ' || s[13] != ':' || s[16] != ':' || len(s) > 19 && (s[19] != '.' || len(s) == 20) {
		return time.Time{}, false
	}
	ok := true
	number := func(t string) (n int) {
		for i := range len(t) {
			ok = ok && t[i] >= '0' && t[i] <= '9'
			n = 10*n + int(t[i]-'0')
		}
		return n
	}
	nanos := 0
	if len(s) > 19 {
		nanos = number(s[20:])
		for range 29 - len(s) {
			nanos *= 10
		}
	}
	t := time.Date(number(s[:4]), time.Month(number(s[5:7])), number(s[8:10]), number(s[11:13]), number(s[14:16]), number(s[17:19]), nanos, time.UTC)
	return t, ok
}

// typeOf is the model type of a native one, and whether it is a timestamp without a zone.
func typeOf(oid uint32) (models.Type, bool) {
	switch oid {
	case oidText, oidVarchar, oidBpchar, oidName, oidUUID:
		return models.Text, false
	case oidInt2, oidInt4, oidInt8:
		return models.Integer, false
	case oidNumeric, oidFloat4, oidFloat8:
		return models.Number, false
	case oidBool:
		return models.Boolean, false
	case oidDate:
		return models.Date, false
	case oidTimestamptz:
		return models.Timestamp, false
	case oidTimestamp:
		return models.Timestamp, true
	}
	if _, ok := items[oid]; ok {
		return models.List, false
	}
	return models.Unknown, false
}

// appendCopy appends a value in the text format of COPY. ok is false if the value is not of the
// column's type.
func appendCopy(out []byte, v any, t models.Type) ([]byte, bool) {
	switch v := v.(type) {
	case nil:
		return append(out, `\N`...), true
	case bool:
		return strconv.AppendBool(out, v), t == models.Boolean || t == models.Unknown
	case int64:
		return strconv.AppendInt(out, v, 10), t == models.Integer || t == models.Number || t == models.Unknown
	case float64:
		return strconv.AppendFloat(out, v, 'g', -1, 64), t == models.Number || t == models.Unknown
	case json.Number:
		if _, err := strconv.ParseFloat(string(v), 64); err != nil && !strings.Contains(err.Error(), "range") {
			return out, false
		}
		return append(out, v...), t == models.Number || t == models.Integer || t == models.Unknown
	case time.Time:
		return v.UTC().AppendFormat(out, "2006-01-02 15:04:05.999999Z"), t == models.Timestamp || t == models.Date || t == models.Unknown
	case string:
		for i := range len(v) {
			switch c := v[i]; c {
			case '\\':
				out = append(out, `\\`...)
			case '\n':
				out = append(out, `\n`...)
			case '\r':
				out = append(out, `\r`...)
			case '\t':
				out = append(out, `\t`...)
			case 0:
				return out, false
			default:
				out = append(out, c)
			}
		}
		return out, t == models.Text || t == models.Unknown
	default:
		return append(out, fmt.Sprint(v)...), false
	}
}
