package store_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/syncs"
	"github.com/weir-data/weir/syncs/syncstest"
)

func TestJournalContract(t *testing.T) {
	var last *store.Store
	at := func(t *testing.T, path string) syncs.Journal {
		s, err := store.Open(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		last = s
		return s
	}
	syncstest.JournalContract(t,
		func(t *testing.T) syncs.Journal { return at(t, filepath.Join(t.TempDir(), "dev.db")) },
		func(t *testing.T) syncs.Journal {
			path := last.Path()
			last.Close()
			return at(t, path)
		})
}
