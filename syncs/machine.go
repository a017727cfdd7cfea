package syncs

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Order is what one run is asked to do.
type Order struct {
	Run   string // its id, from NewRun, or the id of the saved plan to send
	Asked string // who asked: "command", "schedule", …
	// Hash is that of a saved plan: it is sent, or refused if it is gone or no longer fits. ""
	// makes a new plan.
	Hash string
	// Approved lists the codes of holds that a person has read and agreed to.
	Approved []string
	// Decision, if set, is carried out instead of a run.
	Decision *Decision
	// Recover only settles what earlier runs left, and plans nothing.
	Recover bool
}

// Decision is a person's word on rows in doubt of an earlier run.
type Decision struct {
	Run  string
	Sent bool
	Keys []string // none means all
}

// StaleError says that a saved plan may not be sent any more.
type StaleError struct{ Run, Why string }

// Error says why.
func (e *StaleError) Error() string {
	return fmt.Sprintf("the saved plan %s cannot be sent: %s", e.Run, e.Why)
}

// phase is where in the protocol the machine stands; doc.go draws them.
type phase uint8

const (
	idle phase = iota
	acquiring
	beginning
	surveying
	recovering
	deciding
	checking // jobs of earlier runs
	finding
	freezing
	opening
	sending
	polling // jobs of this run
	settling
	ending
	finished
)

// Machine is one run as a state machine. Step is told what happened and answers what to do next;
// there is no goroutine, clock or chance inside, so that the simulator of syncstest can put the
// very same machine through every order of events. A Machine is used from one goroutine.
type Machine struct {
	cfg     Config
	task    *Task
	order   Order
	buckets *Buckets
	limits  destinations.Limits // with the rates that a run waits for
	quotas  []destinations.Rate // and those that it does not wait for
	pace    pace
	known   *spentQuota // from earlier runs
	dry     *spentQuota // the journal has no more calls of a quota
	quota   *spentQuota // nothing more is sent by this one
	timeout time.Duration
	harmful bool
	// fullRows is how many rows a call may have by what is declared.
	fullRows int

	at   Moment
	out  []Effect
	wake time.Time // the earliest time that this step asked for
	set  time.Time // the Sleep that the driver knows

	phase phase
	lease lease
	calm  time.Time // nothing is sent before: earlier requests may still arrive

	open    []leftover     // oldest first
	jobs    []OpenJob      // to ask about: of earlier runs, later of this one
	jobOf   map[string]int // open jobs by run
	began   bool
	planned bool
	opened  bool
	started time.Time

	ref     PlanRef
	limit   int64 // rows of the plan that may be sent
	held    bool
	tripped bool // too many rows were rejected: the rest is held
	send    sender

	stopping   bool
	stopBy     time.Time
	canceled   bool
	failure    *failure
	broken     bool // the journal or the ledger does not answer: leave everything to the next run
	lost       bool // the lease is somebody else's, or may be
	tries      int  // of the effect that is being repeated
	resumeAt   time.Time
	resume     func()          // what waits until resumeAt
	doubtful   time.Time       // when the last call ended without a usable answer
	jobsBy     time.Time       // the run does not wait for its jobs longer than this
	closing    []closing       // of a job of an earlier run that the ledger is told of
	done       []closing       // jobs of this run that came to their end
	jobAttempt map[int64]int64 // of this run: the first row of a job to its attempt
	unsure     bool            // whether this run has a plan is not known
	concluded  bool            // the end has begun
	refuse     error           // why nothing was run
	decided    int64
	report     *Report
	counts     Counts
	notes      []string
	rejects    map[string]int64
	reasons    map[string]string
	holds      []Hold
	noted      time.Time // when progress was told last
}

// leftover is a run to settle before this one.
type leftover struct {
	ref     PlanRef
	plan    bool // there is a plan to settle
	known   bool // the journal knows the run
	record  RunRecord
	counts  Counts
	settled bool
}

type failure struct{ code, text, fix string }

// NewMachine makes the machine of one run. It refuses times with which it could never send.
func NewMachine(t *Task, o Order, c Config, b *Buckets) (*Machine, error) {
	cfg, err := c.sound(t.Object.Limits)
	if err != nil {
		return nil, fmt.Errorf("sync %s: %w", t.Sync.Name, err)
	}
	m := &Machine{cfg: cfg, task: t, order: o, buckets: b, limits: t.Object.Limits, timeout: timeout(t.Object.Limits),
		harmful: harmful(t.Object), jobOf: map[string]int{}, jobAttempt: map[int64]int64{}, rejects: map[string]int64{}, reasons: map[string]string{}}
	for _, r := range t.Object.Limits.Rates {
		if IsQuota(r) {
			m.quotas = append(m.quotas, r)
		}
	}
	m.limits.Rates = slices.DeleteFunc(slices.Clone(m.limits.Rates), IsQuota)
	m.pace = newPace(m.concurrency())
	m.send.init(m)
	m.fullRows = m.send.maxRows
	return m, nil
}

// Step takes what happened and returns what to do.
func (m *Machine) Step(at Moment, in Input) []Effect {
	if m.phase == finished {
		return nil
	}
	m.at, m.out, m.wake = at, nil, time.Time{}
	m.input(in)
	m.tend()
	if m.phase == sending || m.phase == settling {
		m.work()
	}
	if m.phase != finished {
		if m.resume != nil {
			m.wakeAt(m.resumeAt)
		}
		m.tendWake()
	}
	return m.out
}

func (m *Machine) do(e Effect) { m.out = append(m.out, e) }

// wakeAt asks for a Tick at t.
func (m *Machine) wakeAt(t time.Time) {
	if m.wake.IsZero() || t.Before(m.wake) {
		m.wake = t
	}
}

func (m *Machine) tendWake() {
	if !m.wake.Equal(m.set) {
		m.set = m.wake
		m.do(Sleep{Until: m.wake})
	}
}

func (m *Machine) input(in Input) {
	switch in := in.(type) {
	case Start:
		m.started = m.at.Now
		m.phase = acquiring
		m.lease.asked = m.at.Now
		m.do(acquire{ttl: m.cfg.TTL})
	case Tick:
		m.set = time.Time{}
		m.tick()
	case Stop:
		m.stop()
	case acquired:
		m.acquired(in)
	case renewed:
		m.renewed(in)
	case surveyed:
		m.surveyed(in)
	case settled:
		m.settledRun(in)
	case marked:
		m.markedRun(in)
	case ended:
		m.endedRun(in)
	case decided:
		m.decided = in.n
		m.addNotes([]string{fmt.Sprintf("a person settled %d rows of run %s", in.n, m.order.Decision.Run)})
		if in.err != nil && !m.fenced(in.err) {
			m.refuseRun(in.err)
			return
		}
		m.conclude()
	case jobsListed:
		m.jobsListed(in)
	case polled:
		m.polled(in)
	case refined:
		m.refined(in)
	case closed:
		m.closedJob(in)
	case found:
		m.found(in)
	case begun:
		m.begun(in)
	case frozen:
		m.frozen(in)
	case opened:
		m.openedSession(in)
	case page:
		m.page(in)
	case recorded:
		m.recorded(in)
	case Written:
		m.written(in)
	case refreshed:
		m.refreshed(in)
	case drawn:
		m.drawn(in)
	case learned: // or not: then the next run learns it again
	case discarded:
		m.discarded(in)
	case released:
		m.finish()
	default:
		panic(fmt.Sprintf("syncs: unknown input %T", in))
	}
}

// fail ends the run; the first reason is the one reported.
func (m *Machine) fail(code, fix, format string, args ...any) {
	if m.failure == nil {
		m.failure = &failure{code: code, fix: fix, text: fmt.Sprintf(format, args...)}
	}
}

// halted reports whether nothing new may be sent or begun.
func (m *Machine) halted() bool {
	return m.stopping || m.failure != nil || m.lost || m.broken || m.tripped || m.quota != nil
}

// fenced handles an error of a write: whether it says that a newer run has taken over.
func (m *Machine) fenced(err error) bool {
	if !errors.Is(err, ErrFenced) {
		return false
	}
	m.lost = true
	m.failure = nil // whatever went wrong before, this is why the counts are not final
	m.fail("syncs.fenced", "nothing is lost: the newer run settles what this one sent", "%v", ErrFenced)
	return true
}

func (m *Machine) stop() {
	if m.stopping || m.phase == finished {
		return
	}
	m.stopping = true
	m.stopBy = m.at.Now.Add(m.cfg.Grace)
	m.tick()
}
