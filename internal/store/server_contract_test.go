//go:build unix

package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
	"github.com/weir-data/weir/syncs"
	"github.com/weir-data/weir/syncs/syncstest"
)

// TestJournalContractOnServer holds a store on PostgreSQL to what a file is held to.
func TestJournalContractOnServer(t *testing.T) {
	dir := pgtest.Dir(pgtest.Start(t))
	n := 0
	var last *store.Store
	at := func(t *testing.T) syncs.Journal {
		s, err := store.OpenServer(context.Background(), store.Server{URL: fmt.Sprintf("postgres://weir@/postgres?host=%s&schema=s%d", dir, n), Owner: "p/dev"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		last = s
		return s
	}
	syncstest.JournalContract(t,
		func(t *testing.T) syncs.Journal { n++; return at(t) },
		func(t *testing.T) syncs.Journal { last.Close(); return at(t) })
}
