package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/models/diag"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // failed or degraded
	exitRefused     = 2 // project, plan, guard or usage says no
	exitUnavailable = 3 // the world is not there
	exitChanges     = 4 // plan --detailed-exitcode: there is something to do
)

// exitCode decides every exit code of weir.
func exitCode(ctx context.Context, err error, asked int) int {
	var sig signalError
	if errors.As(context.Cause(ctx), &sig) {
		return 128 + int(sig.sig)
	}
	var ae *app.Error
	switch {
	case err == nil:
		return asked
	case errors.As(err, &ae):
		switch ae.Kind {
		case app.Refused:
			return exitRefused
		case app.Unavailable:
			return exitUnavailable
		}
		return exitFailed
	}
	return exitFailed
}

// usage is a usage error in weir's own words, with what to do.
func usage(cmd *cobra.Command, err error) error {
	e := &app.Error{Kind: app.Refused, Code: "cli.usage", Message: err.Error(), Fix: "see: " + cmd.CommandPath() + " --help"}
	var unknown string
	if n, _ := fmt.Sscanf(e.Message, "unknown command %q", &unknown); n == 1 {
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		if fix := diag.DidYouMean(unknown, names); fix != "" {
			e.Fix = fix
		}
	}
	return e
}

// isUsage recognises cobra's own errors, which carry no type.
func isUsage(err error) bool {
	var own *app.Error
	if errors.As(err, &own) {
		return false
	}
	s := err.Error()
	for _, p := range []string{"unknown command", "unknown flag", "unknown shorthand", "accepts ", "requires at least", "requires at most", "invalid argument", "flag needs an argument", "required flag"} {
		if len(s) >= len(p) && s[:len(p)] == p {
			return true
		}
	}
	return false
}

type signalError struct{ sig syscall.Signal }

func (e signalError) Error() string { return e.sig.String() }

// withSignals gives a context that the first SIGINT or SIGTERM ends: running work drains and
// records what it did. The second one exits at once.
func withSignals(ctx context.Context, stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case sig := <-ch:
			s, _ := sig.(syscall.Signal)
			cancel(signalError{s})
			fmt.Fprintln(stderr, "\nstopping after what is on its way; once more to stop at once")
			select {
			case <-ch:
				os.Exit(128 + int(s))
			case <-done:
			}
		case <-done:
		}
	})
	return ctx, func() {
		signal.Stop(ch)
		close(done)
		wg.Wait()
		cancel(nil)
	}
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", s)
}
