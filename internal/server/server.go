package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Board holds what the endpoints show. It is used by several goroutines.
type Board struct {
	m *metrics

	mu    sync.Mutex
	seen  map[string]bool // syncs that have metrics
	state string          // "" when schedules run; else why they do not
	check func(context.Context) error

	asking  sync.Mutex // one check at a time
	checked time.Time
	away    error
}

// NewBoard returns an empty board that is not ready, of a weir of that version.
func NewBoard(version string) *Board {
	return &Board{m: newMetrics(version), state: "starting", seen: map[string]bool{}}
}

// Ready says that schedules run. check, unless nil, is asked by /readyz whether the warehouse and the
// store are there: at most every ten seconds, and only if somebody asks. It is given three seconds.
func (b *Board) Ready(check func(context.Context) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state, b.check = "", check
	b.m.ready.Set(1)
}

// Draining says that nothing new begins.
func (b *Board) Draining() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = "draining"
	b.m.ready.Set(0)
}

const (
	checkEvery = 10 * time.Second
	checkTime  = 3 * time.Second
)

// errSlow says that the check did not answer.
var errSlow = errors.New("the warehouse or the store did not answer in time")

// unready says why no run could begin now, or "".
func (b *Board) unready(ctx context.Context) string {
	b.mu.Lock()
	state, check := b.state, b.check
	b.mu.Unlock()
	if state != "" || check == nil {
		return state
	}
	b.asking.Lock()
	defer b.asking.Unlock()
	if time.Since(b.checked) >= checkEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime)
		defer cancel()
		b.away = check(ctx)
		if b.away != nil && ctx.Err() != nil {
			b.away = errSlow
		}
		b.checked = time.Now()
	}
	if b.away != nil {
		return b.away.Error()
	}
	return ""
}

// Handler serves the endpoints.
func (b *Board) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	m.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if why := b.unready(r.Context()); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n") // whoever asked has gone if it fails
	})
	m.Handle("GET /metrics", promhttp.HandlerFor(b.m.registry, promhttp.HandlerOpts{Registry: b.m.registry, MaxRequestsInFlight: 8, Timeout: 10 * time.Second}))
	return m
}

// Serve answers on l until close is called, which waits a second for answers that are under way.
func (b *Board) Serve(l net.Listener) (closeServer func()) {
	h := &http.Server{Handler: b.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Serve(l) // ends when it is closed
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if h.Shutdown(ctx) != nil {
			_ = h.Close() // the rest is cut off
		}
		<-done
	}
}
