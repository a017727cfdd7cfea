package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/models/diag"
)

// session is one invocation: its streams and global flags.
type session struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	dir            string
	target         string
	selects        []string
	state          string // earlier manifest that state: in selects compares with
	asOf           string
	approve        []string
	full           bool // identity is built from nothing
	offline        bool // the command connects to nothing
	json           bool
	events         bool
	ui             *ui

	calls   func(app.Call)  // told of calls to destinations; may be nil
	also    func(app.Event) // told of progress beside the terminal; may be nil
	endSpan func(code string)
	alert   bool // the command tells alerts how it went

	command  string
	result   any            // of the envelope
	findings []diag.Finding // of the envelope
	code     int            // exit code a command asks for where it is not an error
}

// Main runs weir with arguments (without the program's name) and returns the exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &session{stdin: stdin, stdout: stdout, stderr: stderr}
	root := s.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	ctx, stop := withSignals(ctx, stderr)
	defer stop()
	s.ui = newUI(stderr, stdout)
	traces, err := s.startTracing(&ctx)
	defer traces()
	cmd := root
	if err == nil {
		cmd, err = root.ExecuteContextC(ctx)
	}
	if s.ui != nil {
		s.ui.close()
	}
	if cmd != nil && s.command == "" {
		s.command = strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "weir"), " ")
	}
	if err != nil && isUsage(err) {
		err = usage(cmd, err)
	}
	// A flag that cannot be read ends the reading of those that follow.
	s.json = s.json || slices.Contains(args, "--json")
	code := exitCode(ctx, err, s.code)
	s.finish(err, code)
	s.spanEnded(err, code)
	return code
}

func (s *session) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "weir",
		Short:         "Profiles, segments and syncs, declared in YAML and run inside your warehouse",
		Long:          "weir turns models kept in git into one profile per person, segments, and exactly the\nchanges that each email, ad and SMS tool needs. It runs inside the warehouse you have.\n\nTry it on a shop of its own:  weir demo",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRun: func(c *cobra.Command, _ []string) {
			s.command = strings.TrimPrefix(c.CommandPath(), "weir ")
			s.ui.quiet = s.json && s.events
			s.ui.ndjson = s.events
			s.beginSpan(c)
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: err.Error(), Fix: "see: " + c.CommandPath() + " --help"}
	})
	f := root.PersistentFlags()
	f.StringVarP(&s.dir, "project", "p", ".", "project folder")
	f.StringVarP(&s.target, "target", "t", "", "target of the project; its default_target if not given")
	f.StringSliceVarP(&s.selects, "select", "s", nil, "models and syncs to work on: name, +name, name+, tag:x, state:modified")
	f.StringVar(&s.state, "state", "", "earlier manifest of weir's, or its folder, that state:modified and state:new compare with")
	f.StringVar(&s.asOf, "as-of", "", "work as if it were this time (RFC 3339)")
	f.BoolVar(&s.json, "json", false, "print one JSON envelope to stdout")
	f.BoolVar(&s.events, "events", false, "print progress as NDJSON to stderr")
	root.AddCommand(
		s.demoCmd(), s.initCmd(), s.validateCmd(), s.compileCmd(), s.buildCmd(), s.planCmd(), s.runCmd(),
		s.testCmd(), s.serveCmd(), s.alertsCmd(), s.statusCmd(), s.runsCmd(), s.syncCmd(), s.verifyCmd(), s.forgetCmd(), s.suppressCmd(), s.doctorCmd(), s.identityCmd(), s.explainCmd(), s.profileCmd(), s.segmentCmd(), s.destinationsCmd(), s.sandboxCmd(), s.columnsCmd(), s.dbtCmd(), s.schemaCmd(), s.benchCmd(), s.versionCmd(),
	)
	root.CompletionOptions.HiddenDefaultCmd = false
	return root
}

// options are the app's options from the global flags.
func (s *session) options() (app.Options, error) {
	o := app.Options{Dir: s.dir, Target: s.target, Select: s.selects, State: s.state, Approve: s.approve, Full: s.full, Progress: s.progress, Calls: s.calls, Offline: s.offline}
	if s.asOf != "" {
		t, err := parseTime(s.asOf)
		if err != nil {
			return o, &app.Error{Kind: app.Refused, Code: "cli.as_of", Message: fmt.Sprintf("--as-of %q is not a time", s.asOf), Fix: "write it as 2026-06-01T00:00:00Z"}
		}
		o.AsOf = t
	}
	return o, nil
}

// load reads the project; its findings go to the envelope, or to stderr.
func (s *session) load(ctx context.Context) (*app.App, error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	a, findings, err := app.Load(ctx, o)
	s.findings = append(s.findings, findings...)
	if err == nil && a.Nothing() && !s.json {
		fmt.Fprintln(s.stderr, s.ui.dim("nothing is selected: nothing in the project is as "+strings.Join(s.selects, ", ")+" asks"))
	}
	return a, err
}

// envelope is what --json prints, for every command and every end.
type envelope struct {
	Command  string         `json:"command"`
	OK       bool           `json:"ok"`
	Result   any            `json:"result"`
	Findings []diag.Finding `json:"findings"`
	Error    *envelopeError `json:"error"`
}

type envelopeError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

// finish prints the envelope, or findings and error for people.
func (s *session) finish(err error, code int) {
	var ae *app.Error
	if errors.As(err, &ae) {
		s.findings = append(s.findings, ae.Findings...)
	}
	if s.json {
		e := envelope{Command: s.command, OK: code == 0 || code == exitChanges, Result: s.result, Findings: s.findings}
		if e.Findings == nil {
			e.Findings = []diag.Finding{}
		}
		if e.Result == nil {
			e.Result = struct{}{}
		}
		if err != nil {
			e.Error = &envelopeError{Code: "weir.failed", Message: err.Error()}
			if ae != nil {
				e.Error.Code, e.Error.Fix = ae.Code, ae.Fix
			}
		}
		enc := json.NewEncoder(s.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if werr := enc.Encode(e); werr != nil {
			fmt.Fprintln(s.stderr, werr)
		}
		return
	}
	for i, f := range s.findings {
		if i > 0 {
			fmt.Fprintln(s.stderr)
		}
		fmt.Fprint(s.stderr, s.ui.finding(f))
	}
	if err == nil {
		return
	}
	if len(s.findings) > 0 {
		fmt.Fprintln(s.stderr)
	}
	fmt.Fprintln(s.stderr, s.ui.bad("✖ ")+err.Error())
	if ae != nil && ae.Fix != "" {
		fmt.Fprintln(s.stderr, "  "+ae.Fix)
	}
	if ae != nil && ae.Code != "" {
		fmt.Fprintln(s.stderr, "  "+s.ui.dim(ae.Code))
	}
}

// out writes a line of the result for people; nothing with --json.
func (s *session) out(format string, args ...any) {
	if !s.json {
		fmt.Fprintf(s.stdout, format+"\n", args...)
	}
}

// garbage is how much may be thrown away before it is collected, in percent of what is alive. That
// is little beside what an embedded warehouse holds, and collecting it half as often spares a
// delivery a tenth of its processor.
const garbage = 200

// Exec runs weir on the process's own arguments and streams and exits. GOGC in the environment
// wins over its own way of collecting garbage.
func Exec() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	os.Exit(Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
