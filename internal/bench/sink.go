package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// taken is what an endpoint has got.
type taken struct{ Requests, Rows, Bytes int64 }

// sink takes every request, counts it, and answers after the time that its path names:
// /wait/50000 answers after 50 ms.
type sink struct{ requests, rows, bytes atomic.Int64 }

// rowMark stands once in every row.
var rowMark = []byte(`"email_sha256":`)

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/taken" {
		_ = json.NewEncoder(w).Encode(taken{s.requests.Load(), s.rows.Load(), s.bytes.Load()}) // the reader has gone
		return
	}
	body := make([]byte, max(0, r.ContentLength))
	if _, err := io.ReadFull(r.Body, body); err != nil {
		http.Error(w, "half a body", http.StatusBadRequest)
		return
	}
	if us, err := strconv.Atoi(r.PathValue("us")); err == nil {
		select {
		case <-time.After(time.Duration(us) * time.Microsecond):
		case <-r.Context().Done():
		}
	}
	s.requests.Add(1)
	s.rows.Add(int64(bytes.Count(body, rowMark)))
	s.bytes.Add(int64(len(body)))
	w.WriteHeader(http.StatusNoContent)
}

// serveSink writes its URL to out and serves until in ends.
func serveSink(ctx context.Context, in io.Reader, out io.Writer) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening on this machine: %w", err)
	}
	mux := http.NewServeMux()
	s := &sink{}
	mux.Handle("/wait/{us}", s)
	mux.Handle("/taken", s)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, in) // until the parent ends
		_ = srv.Close()
	}()
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	fmt.Fprintf(out, "http://%s\n", l.Addr())
	if err := srv.Serve(l); err != http.ErrServerClosed { //nolint:errorlint // the server's own word
		return err
	}
	return nil
}

// has asks an endpoint what it has got.
func has(ctx context.Context, url string) (taken, error) {
	var t taken
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/taken", nil)
	if err != nil {
		return t, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return t, fmt.Errorf("asking the endpoint: %w", err)
	}
	defer res.Body.Close()
	return t, json.NewDecoder(res.Body).Decode(&t)
}
