//go:build cgo && !noduckdb && unix

package ledger

import (
	"fmt"
	"testing"

	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// TestStoreOnServer puts the engine's promises to a journal on PostgreSQL: the same as to a file.
func TestStoreOnServer(t *testing.T) {
	dir := pgtest.Dir(pgtest.Start(t))
	open, n := openStore, 0
	defer func() { openStore = open }()
	openStore = func(t *testing.T) *store.Store {
		t.Helper()
		n++
		st, err := store.OpenServer(ctx, store.Server{URL: fmt.Sprintf("postgres://weir@/postgres?host=%s&schema=s%d", dir, n), Owner: "shop/dev"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return st
	}
	for name, test := range map[string]func(*testing.T){
		"failures": TestMatrix, "converges": TestEngineConverges, "messages": TestEngineNeverRepeatsAMessage, "a lost journal": TestF45EngineAfterALostJournal,
	} {
		t.Run(name, test)
	}
}
