package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// stopper stops a statement whose context is over by asking the server, so that the connection
// and its temporary tables live on. A server that is busy may get the question before the
// statement, and then ignores it: it is asked again until the statement has ended. If it does
// not end, the connection is given up.
type stopper struct {
	conn  *pgconn.PgConn
	end   context.CancelFunc
	ended chan struct{}
}

// How often the server is asked, how long it may take, and how long a question may still be on
// its way when the statement has ended: the next statement must not get it.
const (
	askAgain = 500 * time.Millisecond
	giveUp   = 5 * time.Second
	onItsWay = 100 * time.Millisecond
)

// HandleCancel begins to ask. The driver calls it when the context is over.
func (s *stopper) HandleCancel(context.Context) {
	deadline := time.Now().Add(giveUp)
	_ = s.conn.Conn().SetDeadline(deadline) // fails if the connection is closed, which ends the statement too
	var ctx context.Context
	ctx, s.end = context.WithDeadline(context.Background(), deadline)
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		for ctx.Err() == nil {
			// A question that has begun is brought to its end.
			question, over := context.WithTimeout(context.Background(), time.Second)
			if s.conn.CancelRequest(question) == nil {
				time.Sleep(onItsWay)
			}
			over()
			select {
			case <-ctx.Done():
			case <-time.After(askAgain - onItsWay):
			}
		}
	}()
}

// HandleUnwatchAfterCancel stops asking. The driver calls it when the statement has ended.
func (s *stopper) HandleUnwatchAfterCancel() {
	s.end()
	<-s.ended
	_ = s.conn.Conn().SetDeadline(time.Time{}) // a closed connection says so when it is used
}
