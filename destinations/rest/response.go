package rest

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Response is a complete answer.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Write  bool // the request was one that must not be repeated here
	Cut    bool // the answer was longer than Options.MaxBody; Body holds its beginning

	now     time.Time
	secrets []string
}

// Decode reads the body as JSON into v, keeping numbers exact where v asks for any. A body that
// is not JSON makes an Ambiguous fault after a write, Transient after a read.
func (r *Response) Decode(v any) error {
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return r.unusable("bad_json", "the answer is not the JSON that the vendor documents")
	}
	return nil
}

// unusable is the fault of an answer that says nothing about what was done.
func (r *Response) unusable(code, text string) *destinations.Fault {
	c := destinations.Transient
	if r.Write {
		c = destinations.Ambiguous
	}
	return &destinations.Fault{Class: c, Code: code, Text: text}
}

// isJSON reports whether the answer calls itself JSON.
func (r *Response) isJSON() bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (t == "application/json" || t == "text/json" || strings.HasSuffix(t, "+json"))
}

// RetryAfter returns how long the answer asks to wait; 0 if it does not say.
func (r *Response) RetryAfter() time.Duration { return RetryAfter(r.Header, r.now) }

// Scrub makes the vendor's words fit for people to see: without the credentials of the request,
// and see the function Scrub.
func (r *Response) Scrub(text string) string {
	for _, s := range r.secrets {
		text = strings.ReplaceAll(text, s, "redacted")
	}
	return Scrub(text)
}

// fault classifies an answer, or returns nil if it is a plain success.
func (c *Client) fault(r *Response) *destinations.Fault {
	if c.o.Fault != nil && !r.Cut {
		if f := c.o.Fault(r); f != nil {
			f.Text = r.Scrub(f.Text)
			return f
		}
	}
	if r.Status >= 200 && r.Status < 300 {
		switch {
		case r.Cut:
			return r.unusable("too_long", "the answer is longer than is ever needed and was cut")
		case !c.o.AnyContent && len(bytes.TrimSpace(r.Body)) > 0 && !r.isJSON():
			return r.unusable("not_json", "the answer is not JSON but "+mediaType(r.Header)+", as from a proxy or a login page")
		}
		return nil
	}
	f := Classify(r)
	if f.Class == destinations.Refused && r.Status == http.StatusUnauthorized && c.o.Refreshable {
		f.Class = destinations.Expired
	}
	if c.o.Reason != nil {
		if code, text := c.o.Reason(r); code != "" || text != "" {
			if code != "" {
				f.Code = code
			}
			f.Text = text
		}
	}
	if f.Text == "" {
		f.Text = http.StatusText(r.Status)
		if !c.o.AnyContent && len(r.Body) > 0 && !r.isJSON() {
			f.Text += ", answered in " + mediaType(r.Header)
		}
	}
	f.Text = r.Scrub(f.Text)
	return f
}

func mediaType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || t == "" {
		return "an unnamed type"
	}
	return t
}

// Classify says what an answer outside 2xx means by its status alone (DELIVERY rules: 408, 500,
// 502 and 504 after a write may have been applied; 425, 429 and 503 were not).
func Classify(r *Response) *destinations.Fault {
	f := &destinations.Fault{Code: strconv.Itoa(r.Status)}
	switch s := r.Status; {
	case s == http.StatusTooManyRequests:
		f.Class, f.RetryAfter = destinations.Throttled, r.RetryAfter()
	case s == http.StatusServiceUnavailable, s == http.StatusTooEarly:
		f.Class, f.RetryAfter = destinations.Transient, r.RetryAfter()
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusPaymentRequired, s == http.StatusProxyAuthRequired:
		f.Class = destinations.Refused
	case s == http.StatusNotFound, s == http.StatusGone:
		f.Class = destinations.Gone
	case s == http.StatusRequestEntityTooLarge:
		f.Class = destinations.TooLarge
	case s == http.StatusMethodNotAllowed, s == http.StatusNotAcceptable, s == http.StatusUnsupportedMediaType,
		s == http.StatusNotImplemented, s == http.StatusHTTPVersionNotSupported:
		f.Class = destinations.Config
	case s == http.StatusRequestTimeout, s >= 500:
		f.Class = destinations.Transient
		if r.Write {
			f.Class = destinations.Ambiguous
		}
	case s >= 400:
		f.Class = destinations.BadBatch
	default:
		f.Class = destinations.Config
		f.Text = "the vendor answered with a redirect, which is not followed"
	}
	return f
}

// maxWait is the longest wait believed: daily quotas reset within it.
const maxWait = 24 * time.Hour

// RetryAfter reads how long to wait from Retry-After (seconds or an HTTP date), or from
// RateLimit-Reset, X-RateLimit-Reset, X-Rate-Limit-Reset and x-sib-ratelimit-reset (seconds, or
// an epoch in seconds or milliseconds). The result is between one second and a day, and 0 if no
// header can be read.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	if v := strings.TrimSpace(h.Get("Retry-After")); v != "" {
		if s, err := strconv.ParseFloat(v, 64); err == nil {
			return clamp(s)
		}
		if t, err := http.ParseTime(v); err == nil {
			return clamp(t.Sub(now).Seconds())
		}
	}
	for _, name := range []string{"RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset", "X-Sib-RateLimit-Reset"} {
		s, err := strconv.ParseFloat(strings.TrimSpace(h.Get(name)), 64)
		if err != nil {
			continue
		}
		if s > 1e12 {
			s /= 1000
		}
		if s > 1e8 { // three years of seconds: an epoch
			s -= float64(now.UnixMilli()) / 1000
		}
		return clamp(s)
	}
	return 0
}

// clamp turns seconds into a wait that neither spins nor stalls. A NaN waits a second.
func clamp(seconds float64) time.Duration {
	switch {
	case seconds >= maxWait.Seconds():
		return maxWait
	case seconds >= 1:
		return time.Duration(seconds * float64(time.Second))
	}
	return time.Second
}
