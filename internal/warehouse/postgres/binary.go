package postgres

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weir-data/weir/internal/warehouse/box"
)

// The two forms of a value in the protocol.
const (
	formText   = 0
	formBinary = 1
)

// reader reads the values of one column of a result.
type reader struct {
	oid uint32
	box box.Column
}

// The server counts from 2000-01-01.
const (
	epochSeconds = 946684800
	epochDays    = epochSeconds / 86400
)

// columnsOf are the readers of a result's columns, and the forms to ask for: numbers and times are asked
// for as the server has them, which spares both sides the way through text. What has the same bytes in
// both forms, or a form of many parts, is asked for as text.
func columnsOf(fields []pgconn.FieldDescription) (out []reader, forms []int16) {
	out, forms = make([]reader, len(fields)), make([]int16, len(fields))
	for i, f := range fields {
		out[i].oid = f.DataTypeOID
		switch f.DataTypeOID {
		case oidBool, oidInt2, oidInt4, oidInt8, oidOid, oidFloat8, oidTimestamp, oidTimestamptz, oidDate:
			forms[i] = formBinary
		}
	}
	return out, forms
}

// read reads a value that is not NULL, in the form that was asked for.
func (c *reader) read(b []byte) (any, error) {
	switch c.oid {
	case oidText, oidVarchar, oidBpchar, oidName, oidUUID:
		return c.box.Text(b), nil
	case oidInt8:
		if len(b) == 8 {
			return c.box.Int(int64(binary.BigEndian.Uint64(b))), nil
		}
	case oidBool:
		if len(b) == 1 {
			return b[0] != 0, nil
		}
	case oidInt2:
		if len(b) == 2 {
			return c.box.Int(int64(int16(binary.BigEndian.Uint16(b)))), nil
		}
	case oidInt4:
		if len(b) == 4 {
			return c.box.Int(int64(int32(binary.BigEndian.Uint32(b)))), nil
		}
	case oidOid:
		if len(b) == 4 {
			return c.box.Int(int64(binary.BigEndian.Uint32(b))), nil
		}
	case oidFloat8:
		if len(b) == 8 {
			return c.box.Float(math.Float64frombits(binary.BigEndian.Uint64(b))), nil
		}
	case oidTimestamp, oidTimestamptz:
		if len(b) == 8 {
			return c.time(int64(binary.BigEndian.Uint64(b))), nil
		}
	case oidDate:
		if len(b) == 4 {
			return c.date(int64(int32(binary.BigEndian.Uint32(b)))), nil
		}
	case oidNumeric:
		return c.numeric(b)
	default:
		return value(c.oid, b)
	}
	return nil, fmt.Errorf("the server sent a value of %d bytes, which none of this type has", len(b))
}

// Instants from the year 1 to 9999 are times; others stay text, as infinite ones do.
const (
	firstMicro = -62135596800 * 1_000_000
	lastMicro  = 253402300800*1_000_000 - 1
)

// time is the instant so many microseconds after 2000.
func (c *reader) time(n int64) any {
	if n >= firstMicro-epochSeconds*1_000_000 && n <= lastMicro-epochSeconds*1_000_000 {
		return c.box.Time(time.UnixMicro(n + epochSeconds*1_000_000).UTC())
	}
	layout := "-01-02 15:04:05.999999"
	if c.oid == oidTimestamptz {
		layout += "+00"
	}
	return far(n == math.MinInt64, n == math.MaxInt64, time.Unix(n/1_000_000+epochSeconds, n%1_000_000*1000).UTC(), layout)
}

// date is the day so many days after 2000-01-01.
func (c *reader) date(n int64) any {
	seconds := (n + epochDays) * 86400
	if seconds >= firstMicro/1_000_000 && seconds <= lastMicro/1_000_000 {
		return c.box.Time(time.Unix(seconds, 0).UTC())
	}
	return far(n == math.MinInt32, n == math.MaxInt32, time.Unix(seconds, 0).UTC(), "-01-02")
}

// far is the server's text of a time that is none here. layout is what comes after the year.
func far(first, last bool, t time.Time, layout string) string {
	switch y := t.Year(); {
	case first:
		return "-infinity"
	case last:
		return "infinity"
	case y < 1: // the year before 1 is 1 BC
		return fmt.Sprintf("%04d%s BC", 1-y, t.Format(layout))
	default:
		return fmt.Sprintf("%d%s", y, t.Format(layout))
	}
}

// numeric reads the text of a decimal.
func (c *reader) numeric(b []byte) (any, error) {
	point := -1
	for i, d := range b {
		switch {
		case d == '.':
			point = i
		case d != '-' && (d < '0' || d > '9'):
			return value(c.oid, b) // NaN and the infinities
		}
	}
	if point >= 0 {
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
		if len(b) == point+1 {
			b = b[:point]
		}
	}
	return c.box.Number(b), nil
}
