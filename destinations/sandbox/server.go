package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Vendor is the part of a sandbox that differs from vendor to vendor. All its methods but
// Settings are called by one goroutine at a time, so it needs no locks.
type Vendor interface {
	// ServeHTTP answers one request, whose body was read already and can be read again.
	http.Handler
	// Settings returns what to put over a destination's settings to talk to base.
	Settings(base string) map[string]any
	// Members returns the distinct members by target, sorted.
	Members() map[string][]string
	// State returns a pointer to a struct that JSON can carry: the vendor's whole memory.
	State() any
	// Rates returns the limits that a request counts against; none for what is not limited.
	Rates(*http.Request) []destinations.Rate
	// Refuse answers in the vendor's own shape: status 429 with the vendor's headers for wait,
	// or status 500, for which wait is 0.
	Refuse(w http.ResponseWriter, r *http.Request, status int, wait time.Duration)
}

// Writer is a Vendor that says itself which requests are writes and so may meet an injected
// fault. Without it those are all but GET and HEAD.
type Writer interface {
	IsWrite(*http.Request) bool
}

// maxBody bounds a request's body; no vendor takes more.
const maxBody = 128 << 20

// Server is a running sandbox: a destinations.Sandbox.
type Server struct {
	vendor  Vendor
	faults  faults
	windows windows
	now     func() time.Time

	mu  sync.Mutex
	log []Entry
	seq uint64
}

var _ destinations.Sandbox = (*Server)(nil)

// New returns a sandbox of v.
func New(o destinations.SandboxOptions, v Vendor) *Server {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	speed := o.Speed
	if speed <= 0 {
		speed = 1
	}
	return &Server{vendor: v, now: now, faults: newFaults(o.Seed, o.FaultRate),
		windows: windows{speed: speed, open: map[string]*window{}}}
}

// ServeHTTP answers as the vendor would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/_members":
		s.show(w, map[string]any{"members": s.Members()})
		return
	case r.Method == http.MethodGet && r.URL.Path == "/_requests":
		s.show(w, map[string]any{"requests": s.Requests()})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request body", http.StatusRequestEntityTooLarge)
		return
	}
	own := *r // the outer mux still holds r
	own.Pattern = ""
	if own.URL.Path == "" {
		u := *own.URL
		u.Path, u.RawPath = "/", ""
		own.URL = &u
	}
	own.Body, own.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	s.answer(&own).send(w)
}

// answer decides and applies under the lock; sending is left to the caller.
func (s *Server) answer(r *http.Request) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	a := newAnswer()
	var f fault
	if wait := s.windows.take(s.vendor.Rates(r), now); wait > 0 {
		f = limited
		s.vendor.Refuse(a, r, http.StatusTooManyRequests, wait)
	} else if f = s.draw(r); !f.refuses() {
		s.vendor.ServeHTTP(a, r)
	} else if f == throttled {
		s.vendor.Refuse(a, r, http.StatusTooManyRequests, time.Second)
	} else if f == broken {
		s.vendor.Refuse(a, r, http.StatusInternalServerError, 0)
	}
	f.spoil(a)
	s.note(r, f, a, now)
	return a
}

func (s *Server) draw(r *http.Request) fault {
	write := r.Method != http.MethodGet && r.Method != http.MethodHead
	if v, ok := s.vendor.(Writer); ok {
		write = v.IsWrite(r)
	}
	if !write {
		return none
	}
	return s.faults.draw()
}

// Settings returns what to put over a destination's settings to talk to base.
func (s *Server) Settings(base string) map[string]any {
	return s.vendor.Settings(strings.TrimRight(base, "/"))
}

// Members returns what the vendor holds now.
func (s *Server) Members() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vendor.Members()
}

// Snapshot returns the memory as JSON.
func (s *Server) Snapshot() (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := json.Marshal(s.vendor.State())
	if err != nil {
		return nil, fmt.Errorf("saving the sandbox: %w", err)
	}
	return b, nil
}

// Restore replaces the memory by a Snapshot. On an error the memory is as before.
func (s *Server) Restore(raw json.RawMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := reflect.ValueOf(s.vendor.State())
	fresh := reflect.New(state.Type().Elem())
	if err := json.Unmarshal(raw, fresh.Interface()); err != nil {
		return fmt.Errorf("restoring the sandbox: %w", err)
	}
	if v := fresh.Elem(); v.Kind() == reflect.Struct {
		for i := range v.NumField() { // a map that was empty comes back nil
			if f := v.Field(i); f.Kind() == reflect.Map && f.IsNil() && f.CanSet() {
				f.Set(reflect.MakeMap(f.Type()))
			}
		}
	}
	state.Elem().Set(fresh.Elem())
	return nil
}

func (s *Server) show(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the reader has gone
}

// Mount serves each sandbox under "/<name>/" and a list of them at "/".
func Mount(all map[string]destinations.Sandbox) http.Handler {
	mux := http.NewServeMux()
	for name, s := range all {
		inner := http.StripPrefix("/"+name, s)
		mux.Handle("/"+name+"/", inner)
		mux.Handle("/"+name, inner) // or the mux would answer with a redirect
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		for _, name := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(w, "/%s/_members\n/%s/_requests\n", name, name)
		}
	})
	return mux
}

// WriteJSON answers with v as JSON; for vendors.
func WriteJSON(w http.ResponseWriter, status int, contentType string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encoding the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(b) // to memory
}
