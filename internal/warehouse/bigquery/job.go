package bigquery

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"time"

	bq "cloud.google.com/go/bigquery"
)

// How often a statement that failed because of others, and left nothing, is run again, waiting longer
// each time, and how long a job may take to stop.
const (
	statementRetries = 6
	firstWait        = 250 * time.Millisecond
	stopWithin       = 3 * time.Second
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
	job, err := q.Run(ctx)
	if httpCode(err) == 409 && strings.Contains(err.Error(), "Already Exists: Job") {
		job, err = s.plain.JobFromIDLocation(ctx, q.JobID, s.location)
	}
	if err != nil {
		if ctx.Err() != nil && httpCode(err) == 0 { // it may have begun
			s.cancel(ctx, q.JobID, "")
		}
		return done{}, err
	}
	status := job.LastStatus()
	if !q.DryRun && !status.Done() {
		if status, err = job.Wait(ctx); err != nil && ctx.Err() != nil {
			s.cancel(ctx, job.ID(), job.Location())
			return done{}, err
		} else if err != nil {
			return done{}, err
		}
	}
	return done{job, status}, status.Err()
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
	_, _ = job.Wait(ctx) // says that it was stopped
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
