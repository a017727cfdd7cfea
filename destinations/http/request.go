package http

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// build makes the request for a part of b, or says why its row can not be sent.
func (s *session) build(b destinations.Batch, r *request, part slice) (rest.Request, *destinations.Result, error) {
	rows := []any{}
	sc := scope{"batch": map[string]any{"id": b.ID, "op": b.Rows[part.lo].Op.String(), "target": b.Target,
		"size": int64(part.hi - part.lo), "replay": b.Replay}}
	ready, elsewise := writeDirect(&b, r, part)
	for i := part.lo; elsewise != nil && i < part.hi; i++ {
		sc["row"] = rowScope(b, i)
		rows = append(rows, grow(r.row, sc))
	}
	if part.hi-part.lo > 1 {
		delete(sc, "row")
	}
	sc["rows"] = rows
	reject := func(code, why string) (rest.Request, *destinations.Result, error) {
		return rest.Request{}, &destinations.Result{Status: destinations.Rejected, Code: code, Reason: why}, nil
	}
	unsafe := false
	path, ok := r.path.render(sc, func(v string) string {
		unsafe = unsafe || v == "" || v == "." || v == ".."
		return url.PathEscape(v)
	}).(string)
	if !ok || unsafe {
		return reject("path", "a value in the path is absent, empty or not a name")
	}
	out := rest.Request{Method: r.method, Path: path, Query: url.Values{}, Header: map[string]string{"Idempotency-Key": part.key}}
	for name, t := range r.query {
		if v := t.render(sc, nil); !destinations.IsAbsent(v) {
			out.Query.Set(name, written(v))
		}
	}
	for name, t := range r.headers {
		v := t.render(sc, nil)
		if text := written(v); !destinations.IsAbsent(v) {
			if strings.ContainsAny(text, "\r\n\x00") {
				return reject("header", "a value of a header holds a line break")
			}
			out.Header[name] = text
		}
	}
	switch {
	case r.noBody:
	case elsewise == nil:
		out.Body, out.Type = ready, map[string]string{"json": "application/json", "ndjson": "application/x-ndjson"}[r.encoding]
	default:
		body, kind, err := encode(r, sc, rows)
		if err != nil {
			return reject("encoding", "a value can not be written")
		}
		out.Body, out.Type = body, kind
	}
	if s.signing != "" {
		out.Header["X-Signature"] = Sign(s.signing, s.env.Now(), out.Body)
	}
	return out, nil, nil
}

// encode writes the body and names its type.
func encode(r *request, sc scope, rows []any) ([]byte, string, error) {
	switch r.encoding {
	case "ndjson":
		var b bytes.Buffer
		for _, row := range rows {
			line, err := rest.Encode(row)
			if err != nil {
				return nil, "", err
			}
			b.Write(line)
			b.WriteByte('\n')
		}
		return b.Bytes(), "application/x-ndjson", nil
	case "form":
		form := url.Values{}
		m, ok := grow(r.body, sc).(map[string]any)
		if !ok {
			return nil, "", errors.New("a form is a map")
		}
		for k, v := range m {
			if list, ok := v.([]any); ok {
				for _, e := range list {
					form.Add(k, written(e))
				}
				continue
			}
			form.Set(k, written(v))
		}
		return []byte(form.Encode()), "application/x-www-form-urlencoded", nil
	}
	b, err := rest.Encode(grow(r.body, sc))
	return b, "application/json", err
}

// rowScope is what row.… names.
func rowScope(b destinations.Batch, i int) map[string]any {
	row := b.Rows[i]
	named := func(names []string, values []any) map[string]any {
		out := map[string]any{}
		for j, name := range names {
			if j < len(values) && !destinations.IsAbsent(values[j]) {
				out[name] = values[j]
			}
		}
		return out
	}
	fields := row.Fields
	if row.Op == destinations.Clear {
		fields = make([]any, len(b.Columns.Fields)) // all null
	}
	out := map[string]any{"ids": named(b.Columns.IDs, row.IDs), "fields": named(b.Columns.Fields, fields),
		"op": row.Op.String(), "key": row.Key}
	if row.RemoteID != "" {
		out["remote_id"] = row.RemoteID
	}
	if row.Dedup != "" {
		out["dedup"] = row.Dedup
	}
	return out
}

// Sign returns the value of X-Signature for a body sent at t. A receiver computes the same and
// refuses a t that is not recent, so that nobody can replay a request.
func Sign(secret string, t time.Time, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(m, "%d.", t.Unix())
	m.Write(body)
	return fmt.Sprintf("t=%d,v1=%s", t.Unix(), hex.EncodeToString(m.Sum(nil)))
}
