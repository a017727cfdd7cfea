package file

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
)

// header returns the names of the columns: op, the identifiers, the fields.
func header(c destinations.Columns) ([]string, error) {
	out := []string{"op"}
	seen := map[string]bool{"op": true}
	for _, name := range append(append([]string(nil), c.IDs...), c.Fields...) {
		if seen[name] {
			return nil, &destinations.Fault{Class: destinations.Config, Code: "doubled_column",
				Text: fmt.Sprintf("the file would have two columns %q: remove the field, or give it another name", name)}
		}
		seen[name] = true
		out = append(out, name)
	}
	return out, nil
}

// cells returns the values of a row in the order of header.
func cells(c destinations.Columns, r destinations.Row) []any {
	out := []any{r.Op.String()}
	at := func(vs []any, i int) any {
		if i < len(vs) {
			return vs[i]
		}
		return destinations.Absent
	}
	for i := range c.IDs {
		out = append(out, at(r.IDs, i))
	}
	for i := range c.Fields {
		v := at(r.Fields, i)
		if r.Op == destinations.Clear {
			v = nil
		}
		out = append(out, v)
	}
	return out
}

// encodeCSV writes a header and a line for each row, ended by CR LF as RFC 4180 says. A value
// that is absent and one that is null are both empty: CSV has no word for either.
func encodeCSV(b destinations.Batch, guard bool) ([]byte, error) {
	names, err := header(b.Columns)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for i, n := range names {
		field(&out, n, i)
	}
	out.WriteString("\r\n")
	for _, r := range b.Rows {
		for i, v := range cells(b.Columns, r) {
			s, text := written(v)
			if guard && text && i > 0 && s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
				s = "'" + s
			}
			field(&out, s, i)
		}
		out.WriteString("\r\n")
	}
	return out.Bytes(), nil
}

// field writes the i-th field of a line. encoding/csv is not used for writing since it changes
// line breaks within a value.
func field(out *bytes.Buffer, s string, i int) {
	if i > 0 {
		out.WriteByte(',')
	}
	if !strings.ContainsAny(s, ",\"\r\n") && strings.TrimSpace(s) == s {
		out.WriteString(s)
		return
	}
	out.WriteByte('"')
	out.WriteString(strings.ReplaceAll(s, `"`, `""`))
	out.WriteByte('"')
}

// written is v as text, and whether it was text before.
func written(v any) (s string, text bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case bool:
		return strconv.FormatBool(x), false
	case int64:
		return strconv.FormatInt(x, 10), false
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64), false
	case json.Number:
		return x.String(), false
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano), false
	case []any, map[string]any:
		b, _ := json.Marshal(x) // of the types above
		return string(b), true
	}
	return "", false // nil, Absent
}

// encodeLines writes one JSON object a line. Absent values have no key; null ones are null.
func encodeLines(b destinations.Batch) ([]byte, error) {
	names, err := header(b.Columns)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, r := range b.Rows {
		out.WriteByte('{')
		for i, v := range cells(b.Columns, r) {
			if destinations.IsAbsent(v) {
				continue
			}
			if i > 0 {
				out.WriteByte(',')
			}
			name, _ := json.Marshal(names[i]) // a string
			out.Write(name)
			out.WriteByte(':')
			if err := value(&out, v); err != nil {
				return nil, err
			}
		}
		out.WriteString("}\n")
	}
	return out.Bytes(), nil
}

func value(out *bytes.Buffer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return &destinations.Fault{Class: destinations.BadBatch, Code: "encoding", Text: "a value can not be written as JSON"}
	}
	out.Truncate(out.Len() - 1) // the line break that Encode adds
	return nil
}
