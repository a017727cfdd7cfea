package http

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// Open prepares a session; it makes no request.
func (webhook) Open(_ context.Context, env destinations.Env) (destinations.Session, error) {
	str := func(name string) string { s, _ := env.Settings[name].(string); return s }
	s := &session{env: env, check: str("check_path"), headers: map[string]string{}}
	if m, ok := env.Settings["headers"].(map[string]any); ok {
		for k, v := range m {
			s.headers[k] = written(v)
		}
	}
	timeout, _ := time.ParseDuration(str("timeout"))
	s.signing, _ = env.Secret("signing_secret")
	auth := authenticator(env, str("username"), str("header_name"))
	client, err := rest.New(env, rest.Options{Base: str("url"), Headers: s.headers, Auth: auth,
		AnyContent: str("answer") != "json", Timeout: timeout})
	if err != nil {
		return nil, err
	}
	s.client = client
	return s, nil
}

// authenticator returns what puts the credential on a request, or nil if there is none.
func authenticator(env destinations.Env, user, header string) func(*http.Request) error {
	secret := func(name string) string { v, _ := env.Secret(name); return v }
	switch {
	case secret("bearer_token") != "":
		return func(r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+secret("bearer_token"))
			return nil
		}
	case user != "":
		return func(r *http.Request) error { r.SetBasicAuth(user, secret("password")); return nil }
	case header != "" && secret("header_value") != "":
		return func(r *http.Request) error { r.Header.Set(header, secret("header_value")); return nil }
	}
	return nil
}

type session struct {
	env     destinations.Env
	client  *rest.Client
	headers map[string]string
	signing string
	check   string
}

// Check asks for check_path. Without one nothing can be asked that surely changes nothing.
func (s *session) Check(ctx context.Context) error {
	if s.check == "" {
		return nil
	}
	_, err := s.client.Do(ctx, rest.Request{Method: http.MethodGet, Path: s.check})
	return err
}

// Close frees nothing.
func (*session) Close(context.Context) error { return nil }

// part of a batch that goes into one request.
type slice struct {
	lo, hi int
	key    string // Idempotency-Key
}

func partsOf(b destinations.Batch, size int) []slice {
	if len(b.Rows) <= size {
		return []slice{{0, len(b.Rows), b.ID}}
	}
	var out []slice
	for lo := 0; lo < len(b.Rows); lo += size {
		key := b.ID + "." + strconv.Itoa(lo/size)
		if size == 1 && b.Rows[lo].Dedup != "" {
			key = b.Rows[lo].Dedup
		}
		out = append(out, slice{lo, min(lo+size, len(b.Rows)), key})
	}
	return out
}

// Write sends the requests of b one after the other. The first that shows that the rest is
// pointless ends it: what was not tried comes back as Later.
func (s *session) Write(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	done := destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered}, Rows: map[int]destinations.Result{}}
	if len(b.Rows) == 0 {
		return done, nil
	}
	p, r, err := s.plan(b)
	if err != nil {
		return destinations.Outcome{}, err
	}
	parts := partsOf(b, p.sizeFor(r))
	var slowest time.Duration
	for n, part := range parts {
		if until, ok := ctx.Deadline(); ok && n > 0 && time.Until(until) < 2*slowest {
			// What can not be answered in time would be in doubt; unsent it is only late.
			done.Rest = destinations.Result{Status: destinations.Later, Code: "time", Reason: "not tried, since the call's time was nearly over"}
			for i := range part.lo {
				if _, said := done.Rows[i]; !said {
					done.Rows[i] = destinations.Result{Status: destinations.Delivered}
				}
			}
			return done, nil
		}
		start := time.Now()
		req, bad, err := s.build(b, r, part)
		if err != nil {
			return destinations.Outcome{}, err
		}
		mark := func(lo, hi int, v destinations.Result) {
			for i := lo; i < hi; i++ {
				done.Rows[i] = v
			}
		}
		if bad != nil {
			if part.hi-part.lo > 1 {
				return destinations.Outcome{}, &destinations.Fault{Class: destinations.BadBatch, Code: bad.Code, Text: bad.Reason}
			}
			mark(part.lo, part.hi, *bad)
			continue
		}
		res, err := s.client.Do(ctx, req)
		slowest = max(slowest, time.Since(start))
		f := p.judge(res, err)
		if f == nil {
			continue
		}
		one := part.hi-part.lo == 1
		switch {
		case one && f.Class == destinations.BadBatch:
			mark(part.lo, part.hi, destinations.Result{Status: destinations.Rejected, Code: f.Code, Reason: orElse(f.Text, "the endpoint rejected the row")})
			continue
		case len(parts) == 1 || n == 0 && f.Class != destinations.Ambiguous:
			return destinations.Outcome{}, f
		case f.Class == destinations.Ambiguous:
			mark(part.lo, part.hi, destinations.Result{Status: destinations.Uncertain, Code: f.Code, Reason: f.Text})
			mark(part.hi, len(b.Rows), destinations.Result{Status: destinations.Later, Code: f.Code, Reason: "not tried, after a request without an answer"})
		case f.Class == destinations.BadBatch:
			// The engine can halve only whole batches: what went before counts, this is sent again.
			mark(part.lo, len(b.Rows), destinations.Result{Status: destinations.Later, Code: f.Code, Reason: f.Text})
		default:
			mark(part.lo, len(b.Rows), destinations.Result{Status: destinations.Later, Code: f.Code, Reason: f.Text, RetryAfter: f.RetryAfter})
		}
		return done, nil
	}
	return done, nil
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// judge applies `statuses:` and the rules of webhooks over the classification by status.
func (p *plan) judge(res *rest.Response, err error) *destinations.Fault {
	if res == nil {
		if err == nil {
			return nil
		}
		return destinations.AsFault(err)
	}
	f := &destinations.Fault{Code: strconv.Itoa(res.Status), Text: http.StatusText(res.Status)}
	if err != nil {
		f = destinations.AsFault(err)
	}
	switch p.statuses[res.Status] {
	case "ok":
		return nil
	case "reject":
		f.Class = destinations.BadBatch
	case "retry":
		f.Class, f.RetryAfter = destinations.Transient, res.RetryAfter()
	case "uncertain":
		f.Class = destinations.Ambiguous
	case "stop":
		f.Class = destinations.Config
	default:
		if err == nil {
			return nil
		}
		if res.Status == http.StatusNotFound || res.Status == http.StatusConflict {
			f.Class = destinations.BadBatch
		}
	}
	return f
}

// Preview builds the requests of b without sending them.
func (s *session) Preview(ctx context.Context, b destinations.Batch) ([]*http.Request, error) {
	p, r, err := s.plan(b)
	if err != nil {
		return nil, err
	}
	var out []*http.Request
	for _, part := range partsOf(b, p.sizeFor(r)) {
		req, bad, err := s.build(b, r, part)
		if err != nil || bad != nil {
			continue
		}
		if s.signing != "" {
			req.Header["X-Signature"] = "redacted"
		}
		for k := range s.headers {
			req.Header[k] = "redacted"
		}
		built, err := s.client.Build(ctx, req)
		if err != nil {
			return nil, err
		}
		out = append(out, built)
	}
	return out, nil
}

// plan reads `with:` and picks the request for the op of b, which is one for all rows.
func (s *session) plan(b destinations.Batch) (*plan, *request, error) {
	p, flaws := parsePlan(b.With)
	if len(flaws) > 0 {
		return nil, nil, &destinations.Fault{Class: destinations.Config, Code: "template", Text: "with." + flaws[0].Error()}
	}
	if len(b.Rows) == 0 {
		return p, p.requests["upsert"], nil
	}
	return p, p.requests[b.Rows[0].Op.String()], nil
}

// build makes the request for a part of b, or says why its row can not be sent.
func (s *session) build(b destinations.Batch, r *request, part slice) (rest.Request, *destinations.Result, error) {
	rows := []any{}
	sc := scope{"batch": map[string]any{"id": b.ID, "op": b.Rows[part.lo].Op.String(), "target": b.Target,
		"size": int64(part.hi - part.lo), "replay": b.Replay}}
	for i := part.lo; i < part.hi; i++ {
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
	if !r.noBody {
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
