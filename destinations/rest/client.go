package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/weir-data/weir/destinations"
)

// Options shape a Client.
type Options struct {
	// Base is the URL that paths are appended to. It is required: http or https, no query.
	Base string
	// Auth puts the credential on each attempt. Its error becomes a Refused fault.
	Auth func(*http.Request) error
	// Headers go on each request, such as a pinned API version.
	Headers map[string]string
	// Refreshable says that a 401 may be mended by Session.Refresh: it is classified Expired
	// rather than Refused.
	Refreshable bool
	// Fault looks at a complete answer for errors in the vendor's own shape, whatever the
	// status. What it returns, if not nil, replaces the classification by status.
	Fault func(*Response) *destinations.Fault
	// Reason reads the vendor's code and words from the body of an answer. The words are
	// scrubbed and cut before they reach a Fault.
	Reason func(*Response) (code, text string)
	// AnyContent accepts answers that are not JSON.
	AnyContent bool
	// MaxBody bounds an answer in bytes after decompression. Defaults to 1 MiB.
	MaxBody int64
	// Timeout bounds one attempt, body included. Defaults to 30 s.
	Timeout time.Duration
	// Retries is how often a request that may be repeated is repeated. Defaults to 4; negative
	// means never.
	Retries int
}

// Client performs the requests of one session. It is safe for concurrent use.
type Client struct {
	o     Options
	base  *url.URL
	now   func() time.Time
	retry *retryablehttp.Client
}

// New returns a client that sends through env.HTTP. A bad Base is a *Fault of class Config.
func New(env destinations.Env, o Options) (*Client, error) {
	base, err := url.Parse(o.Base)
	if err != nil || (base.Scheme != "https" && base.Scheme != "http") || base.Host == "" || base.RawQuery != "" || base.User != nil {
		return nil, &destinations.Fault{Class: destinations.Config, Code: "base_url",
			Text: "the base URL must be like https://api.example.com, without user, password or query"}
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	switch {
	case o.Retries == 0:
		o.Retries = 4
	case o.Retries < 0:
		o.Retries = 0
	}
	c := &Client{o: o, base: base, now: env.Now}
	if c.now == nil {
		c.now = time.Now
	}
	rc := retryablehttp.NewClient()
	rc.Logger = nil
	rc.RetryMax = o.Retries
	rc.CheckRetry = c.checkRetry
	rc.Backoff = c.backoff
	rc.ErrorHandler = retryablehttp.PassthroughErrorHandler
	rc.HTTPClient = &http.Client{
		Transport:     &attempts{doer: env.HTTP, auth: o.Auth, max: o.MaxBody, timeout: o.Timeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.retry = rc
	return c, nil
}

// Request is one request to the vendor.
type Request struct {
	Method string
	Path   string // appended to Base; the caller escapes identifiers in it with url.PathEscape
	// URL replaces Base and Path, for links that the vendor gave. Its host must be that of Base.
	URL    string
	Query  url.Values
	Header map[string]string
	Type   string // content type of Body
	Body   []byte
	// Repeatable marks a request that changes nothing, or the same thing again, though its
	// method does not say so: a poll, a search, a token refresh.
	Repeatable bool
}

// read reports whether the request may be repeated here after it left.
func (r Request) read() bool {
	return r.Repeatable || r.Method == http.MethodGet || r.Method == http.MethodHead
}

// JSON sends in, unless nil, as JSON.
func (c *Client) JSON(ctx context.Context, method, path string, in any) (*Response, error) {
	r := Request{Method: method, Path: path}
	if in != nil {
		b, err := Encode(in)
		if err != nil {
			return nil, err
		}
		r.Body, r.Type = b, "application/json"
	}
	return c.Do(ctx, r)
}

// Form sends a form.
func (c *Client) Form(ctx context.Context, method, path string, in url.Values) (*Response, error) {
	return c.Do(ctx, Request{Method: method, Path: path,
		Type: "application/x-www-form-urlencoded", Body: []byte(in.Encode())})
}

// Encode returns v as JSON without the escaping of <, > and &. What can not be encoded is a
// BadBatch: nothing was sent, and some row is to blame.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, &destinations.Fault{Class: destinations.BadBatch, Code: "encoding", Text: "a value can not be written as JSON"}
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// Do sends r. The error is nil for a 2xx answer in which Options.Fault finds nothing wrong;
// otherwise it is a *destinations.Fault. The answer is returned beside the fault if a whole one
// came, so that a vendor's errors by row can be read from it.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	req, err := c.Build(ctx, r)
	if err != nil {
		return nil, err
	}
	st := &state{read: r.read()}
	req = req.WithContext(context.WithValue(req.Context(), stateKey{}, st))
	req.Body = nil // the library would copy it; given the bytes, it rewinds them for each attempt
	rr, err := retryablehttp.FromRequest(req)
	if err != nil {
		return nil, &destinations.Fault{Class: destinations.Config, Code: "request", Text: "the request could not be built"}
	}
	if r.Body != nil {
		if err := rr.SetBody(r.Body); err != nil {
			return nil, &destinations.Fault{Class: destinations.Config, Code: "request", Text: "the request could not be built"}
		}
	}
	res, err := c.retry.Do(rr)
	secrets := st.secretsSeen()
	if err != nil {
		return nil, broken(ctx, req, err, st.everLeft(), st.read)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body) // in memory already, and bounded
	if err != nil {
		return nil, broken(ctx, req, err, st.everLeft(), st.read)
	}
	out := &Response{Status: res.StatusCode, Header: res.Header, Body: body, Write: !st.read,
		Cut: res.Header.Get(cutHeader) != "", now: c.now(), secrets: secrets}
	out.Header.Del(cutHeader)
	if f := c.fault(out); f != nil {
		return out, f
	}
	return out, nil
}

// Build returns the request without sending it or signing it, for previews: the Authorization
// header says "redacted".
func (c *Client) Build(ctx context.Context, r Request) (*http.Request, error) {
	u := *c.base
	if r.URL != "" {
		link, err := url.Parse(r.URL)
		if err != nil || link.Host != c.base.Host || link.Scheme != c.base.Scheme {
			return nil, &destinations.Fault{Class: destinations.Config, Code: "foreign_link",
				Text: "the vendor gave a link to another host, which was not followed"}
		}
		u = *link
	} else if r.Path != "" {
		joined := strings.TrimRight(c.base.EscapedPath(), "/") + "/" + strings.TrimLeft(r.Path, "/")
		p, err := url.PathUnescape(joined)
		if err != nil {
			return nil, &destinations.Fault{Class: destinations.Config, Code: "path", Text: "the path is not well escaped"}
		}
		u.Path, u.RawPath = p, joined
	}
	if len(r.Query) > 0 {
		q := u.Query()
		for k, vs := range r.Query {
			q[k] = vs
		}
		u.RawQuery = q.Encode()
	}
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), body)
	if err != nil {
		return nil, &destinations.Fault{Class: destinations.Config, Code: "request", Text: "the request could not be built"}
	}
	if !c.o.AnyContent {
		req.Header.Set("Accept", "application/json")
	}
	req.Header.Set("User-Agent", "weir")
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	for k, v := range c.o.Headers {
		req.Header.Set(k, v)
	}
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	if c.o.Auth != nil {
		req.Header.Set("Authorization", "redacted")
	}
	return req, nil
}
