package syncs

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/weir-data/weir/destinations"
)

// The codes of rows that were never sent.
const (
	CodeCannotNormalise = "syncs.cannot_normalise"
	CodeTooLarge        = "syncs.too_large"
)

// ready is a change made ready for the wire.
type ready struct {
	seq    int64
	row    destinations.Row
	group  string
	move   Move
	bytes  int
	doubt  bool
	skip   Verdict // NotTried: to be sent; otherwise Barred or Malformed
	code   string
	reason string
}

// preparer makes changes ready for one task.
type preparer struct {
	sync, object string
	ids          []destinations.Identifier // of the task's columns, in their order
	names        int                       // estimated size of a row's names and punctuation
	rowBytes     int
}

func newPreparer(t *Task) *preparer {
	p := &preparer{sync: t.Sync.Name, object: t.Object.Name, rowBytes: t.Object.Limits.RowBytes, names: 16}
	for _, name := range t.Columns.IDs {
		id := destinations.Identifier{Name: name}
		for _, known := range t.Object.Identifiers {
			if known.Name == name {
				id = known
			}
		}
		p.ids = append(p.ids, id)
		p.names += len(name) + perName
	}
	for _, name := range t.Columns.Fields {
		p.names += len(name) + perName
	}
	return p
}

// prepare normalises and hashes the match values of a change and gives it its key. It is a pure
// function: the same change gives the same bytes in every attempt.
func (p *preparer) prepare(c Change) ready {
	r := ready{seq: c.Seq, group: c.Group, move: c.Move, doubt: c.Doubt,
		row: destinations.Row{Key: c.Key, Op: c.Op, Fields: c.Fields, RemoteID: c.RemoteID, Consent: c.Consent}}
	if r.move == 0 {
		r.move = move(c)
	}
	if c.Barred != "" && !c.Forced && r.move != Removing {
		r.skip, r.code = Barred, c.Barred
		return r
	}
	r.row.IDs = make([]any, len(c.IDs))
	named, wrong := false, error(nil)
	for i, v := range c.IDs {
		r.row.IDs[i] = v
		s, ok := v.(string)
		if !ok || i >= len(p.ids) {
			continue
		}
		w, err := destinations.Prepare(p.ids[i], s)
		switch {
		case err == nil:
			r.row.IDs[i], named = w, true
		case p.ids[i].Required:
			r.skip, r.code, r.reason = Malformed, CodeCannotNormalise, err.Error()
			return r
		default: // the person may be found by another one
			r.row.IDs[i], wrong = destinations.Absent, err
		}
	}
	if wrong != nil && !named {
		r.skip, r.code, r.reason = Malformed, CodeCannotNormalise, wrong.Error()
		return r
	}
	r.row.Dedup = p.rowKey(c)
	r.bytes = p.size(r.row)
	if p.rowBytes > 0 && r.bytes > p.rowBytes {
		r.skip, r.code, r.reason = Malformed, CodeTooLarge, fmt.Sprintf("the row has about %d bytes; the destination takes %d", r.bytes, p.rowBytes)
	}
	return r
}

func move(c Change) Move {
	switch c.Op {
	case destinations.Remove, destinations.Delete, destinations.Erase, destinations.Clear:
		return Removing
	}
	if c.Version == 0 {
		return Adding
	}
	return Updating
}

// rowKey is the idempotency key of a row: H(sync, object, key, match values, op, payload, ledger
// version). The match values are in it because a person may come back under another one with the
// same payload, which is not the same row.
func (p *preparer) rowKey(c Change) string {
	b := make([]byte, 0, 128)
	part := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	part(p.sync)
	part(p.object)
	part(c.Key)
	for _, v := range c.IDs {
		s, _ := v.(string)
		part(s)
	}
	b = append(b, byte(c.Op))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Hash))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Version))
	return short(sha256.Sum256(b))
}

// short writes 144 bits of a hash in 24 characters that are safe in headers and URLs.
func short(sum [32]byte) string { return base64.RawURLEncoding.EncodeToString(sum[:18]) }

// perName is the punctuation that JSON puts around a name and its value.
const perName = 6

// size estimates the encoded size of a row as JSON.
func (p *preparer) size(r destinations.Row) int {
	n := p.names + len(r.RemoteID)
	for _, v := range r.IDs {
		n += valueSize(v)
	}
	for _, v := range r.Fields {
		n += valueSize(v)
	}
	return n
}

func valueSize(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case json.Number:
		return len(v)
	case time.Time:
		return len(time.RFC3339Nano)
	case []any:
		n := 2
		for _, e := range v {
			n += 1 + valueSize(e)
		}
		return n
	case map[string]any:
		n := 2
		for k, e := range v {
			n += len(k) + perName + valueSize(e)
		}
		return n
	}
	return 8
}
