// Package bigquery is BigQuery as a warehouse, over Google's client.
//
// Each statement is a job under an id of our own, by which a request that got no answer can be
// repeated without running twice, and by which a job is stopped when nobody waits for it any more.
// Temporary tables, temporary functions and transactions live in a session of BigQuery, which begins
// with the first statement that needs one. Large results are read through the Storage Read API, others
// in pages.
//
// Weir's dataset may lie in another project than the sources: `dataset: tools.weir`. Jobs are run, and
// paid for, by the project of the target.
//
// Sources: docs.cloud.google.com/bigquery/docs/reference/rest (jobs, tables, datasets),
// /bigquery/docs/sessions-intro, /bigquery/docs/transactions, /bigquery/docs/error-messages,
// /bigquery/quotas.
package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	bq "cloud.google.com/go/bigquery"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

func init() { warehouse.Register(kind{}) }

// kind is the warehouse kind "bigquery".
type kind struct{}

func (kind) Name() string             { return "bigquery" }
func (kind) Dialect() dialect.Dialect { return dialect.BigQuery() }

func (kind) Settings() []warehouse.Setting {
	return []warehouse.Setting{
		{Name: "project", Required: true, Doc: "Project of the sources, which also runs the statements and pays for them."},
		{Name: "dataset", Default: "weir", Doc: "Dataset of the tables that weir makes, in that project or, as project.dataset, in another one."},
		{Name: "location", Doc: "Where the datasets lie, such as EU or europe-west1. The default is where weir's dataset lies."},
		{Name: "credentials", Doc: "File with the key of a service account, or another one of Google's credential files. The default is the application default credentials."},
		{Name: "credentials_json", Secret: true, Doc: "Text of such a file."},
		{Name: "max_bytes_billed", Doc: "Bytes that one statement may be billed for. One that would cost more fails, and costs nothing."},
		{Name: "priority", Default: "interactive", Doc: "interactive, or batch for statements that wait for idle slots."},
		{Name: "job_timeout", Doc: "After what time BigQuery itself ends a statement, such as 2h. The default is BigQuery's own."},
		{Name: "storage_read", Default: "auto", Doc: "auto reads large results through the Storage Read API, if this user may (roles/bigquery.readSessionUser); off never does."},
		{Name: "endpoint", Doc: "Address of an emulator, such as http://127.0.0.1:9050. Nobody signs in there."},
		{Name: "storage_endpoint", Doc: "Address of the emulator's Storage Read API, such as 127.0.0.1:9060."},
	}
}

var (
	projectID = regexp.MustCompile(`^(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]*$`) // domain-scoped ones begin with example.com:
	datasetID = regexp.MustCompile(`^[\pL\pN_]+$`)
)

// Open reads the settings and the credentials. It does not connect.
func (kind) Open(cfg warehouse.Config) (warehouse.Warehouse, error) {
	set := cfg.Settings
	if set["project"] == "" {
		return nil, errors.New("project is missing: write the id of a project of Google Cloud")
	}
	if !projectID.MatchString(set["project"]) {
		return nil, fmt.Errorf("project %q is no id of a project: it has small letters, digits and hyphens", set["project"])
	}
	s := &store{
		project: set["project"], schema: set["dataset"], location: set["location"], label: label(cfg.Label),
		endpoint: set["endpoint"], storage: set["storage_endpoint"], manyRows: worthStreams,
	}
	if s.schema == "" {
		s.schema = "weir"
	}
	s.homeProject, s.dataset = s.project, s.schema
	if i := strings.LastIndexByte(s.schema, '.'); i >= 0 {
		s.homeProject, s.dataset = s.schema[:i], s.schema[i+1:]
	}
	if !projectID.MatchString(s.homeProject) || !datasetID.MatchString(s.dataset) {
		return nil, fmt.Errorf("dataset %q is none: write dataset or project.dataset; a dataset has letters, digits and underscores", s.schema)
	}
	if err := s.options(cfg); err != nil {
		return nil, err
	}
	return s, s.credentials(cfg)
}

// options are how jobs are run.
func (s *store) options(cfg warehouse.Config) error {
	set := cfg.Settings
	s.maxBytes = cfg.MaxBytes
	if m := set["max_bytes_billed"]; m != "" {
		n, err := strconv.ParseInt(m, 10, 64)
		if err != nil || n < 1 {
			return fmt.Errorf("max_bytes_billed %q is no number of bytes: write one such as 10000000000", m)
		}
		if s.maxBytes == 0 || n < s.maxBytes {
			s.maxBytes = n
		}
	}
	switch strings.ToLower(set["priority"]) {
	case "", "interactive":
		s.priority = bq.InteractivePriority
	case "batch":
		s.priority = bq.BatchPriority
	default:
		return fmt.Errorf("priority %q is none of interactive and batch", set["priority"])
	}
	switch strings.ToLower(set["storage_read"]) {
	case "", "auto":
		s.storageRead = s.endpoint == "" || s.storage != ""
	case "off":
	default:
		return fmt.Errorf("storage_read %q is none of auto and off", set["storage_read"])
	}
	if t := set["job_timeout"]; t != "" {
		d, err := time.ParseDuration(t)
		if err != nil || d <= 0 {
			return fmt.Errorf("job_timeout %q is no time: write one such as 2h", t)
		}
		s.timeout = d
	}
	if s.endpoint != "" && !strings.HasPrefix(s.endpoint, "http://") && !strings.HasPrefix(s.endpoint, "https://") {
		return fmt.Errorf("endpoint %q is no address: write one such as http://127.0.0.1:9050", s.endpoint)
	}
	return nil
}

// credentials reads who signs in.
func (s *store) credentials(cfg warehouse.Config) error {
	text, from := []byte(cfg.Settings["credentials_json"]), "credentials_json"
	if path := cfg.Settings["credentials"]; path != "" {
		if len(text) > 0 {
			return errors.New("credentials and credentials_json are both given: leave one out")
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(cfg.Dir, path)
		}
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return fmt.Errorf("reading the credentials: %w", err)
		}
		from = path
	}
	if s.endpoint != "" {
		s.rest = []option.ClientOption{option.WithEndpoint(strings.TrimSuffix(s.endpoint, "/") + "/bigquery/v2/"), option.WithoutAuthentication()}
		s.grpc = []option.ClientOption{option.WithEndpoint(s.storage), option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))}
		return nil
	}
	if len(text) == 0 {
		return nil
	}
	var key struct {
		Type  string `json:"type"`
		Email string `json:"client_email"`
	}
	if err := json.Unmarshal(text, &key); err != nil || key.Type == "" { // an error of JSON may quote the key
		return fmt.Errorf("%s is no credential file of Google Cloud: it is JSON that says its type", from)
	}
	s.rest = []option.ClientOption{option.WithAuthCredentialsJSON(option.CredentialsType(key.Type), text)}
	s.grpc = s.rest
	if key.Email != "" {
		s.member = "serviceAccount:" + key.Email
	}
	return nil
}

// store is a Warehouse: a project, and the dataset of weir's tables.
type store struct {
	project     string
	schema      string // as the target has it
	homeProject string // of weir's tables
	dataset     string
	location    string
	label       string
	maxBytes    int64
	priority    bq.QueryPriority
	timeout     time.Duration
	storageRead bool
	manyRows    uint64 // that come through the Storage Read API
	endpoint    string
	storage     string
	rest        []option.ClientOption // how the API is reached, and who signs in
	grpc        []option.ClientOption // the same of the Storage Read API
	member      string                // who works here, as IAM has it; "" if the credentials do not say

	mu     sync.Mutex
	plain  *bq.Client // reads results in pages
	stream *bq.Client // reads them through the Storage Read API; nil if that is off
}

func (s *store) Kind() warehouse.Kind { return kind{} }
func (s *store) Schema() string       { return s.schema }

// Identity is the project and dataset of weir's tables.
func (s *store) Identity() string {
	at := ""
	if s.endpoint != "" {
		at = s.endpoint[strings.Index(s.endpoint, "//")+2:] + "/"
	}
	return "bigquery:" + at + s.homeProject + "/" + s.dataset
}

// reachable is how long the first answer may take, with the client's repeated requests.
const reachable = 30 * time.Second

// Session prepares a session. The first one finds out whether BigQuery answers and where weir's dataset
// lies.
func (s *store) Session(ctx context.Context) (warehouse.Session, error) {
	if err := s.connect(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	return &session{store: s}, nil
}

func (s *store) connect(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plain != nil {
		return nil
	}
	away := func(err error) error {
		return &warehouse.UnreachableError{Doing: "connecting to " + s.Identity(), Err: short(err)}
	}
	// The client keeps the context for getting tokens.
	plain, err := bq.NewClient(context.WithoutCancel(ctx), s.project, s.rest...)
	if err != nil {
		return away(err)
	}
	within, cancel := context.WithTimeout(ctx, reachable)
	defer cancel()
	md, err := plain.DatasetInProject(s.homeProject, s.dataset).Metadata(within)
	switch {
	case err == nil && s.location == "":
		s.location = md.Location
	case err == nil || httpCode(err) == 404 || httpCode(err) == 403: // not made yet, or told by the first statement
	case ctx.Err() != nil:
		return errors.Join(ctx.Err(), plain.Close())
	default:
		return errors.Join(away(err), plain.Close())
	}
	plain.Location = s.location
	if s.storageRead {
		if err := s.connectStorage(ctx); err != nil {
			return errors.Join(away(err), plain.Close())
		}
	}
	s.plain = plain
	return nil
}

func (s *store) connectStorage(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	stream, err := bq.NewClient(ctx, s.project, s.rest...)
	if err != nil {
		return err
	}
	stream.Location = s.location
	if err := stream.EnableStorageReadClient(ctx, s.grpc...); err != nil {
		return errors.Join(err, stream.Close())
	}
	s.stream = stream
	return nil
}

// Close disconnects.
func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, c := range []*bq.Client{s.plain, s.stream} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	s.plain, s.stream = nil, nil
	return errors.Join(errs...)
}

var noLabel = regexp.MustCompile(`[^a-z0-9_-]+`)

// label is a text as the value of a label: up to 63 small letters, digits, underscores and hyphens.
func label(text string) string {
	out := strings.Trim(noLabel.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if len(out) > 63 {
		out = strings.TrimRight(out[:63], "-")
	}
	if out == "" {
		return "weir"
	}
	return out
}

func quote(name string) string { return dialect.BigQuery().Quote(name) }
