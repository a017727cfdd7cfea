package alert

import (
	"context"
	"errors"
	"time"
)

// Sender tells people. Send may be called from several goroutines at once; it repeats what can be
// repeated for a while, and returns an error that holds no secret.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// repeats are the waits between the tries of one message.
var repeats = []time.Duration{time.Second, 3 * time.Second, 9 * time.Second}

// longest is how long a receiver's Retry-After is obeyed.
const longest = 30 * time.Second

// perTry bounds one try.
const perTry = 10 * time.Second

// permanent marks an error that repeating does not mend.
type permanent struct{ error }

// Unwrap returns the error.
func (p permanent) Unwrap() error { return p.error }

// tried calls try until it works, an error is permanent, or the waits are used up.
func tried(ctx context.Context, try func(context.Context) error) error {
	for i := 0; ; i++ {
		once, cancel := context.WithTimeout(ctx, perTry)
		err := try(once)
		cancel()
		var final permanent
		switch {
		case err == nil:
			return nil
		case errors.As(err, &final):
			return final.error
		case i == len(repeats) || ctx.Err() != nil:
			return err
		}
		timer := time.NewTimer(repeats[i])
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}
