package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

// flush is how long the last spans of a command may take to be delivered.
const flush = 5 * time.Second

// startTracing begins to record spans if the environment asks for it. Whoever calls it defers what
// it returns.
func (s *session) startTracing(ctx *context.Context) (stop func(), err error) {
	failed := func(err error) { fmt.Fprintln(s.stderr, "traces are not delivered: "+app.Unnamed(err.Error())) }
	traced, end, err := app.StartTracing(*ctx, version(), failed)
	*ctx = traced
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), flush)
		defer cancel()
		_ = end(ctx) // failed was told
	}, err
}

// beginSpan begins the span of a command. weir serve has none, since it does not end: each group of
// syncs that it runs is a trace.
func (s *session) beginSpan(c *cobra.Command) {
	if c.Name() == "serve" {
		return
	}
	ctx, end := app.Span(c.Context(), "weir "+s.command, map[string]string{"weir.command": s.command})
	c.SetContext(ctx)
	s.endSpan = end
}

// spanEnded ends the span of the command.
func (s *session) spanEnded(err error, code int) {
	if s.endSpan == nil {
		return
	}
	var ae *app.Error
	switch {
	case code == exitOK || code == exitChanges:
		s.endSpan("")
	case errors.As(err, &ae) && ae.Code != "":
		s.endSpan(ae.Code)
	default:
		s.endSpan("exit " + strconv.Itoa(code))
	}
}

// progress passes an event on.
func (s *session) progress(e app.Event) {
	s.ui.event(e)
	if s.also != nil {
		s.also(e)
	}
}

// version is weir's own.
func version() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
		return bi.Main.Version
	}
	return "(devel)"
}
