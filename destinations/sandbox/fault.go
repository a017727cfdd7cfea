package sandbox

import (
	"math/rand/v2"
	"net/http"
	"strconv"
)

// fault is what goes wrong with one request.
type fault uint8

const (
	none      fault = iota
	limited         // the vendor's own rate limit, not injected
	throttled       // 429, not applied
	broken          // 500, not applied
	lost            // the connection closes, not applied
	applied         // applied, then the connection closes without an answer
	half            // applied, then the connection closes in the middle of the answer
	html            // applied, but a proxy answers with a page and status 200
	kinds
)

var faultNames = [...]string{"", "rate limit", "throttled", "error", "lost before applying", "lost after applying", "half an answer", "html"}

// refuses reports whether the vendor never saw the request.
func (f fault) refuses() bool { return f >= throttled && f <= lost }

// faults draws which writes go wrong, the same for a seed.
type faults struct {
	rng  *rand.Rand
	rate float64
}

func newFaults(seed uint64, rate float64) faults {
	return faults{rng: rand.New(rand.NewPCG(seed, 0x77656972)), rate: rate}
}

func (f *faults) draw() fault {
	if f.rate <= 0 || f.rng.Float64() >= f.rate {
		return none
	}
	return throttled + fault(f.rng.IntN(int(kinds-throttled)))
}

// spoil does to a finished answer what the fault does on the way back.
func (f fault) spoil(a *answer) {
	switch f {
	case lost, applied:
		a.lose = true
	case half:
		a.keep = a.body.Len() / 2
		a.lose = true
		a.head.Set("Content-Length", strconv.Itoa(a.body.Len()+1))
	case html:
		a.head = http.Header{"Content-Type": {"text/html; charset=utf-8"}}
		a.status = http.StatusOK
		a.body.Reset()
		a.body.WriteString("<!doctype html><title>Gateway</title><p>Please sign in to continue.")
		a.keep = a.body.Len()
	}
}
