package destinationtest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Base is the URL that a Wire answers at.
const Base = "http://vendor.example.com/api"

// Mishap is what happens to one request instead of, or after, the vendor's answer.
type Mishap struct {
	Status int // answered instead of the vendor
	Header map[string]string
	Body   string
	Gzip   bool // Body is sent compressed

	Unreachable bool // nobody listens: no byte leaves
	LoseAfter   bool // the vendor applies it, the answer is lost
	Lose        bool // the request is lost on its way
	Half        bool // the vendor applies it, the connection breaks in the middle of the answer
	Hang        bool // no answer until the caller gives up
	Dribble     bool // an answer of one byte a second without end
}

// Recorded is a request that was sent.
type Recorded struct {
	Method, URL string
	Header      http.Header
	Body        []byte
}

// Wire is a Doer that carries requests to a handler without a network: deterministic, and at
// home in a synctest bubble. It traces as net/http does.
type Wire struct {
	Handler http.Handler
	// Script decides for each request whether something goes wrong; nil means nothing.
	Script func(*http.Request) *Mishap

	mu       sync.Mutex
	requests []Recorded
	foreign  []string // hosts other than Base's that were asked for
	read     int64    // bytes taken from the latest endless body
}

// Requests returns what was sent so far, in order.
func (w *Wire) Requests() []Recorded {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Recorded(nil), w.requests...)
}

// Forget drops the record.
func (w *Wire) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = nil
}

// Do carries one request.
func (w *Wire) Do(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tr := httptrace.ContextClientTrace(ctx)
	if tr != nil && tr.GetConn != nil {
		tr.GetConn(r.URL.Host)
	}
	base, _, _ := strings.Cut(strings.TrimPrefix(Base, "http://"), "/")
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body) // in memory
		_ = r.Body.Close()
	}
	w.mu.Lock()
	if r.URL.Host != base {
		w.foreign = append(w.foreign, r.URL.Host)
	}
	w.requests = append(w.requests, Recorded{r.Method, r.URL.String(), r.Header.Clone(), body})
	w.mu.Unlock()
	in := r.Clone(ctx)
	in.Body, in.ContentLength, in.Host, in.RequestURI = io.NopCloser(bytes.NewReader(body)), int64(len(body)), base, r.URL.RequestURI()
	var m Mishap
	if w.Script != nil {
		if p := w.Script(in); p != nil {
			m = *p
		}
		in.Body = io.NopCloser(bytes.NewReader(body))
	}
	if m.Unreachable {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	if tr != nil && tr.WroteHeaders != nil {
		tr.WroteHeaders()
	}
	if tr != nil && tr.WroteRequest != nil {
		tr.WroteRequest(httptrace.WroteRequestInfo{})
	}
	switch {
	case m.Lose:
		return nil, io.EOF
	case m.Hang:
		<-ctx.Done()
		return nil, ctx.Err()
	case m.Dribble:
		return reply(r, 200, http.Header{"Content-Type": {"application/json"}}, &dribble{done: ctx.Done(), err: ctx.Err}), nil
	case m.Status != 0:
		h := http.Header{}
		for k, v := range m.Header {
			h.Set(k, v)
		}
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "application/json")
		}
		if m.Gzip {
			h.Set("Content-Encoding", "gzip")
		}
		return reply(r, m.Status, h, &counted{w: w, r: strings.NewReader(m.body())}), nil
	}
	res, err := w.serve(in)
	if err != nil || m.LoseAfter {
		return nil, io.EOF
	}
	if m.Half {
		b, _ := io.ReadAll(res.Body)
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b[:len(b)/2]), broken{}))
	}
	res.Request = r
	return res, nil
}

// serve runs the handler; a handler that aborts closes the connection.
func (w *Wire) serve(in *http.Request) (res *http.Response, err error) {
	rec := httptest.NewRecorder()
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			err = io.EOF
			if rec.Flushed {
				res, err = rec.Result(), nil
				res.Body = io.NopCloser(io.MultiReader(res.Body, broken{}))
			}
		default:
			panic(p)
		}
	}()
	http.StripPrefix("/api", w.Handler).ServeHTTP(rec, in)
	return rec.Result(), nil
}

func (m Mishap) body() string {
	if !m.Gzip {
		return m.Body
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, m.Body)
	_ = z.Close()
	return b.String()
}

func reply(r *http.Request, status int, h http.Header, body io.Reader) *http.Response {
	return &http.Response{Status: fmt.Sprint(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(body), ContentLength: -1, Request: r}
}

// broken is the rest of a body whose connection went away.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type dribble struct {
	done <-chan struct{}
	err  func() error
}

func (d *dribble) Read(p []byte) (int, error) {
	select {
	case <-d.done:
		return 0, d.err()
	case <-time.After(time.Second):
	}
	if len(p) == 0 {
		return 0, errors.New("empty buffer")
	}
	p[0] = ' '
	return 1, nil
}

type counted struct {
	w *Wire
	r io.Reader
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.w.mu.Lock()
	c.w.read += int64(n)
	c.w.mu.Unlock()
	return n, err
}
