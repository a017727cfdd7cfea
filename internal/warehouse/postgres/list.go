package postgres

import (
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
)

// items are the types of the items of arrays, from pg_type.
var items = map[uint32]uint32{
	1000: oidBool, 1003: oidName, 1005: oidInt2, 1007: oidInt4, 1009: oidText, 1014: oidBpchar, 1015: oidVarchar, 1016: oidInt8,
	1021: oidFloat4, 1022: oidFloat8, 1028: oidOid, 1115: oidTimestamp, 1182: oidDate, 1185: oidTimestamptz, 1231: oidNumeric, 2951: oidUUID,
}

// list reads the text form of an array, such as {a,"b c",NULL}, as the text of a JSON array. The
// items of an array with several dimensions come one after the other.
func list(item uint32, s string) (any, error) {
	out := []any{}
	if _, rest, found := strings.Cut(s, "="); found && strings.HasPrefix(s, "[") { // [2:3]={…}: bounds other than 1
		s = rest
	}
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case '{', '}', ',':
			i++
			continue
		case '"':
			var text strings.Builder
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
				if i < len(s) {
					text.WriteByte(s[i])
				}
			}
			if i >= len(s) {
				return nil, fmt.Errorf("reading an array: a quote is not closed")
			}
			i++
			v, err := value(item, []byte(text.String()))
			if err != nil {
				return nil, fmt.Errorf("reading an array: %w", err)
			}
			out = append(out, v)
		default:
			n := strings.IndexAny(s[i:], ",}")
			if n < 0 {
				return nil, fmt.Errorf("reading an array: it is not closed")
			}
			text := s[i : i+n]
			i += n
			if text == "NULL" {
				out = append(out, nil)
				continue
			}
			v, err := value(item, []byte(text))
			if err != nil {
				return nil, fmt.Errorf("reading an array: %w", err)
			}
			out = append(out, v)
		}
	}
	return warehouse.JSON(out)
}
