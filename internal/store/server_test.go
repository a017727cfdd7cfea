//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
	"github.com/weir-data/weir/syncs"
)

// TestServer is what only a store on a server does.
func TestServer(t *testing.T) {
	dir := pgtest.Dir(pgtest.Start(t))
	at := func(schema, owner string) Server {
		return Server{URL: "postgres://weir:opensesame@/postgres?host=" + dir + "&schema=" + schema, Owner: owner}
	}
	open := func(t *testing.T, s Server) *Store {
		t.Helper()
		st, err := OpenServer(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return st
	}
	t.Run("ten processes make it at once", func(t *testing.T) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids := map[string]bool{}
		for range 10 {
			wg.Go(func() {
				st, err := OpenServer(t.Context(), at("many", "p/dev"))
				if err != nil {
					t.Error(err)
					return
				}
				defer st.Close()
				mu.Lock()
				ids[st.ID()] = true
				mu.Unlock()
			})
		}
		if wg.Wait(); len(ids) != 1 {
			t.Errorf("%d ids, want one", len(ids))
		}
	})
	t.Run("another one's is refused", func(t *testing.T) {
		open(t, at("owned", "p/dev"))
		var other *OwnerError
		if _, err := OpenServer(t.Context(), at("owned", "q/dev")); !errors.As(err, &other) || other.Owner != "p/dev" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a newer one is refused", func(t *testing.T) {
		st := open(t, at("newer", "p/dev"))
		if _, err := st.reads.Exec("UPDATE meta SET value = '99' WHERE name = 'format'"); err != nil {
			t.Fatal(err)
		}
		var newer *NewerError
		if _, err := OpenServer(t.Context(), at("newer", "p/dev")); !errors.As(err, &newer) || newer.Have != 99 {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a connection that breaks off stops the run and not the store", func(t *testing.T) {
		st := open(t, at("broken", "p/dev"))
		begin(t, st, "r", "vip", 1)
		if err := st.Intend(t.Context(), "r", 1, []syncs.Intent{{Attempt: 1, Lo: 0, Hi: 10}}); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, at("other", "p/dev")).reads.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'weir'"); err != nil {
			t.Fatal(err)
		}
		err := st.Intend(t.Context(), "r", 1, []syncs.Intent{{Attempt: 2, Lo: 10, Hi: 20}})
		var away *UnreachableError
		if !errors.As(err, &away) {
			t.Fatalf("got %v, want *UnreachableError: nothing may be sent", err)
		}
		if err := st.Intend(t.Context(), "r", 1, []syncs.Intent{{Attempt: 3, Lo: 20, Hi: 30}}); err != nil {
			t.Fatalf("after it came back: %v", err)
		}
		got := told(t, st, "r")
		if _, ok := got[10]; ok || len(got) != 20 {
			t.Errorf("%d rows are in doubt, want those of the two intents that returned nil", len(got))
		}
	})
	t.Run("the fence holds between processes", func(t *testing.T) {
		a, b := open(t, at("fence", "p/dev")), open(t, at("fence", "p/dev"))
		begin(t, a, "old", "vip", 1)
		var wg sync.WaitGroup
		var mu sync.Mutex
		accepted := 0
		began := make(chan struct{})
		for w := range 8 {
			wg.Go(func() {
				for n := range 20 {
					at := int64(w*20 + n)
					err := a.Intend(context.Background(), "old", 1, []syncs.Intent{{Attempt: at + 1, Lo: at, Hi: at + 1}})
					switch {
					case errors.Is(err, syncs.ErrFenced):
						return
					case err != nil:
						t.Error(err)
						return
					}
					mu.Lock()
					accepted++
					mu.Unlock()
					if n == 3 && w == 0 {
						close(began)
					}
				}
			})
		}
		<-began
		begin(t, b, "new", "vip", 2)
		// What is known when Begin returns is all that the old run ever gets to record.
		at := len(told(t, b, "old"))
		wg.Wait()
		if end := len(told(t, b, "old")); end != at || end != accepted {
			t.Errorf("%d rows when the new run began, %d at the end, %d accepted", at, end, accepted)
		}
	})
	t.Run("no password in what goes wrong", func(t *testing.T) {
		for _, url := range []string{
			"postgres://weir:opensesame@127.0.0.1:1/none?connect_timeout=1", "mysql://weir:opensesame@host/db", "postgres://weir:opensesame@ho st/%zz",
			"postgres://weir:opensesame@host/db?schema=No;", "postgres://weir:opensesame@host:port/db",
		} {
			st, err := OpenServer(t.Context(), Server{URL: url, Owner: "p/dev"})
			if err == nil {
				st.Close()
				t.Errorf("%s opened", url)
				continue
			}
			if strings.Contains(err.Error(), "opensesame") {
				t.Errorf("the error gives the password away: %v", err)
			}
		}
	})
}

// TestOnServer puts what a store in a file is held to, to one on a server.
func TestOnServer(t *testing.T) {
	dir := pgtest.Dir(pgtest.Start(t))
	n := 0
	defer func() { newPlace = inFile }()
	newPlace = func(testing.TB) place {
		n++
		at := Server{URL: fmt.Sprintf("postgres://weir@/postgres?host=%s&schema=s%d", dir, n), Owner: "p/dev"}
		return func() (*Store, error) { return OpenServer(context.Background(), at) }
	}
	for name, test := range map[string]func(*testing.T){
		"verdicts": TestVerdictsEqualRowByRow, "fence": TestFence, "a row outside": TestARowOutsideItsBatchIsRefused, "jobs": TestJobs, "settled": TestSettledRunsKeepTheirSummary,
		"history": TestHistory, "memory": TestMemory, "two stores": TestTwoStoresOnOnePlace, "groups": TestOneBadRequestDoesNotUndoItsGroup, "records": TestRecordsTogether,
		"told": TestToldIsKept, "rename": TestRename, "slots": TestSlots,
	} {
		t.Run(name, test)
	}
}

// TestSlots takes slots and ends them.
func TestSlots(t *testing.T) {
	ctx, st, noon := t.Context(), fresh(t), time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	check := func(want ...Slot) {
		t.Helper()
		got, err := st.Taken(ctx)
		if err != nil || len(got) != len(want) {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("got %v, want %v", got, want)
			}
		}
	}
	check()
	if err := st.Take(ctx, []Slot{{"b", noon}, {"a", noon.Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	check(Slot{"a", noon.Add(time.Hour)}, Slot{"b", noon})
	if err := st.Ended(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if err := st.Fire(ctx, "b", noon.Add(-time.Hour)); err != nil { // a clock that was set back
		t.Fatal(err)
	}
	check(Slot{"b", noon})
	if err := st.Fire(ctx, "c", noon.AddDate(1, 0, 0)); err != nil { // a clock that was wrong
		t.Fatal(err)
	}
	if err := st.Fire(ctx, "c", noon); err != nil {
		t.Fatal(err)
	}
	fired, err := st.Firings(ctx)
	if err != nil || !fired["a"].Equal(noon.Add(time.Hour)) || !fired["b"].Equal(noon) || !fired["c"].Equal(noon) {
		t.Errorf("fired %v, %v", fired, err)
	}
	for i, r := range []struct {
		asked  string
		status syncs.Status
	}{{"schedule", syncs.OK}, {"command", syncs.OK}, {"schedule", syncs.Failed}} {
		run := string(rune('p' + i))
		if err := st.Begin(ctx, syncs.RunRecord{Run: run, Sync: "vip", Epoch: int64(i + 1), Started: noon, Asked: r.asked}); err != nil {
			t.Fatal(err)
		}
		if err := st.End(ctx, run, syncs.Report{Run: run, Sync: "vip", Status: r.status, Ended: noon.Add(time.Duration(i) * time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	if well, err := st.WellEnded(ctx, "schedule"); err != nil || !well["vip"].Equal(noon) {
		t.Errorf("ended well: %v, %v", well, err)
	}
}
