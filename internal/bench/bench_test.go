//go:build cgo && !noduckdb

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/weir-data/weir/destinations/http"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb"
)

// asked is the variable that makes the test binary do a part.
const asked = "WEIR_BENCH_TEST_PART"

func TestMain(m *testing.M) {
	if os.Getenv(asked) != "" {
		if err := Part(context.Background(), os.Args[len(os.Args)-1], os.Stdin, os.Stdout); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func sound() Options {
	return Options{Rows: 4000, Changes: 1000, Workers: 4, Latency: time.Millisecond, Memory: "256MB"}
}

func TestOptionsAreChecked(t *testing.T) {
	for flag, spoil := range map[string]func(*Options){
		"rows": func(o *Options) { o.Rows = 10 }, "changes": func(o *Options) { o.Changes = 3000 }, "workers": func(o *Options) { o.Workers = 0 },
		"latency": func(o *Options) { o.Latency = time.Minute },
	} {
		o := sound()
		spoil(&o)
		var bad *OptionError
		if err := o.Check(); !errors.As(err, &bad) || bad.Flag != flag || bad.Fix == "" || !strings.HasPrefix(bad.Error(), "--"+flag+" ") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	if err := sound().Check(); err != nil {
		t.Error(err)
	}
}

// A whole benchmark of few rows: every part holds by itself that what it measures was done.
func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asked, "1")
	o := sound()
	o.Dir, o.Command = t.TempDir(), []string{self}
	var said []string
	o.Progress = func(text string) { said = append(said, text) }
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sync.Rows != o.Changes || r.Bare.Rows != o.Changes || r.Diff.Changes != o.Rows/100 || r.Sync.Requests < o.Changes/batch || r.Nothing.Requests != 0 || len(r.Figures) != 8 || len(said) != 6 {
		t.Errorf("%+v\n%q", r, said)
	}
	for _, f := range r.Figures {
		if !(f.Value > 0) {
			t.Errorf("nothing was measured: %+v", f)
		}
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestRunTidiesUpAfterAFailure(t *testing.T) {
	o := sound()
	o.Dir, o.Command = t.TempDir(), []string{"/bin/false"}
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("an endpoint that does not start is no error")
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestPartsAreKnown(t *testing.T) {
	for _, p := range []string{`{"Name":"other","Dir":"/tmp"}`, `{"Name":"sync"}`, `none`} {
		if err := Part(t.Context(), p, nil, io.Discard); err == nil {
			t.Errorf("%s is done", p)
		}
	}
}

// The endpoint counts rows, and ends with its input.
func TestSink(t *testing.T) {
	in, stop := io.Pipe()
	out, says := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serveSink(t.Context(), in, says) }()
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(string(line[:n]))
	res, err := http.Post(url+"/wait/10", "application/json", bytes.NewReader([]byte(`[{"email_sha256":1},{"email_sha256":2}]`)))
	if err != nil || res.StatusCode != http.StatusNoContent {
		t.Fatal(res, err)
	}
	res.Body.Close()
	if got, err := has(t.Context(), url); err != nil || got != (taken{1, 2, 39}) {
		t.Errorf("%+v %v", got, err)
	}
	stop.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestIdle(t *testing.T) {
	unused, all := idle()
	if unused < 0 || all < unused {
		t.Errorf("%v of %v", unused, all)
	}
}

func TestJudge(t *testing.T) {
	r := Result{Rows: 10_000_000, Changes: 1_000_000, Memory: "256MB", Workers: 16, LatencyMS: 50,
		Diff: Diff{Ratio: 1.3}, Bare: Bare{Rows: 1_000_000, Spent: Spent{1, 1}}, Nothing: Whole{All: Spent{3, 3}}, Waiting: Waiting{Rows: 1, Seconds: 1, Share: 0.95, Stopped: 0.1},
		Sync: Whole{Rows: 1_000_000, All: Spent{17, 20}, Deliver: Spent{2, 2}, Peak: 500 << 20}}
	r.judge()
	var kept []bool
	for _, f := range r.Figures {
		kept = append(kept, f.Kept)
	}
	got, _ := json.Marshal(kept)
	if string(got) != "[true,true,false,true,false,true,true,true]" {
		t.Errorf("%s\n%+v", got, r.Figures)
	}
}
