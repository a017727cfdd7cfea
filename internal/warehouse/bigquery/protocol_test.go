package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v2 "google.golang.org/api/bigquery/v2"

	"github.com/weir-data/weir/internal/warehouse"
)

// rowsOf reads a SELECT.
func rowsOf(ctx context.Context, s warehouse.Session, sql string) ([][]any, error) {
	var out [][]any
	for row, err := range s.Query(ctx, sql) {
		if err != nil {
			return out, err
		}
		out = append(out, slices.Clone(row))
	}
	return out, nil
}

var numbers = []*v2.TableFieldSchema{{Name: "n", Type: "INTEGER"}}

func counted(n int) [][]any {
	out := make([][]any, n)
	for i := range out {
		out[i] = []any{strconv.Itoa(i)}
	}
	return out
}

// TestSessionOfServer: what is temporary and what is in a transaction is run in one session, which ends
// with the session here.
func TestSessionOfServer(t *testing.T) {
	f := newFake(t)
	f.run = func(_ int, j *v2.Job) outcome {
		if strings.HasPrefix(j.Configuration.Query.Query, "UPDATE") {
			return outcome{kind: "UPDATE", changed: 7}
		}
		return outcome{}
	}
	w := f.open(map[string]string{"max_bytes_billed": "1000", "priority": "batch", "job_timeout": "2h"})
	s := f.session(w)
	if _, err := s.Exec(t.Context(), "CREATE TABLE `weir`.`a` (x INT64)"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Exec(t.Context(), "CREATE TEMP TABLE b AS SELECT 1 AS x"); err != nil {
		t.Fatal(err)
	}
	err := s.Tx(t.Context(), func(ctx context.Context) error {
		n, err := s.Exec(ctx, "UPDATE `weir`.`a` SET x = 1 WHERE TRUE")
		if n != 7 {
			t.Errorf("%d rows were changed", n)
		}
		if _, err := s.Exec(ctx, "DROP TABLE `weir`.`a`"); !errors.Is(err, errDefinition) {
			t.Errorf("a table was dropped in a transaction: %v", err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("no")
	if err := s.Tx(t.Context(), func(context.Context) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error is %v", err)
	}
	other := f.session(w)
	if _, err := other.Exec(t.Context(), "CREATE TEMP TABLE c AS SELECT 1 AS x"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"CREATE TABLE `weir`.`a` (x INT64)", "SELECT 1", "session1 CREATE TEMP TABLE b AS SELECT 1 AS x",
		"session1 BEGIN TRANSACTION", "session1 UPDATE `weir`.`a` SET x = 1 WHERE TRUE", "session1 COMMIT TRANSACTION",
		"session1 BEGIN TRANSACTION", "session1 ROLLBACK TRANSACTION",
		"SELECT 1", "session2 CREATE TEMP TABLE c AS SELECT 1 AS x",
		"session1 CALL BQ.ABORT_SESSION()", "session2 CALL BQ.ABORT_SESSION()",
	}
	if diff := cmp.Diff(want, f.said()); diff != "" {
		t.Error(diff)
	}
	for _, j := range f.order {
		c := j.Configuration
		if c.Labels["weir"] != "weir-test" || c.Query.MaximumBytesBilled != 1000 || c.Query.Priority != "BATCH" || c.JobTimeoutMs != 7_200_000 || j.JobReference.Location != "EU" || *c.Query.UseLegacySql {
			t.Errorf("the job of %q is %+v, %+v", c.Query.Query, c, c.Query)
		}
	}
}

// TestSessionEnded: the server ends a session. Nothing of a transaction is run outside of it, and what
// begins anew has a session of its own.
func TestSessionEnded(t *testing.T) {
	f := newFake(t)
	f.run = func(_ int, j *v2.Job) outcome {
		for _, p := range j.Configuration.Query.ConnectionProperties {
			if p.Value == "session1" && j.Configuration.Query.Query != "BEGIN TRANSACTION" {
				return outcome{err: &v2.ErrorProto{Reason: "invalid", Message: "Session session1 has expired and is no longer available."}}
			}
		}
		return outcome{}
	}
	s := f.session(f.open(nil))
	err := s.Tx(t.Context(), func(ctx context.Context) error {
		for range 2 { // the second one must not be run on its own
			if _, err := s.Exec(ctx, "DELETE FROM `weir`.`a` WHERE TRUE"); err == nil || !strings.Contains(err.Error(), "run this again") {
				t.Errorf("error is %v", err)
			}
		}
		return nil // as if nobody had noticed
	})
	if err == nil {
		t.Error("a transaction that was lost was committed")
	}
	if err := s.Tx(t.Context(), func(ctx context.Context) error {
		_, err := s.Exec(ctx, "DELETE FROM `weir`.`a` WHERE x = 2")
		return err
	}); err != nil {
		t.Error(err)
	}
	for _, said := range f.said() {
		if strings.HasPrefix(said, "DELETE") {
			t.Errorf("%q was run outside of a session", said)
		}
	}
	if got := f.said(); !slices.Contains(got, "session2 DELETE FROM `weir`.`a` WHERE x = 2") {
		t.Errorf("no new session was begun: %q", got)
	}
}

// TestStopped: a statement that nobody waits for any more is stopped on the server, by its id.
func TestStopped(t *testing.T) {
	stopped := errors.New("somebody pressed a key")
	for name, fit := range map[string]func(f *fake, stop func()){
		"while it runs": func(f *fake, stop func()) {
			f.results = func(int) verdict { stop(); return verdict{} }
		},
		"before the server said that it has it": func(f *fake, stop func()) {
			f.insert = func(int, *v2.Job) verdict { stop(); return verdict{lost: true} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			ctx, stop := context.WithCancelCause(t.Context())
			f.run = func(n int, _ *v2.Job) outcome {
				if n == 1 {
					return outcome{runs: make(chan struct{})}
				}
				return outcome{schema: numbers, rows: counted(1)}
			}
			fit(f, func() { stop(stopped) })
			s := f.session(f.open(nil))
			if _, err := s.Exec(ctx, "CREATE TABLE `weir`.`a` AS SELECT 1 AS x"); !errors.Is(err, stopped) {
				t.Errorf("error is %v", err)
			}
			select {
			case <-f.order[0].cancelled:
			default:
				t.Error("the server goes on with it")
			}
			f.insert, f.results = nil, nil
			if rows, err := rowsOf(t.Context(), s, "SELECT 0 AS n"); err != nil || len(rows) != 1 {
				t.Errorf("the session is of no use any more: %v", err)
			}
		})
	}
}

// TestRepeated: what is safe is done again, and never twice.
func TestRepeated(t *testing.T) {
	refused := func(times int, v verdict) func(f *fake) {
		return func(f *fake) {
			f.insert = func(n int, _ *v2.Job) verdict {
				if n <= times {
					return v
				}
				return verdict{}
			}
		}
	}
	failed := func(times int, reason, message string) func(f *fake) {
		return func(f *fake) {
			f.run = func(n int, _ *v2.Job) outcome {
				if n <= times {
					return outcome{err: &v2.ErrorProto{Reason: reason, Message: message}}
				}
				return outcome{kind: "INSERT", changed: 3}
			}
		}
	}
	for name, c := range map[string]struct {
		fit           func(f *fake)
		inserts, jobs int
		bad           string // in the error
	}{
		"answer lost":            {refused(1, verdict{lost: true}), 2, 1, ""},
		"request lost":           {refused(2, verdict{dropped: true}), 3, 1, ""},
		"server busy":            {refused(1, verdict{code: 503, reason: "backendError", message: "Error encountered during execution. Retrying may solve the problem."}), 2, 1, ""},
		"too many requests":      {refused(1, verdict{code: 403, reason: "rateLimitExceeded", message: "Exceeded rate limits: too many api requests per user per method for this user_method"}), 2, 1, ""},
		"too many changes":       {failed(2, "rateLimitExceeded", "Exceeded rate limits: too many table update operations for this table."), 3, 3, ""},
		"server failed":          {failed(1, "backendError", "Error encountered during execution. Retrying may solve the problem."), 2, 2, ""},
		"met another":            {failed(1, "invalidQuery", "Could not serialize access to table shop:weir.a due to concurrent update"), 2, 2, ""}, //nolint:misspell // their words
		"wrong":                  {failed(1, "invalidQuery", "Syntax error: Unexpected identifier \"INSRT\" at [1:1]"), 1, 1, "Syntax error"},
		"quota":                  {failed(1, "quotaExceeded", "Quota exceeded: Your project exceeded quota for free query bytes scanned."), 1, 1, "a quota of the project is used up"},
		"quota, before it began": {refused(1, verdict{code: 403, reason: "quotaExceeded", message: "Quota exceeded: Your project exceeded quota for free query bytes scanned."}), 1, 0, "a quota of the project is used up"},
		"answers lost for good":  {refused(99, verdict{dropped: true}), 1 + requestRetries, 0, "running a statement on bigquery:shop/weir"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait
			f := newFake(t)
			f.run = func(int, *v2.Job) outcome { return outcome{kind: "INSERT", changed: 3} }
			c.fit(f)
			s := f.session(f.open(nil))
			n, err := s.Exec(t.Context(), "INSERT INTO `weir`.`a` (x) SELECT 1")
			if c.bad == "" && (err != nil || n != 3) || c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)) {
				t.Errorf("got %d, %v", n, err)
			}
			f.mu.Lock()
			inserts := f.inserts
			f.mu.Unlock()
			if inserts != c.inserts || len(f.ids()) != c.jobs {
				t.Errorf("%d requests made %d jobs, want %d and %d", inserts, len(f.ids()), c.inserts, c.jobs)
			}
		})
	}
}

// TestNotRepeated: in a transaction nothing is run again, since it was rolled back as a whole.
func TestNotRepeated(t *testing.T) {
	f := newFake(t)
	f.run = func(_ int, j *v2.Job) outcome {
		if strings.HasPrefix(j.Configuration.Query.Query, "INSERT") {
			return outcome{err: &v2.ErrorProto{Reason: "invalidQuery", Message: "Transaction is aborted due to concurrent update against table shop:weir.a"}} //nolint:misspell // their words
		}
		return outcome{}
	}
	s := f.session(f.open(nil))
	err := s.Tx(t.Context(), func(ctx context.Context) error {
		_, err := s.Exec(ctx, "INSERT INTO `weir`.`a` (x) SELECT 1")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "run this again") {
		t.Errorf("error is %v", err)
	}
	want := []string{"SELECT 1", "session1 BEGIN TRANSACTION", "session1 INSERT INTO `weir`.`a` (x) SELECT 1", "session1 ROLLBACK TRANSACTION"}
	if diff := cmp.Diff(want, f.said()); diff != "" {
		t.Error(diff)
	}
}

// TestDenied: what is not allowed says what to grant, however the server tells it.
func TestDenied(t *testing.T) {
	message := "Access Denied: Table shop:raw.orders: User does not have permission to query table shop:raw.orders, or perhaps it does not exist."
	for name, fit := range map[string]func(f *fake){
		"at once": func(f *fake) {
			f.insert = func(int, *v2.Job) verdict { return verdict{code: 403, reason: "accessDenied", message: message} }
		},
		"by the job": func(f *fake) {
			f.run = func(int, *v2.Job) outcome {
				return outcome{err: &v2.ErrorProto{Reason: "accessDenied", Message: message}}
			}
		},
	} {
		f := newFake(t)
		fit(f)
		_, err := rowsOf(t.Context(), f.session(f.open(nil)), "SELECT * FROM raw.orders")
		var denied *warehouse.DeniedError
		if !errors.As(err, &denied) || denied.What != "read raw.orders" ||
			denied.Grant != "GRANT `roles/bigquery.dataViewer` ON TABLE `shop`.`raw`.`orders` TO \"serviceAccount:weir@shop.example.com\";" {
			t.Errorf("%s: error is %v, %+v", name, err, denied)
		}
	}
}

// TestLeastPrivilege: a user who may not make datasets can work in the one that somebody made.
func TestLeastPrivilege(t *testing.T) {
	for _, there := range []bool{true, false} {
		f := newFake(t)
		f.dataset = there
		f.run = func(_ int, j *v2.Job) outcome {
			if strings.HasPrefix(j.Configuration.Query.Query, "CREATE SCHEMA") {
				return outcome{err: &v2.ErrorProto{Reason: "accessDenied", Message: "Access Denied: Project shop: User does not have bigquery.datasets.create permission in project shop."}}
			}
			return outcome{}
		}
		s := f.session(f.open(nil))
		_, err := s.Exec(t.Context(), "CREATE SCHEMA IF NOT EXISTS `weir`")
		var denied *warehouse.DeniedError
		switch {
		case there && err != nil:
			t.Errorf("the dataset is there: %v", err)
		case !there && (!errors.As(err, &denied) || denied.What != "make datasets in project shop" || !strings.Contains(denied.Grant, "roles/bigquery.user")):
			t.Errorf("the dataset is not there: %v", err)
		}
		f.insert = func(_ int, j *v2.Job) verdict { // a dry run is refused at once
			if q := j.Configuration.Query.Query; strings.HasPrefix(q, "CREATE SCHEMA") {
				return verdict{code: 403, reason: "accessDenied", message: "Access Denied: Project shop: User does not have bigquery.datasets.create permission in project shop."}
			}
			return verdict{}
		}
		rights, err := s.Rights(t.Context(), [][]string{{"raw", "orders"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rights {
			if want := there || r.What != "make dataset weir"; r.Held != want {
				t.Errorf("dataset there: %t; the right to %s: %t", there, r.What, r.Held)
			}
		}
		for _, j := range f.order[1:] {
			if !j.Configuration.DryRun {
				t.Errorf("asking for rights ran %q", j.Configuration.Query.Query)
			}
		}
	}
}

// TestPages: rows come page by page; a page that did not come is asked for again.
func TestPages(t *testing.T) {
	f := newFake(t)
	f.page = 4
	f.run = func(int, *v2.Job) outcome { return outcome{schema: numbers, rows: counted(11)} }
	f.results = func(n int) verdict {
		if n == 4 {
			return verdict{code: 503, reason: "backendError", message: "busy"}
		}
		return verdict{}
	}
	rows, err := rowsOf(t.Context(), f.session(f.open(nil)), "SELECT n FROM weir.a")
	if err != nil || len(rows) != 11 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, row := range rows {
		if row[0] != int64(i) {
			t.Errorf("row %d is %v", i, row)
		}
	}
	f.run = func(int, *v2.Job) outcome { return outcome{schema: numbers, rows: counted(11), total: 12} }
	if rows, err := rowsOf(t.Context(), f.session(f.open(nil)), "SELECT n FROM weir.a"); err == nil || len(rows) != 11 {
		t.Errorf("of 12 rows %d came, and nobody noticed: %v", len(rows), err)
	}
}

// TestDryRun: columns and bytes are asked for without running anything.
func TestDryRun(t *testing.T) {
	f := newFake(t)
	f.run = func(int, *v2.Job) outcome { return outcome{schema: numbers, bytes: 1234, waitless: true} }
	s := f.session(f.open(nil))
	e, err := s.Estimate(t.Context(), "SELECT n FROM raw.orders")
	if err != nil || e.Bytes != 1234 || e.Rows != -1 {
		t.Errorf("estimate is %+v, %v", e, err)
	}
	if !f.order[0].Configuration.DryRun {
		t.Error("an estimate ran the statement")
	}
}

// TestLoadJob: many rows are brought by one job, as lines of JSON, all or nothing.
func TestLoadJob(t *testing.T) {
	const many = insertRows + 5
	rows := func(breaks bool) func(yield func([]any, error) bool) {
		return func(yield func([]any, error) bool) {
			for i := range many {
				if breaks && i == many-1 {
					yield(nil, errors.New("the source broke"))
					return
				}
				if !yield([]any{"a\"\n" + strconv.Itoa(i), int64(i)}, nil) {
					return
				}
			}
		}
	}
	for _, lost := range []bool{false, true} {
		f := newFake(t)
		f.insert = func(n int, _ *v2.Job) verdict { return verdict{lost: lost && n == 1} }
		n, err := f.session(f.open(nil)).Load(t.Context(), []string{"weir", "a"}, []string{"text", "id"}, rows(false))
		if err != nil || n != many || len(f.order) != 1 {
			t.Fatalf("loaded %d rows by %d jobs: %v", n, len(f.order), err)
		}
		j := f.order[0]
		if c := j.Configuration.Load; c.DestinationTable.DatasetId != "weir" || c.SourceFormat != "NEWLINE_DELIMITED_JSON" || c.WriteDisposition != "WRITE_APPEND" || c.CreateDisposition != "CREATE_NEVER" {
			t.Errorf("the job is %+v", c)
		}
		lines := strings.Split(strings.TrimSpace(j.loaded), "\n")
		var last map[string]string
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != many {
			t.Fatalf("%d lines, %v", len(lines), err)
		}
		if diff := cmp.Diff(map[string]string{"text": fmt.Sprintf("a\"\n%d", many-1), "id": strconv.Itoa(many - 1)}, last); diff != "" {
			t.Error(diff)
		}
	}
	f := newFake(t)
	if _, err := f.session(f.open(nil)).Load(t.Context(), []string{"weir", "a"}, []string{"text", "id"}, rows(true)); err == nil || !strings.Contains(err.Error(), "the source broke") {
		t.Errorf("error is %v", err)
	}
	if len(f.order) != 0 {
		t.Error("rows of a source that broke were loaded")
	}
}

// TestUnreachable: a server that is not there is said to be so, without the address of a request.
func TestUnreachable(t *testing.T) {
	f := newFake(t)
	w := f.open(nil)
	f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := w.Session(ctx); err == nil {
		t.Error("there is a session with nobody")
	}
}
