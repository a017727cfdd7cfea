package snowflake

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/weir-data/weir/internal/warehouse/box"
)

// column reads a column of a result from Arrow's arrays, of which each part has another.
type column struct {
	name   string
	native string // the driver's name of the type
	scale  int    // digits after the point of a number
	box    box.Column
	digits []byte
	nulls  arrow.Array
	value  func(i int) (any, error) // of a value that is not NULL
}

// columnsOf are the columns of a result.
func columnsOf(r driver.Rows) []*column {
	names := r.Columns()
	d, _ := r.(described)
	out := make([]*column, len(names))
	for i, n := range names {
		out[i] = &column{name: n, native: "TEXT"}
		if d != nil {
			out[i].native = d.ColumnTypeDatabaseTypeName(i)
			if _, scale, ok := d.ColumnTypePrecisionScale(i); ok {
				out[i].scale = int(scale)
			}
		}
	}
	return out
}

// at is a value of the array that was opened.
func (c *column) at(i int) (any, error) {
	if c.nulls.IsNull(i) {
		return nil, nil
	}
	return c.value(i)
}

// open makes an array the one that is read; instant is the time that the driver makes of a value. The server sends whole numbers in the smallest type that
// has all of a part; times that fit as one number, and others as seconds and nanoseconds.
func (c *column) open(a arrow.Array, instant func(i int) time.Time) error {
	c.nulls, c.value = a, nil
	switch a := a.(type) {
	case *array.Null:
		c.value = func(int) (any, error) { return nil, nil }
	case *array.Boolean:
		c.value = func(i int) (any, error) { return a.Value(i), nil }
	case *array.Int8:
		c.whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Int16:
		c.whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Int32:
		c.whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Int64:
		if strings.HasPrefix(c.native, "TIMESTAMP") {
			c.time(a, instant)
		} else {
			c.whole(a.Value)
		}
	case *array.Decimal128:
		if c.native == "FIXED" {
			c.value = func(i int) (any, error) {
				n := a.Value(i)
				if int64(n.LowBits())>>63 == n.HighBits() { // it has 64 bits
					return c.number(int64(n.LowBits())), nil
				}
				return scaled(n.BigInt(), c.scale), nil
			}
		}
	case *array.Float64:
		c.value = func(i int) (any, error) { return c.box.Float(a.Value(i)), nil }
	case *array.String:
		c.value = func(i int) (any, error) { return c.box.Text([]byte(a.Value(i))), nil }
		if c.native == "ARRAY" {
			c.value = func(i int) (any, error) { return list(a.Value(i)) }
		}
	case *array.Binary:
		c.value = func(i int) (any, error) { return hex.EncodeToString(a.Value(i)), nil }
	case *array.Date32:
		c.value = func(i int) (any, error) { return c.box.Time(time.Unix(int64(a.Value(i))*86400, 0).UTC()), nil }
	case *array.Struct:
		c.parts(a, instant)
	}
	if c.value == nil {
		return fmt.Errorf("a value of type %s comes as %s, which is not known", c.native, a.DataType())
	}
	return nil
}

// whole reads whole numbers of a decimal type.
func (c *column) whole(at func(i int) int64) {
	if c.native == "FIXED" {
		c.value = func(i int) (any, error) { return c.number(at(i)), nil }
	}
}

// time reads times as numbers of some part of a second. Which it is, the driver keeps to itself, and is
// found from a time that it makes.
func (c *column) time(a *array.Int64, instant func(i int) time.Time) {
	unit, rest := int64(1), int64(time.Second)
	for i := range a.Len() {
		if n := a.Value(i); a.IsValid(i) && n != 0 {
			for t := instant(i); unit < int64(time.Second) && !t.Equal(time.Unix(n/unit, n%unit*rest)); {
				unit, rest = unit*10, rest/10
			}
			break
		}
	}
	c.value = func(i int) (any, error) {
		n := a.Value(i)
		return c.box.Time(micros(n/unit, n%unit*rest)), nil
	}
}

// parts reads values of several parts: times as seconds, nanoseconds and, where they have one, a zone
// that tells nothing about the instant; or as one number and the zone; and floating decimals as exponent
// and digits.
func (c *column) parts(a *array.Struct, instant func(i int) time.Time) {
	if a.NumField() < 2 {
		return
	}
	switch first := a.Field(0).(type) {
	case *array.Int64:
		nanos, _ := a.Field(1).(*array.Int32)
		switch {
		case !strings.HasPrefix(c.native, "TIMESTAMP") || nanos == nil:
		case c.native == "TIMESTAMP_TZ" && a.NumField() == 2:
			c.time(first, instant)
		default:
			c.value = func(i int) (any, error) { return c.box.Time(micros(first.Value(i), int64(nanos.Value(i)))), nil }
		}
	case *array.Int16:
		digits, _ := a.Field(1).(*array.Binary)
		if c.native != "DECFLOAT" || digits == nil {
			return
		}
		c.value = func(i int) (any, error) {
			n, exponent := signed(digits.Value(i)), int(first.Value(i))
			if exponent > 0 {
				n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil))
				exponent = 0
			}
			return scaled(n, -exponent), nil
		}
	}
}

// micros is a time of so many seconds and nanoseconds since 1970, to the microsecond.
func micros(seconds, nanos int64) time.Time {
	return time.Unix(seconds, nanos).UTC().Truncate(time.Microsecond)
}

// number is n with the column's digits after the point: an integer without any.
func (c *column) number(n int64) any {
	if c.scale <= 0 {
		return c.box.Int(n)
	}
	scale := c.scale
	for ; scale > 0 && n%10 == 0; scale-- {
		n /= 10
	}
	b := c.digits[:0]
	if n < 0 {
		b = append(b, '-')
	}
	size := uint64(n)
	if n < 0 {
		size = -size
	}
	if scale == 0 {
		b = strconv.AppendUint(b, size, 10)
	} else {
		var room [20]byte
		digits := strconv.AppendUint(room[:0], size, 10)
		if whole := len(digits) - scale; whole > 0 {
			b = append(append(append(b, digits[:whole]...), '.'), digits[whole:]...)
		} else {
			b = append(b, "0."...)
			for range -whole {
				b = append(b, '0')
			}
			b = append(b, digits...)
		}
	}
	c.digits = b
	return c.box.Number(b)
}

// scaled is n with so many digits after the point, as number has it for what needs more than 64 bits.
func scaled(n *big.Int, scale int) any {
	if scale <= 0 {
		if n.IsInt64() {
			return n.Int64()
		}
		return plain(n.String())
	}
	digits := new(big.Int).Abs(n).String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	return plain(sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:])
}

// signed is a whole number in bytes, the most significant first, in two's complement.
func signed(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}
