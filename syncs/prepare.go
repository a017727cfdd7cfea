package syncs

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
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
	ids          []*destinations.Preparer // of the task's columns, in their order
	required     []bool                   // whether nothing is sent without it
	names        int                      // estimated size of a row's names and punctuation
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
		p.ids, p.required = append(p.ids, destinations.NewPreparer(id)), append(p.required, id.Required)
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
	var r ready
	p.with(&shelf{}, &c, &r)
	return r
}

// with is prepare into r, which is empty, with the room of a shelf.
func (p *preparer) with(s *shelf, c *Change, r *ready) {
	r.seq, r.group, r.move, r.doubt = c.Seq, c.Group, c.Move, c.Doubt
	r.row.Key, r.row.Op, r.row.Fields, r.row.RemoteID, r.row.Consent = c.Key, c.Op, c.Fields, c.RemoteID, c.Consent
	if r.move == 0 {
		r.move = move(c)
	}
	if c.Barred != "" && !c.Forced && r.move != Removing {
		r.skip, r.code = Barred, c.Barred
		return
	}
	r.row.IDs = s.values(len(c.IDs))
	named, wrong := false, error(nil)
	for i, v := range c.IDs {
		r.row.IDs[i] = v
		text, ok := v.(string)
		if !ok || i >= len(p.ids) {
			continue
		}
		var err error
		s.room, err = p.ids[i].Append(s.room[:0], text)
		switch {
		case err == nil:
			r.row.IDs[i], named = s.text(s.room), true
		case p.required[i]:
			r.skip, r.code, r.reason = Malformed, CodeCannotNormalise, err.Error()
			return
		default: // the person may be found by another one
			r.row.IDs[i], wrong = destinations.Absent, err
		}
	}
	if wrong != nil && !named {
		r.skip, r.code, r.reason = Malformed, CodeCannotNormalise, wrong.Error()
		return
	}
	s.room = p.appendKey(s.room[:0], c)
	sum := sha256.Sum256(s.room)
	r.row.Dedup = s.text(appendShort(s.room[:0], sum))
	r.bytes = p.size(&r.row)
	if p.rowBytes > 0 && r.bytes > p.rowBytes {
		r.skip, r.code, r.reason = Malformed, CodeTooLarge, fmt.Sprintf("the row has about %d bytes; the destination takes %d", r.bytes, p.rowBytes)
	}
}

// shelf gives room for what rows are made of, many at once: what is kept of one row keeps the room
// of its neighbours, which are sent at about the same time.
type shelf struct {
	room  []byte // for what is being made
	texts strings.Builder
	slots []any
}

// The pieces in which a shelf takes memory.
const (
	shelfText  = 4 << 10
	shelfSlots = 256
)

// text is a copy of b.
func (s *shelf) text(b []byte) string {
	if s.texts.Cap()-s.texts.Len() < len(b) {
		s.texts = strings.Builder{}
		s.texts.Grow(max(shelfText, len(b)))
	}
	at := s.texts.Len()
	s.texts.Write(b)
	return s.texts.String()[at:]
}

// values is a slice of n.
func (s *shelf) values(n int) []any {
	if len(s.slots) < n {
		s.slots = make([]any, max(shelfSlots, n))
	}
	out := s.slots[:n:n]
	s.slots = s.slots[n:]
	return out
}

func move(c *Change) Move {
	switch c.Op {
	case destinations.Remove, destinations.Delete, destinations.Erase, destinations.Clear:
		return Removing
	}
	if c.Version == 0 {
		return Adding
	}
	return Updating
}

// appendKey appends what the idempotency key of a row is the hash of: sync, object, key, match
// values, op, payload, ledger version. The match values are in it because a person may come back
// under another one with the same payload, which is not the same row.
func (p *preparer) appendKey(b []byte, c *Change) []byte {
	b = appendPart(appendPart(appendPart(b, p.sync), p.object), c.Key)
	for _, v := range c.IDs {
		s, _ := v.(string)
		b = appendPart(b, s)
	}
	b = append(b, byte(c.Op))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Hash))
	return binary.BigEndian.AppendUint64(b, uint64(c.Version))
}

// appendPart appends a text after its length.
func appendPart(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// short writes 144 bits of a hash in 24 characters that are safe in headers and URLs.
func short(sum [32]byte) string { return string(appendShort(nil, sum)) }

func appendShort(b []byte, sum [32]byte) []byte {
	return base64.RawURLEncoding.AppendEncode(b, sum[:18])
}

// perName is the punctuation that JSON puts around a name and its value.
const perName = 6

// size estimates the encoded size of a row as JSON.
func (p *preparer) size(r *destinations.Row) int {
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
