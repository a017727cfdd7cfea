package store

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/weir-data/weir/syncs"
)

// A verdict's exceptions are packed into one value: a version byte, a table of the distinct
// codes and reasons, then for each row in order of Seq the distance to the one before, verdict
// and flags in a byte, two indexes into the table and the remote id. A thousand rows that were
// all refused for one reason are four kilobytes, and one row to write.

const packed = 1

const permanent = 0x80

func pack(rows []syncs.Exception) []byte {
	if len(rows) == 0 {
		return nil
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b syncs.Exception) int {
		switch {
		case a.Seq < b.Seq:
			return -1
		case a.Seq > b.Seq:
			return 1
		}
		return 0
	})
	var table []string
	at := map[string]uint64{}
	index := func(s string) uint64 {
		i, ok := at[s]
		if !ok {
			i = uint64(len(table))
			at[s] = i
			table = append(table, s)
		}
		return i
	}
	body := make([]byte, 0, 8*len(rows))
	last := int64(0)
	for _, r := range rows {
		body = binary.AppendVarint(body, r.Seq-last)
		last = r.Seq
		flags := byte(r.Verdict)
		if r.Permanent {
			flags |= permanent
		}
		body = append(body, flags)
		body = binary.AppendUvarint(body, index(r.Code))
		body = binary.AppendUvarint(body, index(r.Reason))
		body = binary.AppendUvarint(body, uint64(len(r.RemoteID)))
		body = append(body, r.RemoteID...)
	}
	out := []byte{packed}
	out = binary.AppendUvarint(out, uint64(len(table)))
	for _, s := range table {
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	out = binary.AppendUvarint(out, uint64(len(rows)))
	return append(out, body...)
}

var errPacked = errors.New("packed verdicts are cut short or of an unknown form")

// unpack is the inverse of pack. Rows are in order of Seq; of two with the same Seq the later
// one counts, and only it is returned.
func unpack(b []byte) ([]syncs.Exception, error) {
	if len(b) == 0 {
		return nil, nil
	}
	r := reader{b: b}
	if r.byte() != packed {
		return nil, errPacked
	}
	table := make([]string, r.count())
	for i := range table {
		table[i] = r.text()
	}
	rows := make([]syncs.Exception, 0, r.count())
	seq := int64(0)
	for range cap(rows) {
		seq += r.int()
		flags := r.byte()
		code, reason := r.uint(), r.uint()
		e := syncs.Exception{Seq: seq, Verdict: syncs.Verdict(flags &^ permanent), Permanent: flags&permanent != 0, RemoteID: r.text()}
		if r.bad || code >= uint64(len(table)) || reason >= uint64(len(table)) {
			return nil, errPacked
		}
		e.Code, e.Reason = table[code], table[reason]
		if n := len(rows); n > 0 && rows[n-1].Seq == seq {
			rows[n-1] = e
			continue
		}
		rows = append(rows, e)
	}
	if r.bad || len(r.b) != 0 {
		return nil, errPacked
	}
	return rows, nil
}

// reader reads from b; bad is set once b ends too early.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.b)
	return n * r.skip(size)
}

func (r *reader) int() int64 {
	n, size := binary.Varint(r.b)
	return n * int64(r.skip(size))
}

func (r *reader) skip(size int) uint64 {
	if size <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return 1
}

// count reads a length; every item that it counts takes a byte at least.
func (r *reader) count() int {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count()
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
