package bigquery

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net/url"
	"strings"
	"time"

	bq "cloud.google.com/go/bigquery"
)

// How often a statement that failed because of others, and left nothing, is run again, and a request
// that got no answer repeated, waiting longer each time, and how long a job may take to stop.
const (
	statementRetries = 6
	requestRetries   = 4
	firstWait        = 250 * time.Millisecond
	stopWithin       = 3 * time.Second
	longestWait      = 30 * time.Second // for a job, before it is asked how it is
)

// newJobID is an id that no other job has.
func newJobID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return jobPrefix + hex.EncodeToString(b[:])
}

const jobPrefix = "weir_job_"

// done is a job that ended well.
type done struct {
	job    *bq.Job
	status *bq.JobStatus
}

// query is a job of a statement in the session, if there is one.
func (s *session) query(sql string) *bq.Query {
	q := s.plain.Query(sql)
	q.Labels = map[string]string{"weir": s.label}
	q.Priority, q.MaxBytesBilled, q.JobTimeout, q.Location = s.priority, s.maxBytes, s.timeout, s.location
	if s.id != "" {
		q.ConnectionProperties = []*bq.ConnectionProperty{{Key: "session_id", Value: s.id}}
	}
	s.standIn(q)
	return q
}

// run runs a statement to its end. What failed because of others, and left nothing, is run again
// outside of a transaction: a change that met another change of the same table, a limit on their rate,
// and a fault of the server that a job ended with.
func (s *session) run(ctx context.Context, q *bq.Query) (done, error) {
	for again := 0; ; again++ {
		q.JobID = newJobID()
		d, err := s.once(ctx, q)
		if err == nil || again == statementRetries || s.inTx || !passing(err) || wait(ctx, again) != nil {
			return d, err
		}
	}
}

// once inserts a job and waits for its end. A request that got no answer is repeated under the same
// id; if the first had come through, the job is there already. When ctx is over, the job is cancelled.
func (s *session) once(ctx context.Context, q *bq.Query) (done, error) {
	var job *bq.Job
	err := answered(ctx, func() (err error) {
		job, err = q.Run(ctx)
		if httpCode(err) == 409 && strings.Contains(err.Error(), "Already Exists: Job") {
			job, err = s.plain.JobFromIDLocation(ctx, q.JobID, s.location)
		}
		return err
	})
	if err != nil {
		if httpCode(err) == 0 { // it may have begun
			s.cancel(ctx, q.JobID, "")
		}
		return done{}, err
	}
	status := job.LastStatus()
	if !q.DryRun && !status.Done() {
		if status, err = ended(ctx, job); err != nil {
			if httpCode(err) == 0 { // nobody waits for it any more
				s.cancel(ctx, job.ID(), job.Location())
			}
			return done{}, err
		}
	}
	return done{job, status}, status.Err()
}

// ended waits for the end of a job. The client waits by asking for results, and goes on asking for ever
// if the job ended with an error that a request may have too, such as rateLimitExceeded: now and then
// the job itself is asked.
func ended(ctx context.Context, job *bq.Job) (status *bq.JobStatus, err error) {
	err = answered(ctx, func() error {
		for slice := time.Second; ; slice = min(2*slice, longestWait) {
			within, over := context.WithTimeout(ctx, slice)
			status, err = job.Wait(within)
			over()
			if err == nil || ctx.Err() != nil {
				return err
			}
			waited := err
			if status, err = job.Status(ctx); err != nil || status.Done() {
				return err
			}
			if within.Err() == nil { // it was not the time that was over
				return waited
			}
		}
	})
	return status, err
}

// answered repeats a request of which no answer came, such as when a connection broke. The client does
// so only if it could not connect, or the server said that it is busy.
func answered(ctx context.Context, f func() error) error {
	for again := 0; ; again++ {
		err := f()
		if !unanswered(err) || again == requestRetries || wait(ctx, again) != nil {
			return err
		}
	}
}

// unanswered reports whether a connection broke before an answer came.
func unanswered(err error) bool {
	var u *url.Error
	if err == nil || signing(err) {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &u) && httpCode(err) == 0
}

// cancel asks the server to stop a job and waits a moment until it has, so that the session can be used.
func (s *session) cancel(ctx context.Context, id, location string) {
	if location == "" {
		location = s.location
	}
	ctx, over := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer over()
	job, err := s.plain.JobFromIDLocation(ctx, id, location)
	if err != nil || job.LastStatus().Done() || job.Cancel(ctx) != nil { // it never began, or has ended, or cannot be reached
		return
	}
	_, _ = ended(ctx, job) // says that it was stopped
}

// wait waits before the attempt after so many, not always the same time: of several that met, one
// should come first.
func wait(ctx context.Context, after int) error {
	most := firstWait << after
	extra, err := rand.Int(rand.Reader, big.NewInt(int64(most)))
	if err != nil {
		return err
	}
	t := time.NewTimer(most/2 + time.Duration(extra.Int64()))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// needSession begins a session of BigQuery, in which temporary tables and transactions live. It ends
// by itself after a day without statements.
func (s *session) needSession(ctx context.Context) error {
	if s.id != "" || s.endpoint != "" {
		return nil
	}
	q := s.query("SELECT 1")
	q.CreateSession = true
	d, err := s.run(ctx, q)
	if err != nil {
		return s.explain(ctx, err)
	}
	if d.status.Statistics == nil || d.status.Statistics.SessionInfo == nil || d.status.Statistics.SessionInfo.SessionID == "" {
		return errors.New("BigQuery began no session for temporary tables")
	}
	s.id = d.status.Statistics.SessionInfo.SessionID
	if s.location == "" { // where the first session began, all others begin
		s.location = d.job.Location()
	}
	return nil
}
