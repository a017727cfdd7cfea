//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// The driver gives a result value by value, each by a call through a function of the column, with
// two pieces of memory for a text. Results of plain columns are read here from the engine's vectors,
// some rows of a column at a time, with hardly a piece of memory for a row: in half the time. The
// driver keeps the result to itself; where it is not found, or a column is of another type, the
// driver's own rows are read.

// resultAt is where the driver's rows keep their result; ok is false if it is not there.
func resultAt(rows driver.Rows) (r *mapping.Result, ok bool) {
	v := reflect.ValueOf(rows)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil, false
	}
	f, ok := v.Elem().Type().FieldByName("res")
	if !ok || f.Type != reflect.TypeFor[mapping.Result]() {
		return nil, false
	}
	return (*mapping.Result)(unsafe.Add(v.UnsafePointer(), f.Offset)), true
}

// vector is a column of a chunk.
type vector struct {
	data  unsafe.Pointer
	valid unsafe.Pointer // a bit for each row; nil if none is NULL
}

func (v vector) null(i int) bool {
	return v.valid != nil && *(*uint64)(unsafe.Add(v.valid, i/64*8))&(1<<(i%64)) == 0
}

func at[T any](v vector, i int) T {
	var zero T
	return *(*T)(unsafe.Add(v.data, uintptr(i)*unsafe.Sizeof(zero)))
}

// blockRows are read of a column before the next column: what a caller keeps of one of them keeps
// the texts of the others in memory.
const blockRows = 64

// reader reads n rows of a column from row i on into out[0], out[step], …
type reader func(v vector, i, n int, out []any, step int)

// readerOf reads a column of a type by its name in the engine; nil for one that the driver reads.
func readerOf(kind string) reader {
	switch kind {
	case "BOOLEAN":
		return scalars(func(b bool) any { return b })
	case "TINYINT":
		return scalars(func(n int8) any { return int64(n) })
	case "SMALLINT":
		return integers[int16]
	case "INTEGER":
		return integers[int32]
	case "BIGINT":
		return integers[int64]
	case "UTINYINT":
		return scalars(func(n uint8) any { return int64(n) })
	case "USMALLINT":
		return integers[uint16]
	case "UINTEGER":
		return integers[uint32]
	case "UBIGINT":
		return scalars(func(n uint64) any { return value(n, kind) })
	case "DOUBLE":
		return floats
	case "DATE": // days since 1970
		return scalars(func(d int32) any { return time.Unix(int64(d)*86400, 0).UTC() })
	case "TIMESTAMP", "TIMESTAMPTZ": // microseconds since 1970
		return scalars(func(us int64) any { return time.UnixMicro(us).UTC() })
	case "HUGEINT":
		return scalars(func(n huge) any { return n.over(0) })
	case "VARCHAR":
		return new(texts).read
	}
	return decimalReader(kind)
}

// scalars reads a column of values of one size.
func scalars[T any](box func(T) any) reader {
	return func(v vector, i, n int, out []any, step int) {
		for k := range n {
			if v.null(i + k) {
				out[k*step] = nil
				continue
			}
			out[k*step] = box(at[T](v, i+k))
		}
	}
}

// boxed is the value that p points to as an any, without a copy of it. Values of a block lie beside
// each other in one piece of memory, which spares the collector a piece for each.
func boxed[T any](p *T) any {
	var zero T
	v := any(zero)
	(*struct{ kind, value unsafe.Pointer })(unsafe.Pointer(&v)).value = unsafe.Pointer(p)
	return v
}

// small integers have a place in memory already.
const small = 256

func integers[T int16 | int32 | int64 | uint16 | uint32](v vector, i, n int, out []any, step int) {
	var room []int64
	for k := range n {
		if v.null(i + k) {
			out[k*step] = nil
			continue
		}
		x := int64(at[T](v, i+k))
		if x >= 0 && x < small {
			out[k*step] = x
			continue
		}
		if room == nil {
			room = make([]int64, 0, n-k)
		}
		room = append(room, x)
		out[k*step] = boxed(&room[len(room)-1])
	}
}

func floats(v vector, i, n int, out []any, step int) {
	var room []float64
	for k := range n {
		if v.null(i + k) {
			out[k*step] = nil
			continue
		}
		if room == nil {
			room = make([]float64, 0, n-k)
		}
		room = append(room, at[float64](v, i+k))
		out[k*step] = boxed(&room[len(room)-1])
	}
}

// decimalReader reads DECIMAL(width,scale), which the engine keeps in the smallest integer that has
// its digits.
func decimalReader(kind string) reader {
	w, s, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(kind, "DECIMAL("), ")"), ",")
	width, err := strconv.Atoi(w)
	scale, err2 := strconv.Atoi(s)
	if !ok || err != nil || err2 != nil || !strings.HasPrefix(kind, "DECIMAL(") {
		return nil
	}
	switch {
	case width <= 4:
		return scalars(func(n int16) any { return decimalOf(int64(n), scale) })
	case width <= 9:
		return scalars(func(n int32) any { return decimalOf(int64(n), scale) })
	case width <= 18:
		return scalars(func(n int64) any { return decimalOf(n, scale) })
	case width <= 38:
		return scalars(func(n huge) any {
			v := n.over(scale)
			if x, ok := v.(int64); ok {
				return json.Number(strconv.FormatInt(x, 10))
			}
			return v
		})
	}
	return nil
}

// huge is an integer of 128 bits.
type huge struct {
	low  uint64
	high int64
}

// over is n with so many digits after the point: an int64 where there are none and it fits.
func (n huge) over(scale int) any {
	if n.high == int64(n.low)>>63 {
		if scale == 0 {
			return int64(n.low)
		}
		return decimalOf(int64(n.low), scale)
	}
	b := new(big.Int).Lsh(big.NewInt(n.high), 64)
	b.Add(b, new(big.Int).SetUint64(n.low))
	if scale == 0 {
		return json.Number(b.String())
	}
	return value(duckdb.Decimal{Width: 38, Scale: uint8(scale), Value: b}, "")
}

// decimalOf is n with so many digits after the point, without zeros at the end.
func decimalOf(n int64, scale int) json.Number {
	for ; scale > 0 && n%10 == 0; scale-- {
		n /= 10
	}
	var room [24]byte
	b := strconv.AppendInt(room[:0], n, 10)
	if scale == 0 {
		return json.Number(b)
	}
	sign := 0
	if n < 0 {
		sign = 1
	}
	if missing := scale + 1 - (len(b) - sign); missing > 0 { // 0.05 has more digits than 5
		b = append(b[:sign], strings.Repeat("0", missing)+string(b[sign:])...)
	}
	point := len(b) - scale
	return json.Number(string(b[:point]) + "." + string(b[point:]))
}

// texts reads texts. Short ones that come again within a while are not made again.
type texts struct {
	short [shortTexts]struct {
		bits [2]uint64
		text any
	}
}

const (
	shortBits  = 7
	shortTexts = 1 << shortBits
	inlined    = 12 // the engine keeps a text of so many bytes in the vector, after its length
)

// stringT is how the engine keeps a text in 16 bytes: its length, then the text, or four bytes of
// it and where it lies.
type stringT struct {
	length uint32
	_      [4]byte
	place  unsafe.Pointer
}

func (s *stringT) bytes() []byte {
	if s.length <= inlined {
		return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(s), 4)), s.length)
	}
	return unsafe.Slice((*byte)(s.place), s.length)
}

// read copies the texts of a block into one piece of memory.
func (t *texts) read(v vector, i, n int, out []any, step int) {
	size := 0
	for k := range n {
		if !v.null(i + k) {
			size += int((*stringT)(unsafe.Add(v.data, (i+k)*16)).length)
		}
	}
	var room []byte
	var heads []string
	for k := range n {
		if v.null(i + k) {
			out[k*step] = nil
			continue
		}
		s := (*stringT)(unsafe.Add(v.data, (i+k)*16))
		if s.length == 0 {
			out[k*step] = ""
			continue
		}
		bits := *(*[2]uint64)(unsafe.Pointer(s))
		known := &t.short[(bits[0]*0x9e3779b97f4a7c15^bits[1]*0xc2b2ae3d27d4eb4f)>>(64-shortBits)]
		if s.length <= inlined && known.text != nil && known.bits == bits {
			out[k*step] = known.text
			size -= int(s.length)
			continue
		}
		if room == nil {
			room, heads = make([]byte, 0, size), make([]string, 0, n-k)
		}
		from := len(room)
		room = append(room, s.bytes()...)
		heads = append(heads, unsafe.String(&room[from], int(s.length)))
		out[k*step] = boxed(&heads[len(heads)-1])
		if s.length <= inlined {
			known.bits, known.text = bits, out[k*step]
		}
	}
}

var _ [0]struct{} = [unsafe.Sizeof(stringT{}) - 16]struct{}{} // as the engine has it

// chunks yields the rows of a result from its vectors, or says that it cannot: then nothing was
// read of it.
func chunks(ctx context.Context, rows driver.Rows, kinds []string, yield func([]any, error) bool) (done bool, err error) {
	res, ok := resultAt(rows)
	if !ok || unsafe.Sizeof(uintptr(0)) != 8 {
		return false, nil
	}
	readers := make([]reader, len(kinds))
	for i, k := range kinds {
		if readers[i] = readerOf(k); readers[i] == nil {
			return false, nil
		}
	}
	block := make([]any, blockRows*len(kinds))
	vectors := make([]vector, len(kinds))
	for {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		c := mapping.FetchChunk(*res)
		if c.Ptr == nil {
			return true, nil
		}
		more := chunk(c, readers, vectors, block, yield)
		mapping.DestroyDataChunk(&c)
		if !more {
			return true, nil
		}
	}
}

// chunk yields the rows of a chunk and reports whether more are wanted.
func chunk(c mapping.DataChunk, readers []reader, vectors []vector, block []any, yield func([]any, error) bool) bool {
	cols := len(vectors)
	for i := range vectors {
		v := mapping.DataChunkGetVector(c, mapping.IdxT(i))
		vectors[i] = vector{mapping.VectorGetData(v), mapping.VectorGetValidity(v)}
	}
	size := int(min(uint64(mapping.DataChunkGetSize(c)), math.MaxInt32))
	for i := 0; i < size; i += blockRows {
		n := min(blockRows, size-i)
		for j, read := range readers {
			read(vectors[j], i, n, block[j:], cols)
		}
		for k := range n {
			if !yield(block[k*cols:(k+1)*cols:(k+1)*cols], nil) {
				return false
			}
		}
	}
	return true
}
