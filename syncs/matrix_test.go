package syncs

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// F47 in every test of the package: none leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The journal says that an acknowledgement may not have reached the disk. It is not asked again,
// nothing more is sent, and the next run takes the rows for sent without an answer.
func TestF44AcknowledgementIsLost(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 3000)
		s.journal.ackErr = errors.New("input/output error")
		r := s.run()
		if r.Status != Failed || r.Code != "syncs.journal" || len(s.vendor.calls) != 1 || s.src.settled != 0 {
			t.Fatalf("%+v, %d calls, settled %d times", r, len(s.vendor.calls), s.src.settled)
		}
		// The first call arrived; an intent that was written beside its answer may have reached the disk.
		unsure := s.journal.unsure
		if want := (Counts{Added: 3000, Delivered: 1000, InDoubt: unsure, Due: 2000 - unsure}); r.Counts != want {
			t.Errorf("%+v, want %+v", r.Counts, want)
		}
		s.journal.ackErr = nil
		s.vendor.closed, s.opened = false, 0
		if r := s.run(); r.Status != OK || len(s.vendor.calls) != 4 {
			t.Fatalf("%+v, %d calls", r, len(s.vendor.calls))
		}
		if first, again := s.vendor.calls[0], s.vendor.calls[1]; first.ID != again.ID || keys(first) != keys(again) {
			t.Errorf("what nobody heard of is sent again as %s, and was sent as %s", again.ID, first.ID)
		}
	})
}

// A thousand runs leave as many goroutines and open files as there were.
func TestF47AThousandRuns(t *testing.T) {
	s := newScene(t, 3)
	run := func(n int) {
		for range n {
			s.vendor.closed, s.opened, s.events = false, 0, nil
			if r := s.run(); r.Status != OK {
				t.Fatalf("%+v", r)
			}
		}
	}
	run(5)
	settled := func(most int) int { // goroutines that are about to end are given the time to
		n := runtime.NumGoroutine()
		for i := 0; i < 1000 && n > most; i++ {
			runtime.Gosched()
			time.Sleep(time.Millisecond)
			n = runtime.NumGoroutine()
		}
		return n
	}
	files := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Log("files are not counted here:", err)
		}
		return len(all)
	}
	goroutines, open := settled(0), files()
	run(1000)
	if n := settled(goroutines); n > goroutines {
		t.Errorf("%d goroutines, then %d", goroutines, n)
	}
	if n := files(); n > open {
		t.Errorf("%d open files, then %d", open, n)
	}
}
