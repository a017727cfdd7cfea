package syncstest

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Explore lives through every small world there is: each kind of destination, change of the
// source, size of call and order of doing things, with
//
//   - each trouble that a call of the second run can meet;
//   - each upset of its process, before each of its steps;
//   - each trouble together with a kill before each step, and with every other upset in the plain
//     worlds;
//   - a kill before each step, and another before each step of the run that has to cope with it.
//
// If all is false, what comes together does so in the plain worlds only, and there troubles meet
// kills, and two kills happen to members and messages. Plain are two rows a call, first things first, and a source that turns back. Promises are checked after every step. It returns how many worlds there were, and the first in
// which a rule was seen broken, after which it stops.
func Explore(v Variant, all bool) (worlds int64, broken error) {
	var n atomic.Int64
	var once sync.Once
	var over atomic.Bool
	live := func(p plot) (steps, calls, third int) {
		if over.Load() {
			return 0, 0, 0
		}
		w := newPlot(p, v)
		steps, calls, third = w.play()
		n.Add(1)
		if w.broken != nil {
			once.Do(func() { broken = fmt.Errorf("%s (%s): %w", &p, v, w.broken) })
			over.Store(true)
		}
		return steps, calls, third
	}
	stories := make(chan plot)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for p := range stories {
				upsetEverywhere(p, all, live)
			}
		})
	}
	for _, p := range beginnings() {
		_, calls, _ := live(p)
		stories <- p
		for t := quiet + 1; t < troubles; t++ {
			for c := range calls {
				p.trouble, p.call = t, c
				stories <- p
			}
		}
	}
	close(stories)
	wg.Wait()
	return n.Load(), broken
}

// beginnings are the worlds without trouble, the plain ones first.
func beginnings() (out []plot) {
	kinds := []plot{{kind: members}, {kind: messages}, {kind: members, change: emptied}, {kind: members, change: moved},
		{kind: refusing}, {kind: jobs}, {kind: slowJobs}}
	for i := range 8 {
		for _, p := range kinds {
			p.batch, p.last, p.back, p.again = 2-i%2, i/2%2 == 1, i < 4, -1
			if p.kind == messages {
				if !p.back {
					continue // an entry never goes away
				}
				p.back = false
			}
			out = append(out, p)
		}
	}
	return out
}

// plain reports whether the world is one of those in which more is tried.
func (p *plot) plain() bool { return p.batch == 2 && !p.last && (p.back || p.kind == messages) }

// upsetEverywhere lives through a story undisturbed, then with each upset before each step.
func upsetEverywhere(p plot, all bool, live func(plot) (steps, calls, third int)) {
	steps, _, _ := live(p)
	for u := killed; u < upsets; u++ {
		if p.trouble != quiet && (u == killed && !all && !p.plain() || u != killed && !(all && p.plain())) {
			continue
		}
		for at := range steps {
			p.upset, p.at, p.again = u, at, -1
			_, _, third := live(p)
			if u != killed || p.trouble != quiet || !all && !(p.plain() && p.change == mixed && (p.kind == members || p.kind == messages)) {
				continue
			}
			for p.again = 0; p.again < third; p.again++ {
				live(p)
			}
		}
	}
}
