package syncs

import (
	"context"
	"time"
)

// driver does the effects of one machine with goroutines, and tells it their results one at a
// time. It decides nothing.
type driver struct {
	m      *Machine
	perf   *Performer
	now    func() time.Time
	random func() float64
	events func(Event)

	inbox   chan Input
	running int
	timer   *time.Timer
}

// run drives the machine to its end. ctx ending asks the run to stop; what it takes to end in
// order is still done. It returns when every goroutine that it started has ended.
func (d *driver) run(ctx context.Context) Finish {
	keep := context.WithoutCancel(ctx)
	calls, cancelCalls := context.WithCancel(keep) // ends with Cancel
	defer cancelCalls()
	soft, cancelSoft := context.WithCancel(keep) // ends as soon as the run is asked to stop
	defer cancelSoft()
	d.inbox = make(chan Input)
	d.timer = time.NewTimer(time.Hour)
	defer d.timer.Stop()

	var last *Finish
	stop := ctx.Done()
	in := Input(Start{})
	for {
		for _, e := range d.m.Step(Moment{Now: d.now(), Random: d.random()}, in) {
			switch e := e.(type) {
			case Sleep:
				d.sleep(e.Until)
			case Cancel:
				cancelCalls()
			case Note:
				d.events(e.Event)
			case Finish:
				last = &e
			case Write, open, refresh, poll:
				d.start(calls, e)
			case freeze, read:
				d.start(soft, e)
			case renew:
				d.startFor(keep, e.ttl/2, e) // so that a warehouse that hangs is asked again
			default:
				d.start(keep, e)
			}
		}
		if last != nil && d.running == 0 {
			return *last
		}
		select {
		case in = <-d.inbox:
			d.running--
		case <-stop:
			stop = nil
			cancelSoft()
			in = Stop{}
		case <-d.timer.C:
			in = Tick{}
		}
	}
}

func (d *driver) start(ctx context.Context, e Effect) {
	d.running++
	go func() { d.inbox <- d.perf.Perform(ctx, e, d.now) }()
}

func (d *driver) startFor(ctx context.Context, most time.Duration, e Effect) {
	d.running++
	go func() {
		ctx, cancel := context.WithTimeout(ctx, most)
		defer cancel()
		d.inbox <- d.perf.Perform(ctx, e, d.now)
	}()
}

func (d *driver) sleep(until time.Time) {
	d.timer.Stop()
	if !until.IsZero() {
		d.timer.Reset(max(0, until.Sub(d.now())))
	}
}
