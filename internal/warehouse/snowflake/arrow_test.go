package snowflake

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/warehouse"
)

// told is a column as the server describes it in an answer.
type told struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Precision int    `json:"precision"`
	Scale     int    `json:"scale"`
	Length    int    `json:"length"`
	Nullable  bool   `json:"nullable"`
}

// inArrow is a part of a result: what Arrow calls a stream.
func inArrow(t testing.TB, columns ...arrow.Array) []byte {
	t.Helper()
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: fmt.Sprint("C", i), Type: c.DataType(), Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(schema))
	if err := w.Write(array.NewRecordBatch(schema, columns, int64(columns[0].Len()))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// result is an answer in Arrow with a first part in it and the others at addresses.
func result(columns []told, first []byte, rows int, others []string) map[string]any {
	parts := []map[string]any{}
	for _, u := range others {
		parts = append(parts, map[string]any{"url": u, "rowCount": rows, "uncompressedSize": 1, "compressedSize": 1})
	}
	data := map[string]any{"rowtype": columns, "total": rows * (len(others) + 1), "returned": rows, "queryId": "q", "queryResultFormat": "arrow",
		"statementTypeId": 0x1000, "parameters": []any{}, "chunks": parts, "chunkHeaders": map[string]string{"x-part": "of weir"}}
	if first != nil {
		data["rowsetBase64"] = base64.StdEncoding.EncodeToString(first)
	}
	return data
}

func ask(ctx context.Context, s *session, sql string) (out [][]any, err error) {
	for row, err := range s.Query(ctx, sql) {
		if err != nil {
			return out, err
		}
		out = append(out, slices.Clone(row))
	}
	return out, nil
}

// build builds an array of a type from values, nil for NULL.
func build[T any, B interface {
	array.Builder
	Append(v T)
}](b B, values ...any) arrow.Array {
	for _, v := range values {
		if v == nil {
			b.AppendNull()
		} else {
			b.Append(v.(T))
		}
	}
	return b.NewArray()
}

// parts builds an array of structs, NULL where the first field is.
func parts(t *testing.T, fields ...arrow.Array) arrow.Array {
	t.Helper()
	b := array.NewBuilder(memory.DefaultAllocator, arrow.FixedWidthTypes.Boolean).(*array.BooleanBuilder)
	list := make([]arrow.Field, len(fields))
	for i, f := range fields {
		list[i] = arrow.Field{Name: fmt.Sprint("f", i), Type: f.DataType(), Nullable: true}
	}
	for i := range fields[0].Len() {
		b.Append(fields[0].IsValid(i))
	}
	valid := b.NewBooleanArray()
	a, err := array.NewStructArrayWithFieldsAndNulls(fields, list, valid.Data().Buffers()[1], -1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestArrow: every type that the server has, in every form that it has for it, comes as a Session says.
func TestArrow(t *testing.T) {
	mem := memory.DefaultAllocator
	dec := func(s string) decimal128.Num {
		n, _ := new(big.Int).SetString(s, 10)
		return decimal128.FromBigInt(n)
	}
	wide := &arrow.Decimal128Type{Precision: 38}
	day := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	at := time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC)
	early := time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC)
	late := time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
	seconds := func() arrow.Array {
		return build[int64](array.NewInt64Builder(mem), at.Unix(), nil, early.Unix(), late.Unix())
	}
	nanos := func() arrow.Array {
		return build[int32](array.NewInt32Builder(mem), int32(123456789), nil, int32(999999000), int32(999999000))
	}
	zone := func() arrow.Array {
		return build[int32](array.NewInt32Builder(mem), int32(1440-300), nil, int32(1440), int32(1500))
	}
	times := []any{at, nil, early, late}
	whole := []any{int64(1), nil, int64(-7), int64(100)}
	money := []any{json.Number("0.01"), nil, json.Number("-0.07"), json.Number("1")}
	for name, c := range map[string]struct {
		told  told
		array arrow.Array
		want  []any
	}{
		"int8":            {told{Type: "fixed", Precision: 38}, build[int8](array.NewInt8Builder(mem), int8(1), nil, int8(-7), int8(100)), whole},
		"int16":           {told{Type: "fixed", Precision: 38}, build[int16](array.NewInt16Builder(mem), int16(1), nil, int16(-7), int16(100)), whole},
		"int32":           {told{Type: "fixed", Precision: 38}, build[int32](array.NewInt32Builder(mem), int32(1), nil, int32(-7), int32(100)), whole},
		"int64":           {told{Type: "fixed", Precision: 38}, build[int64](array.NewInt64Builder(mem), int64(1), nil, int64(-7), int64(100)), whole},
		"int8, scale 2":   {told{Type: "fixed", Precision: 10, Scale: 2}, build[int8](array.NewInt8Builder(mem), int8(1), nil, int8(-7), int8(100)), money},
		"int64, scale 2":  {told{Type: "fixed", Precision: 10, Scale: 2}, build[int64](array.NewInt64Builder(mem), int64(1), nil, int64(-7), int64(100)), money},
		"int64, least":    {told{Type: "fixed", Precision: 38, Scale: 3}, build[int64](array.NewInt64Builder(mem), int64(-1<<63), nil, int64(0), int64(1<<63-1)), []any{json.Number("-9223372036854775.808"), nil, json.Number("0"), json.Number("9223372036854775.807")}},
		"decimal":         {told{Type: "fixed", Precision: 38}, build[decimal128.Num](array.NewDecimal128Builder(mem, wide), dec("-9223372036854775808"), nil, dec("9223372036854775808"), dec("-12345678901234567890123456789012345678")), []any{int64(-1 << 63), nil, json.Number("9223372036854775808"), json.Number("-12345678901234567890123456789012345678")}},
		"decimal, scale":  {told{Type: "fixed", Precision: 38, Scale: 9}, build[decimal128.Num](array.NewDecimal128Builder(mem, wide), dec("-1"), nil, dec("1234567890123456789012345678123456789"), dec("-10000000000000000000000000000")), []any{json.Number("-0.000000001"), nil, json.Number("1234567890123456789012345678.123456789"), json.Number("-10000000000000000000")}},
		"double":          {told{Type: "real"}, build[float64](array.NewFloat64Builder(mem), 0.1, nil, -1e300, 0.0), []any{0.1, nil, -1e300, 0.0}},
		"boolean":         {told{Type: "boolean"}, build[bool](array.NewBooleanBuilder(mem), true, nil, false, true), []any{true, nil, false, true}},
		"text":            {told{Type: "text", Length: 99}, build[string](array.NewStringBuilder(mem), "a", nil, "", "it's \"é😀\n"), []any{"a", nil, "", "it's \"é😀\n"}},
		"array":           {told{Type: "array"}, build[string](array.NewStringBuilder(mem), "[\n  1,\n  \"a\"\n]", nil, "[]", "[\n  undefined\n]"), []any{`[1,"a"]`, nil, "[]", "[null]"}},
		"variant":         {told{Type: "variant"}, build[string](array.NewStringBuilder(mem), "{}", nil, "1", "null"), []any{"{}", nil, "1", "null"}},
		"binary":          {told{Type: "binary"}, build[[]byte](array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary), []byte{0, 255}, nil, []byte{}, []byte("a")), []any{"00ff", nil, "", "61"}},
		"date":            {told{Type: "date"}, build[arrow.Date32](array.NewDate32Builder(mem), arrow.Date32(day.Unix()/86400), nil, arrow.Date32(-1), arrow.Date32(0)), []any{day, nil, time.Unix(-86400, 0).UTC(), time.Unix(0, 0).UTC()}},
		"ntz, scale 6":    {told{Type: "timestamp_ntz", Scale: 6}, build[int64](array.NewInt64Builder(mem), at.UnixMicro(), nil, early.UnixMicro(), late.UnixMicro()), times},
		"ntz, scale 0":    {told{Type: "timestamp_ntz", Scale: 0}, build[int64](array.NewInt64Builder(mem), at.Unix(), nil, int64(-1), int64(0)), []any{at.Truncate(time.Second), nil, time.Unix(-1, 0).UTC(), time.Unix(0, 0).UTC()}},
		"ntz, two parts":  {told{Type: "timestamp_ntz", Scale: 9}, parts(t, seconds(), nanos()), times},
		"ltz, scale 6":    {told{Type: "timestamp_ltz", Scale: 6}, build[int64](array.NewInt64Builder(mem), at.UnixMicro(), nil, early.UnixMicro(), late.UnixMicro()), times},
		"ltz, two parts":  {told{Type: "timestamp_ltz", Scale: 9}, parts(t, seconds(), nanos()), times},
		"tz, two parts":   {told{Type: "timestamp_tz", Scale: 6}, parts(t, build[int64](array.NewInt64Builder(mem), at.UnixMicro(), nil, early.UnixMicro(), late.UnixMicro()), zone()), times},
		"tz, three parts": {told{Type: "timestamp_tz", Scale: 9}, parts(t, seconds(), nanos(), zone()), times},
		"decfloat": {told{Type: "decfloat"}, parts(t, build[int16](array.NewInt16Builder(mem), int16(2), nil, int16(-3), int16(0)), build[[]byte](array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary), []byte{5}, nil, []byte{0xff}, []byte{0, 128})),
			[]any{int64(500), nil, json.Number("-0.001"), int64(128)}},
	} {
		t.Run(name, func(t *testing.T) {
			c.told.Name, c.told.Nullable = "C", true
			s := open(t, server(t, answer{when: "C", data: result([]told{c.told}, inArrow(t, c.array), c.array.Len(), nil)}))
			rows, err := ask(t.Context(), s, "SELECT C")
			if err != nil {
				t.Fatal(err)
			}
			var got []any
			for _, r := range rows {
				got = append(got, r...)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A form that is not known here is read by the driver.
func TestArrowOfAnotherForm(t *testing.T) {
	for name, a := range map[string]arrow.Array{
		"int64": build[int64](array.NewInt64Builder(memory.DefaultAllocator), int64(3_600_000_000_001), nil),
		"int32": build[int32](array.NewInt32Builder(memory.DefaultAllocator), int32(3600), nil),
	} {
		scale := 9
		if name == "int32" {
			scale = 0
		}
		s := open(t, server(t, answer{when: "C", data: result([]told{{Name: "C", Type: "time", Scale: scale, Nullable: true}}, inArrow(t, a), 2, nil)}))
		rows, err := ask(t.Context(), s, "SELECT C")
		if diff := cmp.Diff([][]any{{"01:00:00"}, {nil}}, rows); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

// storage has the parts of a result at addresses that are signed, as a cloud has.
func storage(t *testing.T, part []byte, fault func(n int64) int) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(part)
	_ = z.Close()
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		if r.Header.Get("x-part") != "of weir" {
			http.Error(w, "who?", http.StatusBadRequest)
			return
		}
		if status := fault(n); status != 0 {
			w.WriteHeader(status)
			return
		}
		_, _ = w.Write(packed.Bytes())
	}))
	t.Cleanup(cloud.Close)
	return cloud.URL, asked
}

// many is a result of parts in storage, each of so many rows.
func many(t *testing.T, n, rows int, fault func(int64) int) (s *session, asked *atomic.Int64) {
	t.Helper()
	mem := memory.DefaultAllocator
	ids, emails, times := array.NewInt64Builder(mem), array.NewStringBuilder(mem), array.NewInt64Builder(mem)
	for i := range rows {
		ids.Append(int64(i))
		emails.Append(fmt.Sprintf("person%d@example.com", i))
		times.Append(int64(i) * 1_000_000)
	}
	part := inArrow(t, ids.NewArray(), emails.NewArray(), times.NewArray())
	address, asked := storage(t, part, fault)
	others := make([]string, n-1)
	for i := range others {
		others[i] = fmt.Sprintf("%s/part%d?signature=canary", address, i)
	}
	columns := []told{{Name: "ID", Type: "fixed", Precision: 38}, {Name: "EMAIL", Type: "text"}, {Name: "AT", Type: "timestamp_ntz", Scale: 6}}
	return open(t, server(t, answer{when: "id", data: result(columns, part, rows, others), later: 2})), asked
}

// TestParts: a large result is read part by part, also if storage fails for a moment, and is never in
// memory as a whole. The virtual warehouse is resumed by the statement, which is waited for.
func TestParts(t *testing.T) {
	const n, rows = 40, 50_000
	s, asked := many(t, n, rows, func(n int64) int {
		if n == 7 {
			return http.StatusServiceUnavailable
		}
		return 0
	})
	var sum, count, base, most int64
	for row, err := range s.Query(t.Context(), "SELECT id, email, at") {
		if err != nil {
			t.Fatal(err)
		}
		sum += row[0].(int64)
		if count++; count%(5*rows) == 1 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if most = max(most, int64(m.HeapAlloc)); base == 0 {
				base = int64(m.HeapAlloc)
			}
		}
	}
	if count != n*rows || sum != n*rows*(rows-1)/2 || asked.Load() != n {
		t.Errorf("%d rows with sum %d in %d requests", count, sum, asked.Load())
	}
	// All parts are about a hundred megabytes.
	if grown := most - base; grown > 40<<20 {
		t.Errorf("memory has grown by %d MB", grown>>20)
	}
	for row, err := range s.Query(t.Context(), "SELECT id, email, at") {
		if err != nil || row[1] != "person0@example.com" {
			t.Fatal(row, err)
		}
		break
	}
	if more := asked.Load() - n; more > partsAhead+1 {
		t.Errorf("%d parts were fetched for one row", more)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range s.Query(ctx, "SELECT id, email, at") {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("after it was stopped: %v", last)
	}
}

// TestPartIsGone: what a failure of storage says has no address in it, which is signed.
func TestPartIsGone(t *testing.T) {
	s, _ := many(t, 3, 10, func(n int64) int {
		if n == 2 {
			return http.StatusNotFound
		}
		return 0
	})
	rows, err := ask(t.Context(), s, "SELECT id, email, at")
	if !errors.As(err, new(*warehouse.UnreachableError)) || strings.Contains(err.Error(), "canary") || len(rows) > 20 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}
