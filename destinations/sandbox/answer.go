package sandbox

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
)

// answer is a response in memory, so that it can be spoiled before it leaves.
type answer struct {
	head   http.Header
	status int
	body   bytes.Buffer
	keep   int  // bytes of body to send if lose
	lose   bool // close the connection afterwards
}

func newAnswer() *answer { return &answer{head: http.Header{}} }

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.head }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// send puts the answer on the wire, as far as the fault lets it.
func (a *answer) send(w http.ResponseWriter) {
	if a.lose && a.keep == 0 {
		panic(http.ErrAbortHandler) // net/http closes the connection and logs nothing
	}
	h := w.Header()
	for k, v := range a.head {
		h[k] = v
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	w.WriteHeader(a.status)
	if !a.lose {
		_, _ = w.Write(a.body.Bytes()) // the client has gone
		return
	}
	_, _ = w.Write(a.body.Bytes()[:a.keep])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// Entry is one request in the log.
type Entry struct {
	N      uint64    `json:"n"`
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Route  string    `json:"route"` // without identifiers
	Status int       `json:"status,omitempty"`
	Bytes  int64     `json:"bytes"`
	Fault  string    `json:"fault,omitempty"`
}

// logged is how many requests the log keeps.
const logged = 1000

func (s *Server) note(r *http.Request, f fault, a *answer, now time.Time) {
	s.seq++
	e := Entry{N: s.seq, At: now.UTC(), Method: r.Method, Route: route(r), Status: a.status, Bytes: r.ContentLength, Fault: faultNames[f]}
	if len(s.log) >= 2*logged {
		s.log = append(s.log[:0], s.log[len(s.log)-logged:]...)
	}
	s.log = append(s.log, e)
}

// Requests returns the latest requests, oldest first. Seen says how many there were in all.
func (s *Server) Requests() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Entry(nil), s.log[max(0, len(s.log)-logged):]...)
}

// Seen returns how many requests there were in all.
func (s *Server) Seen() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seq
}

// route is the pattern that a ServeMux found for r, or the path with every segment that may
// name a person or a record blanked.
func route(r *http.Request) string {
	if _, p, ok := strings.Cut(r.Pattern, "/"); ok {
		return "/" + p
	}
	parts := strings.Split(r.URL.Path, "/")
	for i, p := range parts {
		if len(p) > 24 || strings.ContainsAny(p, "0123456789@+%") {
			parts[i] = "…"
		}
	}
	return strings.Join(parts, "/")
}

// window is the fixed window of one rate.
type window struct {
	from time.Time
	used int
}

type windows struct {
	speed float64
	open  map[string]*window
}

// take counts a request against its rates and returns 0, or, counting nothing, how long until
// all of them have room.
func (ws *windows) take(rates []destinations.Rate, now time.Time) time.Duration {
	var wait time.Duration
	for _, r := range rates {
		w, per := ws.of(r, now)
		if w.used >= r.N {
			wait = max(wait, w.from.Add(per).Sub(now))
		}
	}
	if wait > 0 {
		return wait
	}
	for _, r := range rates {
		w, _ := ws.of(r, now)
		w.used++
	}
	return 0
}

func (ws *windows) of(r destinations.Rate, now time.Time) (*window, time.Duration) {
	per := max(time.Duration(float64(r.Per)/ws.speed), time.Millisecond)
	key := r.Bucket + "/" + r.Per.String()
	w := ws.open[key]
	if w == nil {
		w = &window{from: now}
		ws.open[key] = w
	}
	if now.Sub(w.from) >= per || now.Before(w.from) {
		*w = window{from: now}
	}
	return w, per
}
