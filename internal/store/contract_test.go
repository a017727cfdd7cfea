package store

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/weir-data/weir/syncs"
	"github.com/weir-data/weir/syncs/syncstest"
)

func TestJournalContract(t *testing.T) {
	var path string
	open := func(t *testing.T) syncs.Journal {
		s, err := Open(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	var first syncs.Journal
	syncstest.JournalContract(t, func(t *testing.T) syncs.Journal {
		path = filepath.Join(t.TempDir(), ".weir", "dev.db")
		first = open(t)
		return first
	}, func(t *testing.T) syncs.Journal {
		first.(*Store).Close()
		return open(t)
	})
}
