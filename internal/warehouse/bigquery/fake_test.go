package bigquery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	v2 "google.golang.org/api/bigquery/v2"
	"google.golang.org/api/option"

	"github.com/weir-data/weir/internal/warehouse"
)

// fake speaks the part of BigQuery's REST API that a session uses, as its reference describes it:
// docs.cloud.google.com/bigquery/docs/reference/rest/v2/jobs. It runs no SQL: a test says what comes of a
// statement.
type fake struct {
	*httptest.Server
	t *testing.T

	// run says what comes of the nth job; nil is a statement that gives nothing.
	run func(n int, j *v2.Job) outcome
	// insert says what comes of the nth request to insert a job; nil takes all of them.
	insert func(n int, j *v2.Job) verdict
	// results says what comes of the nth request for results.
	results func(n int) verdict
	dataset bool // weir's dataset is there
	page    int  // rows of a page; 0 for all

	mu       sync.Mutex
	jobs     map[string]*fakeJob
	order    []*fakeJob
	inserts  int
	asked    int
	sessions int
}

// outcome is how a job ends.
type outcome struct {
	schema   []*v2.TableFieldSchema
	rows     [][]any // a cell is its text or nil
	changed  int64
	kind     string // of the statement
	err      *v2.ErrorProto
	runs     chan struct{} // the job runs until this is closed, or it is cancelled
	total    uint64        // rows that there are said to be, if not len(rows)
	bytes    int64
	waitless bool // the job is done when it is inserted
}

// verdict is what becomes of a request.
type verdict struct {
	code            int // 0 for the true answer
	reason, message string
	lost            bool // the request is done, and its answer lost
	dropped         bool // the request is lost
}

type fakeJob struct {
	*v2.Job
	out       outcome
	cancelled chan struct{}
	loaded    string // what a load job brought
}

func (j *fakeJob) session() string {
	if q := j.Configuration.Query; q != nil {
		for _, p := range q.ConnectionProperties {
			if p.Key == "session_id" {
				return p.Value
			}
		}
	}
	return ""
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, dataset: true, jobs: map[string]*fakeJob{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bigquery/v2/projects/{project}/datasets/{dataset}", f.getDataset)
	mux.HandleFunc("GET /bigquery/v2/projects/{project}/datasets/{dataset}/tables/{table}", f.getTable)
	mux.HandleFunc("POST /bigquery/v2/projects/{project}/jobs", f.insertJob)
	mux.HandleFunc("POST /upload/bigquery/v2/projects/{project}/jobs", f.upload)
	mux.HandleFunc("GET /bigquery/v2/projects/{project}/jobs/{job}", f.getJob)
	mux.HandleFunc("POST /bigquery/v2/projects/{project}/jobs/{job}/cancel", f.cancelJob)
	mux.HandleFunc("GET /bigquery/v2/projects/{project}/queries/{job}", f.getResults)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the server was asked for %s %s", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotImplemented)
	})
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

// open opens a warehouse on the server, by the way that leads to BigQuery itself and not to an emulator.
func (f *fake) open(set map[string]string, grpc ...option.ClientOption) *store {
	f.t.Helper()
	all := map[string]string{"project": "shop", "location": "EU", "credentials_json": `{"type":"service_account","client_email":"weir@shop.example.com"}`}
	for k, v := range set {
		all[k] = v
	}
	if grpc == nil {
		all["storage_read"] = "off"
	}
	w, err := kind{}.Open(warehouse.Config{Settings: all, Label: "weir test"})
	if err != nil {
		f.t.Fatal(err)
	}
	s := w.(*store)
	s.rest = []option.ClientOption{option.WithEndpoint(f.URL + "/bigquery/v2/"), option.WithoutAuthentication()}
	s.grpc = grpc
	f.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return s
}

func (f *fake) session(w *store) *session {
	f.t.Helper()
	s, err := w.Session(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = s.Close() })
	return s.(*session)
}

// said is the SQL of all jobs, each after the session that it was run in.
func (f *fake) said() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, j := range f.order {
		if q := j.Configuration.Query; q != nil {
			out = append(out, strings.TrimSpace(j.session()+" "+q.Query))
		}
	}
	return out
}

func (f *fake) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		f.t.Error(err)
	}
}

// statuses are the statuses of reasons, as /bigquery/docs/error-messages lists them.
var statuses = map[string]int{"accessDenied": 403, "quotaExceeded": 403, "rateLimitExceeded": 403, "jobRateLimitExceeded": 400, "backendError": 503,
	"internalError": 500, "notFound": 404, "duplicate": 409, "invalidQuery": 400, "invalid": 400, "stopped": 400, "jobBackendError": 400}

func (f *fake) refuse(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	f.answer(w, map[string]any{"error": map[string]any{"code": code, "message": message, "errors": []any{map[string]string{"reason": reason, "message": message, "domain": "global"}}}})
}

// meet does what a verdict says, and reports whether that was all.
func (f *fake) meet(w http.ResponseWriter, v verdict) bool {
	switch {
	case v.lost || v.dropped:
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			f.t.Error(err)
		} else {
			_ = c.Close()
		}
	case v.code != 0:
		f.refuse(w, v.code, v.reason, v.message)
	default:
		return false
	}
	return true
}

func (f *fake) getDataset(w http.ResponseWriter, r *http.Request) {
	if !f.dataset {
		f.refuse(w, 404, "notFound", "Not found: Dataset "+r.PathValue("project")+":"+r.PathValue("dataset"))
		return
	}
	f.answer(w, &v2.Dataset{Location: "EU", DatasetReference: &v2.DatasetReference{ProjectId: r.PathValue("project"), DatasetId: r.PathValue("dataset")}})
}

// getTable has one table, of two columns, and those of results.
func (f *fake) getTable(w http.ResponseWriter, r *http.Request) {
	fields := []*v2.TableFieldSchema{{Name: "id", Type: "INTEGER"}, {Name: "text", Type: "STRING"}}
	f.mu.Lock()
	defer f.mu.Unlock()
	if j := f.jobs[r.PathValue("table")]; j != nil {
		fields = j.out.schema
	}
	f.answer(w, &v2.Table{Schema: &v2.TableSchema{Fields: fields}, Type: "TABLE"})
}

func (f *fake) insertJob(w http.ResponseWriter, r *http.Request) {
	j := &v2.Job{}
	if err := json.NewDecoder(r.Body).Decode(j); err != nil {
		f.t.Error(err)
	}
	f.take(w, j, "")
}

// upload takes a load job with what it loads, as one body of two parts.
func (f *fake) upload(w http.ResponseWriter, r *http.Request) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || r.URL.Query().Get("uploadType") != "multipart" {
		f.t.Errorf("the upload is %s, %v", r.URL, err)
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	var texts []string
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		var b []byte
		if err == nil {
			b, err = io.ReadAll(p)
		}
		if err != nil { // the client went away
			return
		}
		texts = append(texts, string(b))
	}
	j := &v2.Job{}
	if err := json.Unmarshal([]byte(texts[0]), j); err != nil {
		f.t.Error(err)
	}
	f.take(w, j, texts[1])
}

// take inserts a job.
func (f *fake) take(w http.ResponseWriter, j *v2.Job, loaded string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inserts++
	var v verdict
	if f.insert != nil {
		v = f.insert(f.inserts, j)
	}
	if !v.lost && f.meet(w, v) {
		return
	}
	id := j.JobReference.JobId
	if f.jobs[id] != nil {
		f.refuse(w, 409, "duplicate", "Already Exists: Job shop:EU."+id)
		return
	}
	own := &fakeJob{Job: j, cancelled: make(chan struct{}), loaded: loaded}
	own.Statistics = &v2.JobStatistics{}
	if q := j.Configuration.Query; q != nil {
		if q.CreateSession {
			f.sessions++
			own.Statistics.SessionInfo = &v2.SessionInfo{SessionId: "session" + strconv.Itoa(f.sessions)}
		}
		q.DestinationTable = &v2.TableReference{ProjectId: "shop", DatasetId: "_results", TableId: id}
	}
	if f.run != nil {
		own.out = f.run(len(f.order)+1, j)
	}
	if own.out.total == 0 {
		own.out.total = uint64(len(own.out.rows))
	}
	f.jobs[id] = own
	f.order = append(f.order, own)
	if v.lost {
		f.meet(w, v)
		return
	}
	f.answer(w, f.now(own, own.out.waitless))
}

// now is a job as it is. A query job that was just inserted is not done.
func (f *fake) now(j *fakeJob, done bool) *v2.Job {
	out := *j.Job
	out.Status = &v2.JobStatus{State: "RUNNING"}
	if done && j.over() {
		out.Status = &v2.JobStatus{State: "DONE", ErrorResult: j.fault()}
		stats := *j.Statistics
		stats.TotalBytesProcessed = j.out.bytes
		stats.Query = &v2.JobStatistics2{StatementType: j.out.kind, NumDmlAffectedRows: j.out.changed, TotalBytesProcessed: j.out.bytes}
		out.Statistics = &stats
	}
	return &out
}

func (j *fakeJob) over() bool {
	if j.out.runs == nil {
		return true
	}
	select {
	case <-j.out.runs:
	case <-j.cancelled:
	default:
		return false
	}
	return true
}

func (j *fakeJob) fault() *v2.ErrorProto {
	select {
	case <-j.cancelled:
		return &v2.ErrorProto{Reason: "stopped", Message: "Job execution was cancelled: User requested cancellation"}
	default:
		return j.out.err
	}
}

func (f *fake) job(w http.ResponseWriter, r *http.Request) *fakeJob {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Query().Get("location") != "EU" {
		f.t.Errorf("a job was asked for in %q", r.URL.Query().Get("location"))
	}
	j := f.jobs[r.PathValue("job")]
	if j == nil {
		f.refuse(w, 404, "notFound", "Not found: Job shop:EU."+r.PathValue("job"))
	}
	return j
}

func (f *fake) getJob(w http.ResponseWriter, r *http.Request) {
	if j := f.job(w, r); j != nil {
		f.answer(w, f.now(j, true))
	}
}

func (f *fake) cancelJob(w http.ResponseWriter, r *http.Request) {
	if j := f.job(w, r); j != nil {
		close(j.cancelled)
		f.answer(w, &v2.JobCancelResponse{Job: f.now(j, true)})
	}
}

func (f *fake) getResults(w http.ResponseWriter, r *http.Request) {
	j := f.job(w, r)
	if j == nil {
		return
	}
	f.mu.Lock()
	f.asked++
	n := f.asked
	f.mu.Unlock()
	if f.results != nil && f.meet(w, f.results(n)) {
		return
	}
	ref := j.JobReference
	if !j.over() {
		select { // the server answers when the job ends, or after a while
		case <-j.out.runs:
		case <-j.cancelled:
		case <-r.Context().Done():
			return
		}
	}
	if e := j.fault(); e != nil {
		f.refuse(w, statuses[e.Reason], e.Reason, e.Message)
		return
	}
	from, rows := 0, j.out.rows
	ask := r.URL.Query()
	if at := ask.Get("pageToken"); at != "" {
		from, _ = strconv.Atoi(strings.TrimPrefix(at, "row"))
	} else if at := ask.Get("startIndex"); at != "" {
		from, _ = strconv.Atoi(at)
	}
	out := &v2.GetQueryResultsResponse{JobComplete: true, JobReference: ref, Schema: &v2.TableSchema{Fields: j.out.schema}, TotalRows: j.out.total}
	if ask.Get("maxResults") != "0" {
		to := len(rows)
		if f.page > 0 && from+f.page < to {
			to = from + f.page
			out.PageToken = fmt.Sprintf("row%d", to)
		}
		for _, row := range rows[from:to] {
			line := &v2.TableRow{}
			for _, cell := range row {
				line.F = append(line.F, &v2.TableCell{V: cell})
			}
			out.Rows = append(out.Rows, line)
		}
	}
	f.answer(w, out)
}

// ids are those of all jobs, in the order in which they were inserted.
func (f *fake) ids() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, j := range f.order {
		if !slices.Contains(out, j.JobReference.JobId) {
			out = append(out, j.JobReference.JobId)
		}
	}
	return out
}
