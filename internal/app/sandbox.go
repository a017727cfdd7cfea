package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/sandbox"
)

// SandboxOptions shape the local stand-ins of vendors.
type SandboxOptions struct {
	Addr      string  // to listen on; "" means 127.0.0.1 on a free port
	Seed      uint64  // of the faults
	FaultRate float64 // share of write calls that fail, 0 to 1
	Speed     float64 // how much faster than the vendors' own clocks; 0 means 20
}

// Sandbox is the stand-ins of one project's vendors, either served by this process or found
// running. What they hold is kept below the project folder, so that the next command finds it.
type Sandbox struct {
	url    string
	dir    string
	boxes  map[string]destinations.Sandbox // served here; for others only their Settings are used
	server *http.Server
	done   chan struct{}

	mu    sync.Mutex
	saved map[string]time.Time     // last save
	cost  map[string]time.Duration // of the last save
}

// beacon tells other processes where a sandbox is served.
type beacon struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

// openSandbox finds the sandbox that another process serves for this project, or starts one here.
// boxed names the destinations and their types.
func openSandbox(ctx context.Context, dir string, boxed map[string]destinations.Sandboxer, o SandboxOptions, share bool) (*Sandbox, error) {
	s := &Sandbox{dir: filepath.Join(dir, ".weir", "sandbox"), boxes: map[string]destinations.Sandbox{}, saved: map[string]time.Time{}, cost: map[string]time.Duration{}}
	if o.Speed == 0 {
		o.Speed = 20
	}
	for name, d := range boxed {
		s.boxes[name] = d.Sandbox(destinations.SandboxOptions{Seed: o.Seed, FaultRate: o.FaultRate, Speed: o.Speed})
	}
	if url, ok := s.running(ctx); ok {
		if !share {
			return nil, &Error{Kind: Unavailable, Code: "sandbox.running", Message: "a sandbox of this project is already served on " + url, Fix: "stop that one first, or use it: weir run finds it by itself"}
		}
		s.url = url
		return s, nil
	}
	return s, s.serve(ctx, o.Addr)
}

// running returns the address of a live sandbox of this project.
func (s *Sandbox) running(ctx context.Context) (string, bool) {
	b, err := os.ReadFile(filepath.Join(s.dir, "address.json"))
	if err != nil {
		return "", false
	}
	var at beacon
	if json.Unmarshal(b, &at) != nil || at.URL == "" {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.URL+"/", nil)
	if err != nil {
		return "", false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", false
	}
	resp.Body.Close()
	return at.URL, resp.StatusCode == http.StatusOK && resp.Header.Get("Weir-Sandbox") == s.dir
}

func (s *Sandbox) serve(ctx context.Context, addr string) error {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("making the sandbox's folder: %w", err)
	}
	for name, box := range s.boxes {
		b, err := os.ReadFile(s.file(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = box.Restore(b)
		}
		if err != nil {
			return &Error{Kind: Failed, Code: "sandbox.memory", Message: fmt.Sprintf("the sandbox's memory of %s cannot be read: %v", name, err), Fix: "remove " + s.file(name) + " to begin with an empty one"}
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return &Error{Kind: Unavailable, Code: "sandbox.address", Message: fmt.Sprintf("the sandbox cannot listen on %s: %v", addr, err), Fix: "give another address: --addr 127.0.0.1:0", Err: err}
	}
	s.url = "http://" + l.Addr().String()
	inner := sandbox.Mount(s.boxes)
	s.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Weir-Sandbox", s.dir)
		defer s.remember(r) // before the answer is flushed
		inner.ServeHTTP(w, r)
	})}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.server.Serve(l) // always ErrServerClosed: the listener is ours
	}()
	b, err := json.Marshal(beacon{s.url, os.Getpid()})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(s.dir, "address.json"), b)
}

func (s *Sandbox) file(name string) string { return filepath.Join(s.dir, name+".json") }

// remember writes the memory that a request may have changed, as long as that stays cheap: a
// large memory is written at most every few seconds, and when the sandbox closes.
func (s *Sandbox) remember(r *http.Request) {
	if r.Method == http.MethodGet {
		return
	}
	for name := range s.boxes {
		if len(r.URL.Path) > len(name) && r.URL.Path[1:len(name)+1] == name {
			s.mu.Lock()
			due := time.Since(s.saved[name]) > 50*s.cost[name]
			s.mu.Unlock()
			if due {
				_ = s.save(name) // tried again by the next request and by Close, which reports
			}
		}
	}
}

func (s *Sandbox) save(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := time.Now()
	b, err := s.boxes[name].Snapshot()
	if err == nil {
		err = writeFile(s.file(name), b)
	}
	s.saved[name] = time.Now()
	s.cost[name] = time.Since(start)
	return err
}

// URL is where the sandbox is served.
func (s *Sandbox) URL() string { return s.url }

// Names lists the destinations that have a sandbox, sorted.
func (s *Sandbox) Names() []string {
	var names []string
	for n := range s.boxes {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Settings returns what to put over a destination's settings.
func (s *Sandbox) Settings(name string) map[string]any {
	return s.boxes[name].Settings(s.url + "/" + name)
}

// Members counts what each destination holds now. It is right only in the process that serves.
func (s *Sandbox) Members() map[string]int64 {
	out := map[string]int64{}
	for name, box := range s.boxes {
		out[name] = 0
		for _, members := range box.Members() {
			out[name] += int64(len(members))
		}
	}
	return out
}

// Close stops serving and writes the memory.
func (s *Sandbox) Close() error {
	if s.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var errs []error
	// A connection that was opened and never used holds an orderly end up: it holds nothing.
	if s.server.Shutdown(ctx) != nil {
		errs = append(errs, s.server.Close())
	}
	<-s.done
	for name := range s.boxes {
		errs = append(errs, s.save(name))
	}
	errs = append(errs, os.Remove(filepath.Join(s.dir, "address.json")))
	s.server = nil
	return errors.Join(errs...)
}

// writeFile writes a file as a whole or not at all.
func writeFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
