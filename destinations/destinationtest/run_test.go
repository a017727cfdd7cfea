package destinationtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// sample is a sound little destination. Each of its bugs is one that the suite must find.
type sample struct{ bug string }

func (d sample) Spec() destinations.Spec {
	return destinations.Spec{Type: "sample", Kind: destinations.CRM, Title: "Sample",
		Settings: []destinations.Setting{{Name: "token", Type: destinations.String, Doc: "Token.", Secret: true}},
		Objects: []destinations.Object{{Name: "contact", Ops: []destinations.Op{destinations.Upsert}, Granularity: destinations.WholeBatch,
			Identifiers: []destinations.Identifier{{Name: "email", Normalise: "email.basic"}}, OpenFields: true,
			Limits: destinations.Limits{Rows: 10}, Idempotent: true}}}
}

func (d sample) Open(_ context.Context, env destinations.Env) (destinations.Session, error) {
	if d.bug == "open sends" {
		r, _ := http.NewRequest("GET", Base, nil)
		_, _ = env.HTTP.Do(r)
	}
	return &sampleSession{d.bug, env}, nil
}

type sampleSession struct {
	bug string
	env destinations.Env
}

func (s *sampleSession) Check(context.Context) error { return nil }
func (s *sampleSession) Close(context.Context) error { return nil }

// Write is a hand-made client, so that its mistakes are its own.
func (s *sampleSession) Write(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	token, _ := s.env.Secret("token")
	if len(b.Rows) == 0 && s.bug != "sends nothing" {
		return destinations.Outcome{Rest: destinations.Result{Status: destinations.Unchanged}}, nil
	}
	body := &strings.Builder{}
	for _, r := range b.Rows {
		fmt.Fprintf(body, "%v", r.IDs[0])
		for i, f := range r.Fields {
			if destinations.IsAbsent(f) && s.bug != "sends absent" {
				continue
			}
			if n, ok := f.(int64); ok && s.bug == "floats" {
				f = float64(n)
			}
			fmt.Fprintf(body, "&%s=%v", b.Columns.Fields[i], f)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	u := Base + "/contacts"
	if s.bug == "secret in URL" {
		u += "?token=" + token
	}
	tries := 1
	if s.bug == "repeats" {
		tries = 2
	}
	var res *http.Response
	var err error
	for range tries {
		r, _ := http.NewRequestWithContext(ctx, "POST", u, strings.NewReader(body.String()))
		r.Header.Set("Authorization", token)
		if res, err = s.env.HTTP.Do(r); err == nil && res.StatusCode < 300 {
			break
		}
	}
	fault := func(c destinations.Class, text string) (destinations.Outcome, error) {
		return destinations.Outcome{}, &destinations.Fault{Class: c, Code: "x", Text: text}
	}
	if err != nil {
		if s.bug == "timeout is transient" {
			return fault(destinations.Transient, "no answer")
		}
		return fault(destinations.Ambiguous, "no answer")
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	switch {
	case err != nil && s.bug != "half is whole":
		return fault(destinations.Ambiguous, "cut")
	case res.StatusCode == 400 && s.bug == "echoes":
		return fault(destinations.BadBatch, string(answer))
	case res.StatusCode == 400 && s.bug == "logs":
		s.env.Log.Info("refused", "body", body.String())
		return fault(destinations.BadBatch, "refused")
	case res.StatusCode == 429 && s.bug != "no wait":
		return destinations.Outcome{}, &destinations.Fault{Class: destinations.Throttled, Text: "slow down", RetryAfter: s.wait(res.Header)}
	case res.StatusCode == 401 || res.StatusCode == 403:
		return fault(destinations.Refused, "no")
	case res.StatusCode >= 500 && s.bug != "all is well":
		return fault(destinations.Ambiguous, "broken")
	case res.StatusCode >= 300 && s.bug != "all is well":
		return fault(destinations.BadBatch, "refused")
	}
	if s.bug == "no verdict" {
		return destinations.Outcome{}, nil
	}
	return destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered}}, nil
}

// wait reads Retry-After well, unless its bug is to believe anything.
func (s *sampleSession) wait(h http.Header) time.Duration {
	if s.bug == "spins" {
		n, _ := time.ParseDuration(h.Get("Retry-After") + "s")
		return n
	}
	return rest.RetryAfter(h, time.Now())
}

// TestSampleHelper is what TestTheSuiteFindsBugs runs: one check over one bug.
func TestSampleHelper(t *testing.T) {
	bug, check, ok := strings.Cut(os.Getenv("SAMPLE_BUG"), "/")
	if !ok {
		return // nothing by itself
	}
	skip := map[string]string{}
	for _, c := range checks {
		if c.name != check {
			skip[c.name] = "not this one"
		}
	}
	Run(t, sample{bug}, Options{Skip: skip, Settings: map[string]any{"token": "canarytoken99"},
		Server: func() http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "taken") })
		}})
}

// A check that can not fail proves nothing: each finds the bug that it is there for, and passes
// without it.
func TestTheSuiteFindsBugs(t *testing.T) {
	cases := []struct{ bug, check, finds string }{
		{"open sends", "one row", "Open sent 1 requests"},
		{"no verdict", "one row", "has no verdict"},
		{"sends nothing", "empty batch", "an empty batch sent 1 requests"},
		{"sends absent", "odd values", "an absent field was sent"},
		{"floats", "odd values", "did not arrive whole"},
		{"secret in URL", "one row", "a secret is in the URL"},
		{"repeats", "lost before applying", "the write was repeated"},
		{"timeout is transient", "lost after applying", "want class [ambiguous]"},
		{"half is whole", "half an answer", "the verdict is delivered"},
		{"echoes", "400 that echoes people", "is in a log, error, reason or note"},
		{"logs", "400 that echoes people", "is in a log, error, reason or note"},
		{"all is well", "5xx", "the verdict is delivered"},
		{"no wait", "429", "want class [throttled]"},
		{"spins", "429", "means a wait of"},
	}
	for _, c := range cases {
		t.Run(c.bug, func(t *testing.T) {
			t.Parallel()
			run := func(bug string) (string, error) {
				cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSampleHelper$")
				cmd.Env = append(os.Environ(), "SAMPLE_BUG="+bug+"/"+c.check)
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			if out, err := run(c.bug); err == nil || !strings.Contains(out, c.finds) {
				t.Errorf("the bug was not found: %v\n%s", err, cut(out))
			}
			if out, err := run("none"); err != nil {
				t.Errorf("a sound destination fails:\n%s", cut(out))
			}
		})
	}
}

var (
	registers  = regexp.MustCompile(`destinations\.Register\(`)
	conformity = regexp.MustCompile(`destinationtest\.Run\(`)
)

// Every package that registers a destination runs this suite in its tests.
func TestEveryDestinationConforms(t *testing.T) {
	sources, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	registered, tested := map[string]bool{}, map[string]bool{}
	for _, path := range sources {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Base(filepath.Dir(path))
		switch test := strings.HasSuffix(path, "_test.go"); {
		case dir == "destinationtest":
		case !test && registers.Match(b):
			registered[dir] = true
		case test && conformity.Match(b):
			tested[dir] = true
		}
	}
	if len(registered) < 3 {
		t.Fatalf("only %d destinations were found", len(registered))
	}
	for dir := range registered {
		if !tested[dir] {
			t.Errorf("destinations/%s does not run destinationtest", dir)
		}
	}
}
