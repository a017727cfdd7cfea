package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Options are what is measured.
type Options struct {
	Rows    int64         // people in the ledger
	Changes int64         // of which the sync that is measured has so many
	Workers int           // calls at once
	Latency time.Duration // of the slow endpoint
	Memory  string        // the warehouse's memory_limit, such as 256MB
	Dir     string        // where a temporary folder is made; "" for the system's

	// Command starts this program again with a part to do, which is appended.
	Command []string
	// Progress is told what is measured next; may be nil.
	Progress func(text string)
}

// Bounds of the options.
const (
	minRows    = 1000
	maxRows    = 200_000_000
	maxWorkers = 256
	maxLatency = 10 * time.Second
)

// OptionError says which flag is wrong, and why.
type OptionError struct{ Flag, Why, Fix string }

// Error names the flag.
func (e *OptionError) Error() string { return "--" + e.Flag + " " + e.Why }

// Check refuses what cannot be measured. The error is an *OptionError.
func (o Options) Check() error {
	switch {
	case o.Rows < minRows || o.Rows > maxRows:
		return &OptionError{"rows", fmt.Sprintf("%d is not a number of %d to %d", o.Rows, minRows, maxRows), "1000000 is a good start"}
	case o.Changes < 100 || o.Changes > o.Rows/2:
		return &OptionError{"changes", fmt.Sprintf("%d is not a number of 100 to half of the rows (%d)", o.Changes, o.Rows/2), "a tenth of the rows is a good start"}
	case o.Workers < 1 || o.Workers > maxWorkers:
		return &OptionError{"workers", fmt.Sprintf("%d is not a number of 1 to %d", o.Workers, maxWorkers), "leave it out for 16"}
	case o.Latency < time.Millisecond || o.Latency > maxLatency:
		return &OptionError{"latency", fmt.Sprintf("%s is not a time of 1ms to %s", o.Latency, maxLatency), "leave it out for 50ms"}
	}
	return nil
}

// part is what a child is told to do.
type part struct {
	Name    string
	Dir     string
	Sink    string // its URL
	Rows    int64
	Changes int64
	Workers int
	Latency time.Duration
	Memory  string
}

// Run measures. Everything that it made is gone when it returns.
func Run(ctx context.Context, o Options) (_ *Result, err error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if len(o.Command) == 0 {
		return nil, errors.New("the benchmark is not told how to start itself")
	}
	dir, err := os.MkdirTemp(o.Dir, "weir-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the benchmark: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sink, err := startSink(ctx, o.Command)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sink.stop()) }()

	p := part{Dir: dir, Sink: sink.url, Rows: o.Rows, Changes: o.Changes, Workers: o.Workers, Latency: o.Latency, Memory: o.Memory}
	r := &Result{Rows: o.Rows, Changes: o.Changes, Workers: o.Workers, LatencyMS: float64(o.Latency) / 1e6, Memory: o.Memory, CPUs: runtime.NumCPU()}
	for _, step := range []struct {
		name, says string
		into       any
	}{
		{"setup", "making people, and a ledger that has sent everybody", &struct{}{}},
		{"diff", "planning 1 % of changes, beside the same by hand", &r.Diff},
		{"bare", "a bare loop over the rows that are to be sent", &r.Bare},
		{"sync", "a whole sync of the changes", &r.Sync},
		{"nothing", "a sync with no change", &r.Nothing},
		{"waiting", "an endpoint that takes its time, and a sync that is stopped", &r.Waiting},
	} {
		if o.Progress != nil {
			o.Progress(step.says)
		}
		p.Name = step.name
		if err := child(ctx, o.Command, p, step.into); err != nil {
			return nil, fmt.Errorf("measuring %s: %w", step.says, err)
		}
	}
	r.judge()
	return r, nil
}

func encoded(p part) string {
	b, _ := json.Marshal(p) // numbers and texts
	return string(b)
}

// child does a part in a process of its own and reads what it found.
func child(ctx context.Context, command []string, p part, into any) error {
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], encoded(p))...)
	var out, bad bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &bad
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if said := strings.TrimSpace(strings.TrimPrefix(bad.String(), "✖ ")); said != "" {
			return errors.New(said)
		}
		return err
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("reading what the part %s found: %w", p.Name, err)
	}
	return nil
}

// sinkProcess is the endpoint in its own process. It ends with this one: its stdin is a pipe.
type sinkProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	url string
}

func startSink(ctx context.Context, command []string) (*sinkProcess, error) {
	s := &sinkProcess{cmd: exec.CommandContext(ctx, command[0], append(command[1:], encoded(part{Name: "sink"}))...)}
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting the endpoint: %w", err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the endpoint: %w", err)
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the endpoint: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the endpoint did not say where it listens: %w", err), s.stop())
	}
	s.url = strings.TrimSpace(line)
	return s, nil
}

func (s *sinkProcess) stop() error {
	_ = s.in.Close() // it may have ended
	if err := s.cmd.Wait(); err != nil && s.url != "" && s.cmd.ProcessState.ExitCode() > 0 {
		return fmt.Errorf("the endpoint: %w", err)
	}
	return nil
}

// Part does the part that a parent asked for, in this process, and writes what it found to out.
func Part(ctx context.Context, asked string, in io.Reader, out io.Writer) error {
	var p part
	if err := json.Unmarshal([]byte(asked), &p); err != nil {
		return fmt.Errorf("reading the part to do: %w", err)
	}
	if p.Name == "sink" {
		return serveSink(ctx, in, out)
	}
	do, ok := map[string]func(context.Context, *world) (any, error){
		"setup": setup, "diff": diff, "bare": bare, "sync": whole, "nothing": nothing, "waiting": waiting,
	}[p.Name]
	if !ok {
		return fmt.Errorf("there is no part %q", p.Name)
	}
	if !filepath.IsAbs(p.Dir) {
		return fmt.Errorf("the part %s has no folder", p.Name)
	}
	w, err := open(p)
	if err != nil {
		return err
	}
	found, err := do(ctx, w)
	if err = errors.Join(err, w.close()); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(found)
}
