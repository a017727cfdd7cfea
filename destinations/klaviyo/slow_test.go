package klaviyo

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/destinationtest"
)

// bubble opens a session on h with the bubble's clock.
func bubble(t *testing.T, h http.Handler) *session {
	t.Helper()
	s, err := Destination{}.Open(t.Context(), destinations.Env{
		Settings: map[string]any{"base_url": destinationtest.Base},
		Secret:   func(string) (string, error) { return sandboxKey, nil },
		HTTP:     &destinationtest.Wire{Handler: h}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.(*session)
}

// TestReadBackWaits reads a list of more pages than a minute's limit: the window is waited out,
// and nobody is left out or read twice.
func TestReadBackWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var from time.Time
		used := 0
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", jsonAPI)
			if time.Since(from) >= time.Minute {
				from, used = time.Now(), 0
			}
			if used++; used > 700 {
				w.Header().Set("Retry-After", fmt.Sprint(int(time.Until(from.Add(time.Minute)).Seconds())+1))
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = io.WriteString(w, problemBody("throttled", "", ""))
				return
			}
			page(w, r, 20, 100, 150_000, func(i int) resource {
				return resource{"profile", "01", map[string]any{"email": fmt.Sprint(i, "@example.com")}}
			})
		})
		s, next := bubble(t, h), 0
		err := s.Members(t.Context(), "list", "L", destinations.Columns{IDs: []string{"email"}}, func(ids []any) bool {
			if ids[0] != fmt.Sprint(next, "@example.com") {
				t.Fatalf("got %v after %d people", ids[0], next)
			}
			next++
			return true
		})
		if err != nil || next != 150_000 {
			t.Fatal(next, err)
		}
	})
}

// TestReadBackGivesUp is a list that never lets anybody read it.
func TestReadBackGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bubble(t, &scripted{{429, map[string]string{"Retry-After": "30"}, problemBody("throttled", "", "")}})
		err := s.Members(t.Context(), "list", "L", destinations.Columns{IDs: []string{"email"}}, func([]any) bool { return true })
		if class(err) != destinations.Throttled {
			t.Fatal(err)
		}
	})
}

// patient answers look-ups with everybody's first name and takes its time over clearing.
type patient struct {
	takes   time.Duration
	after   int // clears until refuse answers
	refuse  int
	cleared int
	imports int
}

func (p *patient) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", jsonAPI)
	switch r.Method {
	case http.MethodGet:
		_, values, _ := filter(w, r, "email")
		var all []string
		for _, v := range values {
			all = append(all, fmt.Sprintf(`{"type":"profile","id":"01%s","attributes":{"email":%q,"first_name":"Anna"}}`, v, v))
		}
		fmt.Fprintf(w, `{"data":[%s],"links":{}}`, strings.Join(all, ","))
	case http.MethodPatch:
		time.Sleep(p.takes)
		if p.refuse != 0 && p.cleared == p.after {
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(p.refuse)
			_, _ = io.WriteString(w, problemBody("throttled", "", ""))
			return
		}
		p.cleared++
		_, _ = io.WriteString(w, `{}`)
	default:
		p.imports++
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"data":{"id":"J"}}`)
	}
}

// TestClearingTakesLong spreads single calls over several writes and imports only when all are
// done.
func TestClearingTakesLong(t *testing.T) {
	clearing := func(op destinations.Op, n int) destinations.Batch {
		b := destinations.Batch{Object: "profile", Columns: destinations.Columns{IDs: []string{"email"}, Fields: []string{"first_name"}}}
		for i := range n {
			b.Rows = append(b.Rows, destinations.Row{Op: op, IDs: []any{fmt.Sprintf("p%d@example.com", i)}, Fields: []any{nil}})
		}
		return b
	}
	synctest.Test(t, func(t *testing.T) {
		p := &patient{takes: time.Second}
		s := bubble(t, p)
		out, err := s.Write(t.Context(), clearing(destinations.Upsert, 50))
		if err != nil || out.Job != nil || out.Rest.Status != destinations.Later || p.imports != 0 || p.cleared < 30 || p.cleared > 45 {
			t.Fatal(out, err, p)
		}
		out, err = s.Write(t.Context(), clearing(destinations.Upsert, 20))
		if err != nil || out.Job == nil || out.Rest.Status != destinations.Accepted || p.imports != 1 {
			t.Fatal(out, err, p)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := &patient{refuse: 429}
		_, err := bubble(t, p).Write(t.Context(), clearing(destinations.Upsert, 5))
		if class(err) != destinations.Throttled || p.imports != 0 {
			t.Fatal(err, p)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := &patient{takes: time.Second}
		b := clearing(destinations.Clear, 50)
		b.Rows[0].Fields = nil
		out, err := bubble(t, p).Write(t.Context(), b)
		if err != nil || out.Of(0).Status != destinations.Delivered || out.Of(49).Status != destinations.Later {
			t.Fatal(out, err, p)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := &patient{refuse: 429, after: 3}
		out, err := bubble(t, p).Write(t.Context(), clearing(destinations.Clear, 5))
		if err != nil || out.Of(2).Status != destinations.Delivered || out.Of(3).Status != destinations.Later || out.Of(3).RetryAfter != 9*time.Second {
			t.Fatal(out, err)
		}
		p = &patient{refuse: 403, after: 3}
		if _, err := bubble(t, p).Write(t.Context(), clearing(destinations.Clear, 5)); class(err) != destinations.Refused {
			t.Fatal(err)
		}
	})
}

// TestSandboxFaults lets the sandbox misbehave. Whatever is not known to be applied is sent again,
// and in the end the right people are on the list.
func TestSandboxFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := Destination{}.Sandbox(destinations.SandboxOptions{Seed: 11, FaultRate: 0.5, Speed: 100})
		s := bubble(t, box)
		seen := map[destinations.Class]bool{}
		insist := func(f func() error) {
			for {
				err := f()
				if err == nil {
					return
				}
				seen[class(err)] = true
				time.Sleep(max(destinations.AsFault(err).RetryAfter, time.Second))
			}
		}
		var id string
		insist(func() (err error) { id, err = s.Ensure(t.Context(), "list", "VIP", nil); return err })
		send := func(b destinations.Batch) {
			var out destinations.Outcome
			insist(func() (err error) { out, err = s.Write(t.Context(), b); return err })
			for done := out.Job == nil; !done; {
				time.Sleep(out.Job.After)
				insist(func() (err error) { _, done, err = s.Poll(t.Context(), *out.Job, b); return err })
			}
		}
		for i := range 30 {
			send(batch("list", id, destinations.Add, fmt.Sprintf("p%d@example.com", i), fmt.Sprintf("q%d@example.com", i)))
		}
		for i := range 20 {
			send(batch("list", id, destinations.Remove, fmt.Sprintf("q%d@example.com", i)))
		}
		time.Sleep(time.Minute) // jobs whose answer was lost
		if n := len(box.Members()["VIP"]); n != 40 || !seen[destinations.Throttled] || !seen[destinations.Ambiguous] {
			t.Fatal(n, seen)
		}
	})
}
