package syncs

import (
	"time"

	"github.com/weir-data/weir/destinations"
)

// Moment is when something reaches the machine, with the chance it may need: all that it knows
// of clocks and dice.
type Moment struct {
	Now    time.Time
	Random float64 // 0 <= Random < 1
}

// Input is something that happened: the result of an effect, a Tick or a Stop.
type Input any

// Effect is something that the machine wants done. A driver does each with Performer.Perform and
// gives the result back to Step, but for Sleep, Cancel, Note and Finish, which are the driver's
// own and have no result. Effects that the machine asks for without waiting in between may be
// done at the same time and in any order.
type Effect any

type (
	// Start begins; Tick says that the time of the last Sleep has come, or just that time
	// passed; Stop asks the run to come to an end.
	Start struct{}
	Tick  struct{}
	Stop  struct{}

	// Sleep asks for a Tick at Until. It replaces the Sleep before it; zero means none.
	Sleep struct{ Until time.Time }
	// Cancel asks to break off the calls in flight: their time to finish is over.
	Cancel struct{}
	// Note is progress for people.
	Note struct{ Event Event }
	// Finish is the last effect: the run is over.
	Finish struct {
		Report  *Report
		Decided int64
		Err     error // nothing was run: the sync is held by somebody else, or out of reach
	}

	// Write sends a batch. It must not begin at Before or later: by then somebody else may
	// hold the lease.
	Write struct {
		Call    int64
		Batch   destinations.Batch
		Before  time.Time
		Timeout time.Duration
	}
	// Written is its result. Unsent is true if the call was not begun.
	Written struct {
		Call    int64
		Outcome destinations.Outcome
		Err     error
		Unsent  bool
	}
)

// The effects on Source and Journal, and their results.
type (
	acquire  struct{ ttl time.Duration }
	acquired struct {
		grant Grant
		err   error
	}
	renew struct {
		grant Grant
		ttl   time.Duration
	}
	renewed struct {
		grant Grant
		err   error
	}
	release struct {
		grant Grant
		clean bool
	}
	released struct{ err error }

	survey   struct{}
	surveyed struct {
		runs  []RunRecord
		plans []PlanRef
		jobs  []OpenJob
		known []Lesson
		err   error
	}

	learn struct {
		account string
		lesson  Lesson
	}
	learned struct{ err error }
	draw    struct {
		account string
		quota   destinations.Rate
		n       int64
	}
	drawn struct {
		quota destinations.Rate
		got   Allowance
		err   error
	}

	begin struct{ record RunRecord }
	begun struct{ err error }
	find  struct{ run string }
	found struct {
		ref     PlanRef
		ok      bool
		version string
		err     error
	}
	freeze struct {
		grant Grant
		run   string
	}
	frozen struct {
		ref PlanRef
		err error
	}

	open   struct{}
	opened struct{ err error }
	read   struct {
		ref    PlanRef
		lo, hi int64
	}
	page struct {
		lo, hi int64
		rows   []item
		err    error
	}

	record struct {
		run     string
		epoch   int64
		acks    []Ack
		intents []Intent
	}
	recorded struct{ err error }

	refresh   struct{}
	refreshed struct{ err error }

	listJobs   struct{}
	jobsListed struct {
		jobs []OpenJob
		err  error
	}
	poll struct {
		jobs    []OpenJob // entries of one job
		timeout time.Duration
	}
	polled struct {
		jobs    []OpenJob
		outcome destinations.Outcome
		done    bool
		err     error
	}
	refine struct {
		grant Grant
		ref   PlanRef
		final []Exception
	}
	refined  struct{ err error }
	closeJob struct {
		run   string
		id    int64
		final []Exception
	}
	closed struct{ err error }

	settle struct {
		grant   Grant
		ref     PlanRef
		unknown bool // the journal knows nothing of the run: every row is in doubt
		keep    bool
	}
	settled struct {
		counts Counts
		err    error
	}
	mark    struct{ run string }
	marked  struct{ err error }
	discard struct {
		ref PlanRef
	}
	discarded struct{ err error }
	end       struct {
		run    string
		report Report
	}
	ended  struct{ err error }
	decide struct {
		grant Grant
		run   string
		sent  bool
		keys  []string
	}
	decided struct {
		n   int64
		err error
	}
)
