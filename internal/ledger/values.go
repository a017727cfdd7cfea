package ledger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/models"
)

// The values of a row as the warehouse gives them.

func asInt(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	case json.Number:
		whole, _, _ := strings.Cut(v.String(), ".")
		n, _ := strconv.ParseInt(whole, 10, 64)
		return n
	case bool:
		if v {
			return 1
		}
	}
	return 0
}

func asText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

func asBool(v any) bool { b, _ := v.(bool); return b }

func asTime(v any) time.Time {
	t, _ := v.(time.Time)
	return t.UTC()
}

// wire turns a value of a field into what destinations are given: see destinations.Row.
func wire(v any, t models.Type) any {
	switch x := v.(type) {
	case json.Number:
		return decimal(x.String())
	case time.Time:
		if t == models.Date {
			return x.UTC().Format(time.DateOnly)
		}
		return x.UTC()
	case string:
		switch t {
		case models.Number:
			return decimal(x)
		case models.List:
			var list []any
			if json.Unmarshal([]byte(x), &list) == nil {
				return list
			}
		}
	}
	return v
}

// decimal is a float64 where that says the same number, and a json.Number otherwise.
func decimal(s string) any {
	if strings.ContainsRune(s, '.') {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	f, err := strconv.ParseFloat(s, 64)
	if err == nil && strconv.FormatFloat(f, 'f', -1, 64) == s {
		return f
	}
	return json.Number(s)
}
