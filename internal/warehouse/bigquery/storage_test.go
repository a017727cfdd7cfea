package bigquery

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	v2 "google.golang.org/api/bigquery/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// Rows of the result that is read, in batches of two streams.
const (
	batchRows  = 500
	batches    = 3 // of each stream
	streamRows = batchRows * batches
	resultRows = 2 * streamRows
)

// reads is a server of the Storage Read API, which speaks Arrow, as its reference describes it:
// docs.cloud.google.com/bigquery/docs/reference/storage.
type readServer struct {
	storagepb.UnimplementedBigQueryReadServer
	denied error
	breaks func(nth int, stream string, offset int64) (after int, err error) // batches of the nth reading before it breaks; -1 for all

	mu       sync.Mutex
	sessions []string // tables that were read
	readings []string // "stream from offset"
}

func (s *readServer) CreateReadSession(_ context.Context, r *storagepb.CreateReadSessionRequest) (*storagepb.ReadSession, error) {
	if s.denied != nil {
		return nil, s.denied
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = append(s.sessions, r.ReadSession.Table)
	schema, _ := arrowBatch(0, 0)
	out := &storagepb.ReadSession{Name: "projects/shop/locations/eu/sessions/1", Table: r.ReadSession.Table, DataFormat: storagepb.DataFormat_ARROW,
		Schema:            &storagepb.ReadSession_ArrowSchema{ArrowSchema: &storagepb.ArrowSchema{SerializedSchema: schema}},
		EstimatedRowCount: resultRows - 7} // it is no more than an estimate
	for i := range 2 {
		out.Streams = append(out.Streams, &storagepb.ReadStream{Name: out.Name + "/streams/" + strconv.Itoa(i)})
	}
	return out, nil
}

func (s *readServer) ReadRows(r *storagepb.ReadRowsRequest, to storagepb.BigQueryRead_ReadRowsServer) error {
	name := r.ReadStream[strings.LastIndexByte(r.ReadStream, '/')+1:]
	s.mu.Lock()
	s.readings = append(s.readings, fmt.Sprintf("%s from %d", name, r.Offset))
	nth := len(s.readings)
	s.mu.Unlock()
	after, broken := -1, error(nil)
	if s.breaks != nil {
		after, broken = s.breaks(nth, name, r.Offset)
	}
	first, err := strconv.Atoi(name)
	if err != nil {
		return status.Error(codes.InvalidArgument, "no such stream")
	}
	for at := r.Offset; at < streamRows; at += batchRows {
		if after == 0 {
			return broken
		}
		after--
		_, batch := arrowBatch(first*streamRows+int(at), batchRows)
		err := to.Send(&storagepb.ReadRowsResponse{RowCount: batchRows, Rows: &storagepb.ReadRowsResponse_ArrowRecordBatch{ArrowRecordBatch: &storagepb.ArrowRecordBatch{SerializedRecordBatch: batch}}})
		if err != nil {
			return err
		}
	}
	return nil
}

func serveReads(t *testing.T, s *readServer) []option.ClientOption {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	storagepb.RegisterBigQueryReadServer(g, s)
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return []option.ClientOption{option.WithEndpoint(l.Addr().String()), option.WithoutAuthentication(), option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))}
}

// wide are columns of every type that comes in another form through Arrow, in that of pages.
var wide = []*v2.TableFieldSchema{
	{Name: "n", Type: "INTEGER"}, {Name: "text", Type: "STRING"}, {Name: "number", Type: "NUMERIC"}, {Name: "yes", Type: "BOOLEAN"},
	{Name: "day", Type: "DATE"}, {Name: "at", Type: "TIMESTAMP"}, {Name: "naive", Type: "DATETIME"}, {Name: "double", Type: "FLOAT"},
	{Name: "list", Type: "STRING", Mode: "REPEATED"}, {Name: "absent", Type: "STRING"},
}

var moment = time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC)

// paged is a row as pages have it.
func paged(n int) []any {
	at := moment.Add(time.Duration(n) * time.Microsecond)
	return []any{strconv.Itoa(n), "é😀" + strconv.Itoa(n), fmt.Sprintf("%d.25", n), strconv.FormatBool(n%2 == 0), at.Format(time.DateOnly),
		strconv.FormatInt(at.UnixMicro(), 10), at.Format("2006-01-02T15:04:05.999999"), "0.5", []any{map[string]any{"v": "a"}, map[string]any{"v": strconv.Itoa(n)}}, nil}
}

// arrowBatch is the message of a schema, and that of rows from n on.
func arrowBatch(n, rows int) (schema, batch []byte) {
	micro := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	types := []arrow.DataType{arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String, &arrow.Decimal128Type{Precision: 38, Scale: 9}, arrow.FixedWidthTypes.Boolean,
		arrow.FixedWidthTypes.Date32, micro, &arrow.TimestampType{Unit: arrow.Microsecond}, arrow.PrimitiveTypes.Float64, arrow.ListOf(arrow.BinaryTypes.String), arrow.BinaryTypes.String}
	fields := make([]arrow.Field, len(types))
	for i, typ := range types {
		fields[i] = arrow.Field{Name: wide[i].Name, Type: typ, Nullable: true}
	}
	sc := arrow.NewSchema(fields, nil)
	var head, all bytes.Buffer
	write := func(to *bytes.Buffer, rec arrow.RecordBatch) {
		w := ipc.NewWriter(to, ipc.WithSchema(sc))
		if rec != nil {
			if err := w.Write(rec); err != nil {
				panic(err)
			}
		}
		if err := w.Close(); err != nil {
			panic(err)
		}
	}
	write(&head, nil)
	const end = 8 // bytes of the mark of a stream's end, which BigQuery does not send
	schema = head.Bytes()[:head.Len()-end]
	if rows == 0 {
		return schema, nil
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	defer b.Release()
	for i := n; i < n+rows; i++ {
		at := moment.Add(time.Duration(i) * time.Microsecond)
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.StringBuilder).Append("é😀" + strconv.Itoa(i))
		b.Field(2).(*array.Decimal128Builder).Append(decimal128.FromI64(int64(i)*1_000_000_000 + 250_000_000))
		b.Field(3).(*array.BooleanBuilder).Append(i%2 == 0)
		b.Field(4).(*array.Date32Builder).Append(arrow.Date32FromTime(at))
		b.Field(5).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMicro()))
		b.Field(6).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMicro()))
		b.Field(7).(*array.Float64Builder).Append(0.5)
		list := b.Field(8).(*array.ListBuilder)
		list.Append(true)
		for _, text := range []string{"a", strconv.Itoa(i)} {
			list.ValueBuilder().(*array.StringBuilder).Append(text)
		}
		b.Field(9).AppendNull()
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	write(&all, rec)
	return schema, all.Bytes()[len(schema) : all.Len()-end]
}

// TestStreams: a large result comes through the Storage Read API as it would by pages, whatever happens to
// its streams on the way, or the reader is told.
func TestStreams(t *testing.T) {
	unavailable := status.Error(codes.Unavailable, "the connection was reset")
	for name, c := range map[string]struct {
		server   *readServer
		readings []string // that there must have been
		bad      string
	}{
		"whole": {server: &readServer{}, readings: []string{"0 from 0", "1 from 0"}},
		"a stream breaks and goes on where it was": {server: &readServer{breaks: func(_ int, stream string, offset int64) (int, error) {
			if stream == "1" && offset < 2*batchRows {
				return 1, unavailable
			}
			return -1, nil
		}}, readings: []string{"0 from 0", "1 from 0", "1 from 1000", "1 from 500"}},
		"not allowed: pages": {server: &readServer{denied: status.Error(codes.PermissionDenied, "the user lacks bigquery.readsessions.create")}},
		"a stream ends too early": {server: &readServer{breaks: func(_ int, stream string, _ int64) (int, error) {
			if stream == "1" {
				return 2, nil
			}
			return -1, nil
		}}, readings: []string{"0 from 0", "1 from 0"}, bad: "2500 of 3000 rows"},
		"the reading took too long": {server: &readServer{breaks: func(_ int, stream string, _ int64) (int, error) {
			if stream == "1" {
				return 0, status.Error(codes.FailedPrecondition, "session expired at 2026-06-01T00:00:00+00:00")
			}
			return -1, nil
		}}, bad: "session expired"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.page = 1200
			var pages [][]any
			if c.server.denied != nil {
				for i := range resultRows {
					pages = append(pages, paged(i))
				}
			}
			f.run = func(int, *v2.Job) outcome { return outcome{schema: wide, rows: pages, total: resultRows} }
			w := f.open(nil, serveReads(t, c.server)...)
			w.manyRows = resultRows
			s := f.session(w)
			seen := make([]bool, resultRows)
			var first []any
			n := 0
			var err error
			for row, bad := range s.Query(t.Context(), "SELECT * FROM raw.orders") {
				if bad != nil {
					err = bad
					break
				}
				i := row[0].(int64)
				if seen[i] || row[1] != "é😀"+strconv.FormatInt(i, 10) {
					t.Fatalf("row %d came twice, or is %v", i, row)
				}
				seen[i] = true
				n++
				if i == 0 {
					first = slices.Clone(row)
				}
			}
			if c.bad != "" {
				if err == nil || !strings.Contains(err.Error(), c.bad) {
					t.Errorf("after %d rows the error is %v", n, err)
				}
				return
			}
			if err != nil || n != resultRows {
				t.Fatalf("%d rows, %v", n, err)
			}
			want, err := rowsOf(t.Context(), oneRow(t), "SELECT * FROM raw.orders")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[0], first); diff != "" {
				t.Errorf("the first row is otherwise than by pages: %s", diff)
			}
			slices.Sort(c.server.readings)
			if diff := cmp.Diff(c.readings, c.server.readings); diff != "" {
				t.Error(diff)
			}
			if c.server.denied == nil && !strings.HasPrefix(c.server.sessions[0], "projects/shop/datasets/_results/tables/"+jobPrefix) {
				t.Errorf("read %q", c.server.sessions)
			}
		})
	}
}

// oneRow is a session on a server whose result has one row, which comes by pages.
func oneRow(t *testing.T) *session {
	f := newFake(t)
	f.run = func(int, *v2.Job) outcome { return outcome{schema: wide, rows: [][]any{paged(0)}} }
	return f.session(f.open(nil))
}

// TestStreamLeft: who stops reading leaves nothing behind that goes on.
func TestStreamLeft(t *testing.T) {
	f := newFake(t)
	f.run = func(int, *v2.Job) outcome { return outcome{schema: wide, total: resultRows} }
	server := &readServer{}
	w := f.open(nil, serveReads(t, server)...)
	w.manyRows = resultRows
	s := f.session(w)
	for _, err := range s.Query(t.Context(), "SELECT * FROM raw.orders") {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	f.run = func(int, *v2.Job) outcome { return outcome{schema: numbers, rows: counted(1)} }
	if rows, err := rowsOf(t.Context(), s, "SELECT 0 AS n"); err != nil || len(rows) != 1 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}
