package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-data/weir/destinations"
)

// client returns a Client that talks to h over a real connection.
func client(t *testing.T, h http.Handler, o Options) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return clientTo(t, srv.URL, o)
}

func clientTo(t *testing.T, base string, o Options) *Client {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	if o.Base == "" {
		o.Base = base
	}
	c, err := New(destinations.Env{HTTP: NewTransport(Guard{Hosts: []string{u.Host}, AllowPrivate: true}), Now: time.Now}, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func jsonAnswer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func wantClass(t *testing.T, err error, c destinations.Class, code string) *destinations.Fault {
	t.Helper()
	f := destinations.AsFault(err)
	if err == nil || f.Class != c || code != "" && f.Code != code {
		t.Errorf("got %v, want %v (%s)", err, c, code)
	}
	return f
}

// A write that left is never repeated, whatever comes back; a read is, a few times.
func TestF25OnlyReadsAreRepeated(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"500":       func(w http.ResponseWriter) { jsonAnswer(w, 500, `{}`) },
		"503":       func(w http.ResponseWriter) { jsonAnswer(w, 503, `{}`) },
		"429":       func(w http.ResponseWriter) { jsonAnswer(w, 429, `{}`) },
		"cut off":   func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"half body": func(w http.ResponseWriter) { halfBody(w); panic(http.ErrAbortHandler) },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) > 2 {
					jsonAnswer(w, 200, `{"ok":true}`)
					return
				}
				answer(w)
			}), Options{})
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				n.Store(0)
				if _, err := c.Do(t.Context(), Request{Method: method, Path: "/x", Header: map[string]string{"Idempotency-Key": "k"}}); err == nil {
					t.Errorf("%s succeeded", method)
				}
				if n.Load() != 1 {
					t.Errorf("%s was sent %d times", method, n.Load())
				}
			}
			n.Store(0)
			if _, err := c.Do(t.Context(), Request{Method: "GET", Path: "/x"}); err != nil || n.Load() != 3 {
				t.Errorf("GET: %v after %d requests, want success after 3", err, n.Load())
			}
			n.Store(0)
			r := Request{Method: "POST", Path: "/token", Body: []byte(`{"a":1}`), Type: "application/json", Repeatable: true}
			if _, err := c.Do(t.Context(), r); err != nil || n.Load() != 3 {
				t.Errorf("repeatable POST: %v after %d requests, want success after 3", err, n.Load())
			}
		})
	}
}

func halfBody(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"data":`)
	_ = http.NewResponseController(w).Flush()
}

// net/http repeats by itself a request with an Idempotency-Key whose kept connection turns out
// dead. A server that applies and then closes without an answer must see it once all the same.
func TestF25AStaleConnectionRepeatsNoWrite(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var writes atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 4096)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					if bytes.HasPrefix(buf[:n], []byte("GET")) {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
						continue
					}
					writes.Add(1)
					if !bytes.Contains(bytes.ToLower(buf[:n]), []byte("idempotency-key: k")) {
						t.Error("the idempotency key did not arrive")
					}
					return // closes without a byte of answer
				}
			}()
		}
	}()
	c := clientTo(t, "http://"+l.Addr().String(), Options{})
	for method, body := range map[string]string{"DELETE": "", "POST": `{"a":1}`} {
		if _, err := c.Do(t.Context(), Request{Method: "GET", Path: "/"}); err != nil {
			t.Fatal(err)
		}
		writes.Store(0)
		r := Request{Method: method, Path: "/x", Header: map[string]string{"Idempotency-Key": "k"}}
		if body != "" {
			r.Body, r.Type = []byte(body), "application/json"
		}
		_, err = c.Do(t.Context(), r)
		wantClass(t, err, destinations.Ambiguous, "")
		if writes.Load() != 1 {
			t.Errorf("%s arrived %d times", method, writes.Load())
		}
	}
}

func TestUnreachableIsTransient(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	l.Close()
	_, err = clientTo(t, base, Options{Retries: 1}).JSON(t.Context(), "POST", "/x", map[string]any{"email": "canary@example.com"})
	wantClass(t, err, destinations.Transient, "refused")
}

// A huge answer, an endless one and a compressed bomb are read to the limit only.
func TestF30AnswersAreBounded(t *testing.T) {
	var written atomic.Int64
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	endless := func(w http.ResponseWriter, zip bool) {
		w.Header().Set("Content-Type", "application/json")
		var out io.Writer = w
		if zip {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			out = z
		}
		for range 1 << 14 { // 1 GiB
			if _, err := out.Write(chunk); err != nil {
				return
			}
			written.Add(int64(len(chunk)))
		}
	}
	for _, zip := range []bool{false, true} {
		t.Run(fmt.Sprintf("gzip %v", zip), func(t *testing.T) {
			written.Store(0)
			c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { endless(w, zip) }), Options{})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := c.JSON(t.Context(), "POST", "/x", nil)
			runtime.ReadMemStats(&after)
			wantClass(t, err, destinations.Ambiguous, "too_long")
			if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
				t.Errorf("%d MiB were allocated", got>>20)
			}
			if !zip && written.Load() > 256<<20 {
				t.Errorf("%d MiB were taken", written.Load()>>20)
			}
		})
	}
}

// Compressed bytes that never become any of the answer are bounded as well.
func TestF30EmptyCompression(t *testing.T) {
	var empty bytes.Buffer
	if err := gzip.NewWriter(&empty).Close(); err != nil {
		t.Fatal(err)
	}
	nothing := bytes.Repeat(empty.Bytes(), 4096)
	var written atomic.Int64
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		for written.Load() < 256<<20 {
			n, err := w.Write(nothing)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
	}), Options{})
	_, err := c.JSON(t.Context(), "POST", "/x", nil)
	wantClass(t, err, destinations.Ambiguous, "eof")
	if written.Load() >= 256<<20 {
		t.Errorf("%d MiB were taken", written.Load()>>20)
	}
}

// An answer that trickles in is given up at the deadline.
func TestF31SlowAnswer(t *testing.T) {
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	}), Options{Timeout: 100 * time.Millisecond})
	start := time.Now()
	_, err := c.JSON(t.Context(), "POST", "/x", nil)
	wantClass(t, err, destinations.Ambiguous, "timeout")
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("took %s", d)
	}
}

// A redirect never carries the credential to another host.
func TestF29Redirects(t *testing.T) {
	var stolen atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Add(1) }))
	defer thief.Close()
	auth := func(r *http.Request) error { r.Header.Set("Authorization", "Bearer canarysecret1"); return nil }
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/moved":
				w.Header().Set("Location", "/here")
			case "/here":
				jsonAnswer(w, 200, `{}`)
				return
			default:
				w.Header().Set("Location", thief.URL)
			}
			w.WriteHeader(status)
		}), Options{Auth: auth})
		for _, method := range []string{"GET", "POST"} {
			_, err := c.Do(t.Context(), Request{Method: method, Path: "/away"})
			wantClass(t, err, destinations.Config, fmt.Sprint(status))
		}
		if _, err := c.Do(t.Context(), Request{Method: "GET", Path: "/moved"}); err != nil {
			t.Errorf("%d within the host: %v", status, err)
		}
		_, err := c.Do(t.Context(), Request{Method: "POST", Path: "/moved"})
		wantClass(t, err, destinations.Config, fmt.Sprint(status))
	}
	if stolen.Load() != 0 {
		t.Errorf("%d requests followed to another host", stolen.Load())
	}
}

// Only a read is led on, to the same place, and not for ever.
func TestF29WhereARedirectMayLead(t *testing.T) {
	request := func(method, u string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), method, u, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const here = "https://api.example.com/v1"
	for _, x := range []struct {
		method, to string
		via        int
		follows    bool
	}{
		{"GET", "https://api.example.com/v2", 1, true}, {"HEAD", "https://api.example.com/v2", 3, true}, {"GET", "https://api.example.com/v2", 4, false},
		{"POST", "https://api.example.com/v2", 1, false}, {"GET", "http://api.example.com/v1", 1, false}, {"GET", "https://www.example.com/v1", 1, false},
		{"GET", "https://api.example.com:8443/v1", 1, false},
	} {
		via := slices.Repeat([]*http.Request{request(x.method, here)}, x.via)
		if follows := (Guard{}).redirect(request("GET", x.to), via) == nil; follows != x.follows {
			t.Errorf("%s after %d requests to %s: follows %v", x.method, x.via, x.to, follows)
		}
	}
}

// Where a request may go is decided on the resolved address.
func TestGuardAddresses(t *testing.T) {
	cases := map[string][2]bool{ // address: reachable, reachable with AllowPrivate
		"127.0.0.1": {false, true}, "127.8.8.8": {false, true}, "::1": {false, true}, "::ffff:127.0.0.1": {false, true},
		"10.1.2.3": {false, true}, "172.16.0.1": {false, true}, "192.168.1.1": {false, true}, "fd00::1": {false, true},
		"169.254.169.254": {false, false}, "::ffff:169.254.169.254": {false, false}, "fe80::1": {false, false},
		"0.0.0.0": {false, false}, "::": {false, false}, "100.64.0.1": {false, false}, "224.0.0.1": {false, false},
		"255.255.255.255": {false, false}, "192.0.2.1": {false, false}, "64:ff9b::7f00:1": {false, false}, "2002:7f00:1::": {false, false},
		"::127.0.0.1": {false, false}, "8.8.8.8": {true, true}, "2606:4700::1111": {true, true}, "172.32.0.1": {true, true},
	}
	for text, want := range cases {
		a := netip.MustParseAddr(text)
		for i, private := range []bool{false, true} {
			if got := (Guard{AllowPrivate: private}).reachable(a); got != want[i] {
				t.Errorf("%s, private allowed %v: %v, want %v", text, private, got, want[i])
			}
		}
	}
}

func TestGuardHosts(t *testing.T) {
	g := Guard{Hosts: []string{"api.example.com", "*.eu.example.com", "127.0.0.1:4711"}}
	for u, want := range map[string]bool{
		"https://api.example.com": true, "https://API.example.com:443/x": true, "https://a.eu.example.com": true, "https://a.b.eu.example.com": true,
		"https://eu.example.com": false, "https://aeu.example.com": false, "https://api.example.com.evil.example": false, "http://api.example.com": false,
		"https://127.0.0.1:4711": true, "https://127.0.0.1:4712": false, "https://example.com": false, "file:///etc/passwd": false,
	} {
		p, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.allows(p.Scheme, p.Host); got != want {
			t.Errorf("%s: %v, want %v", u, got, want)
		}
	}
	// The name is allowed, the address that it leads to is not: this also catches a name whose
	// address changes after it was checked, and every other spelling of an address.
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { t.Error("the request arrived") }))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(srv.URL, "http://"))
	for _, host := range []string{"localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		c, err := New(destinations.Env{HTTP: NewTransport(Guard{Hosts: []string{strings.Trim(host, "[]")}})}, Options{Base: "https://" + host + ":" + port, Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.JSON(t.Context(), "POST", "/", nil)
		wantClass(t, err, destinations.Config, "host_not_allowed")
	}
}

func TestF19RetryAfter(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	cases := []struct {
		name, value string
		want        time.Duration
	}{
		{"Retry-After", "7", 7 * time.Second},
		{"Retry-After", "1.5", 1500 * time.Millisecond},
		{"Retry-After", now.Add(90 * time.Second).Format(http.TimeFormat), 90 * time.Second},
		{"Retry-After", now.Add(-time.Hour).Format(http.TimeFormat), time.Second},
		{"Retry-After", "315360000", maxWait},
		{"Retry-After", "1e300", maxWait},
		{"Retry-After", "-5", time.Second},
		{"Retry-After", "0", time.Second},
		{"Retry-After", "NaN", time.Second},
		{"Retry-After", "soon", 0},
		{"X-RateLimit-Reset", fmt.Sprint(now.Add(30 * time.Second).Unix()), 30 * time.Second},
		{"X-RateLimit-Reset", fmt.Sprint(now.Add(30 * time.Second).UnixMilli()), 30 * time.Second},
		{"X-RateLimit-Reset", fmt.Sprint(now.Add(-time.Hour).Unix()), time.Second},
		{"RateLimit-Reset", "12", 12 * time.Second},
		{"X-Sib-Ratelimit-Reset", "3", 3 * time.Second},
		{"X-Other", "3", 0},
	}
	for _, c := range cases {
		h := http.Header{}
		h.Set(c.name, c.value)
		if got := RetryAfter(h, now); got != c.want {
			t.Errorf("%s: %s = %s, want %s", c.name, c.value, got, c.want)
		}
	}
}

// Nothing of a person, no credential and no query reaches an error.
func TestF57NoErrorShowsAnything(t *testing.T) {
	const secret, email, phone = "pk_canarysecret123", "canary@example.com", "+33639981234"
	auth := func(r *http.Request) error { r.Header.Set("Authorization", "Key "+secret); return nil }
	reason := func(r *Response) (string, string) {
		var b struct{ Detail string }
		_ = r.Decode(&b)
		return "", b.Detail
	}
	handlers := map[string]http.HandlerFunc{
		"echo": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			jsonAnswer(w, 400, fmt.Sprintf(`{"detail":%q}`, fmt.Sprint(r.URL, r.Header, string(body))))
		},
		"garbage": func(w http.ResponseWriter, r *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_, _ = io.WriteString(conn, "HTTP/1.1 "+email+" "+phone+"\r\n\r\n")
			conn.Close()
		},
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirect": func(w http.ResponseWriter, _ *http.Request) {
			http.Redirect(w, &http.Request{}, "https://"+secret+".example/"+email, http.StatusFound)
		},
		"html": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<p>"+email)
		},
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			c := client(t, h, Options{Auth: auth, Reason: reason, Retries: -1})
			for _, method := range []string{"GET", "POST"} {
				_, err := c.Do(t.Context(), Request{Method: method, Path: "/p/" + url.PathEscape(email), Query: url.Values{"phone": {phone}, "key": {secret}},
					Body: []byte(`{"e":"` + email + `"}`), Type: "application/json"})
				if err == nil {
					t.Fatal("no error")
				}
				text := fmt.Sprintf("%v %+v", err, destinations.AsFault(err))
				for e := err; e != nil; e = errors.Unwrap(e) {
					text += fmt.Sprintf(" %v %+v %#v", e, e, e)
				}
				for _, canary := range []string{secret, "canarysecret", email, url.PathEscape(email), phone, url.QueryEscape(phone), "33639981234", "?phone"} {
					if strings.Contains(text, canary) {
						t.Errorf("%s: %q is in %s", method, canary, text)
					}
				}
			}
		})
	}
}

func TestScrub(t *testing.T) {
	cases := map[string]string{
		"Invalid email: anna@example.com, try again":                            "Invalid email: [email], try again",
		"number +33 6 39 98 12 34 is not valid":                                 "number [number] is not valid",
		"see https://x.example.com/?k=v now":                                    "see [url] now",
		"hash 62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f": "hash [hash]",
		"line\nbreak\x00and\x1b[31mcolour":                                      "line break and [31mcolour",
		"code 21211, 100 rows":                                                  "code 21211, 100 rows",
		"Authorization: Bearer abc.def":                                         "Authorization: [token]",
	}
	for in, want := range cases {
		if got := Scrub(in); got != want {
			t.Errorf("Scrub(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Scrub(strings.Repeat("é", 1000)); len(got) > maxText+3 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestBuild(t *testing.T) {
	c, err := New(destinations.Env{}, Options{Base: "https://api.example.com/v1/", Headers: map[string]string{"Revision": "2026-07-15"},
		Auth: func(*http.Request) error { t.Error("a preview asked for the credential"); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Build(context.Background(), Request{Method: "POST", Path: "/lists/" + url.PathEscape("a/b c") + "/x", Query: url.Values{"q": {"é"}}, Body: []byte("{}"), Type: "application/json"})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.URL.String(); got != "https://api.example.com/v1/lists/a%2Fb%20c/x?q=%C3%A9" {
		t.Errorf("URL %s", got)
	}
	if r.Header.Get("Authorization") != "redacted" || r.Header.Get("Revision") != "2026-07-15" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", r.Header)
	}
	for _, link := range []string{"https://evil.example/x", "http://api.example.com/x", "//evil.example", "/relative"} {
		_, err := c.Build(context.Background(), Request{Method: "GET", URL: link})
		wantClass(t, err, destinations.Config, "foreign_link")
	}
	for _, base := range []string{"", "api.example.com", "ftp://x.example.com", "https://u:p@x.example.com", "https://x.example.com?a=b", "https://"} {
		_, err := New(destinations.Env{}, Options{Base: base})
		wantClass(t, err, destinations.Config, "base_url")
	}
}

func TestCredentialThatCannotBeRead(t *testing.T) {
	c := client(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("sent without a credential") }),
		Options{Auth: func(*http.Request) error { return errors.New("reading /run/secret: no such file") }})
	_, err := c.JSON(t.Context(), "POST", "/x", nil)
	wantClass(t, err, destinations.Refused, "credential")
}

func TestCancelledAtOnce(t *testing.T) {
	arrived := make(chan struct{}, 1)
	c := client(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			t.Errorf("a write without a body has length %d", r.ContentLength)
		}
		arrived <- struct{}{}
		<-r.Context().Done()
	}), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	start := time.Now()
	_, err := c.JSON(ctx, "POST", "/x", nil)
	f := wantClass(t, err, destinations.Ambiguous, "cancelled")
	if !errors.Is(f, context.Canceled) || time.Since(start) > 30*time.Second {
		t.Errorf("%v after %s", f, time.Since(start))
	}
	_, err = c.JSON(ctx, "POST", "/x", nil)
	wantClass(t, err, destinations.Transient, "cancelled")
}

// A credential of no known shape that a vendor says back is not shown either.
func TestF57CredentialsAreNotShown(t *testing.T) {
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		jsonAnswer(w, 401, `{"error":"no such key: `+strings.TrimPrefix(r.Header.Get("Authorization"), "Token ")+`"}`)
	}), Options{
		Auth:   func(r *http.Request) error { r.Header.Set("Authorization", "Token opensesame"); return nil },
		Reason: func(r *Response) (string, string) { return "", string(r.Body) },
	})
	_, err := c.Do(t.Context(), Request{Method: "POST", Path: "/x"})
	if err == nil || strings.Contains(err.Error(), "opensesame") || !strings.Contains(err.Error(), "no such key: redacted") {
		t.Errorf("got %v", err)
	}
}
