package postgres

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// How often what is safe to do again is done again, waiting longer each time.
const (
	connectRetries   = 3
	statementRetries = 3
	firstWait        = 100 * time.Millisecond
)

// undone reports whether a statement failed because of others, and left nothing: a serialisation
// failure or a deadlock. Outside of a transaction the same statement can be run again.
func undone(err error) bool { return hasCode(err, "40001", "40P01") }

// notYet reports whether a server cannot be connected to at the moment: it starts up, has no
// connection left, or hung up before it had said anything.
func notYet(err error) bool {
	var e *net.OpError
	return hasCode(err, "57P03", "53300") || errors.Is(err, syscall.ECONNRESET) || errors.As(err, &e) && e.Op == "dial" && errors.Is(err, syscall.ECONNREFUSED)
}

func hasCode(err error, codes ...string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}

// wait waits before the attempt after so many.
func wait(ctx context.Context, after int) error {
	t := time.NewTimer(firstWait << after)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
