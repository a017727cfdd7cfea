package http

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"sync"
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

	mu     sync.Mutex
	with   map[string]any // of the last batch
	parsed *plan          // of it
	flaws  []*flaw
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
	p, flaws := s.parse(b.With)
	if len(flaws) > 0 {
		return nil, nil, &destinations.Fault{Class: destinations.Config, Code: "template", Text: "with." + flaws[0].Error()}
	}
	if len(b.Rows) == 0 {
		return p, p.requests["upsert"], nil
	}
	return p, p.requests[b.Rows[0].Op.String()], nil
}

// parse is parsePlan, done once for all batches of a sync: they have one and the same `with:`.
func (s *session) parse(with map[string]any) (*plan, []*flaw) {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := reflect.ValueOf(with).UnsafePointer() == reflect.ValueOf(s.with).UnsafePointer()
	if s.parsed == nil || !same {
		s.with = with
		s.parsed, s.flaws = parsePlan(with)
	}
	return s.parsed, s.flaws
}
