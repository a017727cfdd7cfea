package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"github.com/weir-data/weir/destinations"
)

// cutHeader marks, between attempts and Client, an answer that was longer than allowed.
const cutHeader = "X-Weir-Cut"

// state is what is known of one request over its attempts.
type state struct {
	read bool

	mu      sync.Mutex
	left    bool // of the latest attempt: some byte may have reached the vendor
	ever    bool // of any attempt
	secrets []string
}

type stateKey struct{}

func (s *state) begin() { s.mu.Lock(); s.left = false; s.mu.Unlock() }
func (s *state) leave() { s.mu.Lock(); s.left, s.ever = true, true; s.mu.Unlock() }

func (s *state) hasLeft() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.left }

func (s *state) everLeft() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.ever }

func (s *state) secretsSeen() []string { s.mu.Lock(); defer s.mu.Unlock(); return s.secrets }

// authError is a credential that could not be had.
type authError struct{ err error }

func (e authError) Error() string { return "the credential could not be read" }
func (e authError) Unwrap() error { return e.err }

// attempts is the transport under the retrying client. Each attempt is signed, traced, bounded
// in time and size, and read to its end, so that a body cut in the middle is an error of the
// attempt like any other.
type attempts struct {
	doer    destinations.Doer
	auth    func(*http.Request) error
	max     int64
	timeout time.Duration
}

// RoundTrip performs one attempt.
func (a *attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	st, _ := req.Context().Value(stateKey{}).(*state)
	st.begin()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), a.timeout)
	defer cancel()
	var tr trace
	r := req.Clone(httptrace.WithClientTrace(ctx, tr.hooks(st)))
	if !st.read {
		// net/http itself repeats a request whose body it can rewind, or that has none, if it
		// carries an Idempotency-Key. Without GetBody it can not rewind, and the header goes by a
		// spelling that it does not look for.
		r.GetBody = nil
		if r.Body == nil || r.Body == http.NoBody {
			for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
				if v, ok := r.Header[name]; ok {
					delete(r.Header, name)
					r.Header[strings.ToLower(name)] = v
				}
			}
		}
	}
	if r.Method != http.MethodHead {
		// Asked for here, since net/http would decompress without a bound on what it reads.
		r.Header.Set("Accept-Encoding", "gzip")
	}
	if a.auth != nil {
		r.Header.Del("Authorization")
		if err := a.auth(r); err != nil {
			return nil, authError{err}
		}
		st.mu.Lock()
		st.secrets = credentials(r)
		st.mu.Unlock()
	}
	res, err := a.doer.Do(r)
	if err != nil {
		if !tr.seen() && !errors.Is(err, ErrHost) {
			st.leave() // a Doer that does not trace: assume the worst
		}
		return nil, err
	}
	st.leave()
	defer res.Body.Close()
	var body io.Reader = res.Body
	if strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(io.LimitReader(res.Body, a.max))
		switch {
		case err == nil:
			body = z
		case !errors.Is(err, io.EOF): // an answer without a body is none that was compressed
			return nil, err
		}
		res.Header.Del("Content-Encoding")
	}
	b, err := io.ReadAll(io.LimitReader(body, a.max+1))
	if int64(len(b)) > a.max {
		b = b[:a.max]
		res.Header.Set(cutHeader, "1")
		err = nil
	}
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(b))
	return res, nil
}

// trace notes whether an attempt got as far as writing to a connection.
type trace struct {
	mu    sync.Mutex
	armed bool
}

func (t *trace) seen() bool { t.mu.Lock(); defer t.mu.Unlock(); return t.armed }

func (t *trace) hooks(st *state) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { t.mu.Lock(); t.armed = true; t.mu.Unlock() },
		WroteHeaders: st.leave,
		WroteRequest: func(httptrace.WroteRequestInfo) { st.leave() },
	}
}

// credentials lists the parts of the Authorization header that must never be shown.
func credentials(r *http.Request) []string {
	var out []string
	for _, part := range strings.Fields(r.Header.Get("Authorization")) {
		if len(part) >= 8 {
			out = append(out, part)
		}
	}
	return out
}

// checkRetry decides whether an attempt is repeated here.
func (c *Client) checkRetry(ctx context.Context, res *http.Response, err error) (bool, error) {
	st, _ := ctx.Value(stateKey{}).(*state)
	if ctx.Err() != nil || st == nil {
		return false, nil //nolint:nilerr // the attempt's own outcome stands
	}
	if err != nil {
		var bad authError
		if errors.Is(err, ErrHost) || errors.As(err, &bad) {
			return false, nil //nolint:nilerr // the attempt's own outcome stands
		}
		return st.read || !st.hasLeft(), nil
	}
	if !st.read {
		return false, nil
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		// A longer wait is the engine's to make, where it holds up everybody on the account.
		return RetryAfter(res.Header, c.now()) <= maxBackoff, nil
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusTooEarly:
		return true, nil
	}
	return false, nil
}

// minBackoff and maxBackoff bound the waits made here.
const (
	minBackoff = 200 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// backoff is exponential with full jitter above half, or what the vendor asks for if longer.
func (c *Client) backoff(_, _ time.Duration, attempt int, res *http.Response) time.Duration {
	d := maxBackoff
	if attempt < 5 {
		d = min(minBackoff<<attempt, maxBackoff)
	}
	d = d/2 + rand.N(d/2+1)
	if res != nil {
		d = max(d, min(RetryAfter(res.Header, c.now()), maxBackoff))
	}
	return d
}
