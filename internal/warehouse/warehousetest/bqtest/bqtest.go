// Package bqtest starts a stand-in for BigQuery for a test: an emulator, which .ci/warehouses builds.
package bqtest

import (
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

// Server is an emulator that runs.
type Server struct{ rest, storage int }

// made counts the datasets of this process, each of which is a test's own.
var made atomic.Int64

// Start runs an emulator until the test ends. Without one on this machine the test is skipped, or fails
// if WEIR_REQUIRE is "all".
func Start(t testing.TB) *Server {
	t.Helper()
	path := outside.Find(t, "bigquery-emulator")
	ports := outside.Ports(t, 2)
	outside.Start(t, time.Minute, func() error {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address(ports[0]))
		if err != nil {
			return err
		}
		return c.Close()
	}, path, "--project=emulated", "--dataset=unused", "--host=127.0.0.1", "--port="+strconv.Itoa(ports[0]), "--grpc-port="+strconv.Itoa(ports[1]), "--log-level=error")
	return &Server{rest: ports[0], storage: ports[1]}
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Settings are those of a target in a project of the emulator, with a new and empty dataset.
func (s *Server) Settings() map[string]string {
	return map[string]string{
		"project": "emulated", "dataset": fmt.Sprintf("weir%d", made.Add(1)),
		"endpoint": "http://" + address(s.rest), "storage_endpoint": address(s.storage),
	}
}

// Open opens a warehouse with settings, and closes it when the test ends.
func Open(t testing.TB, settings map[string]string) warehouse.Warehouse {
	t.Helper()
	kind, ok := warehouse.Lookup("bigquery")
	if !ok {
		t.Fatal("this build has no BigQuery")
	}
	w, err := kind.Open(warehouse.Config{Target: "test", Dir: t.TempDir(), Settings: settings, Label: "weir test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// Empty makes datasets, and drops the tables and views of those that are there.
func Empty(t testing.TB, w warehouse.Warehouse, datasets ...string) {
	t.Helper()
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := w.Kind().Dialect()
	for _, dataset := range datasets {
		if _, err := s.Exec(t.Context(), "CREATE SCHEMA IF NOT EXISTS "+d.Quote(dataset)); err != nil {
			t.Fatal(err)
		}
		tables, err := s.Tables(t.Context(), dataset)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range tables {
			name = d.Quote(dataset) + "." + d.Quote(name)
			_, view := s.Exec(t.Context(), "DROP VIEW IF EXISTS "+name)
			if _, table := s.Exec(t.Context(), "DROP TABLE IF EXISTS "+name); view != nil && table != nil {
				t.Fatal(view, table)
			}
		}
	}
}
