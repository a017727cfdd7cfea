// Package box turns values of a result into interfaces with hardly a piece of memory for each: those
// of a column lie beside each other in blocks. What is kept of a block keeps all of it in memory.
package box

import (
	"encoding/json"
	"time"
	"unsafe"
)

const (
	firstBlock = 4  // values of the first block; a result of a row or two needs no more
	block      = 64 // values of a block, at most
	textBlock  = 4 << 10
	ownText    = 512 // a text of more bytes has memory of its own
	small      = 256 // whole numbers below it have a place in memory already
	shortText  = 16  // texts of up to so many bytes are not made again when they come again soon
	shortBits  = 7
)

// Column makes the values of one column. The zero value is ready. It is used by one goroutine at a time;
// what it made is safe for all, and never changed again.
type Column struct {
	ints    []int64
	floats  []float64
	times   []time.Time
	strings []string
	numbers []json.Number
	text    []byte
	known   *[1 << shortBits]any
}

// boxed is the value that p points to as an any, without a copy of it.
func boxed[T any](p *T) any {
	var zero T
	v := any(zero)
	(*struct{ kind, value unsafe.Pointer })(unsafe.Pointer(&v)).value = unsafe.Pointer(p)
	return v
}

// put appends a value to a block, or to a new one if it is full, and boxes it there.
func put[T any](room *[]T, v T) any {
	r := *room
	if len(r) == cap(r) {
		r = make([]T, 0, min(max(firstBlock, 4*cap(r)), block))
	}
	r = append(r, v)
	*room = r
	return boxed(&r[len(r)-1])
}

// Int is an int64.
func (c *Column) Int(n int64) any {
	if n >= 0 && n < small {
		return n
	}
	return put(&c.ints, n)
}

// Float is a float64.
func (c *Column) Float(f float64) any { return put(&c.floats, f) }

// Time is a time.Time.
func (c *Column) Time(t time.Time) any { return put(&c.times, t) }

// Number is a json.Number of these digits, which are copied.
func (c *Column) Number(digits []byte) any {
	if len(digits) == 0 {
		return json.Number("")
	}
	return put(&c.numbers, json.Number(c.copied(digits)))
}

// Text is a string of these bytes, which are copied.
func (c *Column) Text(b []byte) any {
	switch n := len(b); {
	case n == 0:
		return ""
	case n > shortText:
		return put(&c.strings, c.copied(b))
	}
	if c.known == nil {
		c.known = new([1 << shortBits]any)
	}
	place := &c.known[hash(b)]
	if s, ok := (*place).(string); ok && s == string(b) {
		return *place
	}
	*place = put(&c.strings, c.copied(b))
	return *place
}

// hash is a place for a short text: FNV-1a over its bytes.
func hash(b []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return (h ^ h>>15) & (1<<shortBits - 1)
}

// copied is a string in memory shared with others.
func (c *Column) copied(b []byte) string {
	if len(b) > ownText {
		return string(b)
	}
	if cap(c.text)-len(c.text) < len(b) {
		c.text = make([]byte, 0, max(len(b), min(textBlock, 16*cap(c.text))))
	}
	from := len(c.text)
	c.text = append(c.text, b...)
	return unsafe.String(&c.text[from], len(b))
}
