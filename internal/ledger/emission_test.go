//go:build cgo && !noduckdb

package ledger

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-data/weir/syncs"
)

// visitor is somebody who enters and leaves a segment.
type visitor struct {
	key, email string
	in         bool
	entries    int
}

// letter is a message that was sent.
type letter struct {
	profile, email string
	entry          int
	over, out      bool // the entry has ended; nobody who is in has the address
}

// visits is a random world of visitors.
type visits struct {
	r       *rand.Rand
	people  []*visitor
	heirs   map[string]string
	merged  [][2]string
	letters []*letter
	next    int
}

func (v *visits) heir(key string) string {
	for v.heirs[key] != "" {
		key = v.heirs[key]
	}
	return key
}

func (v *visits) of(key string) *visitor {
	i := slices.IndexFunc(v.people, func(p *visitor) bool { return p.key == key })
	return v.people[i]
}

func (v *visits) step() {
	if len(v.people) < 3 || v.r.IntN(6) == 0 {
		v.next++
		v.people = append(v.people, &visitor{key: fmt.Sprintf("p%02d", v.next), email: fmt.Sprintf("e%d@example.com", v.r.IntN(6))})
		return
	}
	i, j := v.r.IntN(len(v.people)), v.r.IntN(len(v.people))
	p, q := v.people[i], v.people[j]
	switch v.r.IntN(6) {
	case 0:
		p.email, q.email = q.email, p.email
	case 1:
		p.email = fmt.Sprintf("e%d@example.com", v.r.IntN(6))
	case 2: // the younger becomes part of the older
		if i == j {
			return
		}
		if p.key > q.key {
			j, p, q = i, q, p
		}
		v.merged, v.heirs[q.key] = append(v.merged, [2]string{q.key, p.key}), p.key
		if q.in && !p.in {
			p.in, p.entries = true, p.entries+1
		}
		if v.r.IntN(2) == 0 {
			p.email = q.email
		}
		v.people = slices.Delete(v.people, j, j+1)
	default:
		if p.in = !p.in; p.in {
			p.entries++
		}
	}
}

func (v *visits) wanted() (out []person) {
	for _, p := range v.people {
		if p.in {
			out = append(out, person{key: fmt.Sprintf("%s:%d", p.key, p.entries), email: p.email, name: "N"})
		}
	}
	return out
}

// look tells of each letter whether its entry has ended, and whether its address is out.
func (v *visits) look() {
	for _, l := range v.letters {
		p := v.of(v.heir(l.profile))
		if !p.in || p.key == l.profile && p.entries != l.entry {
			l.over = true
		}
		if !slices.ContainsFunc(v.people, func(p *visitor) bool { return p.in && p.email == l.email }) {
			l.out = true
		}
	}
}

// run sends, and reports what should not have been sent.
func (v *visits) run(w *world, never bool) (sent int) {
	w.t.Helper()
	w.merges(v.merged...).want(v.wanted()...)
	v.merged = nil
	v.look()
	ref := w.freeze()
	var news []*letter
	for _, c := range w.read(ref) {
		profile, entry, _ := strings.Cut(c.Key, ":")
		n, _ := strconv.Atoi(entry)
		news = append(news, &letter{profile: profile, email: fmt.Sprint(c.IDs[0]), entry: n})
		for _, l := range v.letters {
			same, held := v.heir(l.profile) == profile, l.email == fmt.Sprint(c.IDs[0])
			if same && (never || !l.over) || held && (never || !l.out && !same) {
				w.t.Fatalf("%s: %s is sent to %v, while there is %+v", ref.Run, c.Key, c.IDs[0], *l)
			}
		}
	}
	v.letters = append(v.letters, news...)
	w.settle(ref, syncs.Applied)
	if again := w.freeze(); again.Rows != 0 {
		w.t.Fatalf("%s is not all: %v", ref.Run, w.lines(w.read(again)))
	} else {
		w.settle(again, syncs.Applied)
	}
	return len(news)
}

// Nobody is sent to twice for one entry, whoever was merged with whom, and no address twice while
// somebody with it is in; and whoever comes again after that is sent to again.
func TestNobodyIsToldTwice(t *testing.T) {
	worlds := 2
	if n, err := strconv.Atoi(os.Getenv("WEIR_LEDGER_WORLDS")); err == nil {
		worlds = n
	}
	for seed := range uint64(worlds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			v := &visits{r: rand.New(rand.NewPCG(seed, 5)), heirs: map[string]string{}}
			again := []string{"on_reentry", "never"}[seed%2]
			w := newMergingWorld(t, "message", appendWith(again, syncs.Send))
			for range 8 {
				for range 1 + v.r.IntN(5) {
					v.step()
				}
				v.run(w, again == "never")
			}
			for _, p := range v.people {
				p.in = false
			}
			v.run(w, again == "never")
			addresses := map[string]bool{}
			for _, p := range v.people {
				p.in, p.entries = true, p.entries+1
				addresses[p.email] = true
			}
			if sent := v.run(w, again == "never"); again == "on_reentry" && sent != len(addresses) {
				t.Errorf("%d of %d addresses are sent to after everybody was out", sent, len(addresses))
			}
		})
	}
}
