package databricks

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/weir-data/weir/internal/warehouse"
)

// The local server speaks the protocol of SQL warehouses (Thrift over HTTP, TCLIService) as far as the
// driver needs it. Numbers of fields and types are those of the driver's own definition of it.

// The types of columns of a result.
const (
	booleanType   = 0
	bigintType    = 4
	doubleType    = 6
	stringType    = 7
	timestampType = 8
	arrayType     = 10
	decimalType   = 15
	dateType      = 17
)

// answer is what a statement gives. Values of columns are texts; nil is NULL.
type answer struct {
	columns []string
	types   []int32
	rows    [][]any
	fault   string // the message, instead of rows
	slow    bool   // runs until it is cancelled
}

// server answers statements by the first pattern that matches.
type server struct {
	t       *testing.T
	mu      sync.Mutex
	answers []rule
	said    []string // statements in order
	tokens  []string // what requests were signed with
	open    map[string]answer
	opened  int // sessions
	closed  int
	stopped int // operations
	refuse  int // status of all requests, if it is not 0
}

type rule struct {
	is *regexp.Regexp
	answer
}

// serve starts a server and returns it with settings of a target.
func serve(t *testing.T) (*server, map[string]string) {
	t.Helper()
	s := &server{t: t, open: map[string]answer{}}
	ts := httptest.NewServer(s)
	t.Cleanup(ts.Close)
	host, port, _ := strings.Cut(strings.TrimPrefix(ts.URL, "http://"), ":")
	return s, map[string]string{"host": host, "port": port, "protocol": "http", "http_path": "/sql/1.0/warehouses/abc", "token": "hunter2", "catalog": "main", "schema": "weir"}
}

func (s *server) on(pattern string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, rule{regexp.MustCompile("(?s)" + pattern), a})
}

// statements are those since the session was prepared.
func (s *server) statements() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, sql := range s.said {
		if !strings.HasPrefix(sql, "SET ") && !strings.HasPrefix(sql, "USE ") {
			out = append(out, sql)
		}
	}
	return out
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	refuse := s.refuse
	s.mu.Unlock()
	switch {
	case r.URL.Path == "/oidc/v1/token":
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token": "made-by-the-workspace", "token_type": "Bearer", "expires_in": 3600}`))
		return
	case refuse != 0:
		w.WriteHeader(refuse)
		return
	}
	thrift.NewThriftHandlerFunc(processor{s}, thrift.NewTBinaryProtocolFactoryConf(nil), thrift.NewTBinaryProtocolFactoryConf(nil))(w, r)
}

// processor answers one call.
type processor struct{ *server }

func (p processor) ProcessorMap() map[string]thrift.TProcessorFunction  { return nil }
func (p processor) AddToProcessorMap(string, thrift.TProcessorFunction) {}
func (p processor) Process(ctx context.Context, in, out thrift.TProtocol) (bool, thrift.TException) {
	name, _, seq, err := in.ReadMessageBegin(ctx)
	if err != nil {
		return false, thrift.WrapTException(err)
	}
	got, err := read(ctx, in)
	if err != nil {
		return false, thrift.WrapTException(err)
	}
	_ = in.ReadMessageEnd(ctx)
	req, _ := got[1].(map[int16]any)
	if err := out.WriteMessageBegin(ctx, name, thrift.REPLY, seq); err != nil {
		return false, thrift.WrapTException(err)
	}
	p.mu.Lock()
	reply := p.reply(name, req)
	p.mu.Unlock()
	for _, err := range []error{write(ctx, out, fields{{0, reply}}), out.WriteMessageEnd(ctx), out.Flush(ctx)} {
		if err != nil {
			return false, thrift.WrapTException(err)
		}
	}
	return true, nil
}

type field struct {
	id int16
	v  any
}

type fields []field

var (
	fine     = fields{{1, int32(0)}}
	sessions = fields{{1, fields{{1, []byte("0123456789abcdef")}, {2, []byte("0123456789abcdef")}}}}
)

func (s *server) reply(name string, req map[int16]any) fields {
	switch name {
	case "OpenSession":
		s.opened++
		return fields{{1, fine}, {2, int32(0xA508)}, {3, sessions}}
	case "CloseSession":
		s.closed++
		return fields{{1, fine}}
	case "ExecuteStatement":
		sql, _ := req[2].(string)
		s.said = append(s.said, sql)
		a := s.find(sql)
		id := strconv.Itoa(1e15 + len(s.said))
		s.open[id] = a
		handle := fields{{1, fields{{1, []byte(id)}, {2, []byte(id)}}}, {2, int32(0)}, {3, a.columns != nil}}
		state := fields{{1, fine}, {2, int32(2)}}
		if a.slow {
			state = fields{{1, fine}, {2, int32(1)}}
		}
		if a.fault != "" {
			state = fields{{1, fine}, {2, int32(5)}, {3, stateOf(a.fault)}, {1281, a.fault}}
		}
		direct := fields{{1, state}}
		if a.columns == nil {
			direct = append(direct, field{2, answer{}.metadata()})
		}
		if a.columns != nil && a.fault == "" && !a.slow {
			direct = append(direct, field{2, a.metadata()}, field{3, a.results()}, field{4, fields{{1, fine}}})
		}
		return fields{{1, fine}, {2, handle}, {1281, direct}}
	case "GetOperationStatus":
		return fields{{1, fine}, {2, int32(1)}}
	case "CancelOperation":
		s.stopped++
		return fields{{1, fine}}
	case "GetResultSetMetadata":
		return answer{columns: []string{}}.metadata()
	}
	return fields{{1, fine}}
}

func stateOf(message string) string {
	if m := sqlState.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

func (s *server) find(sql string) answer {
	for _, r := range s.answers {
		if r.is.MatchString(sql) {
			return r.answer
		}
	}
	if strings.HasPrefix(sql, "SET ") || strings.HasPrefix(sql, "USE ") {
		return answer{columns: []string{}}
	}
	return answer{fault: "[PARSE_SYNTAX_ERROR] Syntax error at or near 'nothing answers this'. SQLSTATE: 42601"}
}

func (a answer) metadata() fields {
	columns := list{of: thrift.STRUCT}
	for i, name := range a.columns {
		entry := fields{{1, fields{{1, a.types[i]}}}}
		columns.items = append(columns.items, fields{{1, name}, {2, fields{{1, list{thrift.STRUCT, []any{entry}}}}}, {3, int32(i + 1)}})
	}
	return fields{{1, fine}, {2, fields{{1, columns}}}, {1281, int32(1)}, {1287, false}}
}

// results are the rows, column by column.
func (a answer) results() fields {
	columns := list{of: thrift.STRUCT}
	for i, typ := range a.types {
		nulls := make([]byte, (len(a.rows)+7)/8)
		values := list{of: thrift.STRING}
		union := int16(7)
		switch typ {
		case booleanType:
			values.of, union = thrift.BOOL, 1
		case bigintType:
			values.of, union = thrift.I64, 5
		case doubleType:
			values.of, union = thrift.DOUBLE, 6
		}
		for n, row := range a.rows {
			v := row[i]
			if v == nil {
				nulls[n/8] |= 1 << (n % 8)
				v = map[thrift.TType]any{thrift.STRING: "", thrift.BOOL: false, thrift.I64: int64(0), thrift.DOUBLE: 0.0}[values.of]
			}
			values.items = append(values.items, v)
		}
		columns.items = append(columns.items, fields{{union, fields{{1, values}, {2, nulls}}}})
	}
	set := fields{{1, int64(0)}, {2, list{of: thrift.STRUCT}}, {3, columns}}
	return fields{{1, fine}, {2, false}, {3, set}}
}

type list struct {
	of    thrift.TType
	items []any
}

func typeOfValue(v any) thrift.TType {
	switch v.(type) {
	case bool:
		return thrift.BOOL
	case int32:
		return thrift.I32
	case int64:
		return thrift.I64
	case float64:
		return thrift.DOUBLE
	case string, []byte:
		return thrift.STRING
	case list:
		return thrift.LIST
	}
	return thrift.STRUCT
}

// write writes a value.
func write(ctx context.Context, out thrift.TProtocol, v any) error {
	switch v := v.(type) {
	case bool:
		return out.WriteBool(ctx, v)
	case int32:
		return out.WriteI32(ctx, v)
	case int64:
		return out.WriteI64(ctx, v)
	case float64:
		return out.WriteDouble(ctx, v)
	case string:
		return out.WriteString(ctx, v)
	case []byte:
		return out.WriteBinary(ctx, v)
	case list:
		if err := out.WriteListBegin(ctx, v.of, len(v.items)); err != nil {
			return err
		}
		for _, item := range v.items {
			if err := write(ctx, out, item); err != nil {
				return err
			}
		}
		return nil
	case fields:
		for _, f := range v {
			if err := out.WriteFieldBegin(ctx, "", typeOfValue(f.v), f.id); err != nil {
				return err
			}
			if err := write(ctx, out, f.v); err != nil {
				return err
			}
		}
		return out.WriteFieldStop(ctx)
	}
	return nil
}

// read reads a structure by the numbers of its fields. What is neither a text nor a structure is skipped.
func read(ctx context.Context, in thrift.TProtocol) (map[int16]any, error) {
	out := map[int16]any{}
	for {
		_, typ, id, err := in.ReadFieldBegin(ctx)
		if err != nil || typ == thrift.STOP {
			return out, err
		}
		switch typ {
		case thrift.STRING:
			out[id], err = in.ReadString(ctx)
		case thrift.STRUCT:
			out[id], err = read(ctx, in)
		default:
			err = in.Skip(ctx, typ)
		}
		if err != nil {
			return nil, err
		}
	}
}

// connect opens a session on a server.
func connect(t *testing.T, set map[string]string) *session {
	t.Helper()
	w, err := kind{}.Open(warehouse.Config{Settings: set, Label: "weir shop"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.(*session)
}
