package syncstest

import (
	"testing"

	"github.com/weir-data/weir/syncs"
)

func TestJournalContract(t *testing.T) {
	JournalContract(t, func(*testing.T) syncs.Journal { return newJournal(newWorld(1, Sound)).quiet() }, nil)
}

// quiet makes a journal that never fails.
func (j *journal) quiet() *journal {
	j.w.infra, j.w.chaos = 0, false
	return j
}
