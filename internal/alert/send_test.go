package alert

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/wneessen/go-mail"

	"github.com/weir-data/weir/syncs"
)

var example = Message{ID: "0123", Event: Failed, Project: "shop", Target: "prod", Syncs: []string{"vip_mail"}, Run: "r1", Title: "vip_mail failed",
	Text: "the destination says <!channel> & more", Code: "syncs.refused", Fix: "set the key", Command: "weir runs show r1",
	Counts: &syncs.Counts{Delivered: 12345, Due: 7}, At: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}

// soon makes the tries of a test follow each other at once.
func soon(t *testing.T) {
	was := repeats
	repeats = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
	t.Cleanup(func() { repeats = was })
}

// receiver answers with the statuses in turn, then with 200, and keeps the requests.
type receiver struct {
	mu      sync.Mutex
	answers []int
	bodies  []string
	headers []http.Header
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, _ := io.ReadAll(q.Body)
	r.bodies, r.headers = append(r.bodies, string(body)), append(r.headers, q.Header)
	status := 200
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
	}
	if status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "no_service")
}

func TestHTTP(t *testing.T) {
	soon(t)
	r := &receiver{answers: []int{503, 429}}
	srv := httptest.NewServer(r)
	defer srv.Close()
	if err := (HTTP{URL: srv.URL, Secret: "key"}).Send(t.Context(), example); err != nil {
		t.Fatal(err)
	}
	if len(r.bodies) != 3 {
		t.Fatalf("%d tries", len(r.bodies))
	}
	for i, body := range r.bodies {
		var got Message
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(example, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		// As docs/operations.md tells receivers to check it.
		var at int64
		var sum string
		if _, err := fmt.Sscanf(strings.Replace(r.headers[i].Get("X-Signature"), ",v1=", " ", 1), "t=%d %s", &at, &sum); err != nil {
			t.Fatal(err)
		}
		if since := time.Since(time.Unix(at, 0)); since < 0 || since > time.Minute {
			t.Errorf("signed %s ago", since)
		}
		if !hmac.Equal([]byte(Sign("key", time.Unix(at, 0), []byte(body))), []byte(r.headers[i].Get("X-Signature"))) {
			t.Error("the signature is not of the body")
		}
	}
	if err := (HTTP{URL: srv.URL}).Send(t.Context(), example); err != nil || r.headers[3].Get("X-Signature") != "" {
		t.Errorf("%v, signed without a key: %q", err, r.headers[3].Get("X-Signature"))
	}
}

// TestSign holds the signature to one that was worked out with openssl dgst -sha256 -hmac.
func TestSign(t *testing.T) {
	const want = "t=1780000000,v1=9845db0840a66e525b8fa97bb5ddc0b426356132c25bd8cede278501a66b6c75"
	if got := Sign("key", time.Unix(1780000000, 0), []byte(`{"a":1}`)); got != want {
		t.Errorf("%s", got)
	}
}

func TestGivesUp(t *testing.T) {
	soon(t)
	for _, c := range []struct {
		answers []int
		tries   int
		want    string
	}{
		{[]int{404}, 1, "the receiver answered 404: no_service"},
		{[]int{302}, 1, "the receiver answered 302"},
		{[]int{500, 500, 500, 500, 500}, 4, "the receiver answered 500"},
	} {
		r := &receiver{answers: c.answers}
		srv := httptest.NewServer(r)
		err := Slack{URL: srv.URL + "/services/T0/B0/secret"}.Send(t.Context(), example)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v", c.answers, err)
		}
		if len(r.bodies) != c.tries {
			t.Errorf("%v: %d tries", c.answers, len(r.bodies))
		}
		srv.Close()
		err = Slack{URL: srv.URL + "/services/T0/B0/secret"}.Send(t.Context(), example)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("with nobody there: %v", err)
		}
	}
}

func TestSlack(t *testing.T) {
	r := &receiver{}
	srv := httptest.NewServer(r)
	defer srv.Close()
	if err := (Slack{URL: srv.URL}).Send(t.Context(), example); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(r.bodies[0]), &got); err != nil {
		t.Fatal(err)
	}
	block := func(kind, form, text string) any {
		return map[string]any{"type": kind, "text": map[string]any{"type": form, "text": text}}
	}
	want := map[string]any{
		"text": "[weir shop] vip_mail failed: the destination says &lt;!channel&gt; &amp; more",
		"blocks": []any{
			block("header", "plain_text", "🔴 vip_mail failed"),
			block("section", "mrkdwn", "the destination says &lt;!channel&gt; &amp; more"),
			block("section", "mrkdwn", "*Rows:* 12,345 delivered, 7 due\n*To do:* set the key\n*Look:* `weir runs show r1`"),
			map[string]any{"type": "context", "elements": []any{map[string]any{"type": "mrkdwn", "text": "shop, target prod · r1 · syncs.refused"}}},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestCut(t *testing.T) {
	long := slackEscape(strings.Repeat("<é", 2000))
	for n := 10; n < 20; n++ {
		got := cut(long, n)
		if utf8.RuneCountInString(got) > n || strings.Count(got, "&") != strings.Count(got, ";") || !strings.HasSuffix(got, "…") {
			t.Errorf("cut to %d: %s", n, got)
		}
	}
}

// smtpServer speaks as much SMTP as it takes. It answers RCPT with the codes in turn, then 250.
type smtpServer struct {
	net.Listener
	mu    sync.Mutex
	codes []string
	mails []string
	rcpts []string
	auth  string
	done  sync.WaitGroup
}

func newSMTP(t *testing.T, codes ...string) *smtpServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveSMTP(t, l, codes...)
}

func serveSMTP(t *testing.T, l net.Listener, codes ...string) *smtpServer {
	s := &smtpServer{Listener: l, codes: codes}
	s.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.done.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); s.done.Wait() })
	return s
}

func (s *smtpServer) port() int { return s.Addr().(*net.TCPAddr).Port }

func (s *smtpServer) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	say := func(text string) { fmt.Fprintf(c, "%s\r\n", text) }
	say("220 here")
	for in.Scan() {
		line := in.Text()
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch verb {
		case "RCPT":
			s.mu.Lock()
			s.rcpts = append(s.rcpts, line)
			code := "250 ok"
			if len(s.codes) > 0 {
				code, s.codes = s.codes[0], s.codes[1:]
			}
			s.mu.Unlock()
			say(code)
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for in.Scan() && in.Text() != "." {
				b.WriteString(in.Text() + "\n")
			}
			s.mu.Lock()
			s.mails = append(s.mails, b.String())
			s.mu.Unlock()
			say("250 ok")
		case "EHLO":
			say("250-here")
			say("250 AUTH PLAIN LOGIN")
		case "AUTH":
			s.mu.Lock()
			s.auth = line
			s.mu.Unlock()
			say("235 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestEmail(t *testing.T) {
	soon(t)
	s := newSMTP(t, "451 later")
	e := Email{Host: "127.0.0.1", Port: s.port(), TLS: "none", From: "weir@example.com", To: []string{"ops@example.com", "lead@example.com"}}
	if err := e.Send(t.Context(), example); err != nil {
		t.Fatal(err)
	}
	if len(s.mails) != 1 {
		t.Fatalf("%d mails", len(s.mails))
	}
	for _, want := range []string{
		"Subject: [weir shop] vip_mail failed\n", "From: <weir@example.com>\n", "To: <ops@example.com>, <lead@example.com>\n", "Auto-Submitted: auto-generated\n", "Message-ID: <0123@weir>\n",
		"the destination says <!channel> & more\n", "Rows:    12,345 delivered, 7 due\n", "Look:    weir runs show r1\n",
	} {
		if !strings.Contains(s.mails[0], want) {
			t.Errorf("no %q in\n%s", want, s.mails[0])
		}
	}
	s.codes = []string{"550 no such user ops@example.com", "550 no such user"}
	tries := len(s.rcpts)
	err := e.Send(t.Context(), example)
	if err == nil || strings.Contains(err.Error(), "@") || !strings.Contains(err.Error(), "550") || len(s.rcpts) > tries+2 {
		t.Errorf("refused: %v after %d more receivers", err, len(s.rcpts)-tries)
	}
	e.TLS = "starttls" // which this server has not
	if err := e.Send(t.Context(), example); err == nil || len(s.mails) != 1 {
		t.Errorf("sent in plain: %v", err)
	}
}

// TestEmailSignsInEncrypted signs in over a connection that is encrypted from the start, and never
// over one that is not.
func TestEmailSignsInEncrypted(t *testing.T) {
	soon(t)
	https := httptest.NewTLSServer(nil) // for its certificate
	defer https.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", https.TLS)
	if err != nil {
		t.Fatal(err)
	}
	s := serveSMTP(t, l)
	e := Email{Host: "127.0.0.1", Port: s.port(), TLS: "tls", User: "weir", Password: "hunter2", From: "weir@example.com", To: []string{"ops@example.com"}}
	if err := e.Send(t.Context(), example); err == nil || len(s.mails) > 0 {
		t.Errorf("an unknown certificate was trusted: %v", err)
	}
	e.roots = x509.NewCertPool()
	e.roots.AddCert(https.Certificate())
	if err := e.Send(t.Context(), example); err != nil {
		t.Fatal(err)
	}
	if want := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00weir\x00hunter2")); len(s.mails) != 1 || s.auth != want {
		t.Errorf("%d mails, signed in by %s", len(s.mails), s.auth)
	}
	plain := newSMTP(t)
	e.Port, e.TLS, e.Host = plain.port(), "none", "mail.example.com"
	if c, err := mail.NewClient("mail.example.com", append(e.options(), mail.WithDialContextFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", plain.Addr().String())
	}))...); err != nil {
		t.Fatal(err)
	} else if err := c.DialWithContext(t.Context()); err == nil || plain.auth != "" {
		t.Errorf("the password went in plain: %v %s", err, plain.auth)
	}
}
